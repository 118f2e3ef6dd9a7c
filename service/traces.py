"""What a hook call leaves behind once it is answered: a count, a line in the audit trail, a recording.

Each runs after the answer is made, and none can change it.
"""

from dataclasses import replace
from functools import partial
from time import perf_counter
from typing import Any
from uuid import uuid4

from flask import Blueprint, Response
from msgspec import structs

from service import wire
from service.answer import Engine
from service.audit.decision import Decision
from service.audit.trail import Trail
from service.errors import ServiceError
from service.notes import Call, notes
from service.recording.format import Exchange
from service.recording.recorder import Recorder
from service.settings import ANYONE, Settings
from service.site import Site
from service.tallies import FAILED, REFUSED, Tallies

KNOWLEDGE_HEADER = "X-Knowledge"


def leave_traces(pages: Blueprint, site: Site) -> None:
    """Have the calls of these pages counted, audited and recorded, as far as the site wants it."""
    engine, recorder, trail = site.engine, site.recorder, site.trail
    pages.after_request(lambda response: _tallied(response, site.tallies))
    if engine is not None:
        named = named_knowledge(engine.catalogue.version, engine.catalogue.sha256)
        pages.after_request(lambda response: _named_by(response, named))
        if recorder is not None:
            pages.after_request(lambda response: _recorded(response, recorder, site.settings, engine))
        if trail is not None:
            pages.after_request(lambda response: _audited(response, trail, engine))


def named_knowledge(version: str, sha256: str) -> str:
    """Name a state of the knowledge for a header: its version, with the hash as build metadata (SemVer 2.0.0, 10)."""
    return f"{version}{'.' if '+' in version else '+'}{sha256[:8]}"


def note(recorder: Recorder | None, **found: Any) -> None:
    """Add to what will be recorded of a call, where calls are recorded."""
    if recorder is not None:
        noted = notes()
        noted.call = structs.replace(noted.call, **found) if noted.call else None


def _named_by(response: Response, named: str) -> Response:
    """Name the knowledge that an answer comes from, to those who may have one."""
    if notes().call is not None:
        response.headers.add(KNOWLEDGE_HEADER, named)
    return response


def _tallied(response: Response, tallies: Tallies) -> Response:
    """Count a call of somebody who may call, whatever became of it."""
    noted = notes()
    if noted.tallied:
        status = response.status_code
        outcome = noted.said["outcome"] if status < 400 else REFUSED if status < 500 else FAILED
        at, client, hook = noted.tallied
        tallies.add(at, client, hook, outcome, (perf_counter() - noted.began) * 1000)
    return response


def _recorded(response: Response, recorder: Recorder, settings: Settings, engine: Engine) -> Response:
    """Have a call recorded once its answer is on its way; what was refused before its body was read is not."""
    noted = notes()
    if (call := noted.call) is not None:
        exchange = Exchange(
            id=uuid4().hex,
            at=call.now,
            on=call.now.astimezone(settings.zone).date(),
            service=call.service.id,
            hook=call.service.hook,
            request=call.body,
            fhir_calls=call.reads,
            status=response.status_code,
            response=response.get_data(),
            latency_ms=round((perf_counter() - noted.began) * 1000, 1),
            knowledge_version=engine.catalogue.version,
            knowledge_sha256=engine.catalogue.sha256,
            client=None if call.client is ANYONE else call.client.id,
            profile=settings.profile if call.client is ANYONE else call.client.profile,
            jurisdiction=settings.jurisdiction,
            exceptions=call.exceptions,
        )
        recorder.expect()
        response.call_on_close(partial(recorder.take, exchange))
    return response


def _audited(response: Response, trail: Trail, engine: Engine) -> Response:
    """Have an answer entered in the audit trail; what was refused before its body was read decided nothing."""
    noted = notes()
    if (call := noted.call) is not None:
        given = noted.given
        decision = Decision(
            at=call.now,
            request_id=noted.request_id,
            service=call.service.id,
            hook=call.service.hook,
            client=call.client.id,
            status=response.status_code,
            outcome="failed" if given is None or response.status_code >= 400 else given.outcome,
            knowledge_version=engine.catalogue.version,
            knowledge_sha256=engine.catalogue.sha256,
            patient=_patient(call) if given is None else given.patient,
        )
        if given is not None:
            decision = replace(decision, rules=given.rules, gaps=given.gaps, cards=given.issued)
        trail.take(decision)
    return response


def _patient(call: Call) -> str | None:
    """Find whose call it was that could not be answered, if it says so."""
    try:
        return wire.read_request(call.body, call.service).patient
    except ServiceError:
        return None

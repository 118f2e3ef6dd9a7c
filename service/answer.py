"""A hook request to a hook response: the order of the steps, and nothing else.

Blueprint, command line and replay all call `answer`; it knows no HTTP and no clock.
"""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from hashlib import sha1

import msgspec
from msgspec.structs import replace

from cards import Assessment, Catalogue, Overlaid, Policy, Question, Recogniser, evaluate
from cards.detect import DocumentedException
from cards.model import LOUD, Card, Gap, Hook, Indicator, Link, PatientRecord, Recognised, Suggestion
from cards.overlaid import ceilings as lowered
from service import wire
from service.discovery import Service
from service.errors import DataUnavailable
from service.fhir import (
    ChartReading,
    Draft,
    Drafts,
    MedicationLibrary,
    are_other_drugs,
    draft_facts,
    read_chart,
    scan_drafts,
    service_texts,
    version_of_all,
    wanted_medications,
)
from service.fhir_access.chart_reads import ChartReads, FhirTrace
from service.fhir_access.fetch import FhirAccess, FhirCall, FhirReader, Refusal
from service.fhir_access.http import HttpFhir
from service.fhir_server import FhirServer
from service.issued import Issued, issued_cards
from service.knowledge import site_knowledge
from service.prefetch import Prefetched, collect
from service.scope import asked_drafts, has_unresolved, in_scope, missing_medications, refuse_other_patient
from service.settings import ANYONE, Client, Settings
from service.trust import Profile
from service.wire import FhirVersion, HookRequest, Reshaped

EVIDENCE_LINK = "All evidence behind this card, with its verification state"
REPORT_LINK = "Report a problem with this warning"
Documented = Callable[[str], tuple[DocumentedException, ...]]
"""Gives the exceptions that were documented for a patient, by its id."""

# A kit has its products elsewhere, and these are made of what is elsewhere again.
_DEEPEST_MEDICATION = 3
_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "urn:upadacitinib-cds:card")


@dataclass(frozen=True, slots=True)
class Options:
    """What a site chose that bears on an answer. `fhir_servers` are those of whoever calls without a key."""

    jurisdiction: str = "us"
    policy: Policy = field(default_factory=Policy)
    card_when_unobtainable: bool = False
    public_base_url: str | None = None
    fhir_servers: tuple[FhirServer, ...] = ()
    fhir_seconds: float = 1.2
    profile: Profile = "spec"
    report_problem_url: str | None = None


@dataclass(frozen=True)
class Engine:
    """Knowledge, its recogniser, and the site's options: made once, used by every call."""

    catalogue: Catalogue
    recogniser: Recogniser
    options: Options = Options()
    overlaid: Overlaid | None = None

    @cached_property
    def scope(self) -> frozenset[str]:
        """Return the ingredients that the enabled rules of the site's jurisdiction speak of."""
        return self.catalogue.in_scope(self.options.jurisdiction, self.options.policy.disabled)


@dataclass(frozen=True, slots=True)
class DraftTrace:
    """What the first look made of one draft, `look`; `asked` says that the call is about it.

    `unidentified` says that a drug was chosen which nothing names.
    """

    ref: str
    asked: bool
    orders: bool
    recognised: tuple[Recognised, ...]
    unresolved: bool
    unidentified: bool
    look: Draft = field(repr=False)


@dataclass(frozen=True, slots=True)
class Trace:
    """What a call brought, for `explain`: the drafts, the prefetch keys, and how many resources of each type.

    `look` gives the drafts as the first look sees them.

    `versions` counts what was read of the record by its FHIR version; actions are written in `answered_in`.
    """

    request: HookRequest = field(repr=False, compare=False)
    service: str
    look: Callable[[], Drafts] = field(repr=False, compare=False)
    read: Mapping[str, int] = field(default_factory=dict)
    fhir: FhirTrace = field(default_factory=FhirTrace)
    versions: Mapping[FhirVersion, int] = field(default_factory=dict)
    answered_in: FhirVersion | None = None

    @property
    def hook(self) -> str:
        """Return the hook that was called."""
        return self.request.hook

    @property
    def prefetch(self) -> tuple[str, ...]:
        """Return the keys of the prefetch."""
        return tuple(self.request.prefetch or ())

    @property
    def drafts(self) -> tuple[DraftTrace, ...]:
        """Return the drafts; only who asks for them makes them."""
        looks = self.look()
        asked = {draft.ref for draft in asked_drafts(self.request, looks)}
        return tuple(
            DraftTrace(
                look.ref, look.ref in asked, look.orders, look.recognised, look.unresolved, look.unidentified, look
            )
            for look in looks.items
        )


class Answer(msgspec.Struct, frozen=True):
    """A hook response and what to count of it.

    `outcome` is `out-of-scope`, `complete` or `incomplete`; `assessment` is None where the call was out of scope.
    `silent` says that the client is kept silent: then nothing of the assessment is shown. `fhir_calls` are the reads
    from its FHIR server, in the order of the queries: whoever gives them back gets the same answer. `profile` is that
    of the client, `reshaped` what it changed of the cards. `issued` are the cards with their uuids, also those that are
    not shown; `patient` and `user` are the ids of the call's context. `exceptions` were found
    documented.
    """

    body: bytes
    outcome: str
    trace: Trace
    rules: tuple[str, ...] = ()
    indicators: tuple[str, ...] = ()
    deviations: tuple[str, ...] = ()
    unidentified: int = 0
    assessment: Assessment | None = None
    silent: bool = False
    fhir_calls: tuple[FhirCall, ...] = ()
    profile: Profile = "spec"
    reshaped: Mapping[Reshaped, int] = msgspec.field(default_factory=dict)
    issued: tuple[Issued, ...] = ()
    patient: str = ""
    user: str | None = None
    exceptions: tuple[DocumentedException, ...] = ()

    @property
    def gaps(self) -> tuple[str, ...]:
        """Name what was missing from the record or could not be read."""
        return () if self.assessment is None else tuple(sorted(self.assessment.gaps))


def nothing_documented(_patient: str) -> tuple[DocumentedException, ...]:
    """Know of no exception: the answer where a site does not remember them."""
    return ()


def build_engine(settings: Settings) -> Engine:
    """Load the knowledge that the settings name; raises KnowledgeError with every problem of it."""
    catalogue, overlaid = site_knowledge(settings)
    ceilings = tuple((rule, Indicator(value)) for rule, value in settings.indicator_ceiling.items())
    silent = frozenset(settings.silent_rules)
    parts = lowered(overlaid.overlay) if overlaid else ()
    policy = Policy(frozenset(settings.disabled_rules), ceilings, silent, settings.options, parts)
    options = Options(
        settings.jurisdiction,
        policy,
        settings.unobtainable == "card",
        settings.public_base_url,
        settings.fhir_servers,
        settings.fhir_seconds,
        settings.profile,
        settings.report_problem_url,
    )
    return Engine(catalogue, Recogniser(catalogue, catalogue.subject), options, overlaid)


OVER_HTTP = HttpFhir()
_NOTHING_READ = FhirTrace()


def answer(
    body: bytes,
    service: Service,
    *,
    engine: Engine,
    on: date,
    client: Client = ANYONE,
    fhir: FhirReader = OVER_HTTP,
    documented: Documented = nothing_documented,
) -> Answer:
    """Answer one hook call of a client as of the day `on`.

    An order that is none of ours is answered without a look at the prefetch. What an order of ours needs and did not
    bring is read through `fhir`, where the call offers a server that its client may have read. `documented` is asked
    only where there is a warning that an exception could lower. Raises InvalidRequest for a request that cannot be
    understood and DataUnavailable where data that the answer needs cannot be had.
    """
    profile = _profile(client, engine)
    request = wire.read_request(body, service)
    if request.hook != Hook.PATIENT_VIEW and are_other_drugs(request.drafts, engine.recogniser):
        return _out_of_scope(request, lambda: _first_look(request, engine)[1], service, profile)
    library, drafts = _first_look(request, engine)
    asked = asked_drafts(request, drafts)
    if not in_scope(request, asked, engine.scope) and not has_unresolved(asked):
        return _out_of_scope(request, lambda: drafts, service, profile)
    with ChartReads(fhir, _access(request, engine, client)) as reads:
        call = _Call(body, request, service, engine, on, client, library, reads, documented)
        return call.answered(drafts)


def _first_look(request: HookRequest, engine: Engine) -> tuple[MedicationLibrary, Drafts]:
    library = MedicationLibrary.of_drafts(request.drafts, request.full_urls, local=engine.recogniser.local)
    return library, scan_drafts(request.drafts, request.patient, library, engine.recogniser, request.fhir_version)


def _access(request: HookRequest, engine: Engine, client: Client) -> FhirAccess:
    servers = engine.options.fhir_servers if client is ANYONE else client.fhir_servers
    return FhirAccess(request.fhir, request.patient, servers, engine.options.fhir_seconds, request.server_version)


def _profile(client: Client, engine: Engine) -> Profile:
    return engine.options.profile if client is ANYONE else client.profile


def _out_of_scope(
    request: HookRequest,
    look: Callable[[], Drafts],
    service: Service,
    profile: Profile,
    reads: ChartReads | None = None,
) -> Answer:
    return Answer(
        _NO_CARDS,
        "out-of-scope",
        Trace(request, service.id, look, fhir=reads.trace if reads else _NOTHING_READ),
        deviations=request.deviations,
        profile=profile,
        fhir_calls=reads.calls if reads else (),
    )


class _Call(msgspec.Struct, frozen=True):
    """A call that may be about an order of ours: from here on the record is looked at, and read where it is missing."""

    body: bytes
    request: HookRequest
    service: Service
    engine: Engine
    on: date
    client: Client
    library: MedicationLibrary
    reads: ChartReads
    documented: Documented

    def answered(self, drafts: Drafts) -> Answer:
        record = collect(self.request)
        drafts = self._resolved(drafts, record)
        for _ in range(_DEEPEST_MEDICATION):
            # Which drug is ordered decides whether anything else has to be read.
            found = self.reads.medications(missing_medications(asked_drafts(self.request, drafts)))
            if not found:
                break
            record = record.joined(found)
            drafts = self._resolved(drafts, record)
        asked = asked_drafts(self.request, drafts)
        needed = in_scope(self.request, asked, self.engine.scope)
        if not needed and not has_unresolved(asked):
            profile = _profile(self.client, self.engine)
            return _out_of_scope(self.request, lambda: drafts, self.service, profile, self.reads)
        refuse_other_patient(drafts, self.engine.scope)
        if needed:
            record = self._completed(record, drafts)
            drafts = self._resolved(drafts, record)
        return self._assessed(record, drafts)

    def _resolved(self, drafts: Drafts, record: Prefetched) -> Drafts:
        """Look at the drafts again, where a Medication of the record may tell their drug."""
        if not drafts.unresolved:
            return drafts
        library = self.library.extended(record.resources)
        request = self.request
        return scan_drafts(request.drafts, request.patient, library, self.engine.recogniser, request.fhir_version)

    def _completed(self, record: Prefetched, drafts: Drafts) -> Prefetched:
        if not self.reads.offered:
            return record
        record = self.reads.completed(record)
        for _ in range(_DEEPEST_MEDICATION):
            of_chart = wanted_medications(record.resources, self.request.patient, self.library)
            of_drafts = missing_medications(self._resolved(drafts, record).items)
            found = self.reads.medications((*of_drafts, *of_chart))
            if not found:
                break
            record = record.joined(found)
        return record

    def _assessed(self, prefetched: Prefetched, drafts: Drafts) -> Answer:
        request, engine = self.request, self.engine
        options, asked = engine.options, asked_drafts(request, drafts)
        ordered = draft_facts(drafts)
        chart = read_chart(prefetched.resources, request.patient, self.library, engine.recogniser, request.fhir_version)
        version = version_of_all(ordered.writings, chart.writings, request.fhir_version)
        record = PatientRecord(
            patient=request.patient,
            medications=(*ordered.medications, *chart.medications),
            conditions=chart.conditions,
            allergies=chart.allergies,
            birth_date=chart.birth_date,
            encounter=request.encounter,
            gaps=_gaps(prefetched, chart, drafts),
            unidentified=chart.unidentified,
            services=service_texts(request.drafts),
        )
        selections = None if request.selections is None else frozenset(request.selections)
        question = Question(self.on, Hook(request.hook), options.jurisdiction, selections, options.policy)
        assessment = evaluate(record, engine.catalogue, question)
        lowerable = any(finding.indicator is Indicator.WARNING for finding in assessment.findings)
        if exceptions := self.documented(request.patient) if lowerable else ():
            assessment = evaluate(record, engine.catalogue, replace(question, exceptions=exceptions))
        shown, silenced = ((), assessment.cards) if self.client.silent else (assessment.cards, ())
        # Once the server was asked, what could not be had is no fault of the client, and somebody waits at the screen.
        if not assessment.findings and not options.card_when_unobtainable and not self.reads.tried:
            _refuse_unobtainable(record, asked, self.reads.trace.refusal)
        profile = _profile(self.client, engine)
        shape, ids = wire.shaped(_linked(shown, engine), profile), _Ids(self.service.id, request)
        return Answer(
            body=_written(shape.cards, self.body, request, ids, version),
            outcome="complete" if assessment.complete else "incomplete",
            trace=Trace(
                request, self.service.id, lambda: drafts, chart.counts, self.reads.trace, chart.versions, version
            ),
            rules=tuple(finding.rule for finding in assessment.findings),
            indicators=tuple(card.indicator.value for card in shown),
            deviations=(*request.deviations, *prefetched.deviations, *ordered.deviations, *chart.deviations),
            unidentified=assessment.gaps.get(Gap.MEDICATION_UNIDENTIFIED, 0),
            assessment=assessment,
            silent=self.client.silent,
            fhir_calls=self.reads.calls,
            profile=profile,
            reshaped=shape.changes,
            issued=issued_cards(assessment, shape.cards, (*silenced, *assessment.hidden), ids),
            patient=request.patient,
            user=request.user,
            exceptions=exceptions,
        )


def _linked(cards: tuple[Card, ...], engine: Engine) -> tuple[Card, ...]:
    """Return the cards with what the site's addresses add: loud ones lead to evidence and to a page for faults."""
    evidence, report = engine.options.public_base_url, engine.options.report_problem_url
    if evidence is None and report is None:
        return cards

    def links(card: Card) -> tuple[Link, ...]:
        of_rule = evidence is not None and card.key in engine.catalogue.rules
        return (
            *((Link(EVIDENCE_LINK, f"{evidence}/evidence/{card.key}"),) if of_rule else ()),
            *((Link(REPORT_LINK, report),) if report else ()),
        )

    return tuple(replace(card, links=(*card.links, *links(card))) if card.indicator in LOUD else card for card in cards)


def _written(cards: tuple[Card, ...], body: bytes, request: HookRequest, ids: "_Ids", version: FhirVersion) -> bytes:
    sent = wire.drafts_as_sent(body) if wire.has_update(cards) else {}
    return wire.write_response(cards, ids, wire.Session(request.patient, sent, version))


def _gaps(prefetched: Prefetched, chart: ChartReading, drafts: Drafts) -> Mapping[Gap, int]:
    """Return what is missing, whoever noticed it, in one count by kind."""
    gaps = dict(prefetched.gaps)
    for gap, count in chart.gaps.items():
        gaps[gap] = gaps.get(gap, 0) + count
    if unknown := sum(draft.orders for draft in drafts.unidentified):
        gaps[Gap.MEDICATION_UNIDENTIFIED] = gaps.get(Gap.MEDICATION_UNIDENTIFIED, 0) + unknown
    return gaps


def _refuse_unobtainable(record: PatientRecord, asked: tuple[Draft, ...], refusal: Refusal | None) -> None:
    """Say 412 where silence could read as an all-clear (CDS Hooks 2.0.1, Prefetch Template)."""
    why = f" The FHIR server of the call was not read: {refusal}." if refusal not in _EXPECTED else ""
    if has_unresolved(asked):
        raise DataUnavailable(
            "context.draftOrders holds an order whose Medication reference leads to nothing that was sent: "
            f"send the Medication in the Bundle or the prefetch, or a code or text in the order.{why}"
        )
    if Gap.MEDICATIONS_ABSENT in record.gaps:
        raise DataUnavailable(
            "prefetch holds no medication list: send at least one of medicationRequests, medicationStatements, "
            f"medicationAdministrations and medicationDispenses.{why}"
        )


# Of a server that nobody offered there is nothing to say.
_EXPECTED = (None, Refusal.NOT_OFFERED)


def _no_ids(_card: Card, _suggestion: Suggestion | None) -> str:
    raise AssertionError("an empty answer has no ids")


_NO_CARDS = wire.write_response((), _no_ids)


def _named_uuid(name: str) -> str:
    """Write the uuid of version 5 that a name has among ours, which the library makes in many more steps (RFC 9562)."""
    # uuid5 needs SHA-1 as it is, and nothing is secured by it.
    digits = sha1(_NAMESPACE.bytes + name.encode(), usedforsecurity=False).hexdigest()
    variant = "89ab"[int(digits[16], 16) & 3]
    return f"{digits[:8]}-{digits[8:12]}-5{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:32]}"


@dataclass(frozen=True, slots=True)
class _Ids:
    """The uuids of a call's cards: the same request gives the same ids."""

    service: str
    request: HookRequest
    made: dict[tuple[str, ...], str] = field(default_factory=dict)

    def __call__(self, card: Card, suggestion: Suggestion | None) -> str:
        parts = (card.key, *card.drafts, suggestion.kind if suggestion else "")
        if parts not in self.made:
            call = (self.service, self.request.hook_instance, self.request.patient)
            self.made[parts] = _named_uuid("\x1f".join((*call, *parts)))
        return self.made[parts]

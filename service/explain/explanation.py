"""The explanation as plain JSON data, in a fixed order."""

from datetime import date
from typing import Any

from cards.detect import DocumentedException
from cards.evaluate import Assessment
from service.answer import Answer, Engine, answer
from service.discovery import SERVICES
from service.errors import InvalidRequest
from service.explain.call import call
from service.explain.decision import decision
from service.explain.exposures import states
from service.explain.record import record
from service.explain.shown import shown
from service.fhir_access.fetch import FhirReader, NoFhir
from service.settings import ANYONE, Client
from service.wire import peek_hook

NO_FHIR = NoFhir()


def explain_request(
    body: bytes,
    engine: Engine,
    on: date,
    client: Client = ANYONE,
    exceptions: tuple[DocumentedException, ...] = (),
    *,
    fhir: FhirReader = NO_FHIR,
) -> dict[str, Any]:
    """Answer a hook request of a client with the service of its hook and explain the answer.

    `exceptions` are taken as documented for the patient. Nothing is read from a FHIR server unless `fhir` does. Raises
    InvalidRequest and DataUnavailable as the service would.
    """
    hook = peek_hook(body)
    service = next((item for item in SERVICES if item.hook == hook), None)
    if service is None:
        known = ", ".join(item.hook for item in SERVICES)
        raise InvalidRequest(f"hook is missing or of no service: send one of {known}.")
    given = answer(body, service, engine=engine, on=on, client=client, fhir=fhir, documented=lambda _: exceptions)
    return explanation(given, engine, on)


def explanation(given: Answer, engine: Engine, on: date) -> dict[str, Any]:
    """Return the explanation of an answer as plain JSON data, in a fixed order."""
    said = call(given, engine, on)
    return said | _assessed(given.assessment, engine) if given.assessment else said


def _assessed(assessment: Assessment, engine: Engine) -> dict[str, Any]:
    return {
        **states(assessment.exposures),
        **record(assessment, engine.catalogue),
        **decision(assessment, engine.catalogue, engine.options.jurisdiction),
        **shown(assessment),
    }

"""The FHIR servers of a soak: one that answers, and one for each way not to."""

from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

from tests import builders as make
from tests import fake_fhir
from tests.fake_fhir import FakeFhirServer, Script, reply

HEALTHY = "healthy"
_CHART = [
    make.patient(),
    make.condition("c1", "crohn"),
    make.medication_request("o1", "infliximab", authoredOn="2026-01-05"),
    make.statement("s1", "azathioprine"),
]
_FAULTS: Mapping[str, Script] = {
    "status 500": reply({}, 500),
    "status 503": reply({}, 503),
    "no JSON": reply(b"<html>busy</html>", media_type="text/html"),
    "reset": fake_fhir.reset,
    "no answer": fake_fhir.silent,
    "dripping body": fake_fhir.DRIPPING_BODY,
    "no end": fake_fhir.endless,
}


def queries() -> dict[str, Any]:
    """Give what the healthy server holds, by the address that is asked for."""
    held = make.prefetch(_CHART)
    kinds = {key: f"{kind}?patient={make.PATIENT}&_count=200" for key, kind in make._KEYS.items()}
    return {target: held[key] for key, target in {**kinds, "patient": f"Patient/{make.PATIENT}"}.items()}


@contextmanager
def servers() -> Iterator[dict[str, str]]:
    """Run all of them; gives their bases by name."""
    with ExitStack() as running:
        healthy = {target: reply(resource) for target, resource in queries().items()}
        scripts: dict[str, Mapping[str, Script]] = {HEALTHY: healthy}
        scripts |= {name: dict.fromkeys(queries(), script) for name, script in _FAULTS.items()}
        yield {
            name: running.enter_context(FakeFhirServer(script, seen=deque(maxlen=10))).base
            for name, script in scripts.items()
        }

"""A FHIR server that answers from recorded calls and never from the network."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from service.errors import ServiceError
from service.fhir_access.fetch import FhirAccess, FhirCall, FhirSession, granted
from service.nearest import nearest_hint

_KEYS = frozenset({"method", "url", "status", "body", "text", "problem"})


class NotRecorded(ServiceError):
    """Something is asked for that was not recorded: the answer would need the network."""

    exit_code = 65


class RecordedFhir:
    """The reads of one call, played back. Which server may be read is decided as it is over the network."""

    def __init__(self, calls: Iterable[FhirCall]) -> None:
        """Know these calls; `asked` remembers which of them were needed."""
        self._calls = {call.url: call for call in calls}
        self.asked: list[str] = []

    def open(self, access: FhirAccess) -> FhirSession:
        """Begin. Raises NoFhirAccess as a reader over the network does."""
        granted(access)
        return self

    def get(self, url: str) -> FhirCall:
        """Give the recorded answer. Raises NotRecorded."""
        self.asked.append(url)
        if url not in self._calls:
            raise NotRecorded(f"{url}: there is no recorded answer, and the network is not asked.{self._hint(url)}")
        return self._calls[url]

    def close(self) -> None:
        """Do nothing: there is no connection."""

    def _hint(self, url: str) -> str:
        return nearest_hint(url, self._calls)


def read_call(document: Mapping[str, Any]) -> FhirCall:
    """Read a recorded call: `url`, `status`, and one of `body` (JSON), `text` (anything else) and `problem`.

    Raises ValueError for what is none.
    """
    if unknown := document.keys() - _KEYS:
        raise ValueError(f"no such key: {', '.join(sorted(unknown))}")
    if ("body" in document) + ("text" in document) + ("problem" in document) != 1:
        raise ValueError("give one of body, text and problem")
    status = document.get("status")
    if "body" in document:
        body = json.dumps(document["body"], ensure_ascii=False).encode()
    else:
        body = str(document.get("text", "")).encode()
    return FhirCall(str(document.get("method", "GET")), str(document["url"]), status, body, document.get("problem"))

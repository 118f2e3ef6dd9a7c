"""What a hook request offers of a FHIR server (CDS Hooks 2.0.1, FHIR Resource Access)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class FhirOffer:
    """The `fhirServer` and `fhirAuthorization` of a request, as far as they are texts.

    The token lives as long as the request and is not shown. An empty one is none. `patient` is the patient that the
    token is limited to, if it says so.
    """

    server: str | None = None
    token: str | None = field(default=None, repr=False)
    token_type: str | None = None
    patient: str | None = None


NOTHING = FhirOffer()


def read_offer(envelope: Mapping[str, Any]) -> FhirOffer:
    """Read the offer of a request; what is no text is not offered."""
    authorization, server = envelope.get("fhirAuthorization"), envelope.get("fhirServer")
    if authorization is None and server is None:
        return NOTHING
    given = authorization if isinstance(authorization, dict) else {}
    return FhirOffer(
        _text(server),
        _text(given.get("access_token")),
        _text(given.get("token_type")),
        _text(given.get("patient")),
    )


def _text(value: object) -> str | None:
    return value.strip() or None if isinstance(value, str) else None

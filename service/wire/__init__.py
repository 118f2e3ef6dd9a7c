"""CDS Hooks on the wire: lenient in, strict out."""

from service.wire.fhir_offer import FhirOffer
from service.wire.fhir_version import FhirVersion
from service.wire.orders import Session
from service.wire.profiles import Reshaped, Shaped, shaped
from service.wire.request import (
    Deviation,
    HookRequest,
    HookService,
    drafts_as_sent,
    last_two,
    peek_hook,
    place_of,
    read_request,
)
from service.wire.response import Ids, has_update, write_response

__all__ = [
    "Deviation",
    "FhirOffer",
    "FhirVersion",
    "HookRequest",
    "HookService",
    "Ids",
    "Reshaped",
    "Session",
    "Shaped",
    "drafts_as_sent",
    "has_update",
    "last_two",
    "peek_hook",
    "place_of",
    "read_request",
    "shaped",
    "write_response",
]

"""CDS Hooks on the wire: lenient in, strict out."""

from service.wire.fhir_offer import FhirOffer
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
from service.wire.response import Ids, Session, has_update, write_response

__all__ = [
    "Deviation",
    "FhirOffer",
    "HookRequest",
    "HookService",
    "Ids",
    "Session",
    "drafts_as_sent",
    "has_update",
    "last_two",
    "peek_hook",
    "place_of",
    "read_request",
    "write_response",
]

"""CDS Hooks on the wire: lenient in, strict out."""

from service.wire.feedback import Feedback, FeedbackDeviation, Told, read_feedback
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
    resource_id,
)
from service.wire.response import Ids, has_update, write_response

__all__ = [
    "Deviation",
    "Feedback",
    "FeedbackDeviation",
    "FhirOffer",
    "FhirVersion",
    "HookRequest",
    "HookService",
    "Ids",
    "Reshaped",
    "Session",
    "Shaped",
    "Told",
    "drafts_as_sent",
    "has_update",
    "last_two",
    "peek_hook",
    "place_of",
    "read_feedback",
    "read_request",
    "resource_id",
    "shaped",
    "write_response",
]

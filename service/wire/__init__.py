"""CDS Hooks on the wire: lenient in, strict out."""

from service.wire.request import Deviation, HookRequest, HookService, last_two, peek_hook, place_of, read_request
from service.wire.response import Ids, write_response

__all__ = [
    "Deviation",
    "HookRequest",
    "HookService",
    "Ids",
    "last_two",
    "peek_hook",
    "place_of",
    "read_request",
    "write_response",
]

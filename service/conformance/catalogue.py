"""Every check, and the rows of the standard that no caller can check, each with the reason."""

from collections.abc import Mapping
from types import MappingProxyType

from service.conformance import actions, calls, cards, cors, discovery, feedback, trust
from service.conformance.model import Check

CHECKS: tuple[Check, ...] = (
    *discovery.CHECKS,
    *calls.CHECKS,
    *cards.CHECKS,
    *actions.CHECKS,
    *feedback.CHECKS,
    *cors.CHECKS,
    *trust.CHECKS,
)

NOT_CHECKED: Mapping[str, tuple[int, ...]] = MappingProxyType(
    {
        "documentation and agreements are read by people": (7, 113, 114),
        "an obligation of the client": (26, 27, 29, 36, 52, 53, 55, 116),
        "the suite runs no FHIR server for the service to call": (32, 37, 50, 51, 54),
        "a registration with the authorization server of the EHR": (56,),
        "a suggestion of a code system, on trial in 3.0": (75,),
        "mutual TLS and the exchange of key sets are set up between the parties": (101, 107),
        "what the client does with a later answer": (115,),
        "a rule for authors of hooks": (119, 120),
        "the standard sets no rule": (121,),
    }
)

"""A hook request, read leniently (CDS Hooks 2.0.1, HTTP Request).

It is read in one cheap pass: the values of `prefetch` stay raw slices of the body, the rest is parsed strictly.
What a client gets wrong but can only mean one thing is served and named in `deviations`.
"""

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from enum import StrEnum
from typing import Any, Protocol

import msgspec

from service import strict_json
from service.errors import Cause, InvalidRequest
from service.wire.fhir_offer import FhirOffer, read_offer
from service.wire.fhir_version import FhirVersion, hinted_version

ORDER_HOOKS = frozenset({"order-select", "order-sign"})
_BODY = "The request"
_UUID = re.compile(r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$")
_BIG = 512
_BEGINNING, _TRIES = 64, 8
_DEEPEST_ENTRY = 5


class Deviation(StrEnum):
    """What a client or its data got wrong and we could serve all the same. A closed list: it becomes metric labels."""

    CONTEXT_IS_A_LIST = "context-is-a-list"
    HOOK_INSTANCE_NOT_UUID = "hook-instance-not-uuid"
    USER_MISSING = "user-missing"
    PATIENT_PREFIXED = "patient-prefixed"
    ENCOUNTER_PREFIXED = "encounter-prefixed"
    ENCOUNTER_UNREADABLE = "encounter-unreadable"
    SELECTIONS_MISSING = "selections-missing"
    SELECTIONS_NOT_A_LIST = "selections-not-a-list"
    SELECTION_DANGLING = "selection-dangling"
    DRAFTS_NOT_A_BUNDLE = "drafts-not-a-bundle"
    DRAFT_ENTRY_ODD = "draft-entry-odd"
    DRAFT_ENTRY_UNREADABLE = "draft-entry-unreadable"
    PREFETCH_NOT_AN_OBJECT = "prefetch-not-an-object"
    PREFETCH_WRAPPED = "prefetch-wrapped"
    PREFETCH_UNREADABLE = "prefetch-unreadable"
    RESOURCE_TYPES = "resource-types"
    RESOURCE_REPAIRED = "resource-repaired"
    RESOURCE_CODES_ONLY = "resource-codes-only"
    DRAFTS_OF_SEVERAL_VERSIONS = "drafts-of-several-versions"


class HookRequest(msgspec.Struct, frozen=True):
    """A hook call, as far as it can be understood without its prefetch.

    `selections` are references `Type/id` into `drafts`, or None where nothing usable was selected: then every draft is.
    `drafts` are the resources of `draftOrders` in their order, sibling Medications among them; `full_urls` are the
    addresses that the Bundle gave them. Values of `prefetch` are raw JSON. `fhir_version` is what the call names, if it
    names one.
    """

    hook: str
    hook_instance: str
    patient: str
    user: str | None = None
    encounter: str | None = None
    selections: tuple[str, ...] | None = None
    drafts: tuple[dict[str, Any], ...] = ()
    full_urls: tuple[str | None, ...] = ()
    prefetch: Mapping[str, msgspec.Raw] | None = None
    fhir: FhirOffer = msgspec.field(default_factory=FhirOffer)
    fhir_version: FhirVersion | None = None
    deviations: tuple[Deviation, ...] = ()

    @property
    def server_version(self) -> FhirVersion | None:
        """Return the FHIR version of the client's server as the call shows it, first by its drafts."""
        older = any(draft.get("resourceType") == "MedicationOrder" for draft in self.drafts)
        return FhirVersion.DSTU2 if older else self.fhir_version


class _Envelope(msgspec.Struct):
    prefetch: dict[str, msgspec.Raw] | None = None


_DECODER = msgspec.json.Decoder(_Envelope)


def peek_hook(body: bytes) -> str | None:
    """Return the hook that a request names, or None; raises InvalidRequest for what is no JSON object."""
    envelope = strict_json.loads(body, _BODY)
    hook = envelope.get("hook") if isinstance(envelope, dict) else None
    return hook if isinstance(hook, str) else None


class HookService(Protocol):
    """What reading a call needs to know of the service that it was sent to."""

    @property
    def id(self) -> str:
        """Return the last segment of the address."""

    @property
    def hook(self) -> str:
        """Return the one hook that the service answers."""


def read_request(body: bytes, service: HookService) -> HookRequest:
    """Read the body of a hook call for a service, or raise InvalidRequest (400)."""
    strict_json.check_encoding(body, _BODY)
    deviations: list[Deviation] = []
    prefetch = _prefetch(body, deviations)
    envelope = _envelope(body, prefetch)
    hook = _hook(envelope, service)
    instance = _hook_instance(envelope, deviations)
    context = _context(envelope, deviations)
    drafts = _drafts(context, deviations) if hook in ORDER_HOOKS else []
    return HookRequest(
        hook=hook,
        hook_instance=instance,
        patient=_patient(context, deviations),
        user=_user(context, deviations),
        encounter=_encounter(context, deviations),
        selections=_selections(context, drafts, deviations) if hook == "order-select" else None,
        drafts=tuple([resource for resource, _ in drafts]),
        full_urls=tuple([url for _, url in drafts]),
        prefetch=prefetch,
        fhir=read_offer(envelope),
        fhir_version=hinted_version(envelope),
        deviations=tuple(deviations),
    )


class _Drafting(msgspec.Struct):
    context: Any = None


# The digits of a number carry its precision (FHIR R4, Datatypes, decimal): 1.10 must not come back as 1.1.
_AS_SENT = msgspec.json.Decoder(_Drafting, float_hook=Decimal)


def drafts_as_sent(body: bytes) -> Mapping[str, dict[str, Any]]:
    """Return the drafts of a body that `read_request` has accepted, by `Type/id`, every number with its own digits."""
    drafts = _drafts(_context({"context": _AS_SENT.decode(body).context}, []), [])
    return {place_of(resource, index): resource for index, (resource, _) in enumerate(drafts)}


def _prefetch(body: bytes, deviations: list[Deviation]) -> Mapping[str, msgspec.Raw] | None:
    try:
        return _DECODER.decode(body).prefetch
    except RecursionError:
        raise strict_json.too_deep(_BODY) from None
    except msgspec.DecodeError:
        # Malformed, or a prefetch that is no object: the slow reader tells which.
        if not isinstance(strict_json.loads(body, _BODY), dict):
            raise InvalidRequest(
                f"{_BODY} is not a JSON object: send the object that CDS Hooks describes.", Cause.BODY_NOT_AN_OBJECT
            ) from None
    deviations.append(Deviation.PREFETCH_NOT_AN_OBJECT)
    return None


def _envelope(body: bytes, prefetch: Mapping[str, msgspec.Raw] | None) -> Any:
    """Parse a body strictly, with null for the large values of prefetch: what is in these, nobody may ever need."""
    shorter, cut = _without_prefetch(body, prefetch)
    envelope = strict_json.loads(shorter, _BODY)
    # The same bytes may stand elsewhere too. Where all of these keys are null now, it was their values that were cut.
    if cut and any(envelope["prefetch"].get(key) is not None for key in cut):
        return strict_json.loads(body, _BODY)
    return envelope


def _without_prefetch(body: bytes, prefetch: Mapping[str, msgspec.Raw] | None) -> tuple[bytes, tuple[str, ...]]:
    """Return the body with the large values of prefetch replaced by null, and their keys."""
    kept: list[bytes] = []
    cut: list[str] = []
    at, before = 0, max(body.find(b'"prefetch"'), 0)
    for key, raw in (prefetch or {}).items():
        value = memoryview(raw)
        if value.nbytes < _BIG:
            continue
        start = _place(body, value, max(at, before))
        if start < 0:
            return body, ()
        kept += (body[at:start], b"null")
        cut.append(key)
        at = start + value.nbytes
    return b"".join((*kept, body[at:])) if kept else body, tuple(cut)


def _place(body: bytes, value: memoryview, at: int) -> int:
    """Find a value by how it begins, which is cheaper than to search for all of it; -1 where that does not lead far."""
    for _ in range(_TRIES):
        at = body.find(value[:_BEGINNING], at)
        if at < 0 or body.startswith(value, at):
            return at
        at += 1
    return -1


def _hook(envelope: Mapping[str, Any], service: HookService) -> str:
    hook = envelope.get("hook")
    if not isinstance(hook, str) or not hook:
        raise InvalidRequest(
            f"hook is missing or no text: send the name of the hook, {service.hook}.", Cause.HOOK_MISSING
        )
    if hook != service.hook:
        raise InvalidRequest(
            f"hook does not fit the service {service.id}, which answers {service.hook} only: send the call to the "
            "service that GET /cds-services names for its hook.",
            Cause.HOOK_OF_ANOTHER_SERVICE,
        )
    return hook


def _hook_instance(envelope: Mapping[str, Any], deviations: list[Deviation]) -> str:
    instance = envelope.get("hookInstance")
    if not isinstance(instance, str) or not instance.strip():
        raise InvalidRequest(
            "hookInstance is missing or no text: send a UUID for this call.", Cause.HOOK_INSTANCE_MISSING
        )
    if not _UUID.match(instance):
        deviations.append(Deviation.HOOK_INSTANCE_NOT_UUID)
    return instance


def _context(envelope: Mapping[str, Any], deviations: list[Deviation]) -> Mapping[str, Any]:
    context = envelope.get("context")
    if isinstance(context, list) and len(context) == 1:
        deviations.append(Deviation.CONTEXT_IS_A_LIST)
        context = context[0]
    if not isinstance(context, dict):
        raise InvalidRequest(
            "context is missing or not an object: send the context of the hook.", Cause.CONTEXT_MISSING
        )
    return context


def _patient(context: Mapping[str, Any], deviations: list[Deviation]) -> str:
    patient = context.get("patientId")
    if not isinstance(patient, str):
        raise InvalidRequest(
            "context.patientId is missing or no text: send the id of the Patient resource.", Cause.PATIENT_MISSING
        )
    bare = patient.strip().rstrip("/").rpartition("/")[2].strip()
    if not bare:
        raise InvalidRequest("context.patientId is empty: send the id of the Patient resource.", Cause.PATIENT_MISSING)
    if bare != patient:
        deviations.append(Deviation.PATIENT_PREFIXED)
    return bare


def _user(context: Mapping[str, Any], deviations: list[Deviation]) -> str | None:
    user = context.get("userId")
    if isinstance(user, str) and user:
        return user
    deviations.append(Deviation.USER_MISSING)
    return None


def _encounter(context: Mapping[str, Any], deviations: list[Deviation]) -> str | None:
    encounter = context.get("encounterId")
    if encounter is None:
        return None
    bare = encounter.strip().rstrip("/").rpartition("/")[2].strip() if isinstance(encounter, str) else ""
    if not bare:
        deviations.append(Deviation.ENCOUNTER_UNREADABLE)
    elif bare != encounter:
        deviations.append(Deviation.ENCOUNTER_PREFIXED)
    return bare or None


_Draft = tuple[dict[str, Any], str | None]


def _drafts(context: Mapping[str, Any], deviations: list[Deviation]) -> list[_Draft]:
    orders = context.get("draftOrders")
    if isinstance(orders, dict) and orders.get("resourceType") == "Bundle":
        entries = orders.get("entry") or []
        if not isinstance(entries, list):
            entries = [entries]
            deviations.append(Deviation.DRAFT_ENTRY_ODD)
        level = 0
    elif isinstance(orders, list) or (isinstance(orders, dict) and isinstance(orders.get("resourceType"), str)):
        entries, level = orders if isinstance(orders, list) else [orders], 1
        deviations.append(Deviation.DRAFTS_NOT_A_BUNDLE)
    elif orders is None:
        raise InvalidRequest(
            "context.draftOrders is missing: send a Bundle of the draft orders. An EHR may leave it out where the "
            "registration of this service there has no scopes for unsigned orders.",
            Cause.DRAFTS_MISSING,
        )
    else:
        raise InvalidRequest(
            "context.draftOrders is not a Bundle: send a Bundle of the draft orders.", Cause.DRAFTS_NOT_A_BUNDLE
        )
    found: list[_Draft] = []
    for entry in entries:
        _open(entry, None, found, deviations, level)
    return found


def _open(entry: object, url: str | None, found: list[_Draft], deviations: list[Deviation], level: int) -> None:
    """Add the resources of a Bundle entry, also where it wraps twice, is the resource itself, or holds a Bundle."""
    if not isinstance(entry, dict) or level > _DEEPEST_ENTRY:
        deviations.append(Deviation.DRAFT_ENTRY_UNREADABLE)
        return
    kind = entry.get("resourceType")
    if not isinstance(kind, str):
        full_url = entry.get("fullUrl")
        _open(entry.get("resource"), full_url if isinstance(full_url, str) else url, found, deviations, level + 1)
        return
    if level != 1:
        deviations.append(Deviation.DRAFT_ENTRY_ODD)
    if kind == "Bundle":
        inner = entry.get("entry")
        for part in inner if isinstance(inner, list) else ():
            _open(part, None, found, deviations, level + 1)
        return
    found.append((entry, url))


def last_two(reference: str) -> str:
    """Return `Type/id` of a reference, absolute or relative, with or without a version."""
    path = reference.strip().partition("?")[0].partition("/_history/")[0].rstrip("/")
    return "/".join(path.split("/")[-2:])


def place_of(resource: Mapping[str, Any], index: int) -> str:
    """Return `Type/id`, or `Type/#index` for a resource that has no id."""
    return _placed(resource, resource_id(resource), index)


def _placed(resource: Mapping[str, Any], own: str | None, index: int) -> str:
    kind = resource.get("resourceType")
    return f"{kind if isinstance(kind, str) and kind else 'Resource'}/{own or f'#{index}'}"


def resource_id(resource: Mapping[str, Any]) -> str | None:
    """Return the id of a resource; a number is read as text."""
    own = resource.get("id")
    if isinstance(own, int) and not isinstance(own, bool):
        own = str(own)
    return own if isinstance(own, str) and own else None


def _selections(
    context: Mapping[str, Any], drafts: Sequence[_Draft], deviations: list[Deviation]
) -> tuple[str, ...] | None:
    stated = context.get("selections")
    if isinstance(stated, str) and stated:
        stated = [stated]
        deviations.append(Deviation.SELECTIONS_NOT_A_LIST)
    if not isinstance(stated, list) or not stated:
        deviations.append(Deviation.SELECTIONS_MISSING)
        return None
    known = _known_drafts(drafts)
    found = [known.get(last_two(item)) or known.get(item) if isinstance(item, str) else None for item in stated]
    deviations += [Deviation.SELECTION_DANGLING for place in found if place is None]
    # Nothing usable is like nothing sent: every draft is then looked at, rather than none.
    return tuple(dict.fromkeys(place for place in found if place)) or None


def _known_drafts(drafts: Sequence[_Draft]) -> Mapping[str, str]:
    known: dict[str, str] = {}
    for index, (resource, url) in enumerate(drafts):
        if resource.get("resourceType") == "Medication":
            continue
        own = resource_id(resource)
        place = _placed(resource, own, index)
        if own:
            known[own] = place
        if url:
            known[url] = place
        known[place] = place
    return known

"""One delivered value - a prefetch value, or an answer of a FHIR server - to the raw resources in it.

A typed decode opens the Bundle and looks at the types; no resource is materialised here.
"""

from collections.abc import Iterator
from typing import Any

import msgspec

from service.fhir.scan import Glance, Resource, bent

_ENTRY, _DEEPEST = 1, 6
# Raw takes no part in a union, so an absent member is a JSON null.
_NOTHING = msgspec.Raw(b"null")
_WRAPPING = frozenset({"Bundle", "OperationOutcome"})
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_FATAL = frozenset({"error", "fatal"})


class Delivery(msgspec.Struct):
    """What was in one delivered value.

    `is_null` and `is_bundle` tell an empty answer from no answer. `failed` means that the sender reports an error,
    `garbage` that something in it could not be read as FHIR. `pages` are the addresses of further pages, None for one
    whose address nobody can read.
    """

    resources: list[Resource] = msgspec.field(default_factory=list)
    is_null: bool = False
    is_bundle: bool = False
    failed: bool = False
    garbage: bool = False
    pages: list[str | None] = msgspec.field(default_factory=list)
    wrapped: bool = False

    @property
    def paged(self) -> bool:
        """Say whether more pages exist."""
        return bool(self.pages)

    @property
    def kinds(self) -> frozenset[str]:
        """Return the types of the resources."""
        return frozenset([resource.kind for resource in self.resources])

    @property
    def broken(self) -> bool:
        """Say whether something that belongs to it is missing, other than further pages."""
        return self.failed or self.garbage


class _Opened(msgspec.Struct, rename="camel"):
    """A resource, or what wraps one."""

    resource_type: str | None = None
    id: str | None = None
    resource: msgspec.Raw = _NOTHING
    full_url: str | None = None
    response: msgspec.Raw = _NOTHING


class _Seen(Glance, rename="camel"):
    """The same with a glance at it: as a rule the resource is opened and looked at in one."""

    resource_type: str | None = None
    id: str | None = None
    resource: msgspec.Raw = _NOTHING
    full_url: str | None = None
    response: msgspec.Raw = _NOTHING


class _Response(msgspec.Struct):
    status: str | None = None


class _Bundle(msgspec.Struct):
    entry: msgspec.Raw = _NOTHING
    link: msgspec.Raw = _NOTHING


class _Link(msgspec.Struct):
    relation: str | None = None
    url: str | None = None


class _Regular(msgspec.Struct, rename="camel"):
    """A Bundle as it should be."""

    resource_type: str
    entry: list[_Opened] = []
    link: list[_Link] = []

    @property
    def is_bundle(self) -> bool:
        """Say whether it is one, whose entries are entries and no resources in their place."""
        return self.resource_type == "Bundle" and not [item for item in self.entry if item.resource_type is not None]


class _Issue(msgspec.Struct):
    severity: str | None = None


class _Outcome(msgspec.Struct):
    issue: list[_Issue] | None = None


_OPENED = msgspec.json.Decoder(_Opened)
_SEEN = msgspec.json.Decoder(_Seen)
_BUNDLE = msgspec.json.Decoder(_Bundle)
_REGULAR = msgspec.json.Decoder(_Regular)
_ENTRIES = msgspec.json.Decoder(list[msgspec.Raw])
_RESPONSE = msgspec.json.Decoder(_Response)
_OUTCOME = msgspec.json.Decoder(_Outcome)
_LINK = msgspec.json.Decoder(_Link)


def open_value(raw: msgspec.Raw) -> Delivery:
    """Open one delivered value. Never raises for what it may contain."""
    delivery = Delivery(is_null=_is_null(raw))
    if delivery.is_null:
        return delivery
    # Nearly all values are regular Bundles, and these are opened at once.
    regular = _decoded(_REGULAR, raw)
    if regular is not None and regular.is_bundle:
        _open_regular(regular, delivery)
    else:
        _open(raw, None, delivery, 0, whole=True)
    return delivery


def _open_regular(bundle: _Regular, delivery: Delivery) -> None:
    delivery.is_bundle = True
    delivery.pages += [link.url for link in bundle.link if link.relation == "next"]
    found = delivery.resources
    for entry in bundle.entry:
        # Nearly every entry holds a resource as it should be, which is opened and seen at once.
        try:
            seen = _SEEN.decode(entry.resource)
        except _UNREADABLE:
            seen = None
        if seen is None or (kind := seen.resource_type) is None or kind in _WRAPPING:
            _open_wrapper(entry, delivery, _ENTRY, whole=False)
        else:
            found.append(Resource(kind, entry.resource, seen.id, entry.full_url, seen))


def _is_null(raw: msgspec.Raw) -> bool:
    return bytes(memoryview(raw)[:5]).strip() == b"null"


def _open(raw: msgspec.Raw, url: str | None, delivery: Delivery, level: int, whole: bool = False) -> None:
    """Open a value. `whole`: it is the whole answer, though it may be wrapped."""
    opened = _opened(raw) if level <= _DEEPEST else None
    if opened is None:
        delivery.garbage = True
        return
    match opened.resource_type:
        case None:
            _open_wrapper(opened, delivery, level, whole)
        case "Bundle":
            _open_bundle(raw, delivery, level)
        case "OperationOutcome":
            # On its own it is the answer to the query; among matches its severity decides.
            delivery.failed = delivery.failed or whole or _is_fatal(raw)
        case kind:
            seen = opened if isinstance(opened, Glance) else None
            delivery.resources.append(Resource(kind, raw, opened.id, opened.full_url or url, seen))


def _opened(raw: msgspec.Raw) -> "_Opened | _Seen | None":
    return _decoded(_SEEN, raw) or _decoded(_OPENED, raw) or _bent_opened(raw)


def _bent_opened(raw: msgspec.Raw) -> _Opened | None:
    """Read the type of a resource that has, say, a number for an id."""
    try:
        value = msgspec.json.decode(raw)
    except _UNREADABLE:
        return None
    if not isinstance(value, dict) or not isinstance(value.get("resourceType"), str):
        return None
    return bent({"resourceType": value["resourceType"], "id": value.get("id")}, _Opened)


def _open_wrapper(opened: _Opened | _Seen, delivery: Delivery, level: int, whole: bool) -> None:
    """Open a Bundle entry, or `{response, resource}`, the DSTU2 form of a prefetch value."""
    delivery.wrapped = delivery.wrapped or whole
    if not _is_null(opened.resource):
        _open(opened.resource, opened.full_url, delivery, level + 1, whole)
    elif not _is_null(opened.response):
        status = getattr(_decoded(_RESPONSE, opened.response), "status", None)
        delivery.failed = delivery.failed or not (status is None or status.startswith("2"))
        delivery.is_null = whole and not delivery.failed
    elif whole or level != _ENTRY:
        # An entry may well have no resource (a search that reports a deletion); anything else says nothing we can read.
        delivery.garbage = True


def _open_bundle(raw: msgspec.Raw, delivery: Delivery, level: int) -> None:
    bundle = _decoded(_BUNDLE, raw)
    delivery.is_bundle = True
    if bundle is None:
        delivery.garbage = True
        return
    delivery.pages += [link.url for link in _links(bundle.link) if link.relation == "next"]
    for entry in _entries(bundle.entry, delivery):
        _open(entry, None, delivery, max(level + 1, _ENTRY))


def _entries(raw: msgspec.Raw, delivery: Delivery) -> list[msgspec.Raw]:
    if _is_null(raw):
        return []
    entries: list[msgspec.Raw] | None = _decoded(_ENTRIES, raw)
    if entries is None:
        # One entry in place of the list.
        delivery.wrapped = True
        return [raw]
    return entries


def _is_fatal(raw: msgspec.Raw) -> bool:
    outcome = _decoded(_OUTCOME, raw)
    return outcome is None or any(issue.severity in _FATAL for issue in outcome.issue or ())


def _links(raw: msgspec.Raw) -> Iterator[_Link]:
    for item in _decoded(_ENTRIES, raw) or [raw]:
        if (link := _decoded(_LINK, item) or _bent_link(item)) is not None:
            yield link


def _bent_link(raw: msgspec.Raw) -> _Link | None:
    # A link whose address is no text is a link all the same.
    try:
        return bent(msgspec.json.decode(raw), _Link)
    except _UNREADABLE:
        return None


def _decoded(decoder: "msgspec.json.Decoder[Any]", raw: msgspec.Raw) -> Any:
    try:
        return decoder.decode(raw)
    except _UNREADABLE:
        return None

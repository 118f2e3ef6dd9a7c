"""What must not change the answer of a recorded call: how the record is split, its order, its server, its ids.

The same properties of the decision alone are in `tests/cards/test_metamorphic.py`; here the whole way from request to
response is taken.
"""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from service.cases import Case, case_names, read_case
from service.replay import in_process
from tests.thorough import shares

Json = dict[str, Any]
Transform = Callable[[Json], Json]
OTHER_BASE = "https://records.example.net/tenant-7/r4"
_RELATIVE = re.compile(r"[A-Z][A-Za-z]+/[A-Za-z0-9.\-]{1,64}")


@cache
def _cases() -> tuple[Case, ...]:
    """Return the cases whose whole record arrived; a request that is refused has none to split."""
    read = (read_case(name) for name in case_names())
    # What is read from a FHIR server has its addresses and ids there, so the request alone cannot be rewritten.
    whole = (case for case in read if case.status == 200 and not case.server)
    return tuple(case for case in whole if isinstance(case.request.get("prefetch"), dict))


def _changed(transform: Transform, share: slice) -> list[str]:
    """Name the cases that are answered otherwise when their request is written in another way."""
    moved = ((case, replace(case, body=json.dumps(transform(case.request)).encode())) for case in _cases()[share])
    return [case.name for case, other in moved if _at_home(in_process(other)) != (case.status, case.expected)]


def _at_home(answered: tuple[int, Any]) -> tuple[int, Any]:
    """Write the references of a draft that goes back as it came as the recorded call writes them."""
    status, body = answered
    return status, json.loads(json.dumps(body).replace(f"{OTHER_BASE}/", ""))


def _movable(entry: Any) -> bool:
    resource = entry.get("resource") if isinstance(entry, dict) else None
    return isinstance(resource, dict) and resource.get("resourceType") not in (None, "OperationOutcome", "Bundle")


def _emptied(value: Any) -> tuple[Any, list[Json]]:
    """Take the entries out of a prefetched Bundle; what it says of errors and further pages stays."""
    if not isinstance(value, dict) or value.get("resourceType") != "Bundle":
        return value, []
    entries = value.get("entry") or []
    if not isinstance(entries, list) or not all(_movable(entry) for entry in entries):
        return value, []
    return {key: item for key, item in value.items() if key not in ("entry", "total")}, entries


def one_key_for_each_resource(request: Json) -> Json:
    """Send every resource under a key of its own, every other one in a Bundle of its own."""
    kept: Json = {}
    for key, value in request["prefetch"].items():
        kept[key], entries = _emptied(value)
        for index, entry in enumerate(entries):
            alone = {"resourceType": "Bundle", "type": "collection", "entry": [entry]}
            kept[f"{key}-{index}"] = alone if index % 2 else entry["resource"]
    return {**request, "prefetch": kept}


def one_bundle_the_other_way_round(request: Json) -> Json:
    """Send every resource in one Bundle beside the emptied ones, keys and resources in the opposite order."""
    kept: Json = {}
    everything: list[Json] = []
    for key, value in reversed(request["prefetch"].items()):
        kept[key], entries = _emptied(value)
        everything += entries[::-1]
    bundle = {"resourceType": "Bundle", "type": "searchset", "entry": everything}
    # A Bundle under an unknown key says that the medication list was asked for: only where it was.
    key = "everything" if any(name.startswith("medication") for name in request["prefetch"]) else "conditions"
    return {**request, "prefetch": {**kept, key: bundle} if everything else kept}


def bundles_in_bundles(request: Json) -> Json:
    """Send every Bundle as the entry of another one."""
    kept = {
        key: {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": value}]} if entries else value
        for key, value in request["prefetch"].items()
        for _, entries in [_emptied(value)]
    }
    return {**request, "prefetch": kept}


def another_server(request: Json) -> Json:
    """Write every relative reference as an absolute one, and give every entry an address, of another server."""
    told = _absolute(request["prefetch"])
    for value in told.values():
        for entry in _emptied(value)[1]:
            resource = entry["resource"]
            if resource.get("id") and not str(entry.get("fullUrl", "")).startswith("urn:"):
                entry["fullUrl"] = f"{OTHER_BASE}/{resource['resourceType']}/{resource['id']}"
    context = request["context"]
    if isinstance(context, dict) and isinstance(context.get("draftOrders"), dict):
        context = {**context, "draftOrders": _absolute(context["draftOrders"])}
    return {**request, "context": context, "prefetch": told}


def _absolute(value: Any) -> Any:
    if isinstance(value, list):
        return [_absolute(item) for item in value]
    if not isinstance(value, dict):
        return value
    told = {key: _absolute(item) for key, item in value.items()}
    reference = told.get("reference")
    if isinstance(reference, str) and _RELATIVE.fullmatch(reference):
        told["reference"] = f"{OTHER_BASE}/{reference}"
    return told


TRANSFORMS: tuple[Transform, ...] = (
    one_key_for_each_resource,
    one_bundle_the_other_way_round,
    bundles_in_bundles,
    another_server,
)


@pytest.mark.parametrize("transform", TRANSFORMS, ids=lambda item: item.__name__)
@pytest.mark.parametrize("share", shares(3))
def test_another_way_to_write_the_same_record_gives_the_same_answer(transform: Transform, share: slice) -> None:
    assert _changed(transform, share) == []


def test_each_way_to_write_the_record_really_changes_most_requests() -> None:
    requests = [case.request for case in _cases()]
    for transform in TRANSFORMS:
        assert sum(json.dumps(transform(item)) != json.dumps(item) for item in requests) > len(requests) / 2


@pytest.mark.parametrize("share", shares(3))
def test_other_ids_give_the_same_cards(share: slice) -> None:
    assert [case.name for case in _cases()[share] if not _same_under_other_ids(case)] == []


def _same_under_other_ids(case: Case) -> bool:
    ids = {item["id"] for item in _resources(case.request) if isinstance(item.get("id"), str) and item["id"]}
    renamed = replace(case, body=json.dumps(_renamed(case.request, ids)).encode())
    status, body = in_process(renamed)
    return (status, _without_uuids(body)) == (case.status, _without_uuids(_renamed(case.expected, ids)))


def _resources(value: Any) -> Iterator[Json]:
    """Yield every resource with an address of its own; a contained one is found by its `#id`."""
    if isinstance(value, list):
        for item in value:
            yield from _resources(item)
    elif isinstance(value, dict):
        if "resourceType" in value:
            yield value
        for key, item in value.items():
            if key != "contained":
                yield from _resources(item)


def _renamed(value: Any, ids: set[str], key: str = "") -> Any:
    """Write `Type/id` and ids with a letter in front: the order of ids, which breaks ties, stays."""
    if isinstance(value, dict):
        return {name: item if name == "contained" else _renamed(item, ids, name) for name, item in value.items()}
    if isinstance(value, list):
        return [_renamed(item, ids, key) for item in value]
    if not isinstance(value, str) or key in {"code", "system", "text", "display", "version"}:
        return value
    front, slash, last = value.rpartition("/")
    known = last in ids and (bool(slash) or key in {"id", "patientId", "encounterId", "selections"})
    return f"{front}{slash}q{last}" if known else value


def _without_uuids(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_uuids(item) for key, item in value.items() if key != "uuid"}
    return [_without_uuids(item) for item in value] if isinstance(value, list) else value

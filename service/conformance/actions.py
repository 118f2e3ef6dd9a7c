"""Checks of the actions of suggestions, and of system actions (CDS Hooks 2.0.1, Action; System Action)."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from service.conformance.cards import Place, filled_array, one_of, optional, required, suggestions
from service.conformance.client import OK
from service.conformance.model import Check, Level, Observation, observe
from service.conformance.reading import is_reference, is_text, objects, shown
from service.conformance.visit import Call, Visit, cards_of, drafts_of

SHALL = Level.SHALL

ORDER_HOOKS = frozenset({"order-select", "order-sign"})


def _actions(visit: Visit) -> Iterator[Place]:
    for where, suggestion in suggestions(visit):
        for index, action in objects(suggestion.get("actions")):
            yield f"{where}.actions[{index}]", action


def _of_type(visit: Visit, kind: str) -> Iterator[Place]:
    return ((where, action) for where, action in _actions(visit) if action.get("type") == kind)


def _is_resource(value: Any) -> bool:
    return isinstance(value, Mapping) and is_text(value.get("resourceType"))


def _create(visit: Visit) -> Iterable[Observation]:
    for where, action in _of_type(visit, "create"):
        value = action.get("resource")
        yield observe(f"{where}.resource", "a FHIR resource", shown(value), holds=_is_resource(value))


def _update(visit: Visit) -> Iterable[Observation]:
    for where, action in _of_type(visit, "update"):
        value = action.get("resource")
        holds = isinstance(value, Mapping) and _is_resource(value) and is_text(value.get("id"))
        yield observe(f"{where}.resource", "the whole FHIR resource, with its id", shown(value), holds=holds)


def _delete(visit: Visit) -> Iterable[Observation]:
    for where, action in _of_type(visit, "delete"):
        key = action.get("resourceId")
        came = "a resource" if "resource" in action else shown(key)
        holds = is_reference(key) and "resource" not in action
        yield observe(f"{where}.resourceId", "Type/id, and no resource", came, holds=holds)


def _target(action: Mapping[str, Any]) -> str | None:
    match action.get("type"):
        case "delete":
            key = action.get("resourceId")
            return key if isinstance(key, str) else None
        case "update" if _is_resource(action.get("resource")):
            resource = action["resource"]
            return f"{resource['resourceType']}/{resource.get('id')}"
        case _:
            return None


def _drafts(visit: Visit) -> Iterable[Observation]:
    for call in visit.calls:
        if call.service.hook not in ORDER_HOOKS:
            continue
        drafts = drafts_of(call.request)
        for path, action in _actions_of(call):
            if (target := _target(action)) is not None:
                where = f"{call.where}: {path}, {action['type']}"
                yield observe(where, "a target among draftOrders", shown(target), holds=target in drafts)


def _actions_of(call: Call) -> Iterator[Place]:
    for first, card in cards_of(call.exchange):
        for second, suggestion in objects(card.get("suggestions")):
            for third, action in objects(suggestion.get("actions")):
                yield f"$.cards[{first}].suggestions[{second}].actions[{third}]", action


def _system(visit: Visit) -> Iterable[Observation]:
    typed = one_of("create", "update", "delete")
    for call in visit.calls:
        body = call.exchange.json
        if call.exchange.status == OK and isinstance(body, Mapping) and "systemActions" in body:
            listed = body["systemActions"]
            holds = filled_array(listed) and all(typed(action.get("type")) for action in listed)
            expected = "an array of actions of type create, update or delete"
            yield observe(f"{call.where}: $.systemActions", expected, shown(listed), holds=holds)


_ACTION = "a request that is answered with an action: give --request"

CHECKS = (
    Check(
        "actions.array",
        "Actions are an array of objects.",
        SHALL,
        (80,),
        optional(suggestions, "actions", "an array of objects", filled_array),
        (124,),
        needs=_ACTION,
    ),
    Check(
        "actions.type",
        "Each action is a create, an update or a delete.",
        SHALL,
        (82,),
        required(_actions, "type", "create, update or delete", one_of("create", "update", "delete")),
        (127,),
        needs=_ACTION,
    ),
    Check(
        "actions.description",
        "Each action is described.",
        SHALL,
        (83,),
        required(_actions, "description", "text", is_text),
        (128,),
        needs=_ACTION,
    ),
    Check(
        "actions.create",
        "A create carries a FHIR resource as an object.",
        SHALL,
        (5, 84),
        _create,
        (130, 131),
        needs="an action create",
    ),
    Check(
        "actions.update",
        "An update carries the whole resource.",
        SHALL,
        (5, 85),
        _update,
        (130, 132),
        needs="an action update",
    ),
    Check(
        "actions.delete",
        "A delete names its target in resourceId, and carries nothing.",
        SHALL,
        (86,),
        _delete,
        (133, 134, 135),
        needs="an action delete",
    ),
    Check(
        "actions.drafts",
        "A delete or an update of an order hook refers to a draft of the request.",
        SHALL,
        (85, 86),
        _drafts,
        needs="an action delete or update of order-select or order-sign",
    ),
    Check(
        "actions.system",
        "System actions are an array of actions.",
        SHALL,
        (90,),
        _system,
        (75, 127),
        needs="an answer with systemActions",
    ),
)

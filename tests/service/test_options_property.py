"""Rule 1 of the options: whatever option is accepted, the call that follows has no loud card and no second biologic.

Whole hook requests are drawn, each suggestion is applied to the JSON as an order-entry system would do it, and the
service is asked again: for each client profile as its client does it.
"""

import copy
import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, timedelta
from itertools import combinations
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cards.model import State
from cards.schema.ingredients import Category
from service.answer import Answer, Engine, answer, build_engine
from service.discovery import SERVICES, Service
from service.settings import Settings
from tests import builders
from tests.thorough import examples

ON = date(2026, 3, 10)
ENGINE = build_engine(Settings())
EPIC, SANDBOX = (replace(ENGINE, options=replace(ENGINE.options, profile=name)) for name in ("epic", "sandbox"))
OPTIONS = "UPADACITINIBOPTIONS"
MONITORING = "UPADACITINIBMONITORING"
BIOLOGICS = ("infliximab", "adalimumab", "risankizumab", "ustekinumab", "vedolizumab", "guselkumab", "etanercept")
OTHERS = ("omalizumab", "azathioprine", "tofacitinib")
STATUSES = ("active", "active", "active", "active", "on-hold", "unknown", "completed", "stopped")
SPARED = {"allergies": "allergies", "conditions": "conditions", "patient": "patient"}
LOUD = {"warning", "critical"}
EXAMPLES = examples(500)

Json = dict[str, Any]


def one(draw: st.DrawFn, *values: Any) -> Any:
    return draw(st.sampled_from(values))


def day(draw: st.DrawFn) -> str:
    return str(ON - timedelta(days=one(draw, 10, 1, 40, 100, 300, 800)))


def orders(draw: st.DrawFn, what: str, key: str) -> Iterator[Json]:
    """Draw what the record holds of one medicine: mostly one order in force, sometimes more, less or something else."""
    for number in range(one(draw, 1, 1, 1, 1, 0, 2)):
        others: Json = {"status": one(draw, *STATUSES), "authoredOn": day(draw)}
        yield builders.medication_request(f"{key}-{number}", what, **others)
    if one(draw, False, False, True):
        yield builders.administration(f"{key}-dose", what, day(draw))
    if one(draw, False, False, False, True):
        yield builders.statement(f"{key}-listed", what, dateAsserted=day(draw))


def session(draw: st.DrawFn, names: tuple[str, ...], chart: list[Json]) -> list[Json]:
    """Draw the drafts: new orders, seldom two of one medicine, a renewal, a replacement or a discontinuation."""
    drafts: list[Json] = []
    known = [item for item in chart if item["resourceType"] == "MedicationRequest"]
    for number in range(one(draw, 1, 1, 1, 2, 3)):
        others: Json = {}
        if known and one(draw, *[False] * 5, True):
            others["priorPrescription"] = {"reference": f"MedicationRequest/{one(draw, *known)['id']}"}
        drafts.append(builders.draft(f"draft-{number}", one(draw, *names), **others))
    if known and one(draw, *[False] * 7, True):
        again = {**one(draw, *known), "status": one(draw, "stopped", "active", "draft")}
        drafts.append(again)
    return drafts


@st.composite
def calls(draw: st.DrawFn) -> Json:
    """Draw a call about upadacitinib and one or two others, in inflammatory bowel disease more often than not."""
    partners = {one(draw, *BIOLOGICS), *([one(draw, *BIOLOGICS, *OTHERS)] if one(draw, False, False, True) else [])}
    newly = one(draw, True, False)
    charted = [*sorted(partners)] if newly else ["upadacitinib", *sorted(partners)[1:]]
    chart = [item for number, what in enumerate(charted) for item in orders(draw, what, f"chart-{number}")]
    drafts = session(draw, ("upadacitinib",) if newly else (min(partners),), chart)
    if one(draw, *[False] * 4, True):
        drafts.append(builders.draft("draft-more", one(draw, "upadacitinib", *sorted(partners))))
    problems = [one(draw, "crohn", "crohn", "crohn", "colitis", "rheumatoid arthritis")]
    problems += [name for name in ("perianal fistula", "pregnancy", "sepsis") if one(draw, *[False] * 9, True)]
    conditions = [builders.condition(f"problem-{number}", name) for number, name in enumerate(problems)]
    allergies = [builders.allergy("allergy", one(draw, *BIOLOGICS))] if one(draw, False, False, True) else []
    people = [builders.patient(birthDate=one(draw, *["1984-02-11"] * 9, "2015-01-01", None))]
    make = one(draw, builders.order_select, builders.order_sign)
    without = one(draw, *[()] * 9, ("allergies",))
    made: Json = make(drafts, [*people, *chart, *conditions, *allergies], without=without)
    return made


def ask(call: Json, engine: Engine = ENGINE) -> Answer:
    return answer(json.dumps(call).encode(), service(call["hook"]), engine=engine, on=ON)


def service(hook: str) -> Service:
    return next(item for item in SERVICES if item.hook == hook)


def card(given: Answer, topic: str) -> Json | None:
    found = (item for item in json.loads(given.body)["cards"] if item["source"]["topic"]["code"] == topic)
    return next(found, None)


def applied(call: Json, suggestion: Json, hook: str) -> Json:
    """Apply a suggestion as a client does: deletes, then creates, then updates; then everything is selected."""
    after = copy.deepcopy(call)
    entries = after["context"]["draftOrders"]["entry"]
    actions = suggestion.get("actions", [])
    for action in (item for item in actions if item["type"] == "delete"):
        entries[:] = [item for item in entries if named(item["resource"]) != action["resourceId"]]
    for number, action in enumerate(item for item in actions if item["type"] == "create"):
        entries.append({"resource": {**action["resource"], "id": f"accepted-{number}"}})
    for action in (item for item in actions if item["type"] == "update"):
        place = next(
            index for index, item in enumerate(entries) if named(item["resource"]) == named(action["resource"])
        )
        entries[place] = {"resource": action["resource"]}
    after["hook"] = hook
    if hook == "order-select":
        after["context"]["selections"] = [named(item["resource"]) for item in entries]
    return after


def named(resource: Json) -> str:
    return f"{resource['resourceType']}/{resource['id']}"


def active_biologics(given: Answer) -> list[str]:
    assert given.assessment is not None
    taken = [item for item in given.assessment.exposures.by_ingredient.values() if item.state in _TAKEN]
    keys = [item.ingredient for item in taken]
    return [key for key in keys if ENGINE.catalogue.drug_class(key).category is Category.BIOLOGIC]


_TAKEN = {State.ORDERED, State.CURRENT}


def each_call(holds: Callable[[Json], None]) -> Callable[[], None]:
    """Draw the same calls for every profile."""
    chosen = settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    made: Callable[[], None] = chosen(given(calls())(holds))
    return made


def test_rule_1_no_option_that_is_accepted_leads_to_a_loud_card_or_to_two_biologics() -> None:
    seen: Counter[str] = Counter()

    @each_call
    def holds(call: Json) -> None:
        offered = card(ask(call), OPTIONS)
        for suggestion in offered["suggestions"] if offered else ():
            actions = suggestion.get("actions", [])
            seen.update({action["type"] for action in actions} or {"text"})
            for action in (item for item in actions if item["type"] in {"create", "update"}):
                check_link(action, call)
            for hook in ("order-select", "order-sign") if actions else ():
                check_after(applied(call, suggestion, hook))

    holds()
    # Else the property would hold for want of anything to accept.
    assert seen["create"] > EXAMPLES / 5
    assert seen["update"]
    assert seen["delete"] > EXAMPLES / 5
    assert seen["text"] > EXAMPLES / 10


def test_rule_1_holds_in_epic_which_applies_any_number_of_single_actions() -> None:
    seen: Counter[str] = Counter()

    @each_call
    def holds(call: Json) -> None:
        before = ask(applied(call, {}, call["hook"]), EPIC)
        cards = json.loads(before.body)["cards"]
        actions = [action for one in cards for item in one.get("suggestions", []) for action in single(item)]
        seen.update(action["type"] for action in actions)
        # A lone create or update would rebuild the combination.
        assert all(action["type"] == "delete" for action in actions)
        for count in range(1, len(actions) + 1):
            for accepted in combinations(actions, count):
                check_nothing_new(applied(call, {"actions": list(accepted)}, call["hook"]), before)

    holds()
    assert seen["delete"] > EXAMPLES / 5


def single(suggestion: Json) -> list[Json]:
    """Return the one action of a suggestion; Epic takes no more, and shows nothing of a suggestion without."""
    (action,) = suggestion["actions"]
    return [action]


def check_nothing_new(call: Json, before: Answer) -> None:
    """No other rule, and no biologic but those that were ordered or taken before."""
    again = ask(call, EPIC)
    assert loud_topics(again) <= loud_topics(before)
    if again.assessment and before.assessment:
        known = before.assessment.exposures.by_ingredient.values()
        taken = {item.ingredient for item in known if {item.state, item.established} & _TAKEN}
        assert set(active_biologics(again)) <= taken


def loud_topics(given: Answer) -> set[str]:
    cards = json.loads(given.body)["cards"]
    return {item["source"]["topic"]["code"] for item in cards if item["indicator"] in LOUD}


def test_rule_1_holds_in_the_sandbox_which_takes_a_drug_and_its_text_and_no_more() -> None:
    seen: Counter[str] = Counter()

    @each_call
    def holds(call: Json) -> None:
        one = with_one_draft(call)
        before = ask(one, SANDBOX)
        offered = card(before, OPTIONS)
        for suggestion in offered["suggestions"] if offered else ():
            seen.update([action["type"] for action in suggestion.get("actions", [])] or ["text"])
            for hook in ("order-select", "order-sign"):
                after = applied_in_the_sandbox(one, suggestion, hook)
                if after["context"]["draftOrders"] != one["context"]["draftOrders"]:
                    check_after_in_the_sandbox(after)

    holds()
    assert seen["update"] > EXAMPLES / 5
    assert seen["text"] > EXAMPLES / 5
    assert set(seen) == {"update", "text"}


def with_one_draft(call: Json) -> Json:
    """Return the call as the sandbox would send it: one draft, which is always `request-123`."""
    one = copy.deepcopy(call)
    resource = {**one["context"]["draftOrders"]["entry"][0]["resource"], "id": "request-123"}
    one["context"]["draftOrders"]["entry"] = [{"resource": resource}]
    if one["hook"] == "order-select":
        one["context"]["selections"] = [named(resource)]
    return one


def applied_in_the_sandbox(call: Json, suggestion: Json, hook: str) -> Json:
    """Apply the first effective action as the sandbox was seen to: drug and text, nothing else of a resource."""
    after = copy.deepcopy(call)
    after["hook"] = hook
    entry = after["context"]["draftOrders"]["entry"][0]
    for action in suggestion.get("actions", []):
        concept = action.get("resource", {}).get("medicationCodeableConcept", {})
        if action["type"] == "delete":
            entry["resource"].pop("medicationCodeableConcept")
        elif concept.get("text") and concept.get("coding", [{}])[0].get("code"):
            text, code = concept["text"], concept["coding"][0]["code"]
            drug = {"text": text, "coding": [{"system": builders.RXNORM, "code": code, "display": text}]}
            kept = {key: value for key, value in entry["resource"].items() if key != "priorPrescription"}
            entry["resource"] = kept | {"medicationCodeableConcept": drug}
        else:
            continue
        break
    if hook == "order-select":
        after["context"]["selections"] = [named(entry["resource"])]
    return after


def check_after_in_the_sandbox(call: Json) -> None:
    """No loud card; and a second biologic only where the text of the order says that it is replaced."""
    again = ask(call, SANDBOX)
    assert not loud_topics(again)
    text = call["context"]["draftOrders"]["entry"][0]["resource"]["medicationCodeableConcept"]["text"]
    ordered, _, replaced = text.partition(" (instead of ")
    assert sorted(active_biologics(again)) == sorted({ordered, replaced.removesuffix(")")})


def check_link(action: Json, call: Json) -> None:
    """Every order that is written names an order of the record whose place it takes, and that order's drug."""
    recorded = {named(item["resource"]): item for item in call["prefetch"]["medicationRequests"].get("entry", [])}
    before = recorded[action["resource"]["priorPrescription"]["reference"]]["resource"]
    assert before["status"] in {"active", "on-hold", "unknown"}
    drug = before["medicationCodeableConcept"]["text"].casefold()
    assert any(word.strip(",") in drug for word in action["description"].casefold().split() if len(word) > 8)


def check_after(call: Json) -> None:
    again = ask(call)
    assert not loud_topics(again)
    assert len(active_biologics(again)) == 1


def test_accepting_a_monitoring_order_changes_no_card_but_takes_it_from_the_monitoring() -> None:
    call = builders.order_sign(
        [builders.draft("new", "upadacitinib")],
        [builders.condition("cd", "crohn"), builders.medication_request("old", "infliximab", authoredOn="2026-01-10")],
    )
    before = ask(call)
    offered = card(before, MONITORING)
    assert offered
    for suggestion in offered["suggestions"]:
        after = ask(applied(call, suggestion, "order-sign"))
        left = card(after, MONITORING)
        assert left
        assert left["suggestions"] == [item for item in offered["suggestions"] if item != suggestion]
        others = [
            [item for item in json.loads(given.body)["cards"] if item["uuid"] != offered["uuid"]]
            for given in (before, after)
        ]
        assert others[0] == others[1]

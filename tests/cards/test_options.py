"""The eleven rules of the options card, each with the case beside it that must come out the other way.

Each test makes a record of facts, and where the record alone cannot say it, a treatment history by hand. The day of the
call is 23 November 2026.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from cards import Policy, Question, evaluate, load_catalogue
from cards.check import FORBIDDEN_IN_US, FORBIDDEN_WORDS
from cards.detect import findings
from cards.exposure import exposures
from cards.history import DatedOutcome, History, Trial, history
from cards.model import (
    AllergyFact,
    Card,
    Code,
    ConditionFact,
    Gap,
    Hook,
    Indicator,
    Kind,
    MedicationFact,
    Origin,
    Outcome,
    PatientRecord,
    Recognised,
    SelectionBehavior,
    StatedOutcome,
    System,
)
from cards.monitoring import MONITORING
from cards.options import Choice, Excluded, Form, Hold, Offer, Situation, TextOnly, age, choice
from cards.options_card import OPTIONS, options_card
from cards.problems import problems
from cards.schema.options import Option
from cards.schema.part import Verification

CATALOGUE = load_catalogue()
ON = date(2026, 11, 23)
ADULT = date(1984, 2, 11)
SEPARATELY = "which must be discontinued separately"


def fact(ingredient: str, key: str, origin: Origin, **others: Any) -> MedicationFact:
    kind = others.pop("kind", Kind.REQUEST)
    values = {"status": "active", "intent": "order", "authored": date(2026, 9, 1), **others}
    return MedicationFact(
        f"Medication{kind.title()}/{key}", kind, origin, (Recognised(ingredient, ingredient),), key, **values
    )


def draft(ingredient: str, key: str | None = None, **others: Any) -> MedicationFact:
    return fact(ingredient, key or f"new-{ingredient}", Origin.DRAFT, **{"status": "draft", "authored": ON, **others})


def chart(ingredient: str, key: str | None = None, **others: Any) -> MedicationFact:
    return fact(ingredient, key or f"old-{ingredient}", Origin.CHART, **others)


def problem(group: str, **others: Any) -> ConditionFact:
    return ConditionFact(f"Condition/{group}", (group,), "active", "confirmed", **others)


CROHN, COLITIS, PERIANAL = problem("crohns-disease"), problem("ulcerative-colitis"), problem("perianal-fistula-abscess")
NEW, IN_FORCE = draft("upadacitinib"), chart("upadacitinib")


def trial(ingredient: str, *outcomes: Outcome, coded: bool = True, **others: Any) -> Trial:
    """Make a trial that ended in 2024, with outcomes that a code, or only a text, states."""
    by = Code(System.SNOMED, "1") if coded else "words"
    stated = tuple(DatedOutcome(StatedOutcome(item, by), date(2024, 5, 1)) for item in outcomes)
    class_id = CATALOGUE.ingredients[ingredient].class_id
    values = {"in_force": False, "first": date(2023, 3, 1), "last": date(2024, 5, 1), **others}
    return Trial(ingredient, class_id, outcomes=stated, **values)


def situation(
    medications: Iterable[MedicationFact],
    *conditions: ConditionFact,
    past: Iterable[Trial] = (),
    subject: Trial | None = None,
    **others: Any,
) -> Situation:
    """Make what the options look at; `past` is added to the history that the record itself shows."""
    asked = {key: others.pop(key) for key in ("hook", "policy", "selections") if key in others}
    values = {"birth_date": ADULT, **others}
    record = PatientRecord("patient-1", tuple(medications), tuple(conditions or (CROHN,)), **values)
    ask = Question(ON, **{"hook": Hook.ORDER_SELECT, **asked})
    found, counted = exposures(record, CATALOGUE, ON), problems(record, CATALOGUE, ON)
    shown = history(record, found, counted, CATALOGUE, "upadacitinib", ON)
    told = History((*shown.biologics, *past), subject or shown.subject)
    return Situation(record, found, counted, told, record.gaps, CATALOGUE, ask)


def choose(*arguments: Any, **others: Any) -> Choice | None:
    given = situation(*arguments, **others)
    return choice(findings(given.found, given.problems, CATALOGUE, given.ask), given)


def chosen(*arguments: Any, **others: Any) -> Choice:
    made = choose(*arguments, **others)
    assert made is not None
    return made


def card(*arguments: Any, **others: Any) -> Card:
    given = situation(*arguments, **others)
    return options_card(chosen(*arguments, **others), given.gaps, CATALOGUE, given.ask)


def instead(made: Choice) -> list[str]:
    return [item.ingredient for item in made.offers if item.form is Form.INSTEAD]


def why_not(made: Choice, ingredient: str) -> Excluded | None:
    return dict(made.left_out).get(ingredient)


def offer(made: Choice, ingredient: str) -> Offer:
    (found,) = (item for item in made.offers if item.ingredient == ingredient)
    return found


# ------------------------------------------------------------------------------------------------- where a card belongs


def test_a_loud_pair_in_bowel_disease_has_options() -> None:
    assert choose([NEW, chart("infliximab")], CROHN)
    assert choose([NEW, chart("infliximab")], COLITIS)


@pytest.mark.parametrize("group", ["psoriatic-arthritis", "rheumatoid-arthritis", "ibd-unspecified"])
def test_any_other_disease_has_none(group: str) -> None:
    assert choose([NEW, chart("infliximab")], problem(group)) is None


def test_an_order_that_states_another_disease_has_none() -> None:
    stated = draft("upadacitinib", reason_groups=("rheumatoid-arthritis",))
    assert choose([stated, chart("infliximab")], CROHN) is None


def test_an_active_serious_infection_has_none() -> None:
    assert choose([NEW, chart("infliximab")], CROHN, problem("active-tuberculosis")) is None
    assert choose([NEW, chart("infliximab")], CROHN, problem("latent-tuberculosis"))


def test_a_card_that_the_site_lowered_to_info_has_none() -> None:
    lowered = Policy(ceilings=(("upadacitinib-biologic", Indicator.INFO),))
    assert choose([NEW, chart("infliximab")], policy=lowered) is None


def test_residual_overlap_and_a_rule_of_another_kind_have_none() -> None:
    ended = chart("infliximab", status="stopped", end=date(2026, 11, 10))
    assert choose([NEW, ended]) is None
    assert choose([NEW, chart("tofacitinib")]) is None


def test_patient_view_has_none() -> None:
    assert choose([IN_FORCE, chart("infliximab")], hook=Hook.PATIENT_VIEW) is None


def test_a_site_can_reorder_and_switch_off() -> None:
    made = chosen([NEW, chart("adalimumab")], policy=Policy(options=("vedolizumab", "ustekinumab", "vedolizumab")))
    assert instead(made) == ["vedolizumab", "ustekinumab"]
    assert why_not(made, "risankizumab") is Excluded.SWITCHED_OFF
    assert choose([NEW, chart("adalimumab")], policy=Policy(options=())) is None


def test_the_card_is_short_and_names_the_rest() -> None:
    made = chosen([NEW, chart("adalimumab")])
    assert len(made.offers) == CATALOGUE.options.most == 5
    left = [key for key, reason in made.left_out if reason is Excluded.NO_ROOM]
    assert left
    assert all(CATALOGUE.ingredients[key].name in card([NEW, chart("adalimumab")]).detail for key in left)


# -------------------------------------------------------------------------------------------------------------- rule 1


def test_rule_1_a_create_names_the_drug_that_it_replaces_and_carries_its_order() -> None:
    shown = card([NEW, chart("adalimumab")])
    switch = next(item for item in shown.suggestions if item.kind == "instead risankizumab")
    delete, create = switch.actions
    assert (delete.type, delete.resource_id, delete.order) == ("delete", NEW.ref, None)
    assert create.type == "create"
    assert create.order
    assert create.order.replaces == "MedicationRequest/old-adalimumab"
    assert f"instead of adalimumab, {SEPARATELY}" in create.description
    assert f"instead of adalimumab, {SEPARATELY}" in shown.detail


def test_rule_1_a_new_biologic_is_replaced_by_the_alternative_and_takes_the_place_of_upadacitinib() -> None:
    made = offer(chosen([IN_FORCE, draft("ustekinumab")]), "risankizumab")
    assert [(item.type, item.draft or item.ingredient, item.replaces) for item in made.changes] == [
        ("delete", "MedicationRequest/new-ustekinumab", None),
        ("create", "risankizumab", "MedicationRequest/old-upadacitinib"),
    ]


def test_rule_1_every_draft_of_the_new_drug_goes() -> None:
    drafts = [draft("upadacitinib", "induction"), draft("upadacitinib", "maintenance")]
    made = offer(chosen([*drafts, chart("adalimumab")]), "risankizumab")
    assert [item.draft for item in made.changes if item.type == "delete"] == [item.ref for item in drafts]


@pytest.mark.parametrize(
    ("in_force", "reason"),
    [
        ([chart("adalimumab"), chart("adalimumab", "second")], TextOnly.NO_SINGLE_ORDER),
        ([chart("adalimumab", kind=Kind.STATEMENT)], TextOnly.NO_SINGLE_ORDER),
        ([chart("adalimumab", kind=Kind.ADMINISTRATION, given=ON, status="completed")], TextOnly.NO_SINGLE_ORDER),
        ([chart("adalimumab"), IN_FORCE], TextOnly.NO_SINGLE_ORDER),
        ([chart("adalimumab"), chart("vedolizumab")], TextOnly.NO_SINGLE_ORDER),
        ([chart("adalimumab"), chart("omalizumab")], TextOnly.WOULD_COMBINE),
        ([chart("adalimumab"), draft("adalimumab")], TextOnly.NO_SINGLE_ORDER),
        ([chart("etanercept")], TextOnly.OTHER_DISEASE),
        ([chart("adalimumab", kind=Kind.STATEMENT), chart("adalimumab")], None),
        ([chart("adalimumab", status="on-hold")], None),
    ],
    ids=[
        *("two orders", "statement only", "dose only", "upadacitinib in force too", "two biologics"),
        *("asthma biologic", "renewal of the biologic", "not for this disease", "order and mirror", "order on hold"),
    ],
)
def test_rule_1_without_one_order_to_replace_nothing_is_created(
    in_force: list[MedicationFact], reason: TextOnly | None
) -> None:
    made = offer(chosen([NEW, *in_force]), "risankizumab")
    assert made.text_only is reason
    assert bool(made.changes) is (reason is None)


@pytest.mark.parametrize(
    "new",
    [
        [replace(NEW, id=None, ref="MedicationRequest/#0")],
        [replace(NEW, status="active")],
        [NEW, replace(NEW, text="sent twice")],
        [NEW, replace(NEW, origin=Origin.CHART, status="completed", authored=date(2020, 1, 1))],
    ],
    ids=["without an id", "not a draft", "one id twice", "an id of the record"],
)
def test_rule_1_a_draft_that_no_action_can_name_for_certain_is_left_alone(new: list[MedicationFact]) -> None:
    made = offer(chosen([*new, chart("adalimumab")]), "risankizumab")
    assert (made.changes, made.text_only) == ((), TextOnly.DRAFT_NOT_OURS)


def test_rule_1_an_order_that_is_no_medication_request_is_not_replaced() -> None:
    infusion = replace(chart("adalimumab"), ref="ServiceRequest/old-adalimumab")
    assert offer(chosen([NEW, infusion]), "risankizumab").text_only is TextOnly.NO_SINGLE_ORDER


def test_rule_1_a_medication_order_of_dstu2_is_replaced_as_a_medication_request_is() -> None:
    older = replace(chart("adalimumab"), ref="MedicationOrder/old-adalimumab")
    made = offer(chosen([NEW, older]), "risankizumab")
    assert [item.replaces for item in made.changes if item.type == "create"] == ["MedicationOrder/old-adalimumab"]


# -------------------------------------------------------------------------------------------------------------- rule 2


def test_rule_2_where_upadacitinib_is_newly_ordered_the_first_option_is_the_text_that_keeps_it_alone() -> None:
    first = card([NEW, chart("adalimumab")]).suggestions[0]
    assert first.label == "Keep upadacitinib as the single agent; set a stop date for adalimumab."
    assert first.actions == ()


def test_rule_2_where_upadacitinib_is_in_force_and_the_biologic_is_new_there_is_no_such_text() -> None:
    assert all(item.form is not Form.KEEP for item in chosen([IN_FORCE, draft("adalimumab")]).offers)


def test_rule_2_a_drug_that_is_only_drafted_needs_no_stop_date() -> None:
    labels = [item.label for item in card([NEW, draft("adalimumab")]).suggestions]
    assert labels[:2] == [
        "Keep upadacitinib as the single agent; do not start adalimumab.",
        "Keep adalimumab as the single agent; do not start upadacitinib.",
    ]


def test_rule_2_upadacitinib_is_not_kept_against_an_allergy_to_it() -> None:
    allergies = (AllergyFact("AllergyIntolerance/1", ("upadacitinib",)),)
    made = chosen([NEW, chart("adalimumab")], allergies=allergies)
    assert all(item.form is not Form.KEEP for item in made.offers)


# -------------------------------------------------------------------------------------------------------------- rule 3

RECOMMENDED: dict[str, tuple[Any, ...]] = {
    "upadacitinib in force": ([IN_FORCE, draft("ustekinumab")],),
    "monotherapy with it": ([IN_FORCE, draft("risankizumab")],),
}


@pytest.mark.parametrize("record", RECOMMENDED.values(), ids=RECOMMENDED)
def test_rule_3_risankizumab_is_recommended_with_upadacitinib_in_force(record: tuple[Any, ...]) -> None:
    made = chosen(*record)
    assert [item.ingredient for item in made.offers if item.recommended] == ["risankizumab"]
    assert [item.recommended for item in card(*record).suggestions].count(True) == 1


def test_rule_3_or_with_upadacitinib_ended_for_a_coded_lack_of_efficacy() -> None:
    def recommended(*outcomes: Outcome, coded: bool = True) -> bool:
        subject = replace(trial("upadacitinib", *outcomes, coded=coded), class_id="jak-inhibitor")
        return offer(chosen([NEW, chart("adalimumab")], subject=subject), "risankizumab").recommended

    assert recommended(Outcome.LACK_OF_EFFICACY)
    assert not recommended(Outcome.LACK_OF_EFFICACY, coded=False)
    assert not recommended(Outcome.ADVERSE_EFFECT)
    assert not recommended()


@pytest.mark.parametrize(
    ("conditions", "others"),
    [
        ((COLITIS,), {}),
        ((CROHN, PERIANAL), {}),
        ((CROHN,), {"past": (trial("guselkumab"),)}),
        ((CROHN,), {"past": (trial("risankizumab"),)}),
        ((CROHN,), {"birth_date": None}),
        ((CROHN,), {"gaps": {Gap.ALLERGIES_ABSENT: 1}}),
        ((CROHN, problem("pregnancy")), {}),
    ],
    ids=["colitis", "perianal", "IL-23 before", "itself before", "age unknown", "allergies unknown", "pregnancy"],
)
def test_rule_3_nothing_is_recommended_otherwise(conditions: tuple[Any, ...], others: dict[str, Any]) -> None:
    made = chosen([IN_FORCE, draft("ustekinumab")], *conditions, **others)
    assert not any(item.recommended for item in made.offers)


def test_rule_3_nothing_is_recommended_where_upadacitinib_is_new() -> None:
    assert not any(item.recommended for item in chosen([NEW, chart("adalimumab")]).offers)


def test_rule_3_nothing_but_risankizumab_can_be_recommended() -> None:
    named = {
        item.ingredient
        for listed in CATALOGUE.options.indications.values()
        for item in listed.every()
        if item.may_be_recommended
    }
    assert named == {"risankizumab"}
    assert not any(item.may_be_recommended for item in CATALOGUE.options.indications["ulcerative-colitis"].every())


# -------------------------------------------------------------------------------------------------------------- rule 4


def test_rule_4_what_is_in_force_or_drafted_is_not_offered_anew() -> None:
    made = chosen([NEW, chart("adalimumab")])
    assert why_not(made, "adalimumab") is Excluded.CURRENT
    assert why_not(chosen([IN_FORCE, draft("adalimumab")]), "adalimumab") is Excluded.ORDERED


def test_rule_4_an_allergy_counts_by_ingredient_while_it_is_active() -> None:
    def reason(*, active: bool) -> Excluded | None:
        allergies = (AllergyFact("AllergyIntolerance/1", ("risankizumab",), active),)
        return why_not(chosen([NEW, chart("adalimumab")], allergies=allergies), "risankizumab")

    assert reason(active=True) is Excluded.ALLERGIC
    assert reason(active=False) is None


@pytest.mark.parametrize(
    ("outcome", "reason"),
    [
        (Outcome.LACK_OF_EFFICACY, Excluded.FAILED),
        (Outcome.LOSS_OF_RESPONSE, Excluded.FAILED),
        (Outcome.ADVERSE_EFFECT, Excluded.INTOLERANT),
    ],
)
def test_rule_4_a_coded_failure_or_intolerance_is_never_offered_and_a_text_only_puts_it_last(
    outcome: Outcome, reason: Excluded
) -> None:
    record = [NEW, chart("adalimumab")]
    site = Policy(options=("risankizumab", "ustekinumab"))
    coded = chosen(record, past=(trial("risankizumab", outcome),), policy=site)
    assert why_not(coded, "risankizumab") is reason
    assert instead(coded) == ["ustekinumab"]
    worded = chosen(record, past=(trial("risankizumab", outcome, coded=False),), policy=site)
    assert instead(worded) == ["ustekinumab", "risankizumab"]


def test_rule_4_what_was_tried_and_ended_for_an_unknown_reason_comes_last_with_its_dates() -> None:
    site = Policy(options=("risankizumab", "ustekinumab"))
    shown = card([NEW, chart("adalimumab")], past=(trial("risankizumab"),), policy=site)
    assert [item.kind for item in shown.suggestions][-2:] == ["instead ustekinumab", "instead risankizumab"]
    assert "tried 2023-03-01 to 2024-05-01, reason for its end not recorded" in shown.detail


def test_rule_4_a_failed_biologic_that_is_ordered_again_is_no_monotherapy_option() -> None:
    made = chosen([IN_FORCE, draft("ustekinumab")], past=(trial("ustekinumab", Outcome.LACK_OF_EFFICACY),))
    assert "ustekinumab" not in {item.ingredient for item in made.offers}


@pytest.mark.parametrize("ingredient", ["risankizumab", "mirikizumab"])
def test_rule_4_no_il_23_inhibitor_after_another_one(ingredient: str) -> None:
    made = chosen([NEW, chart("guselkumab")])
    assert why_not(made, ingredient) is Excluded.CLASS_EXPOSURE


def test_rule_4_no_anti_tnf_agent_after_a_coded_failure_of_another_one() -> None:
    failed = chosen([NEW, chart("vedolizumab")], past=(trial("infliximab", Outcome.LACK_OF_EFFICACY),))
    assert why_not(failed, "adalimumab") is Excluded.CLASS_FAILURE
    tried = chosen([NEW, chart("vedolizumab")], past=(trial("infliximab"),))
    assert why_not(tried, "adalimumab") is None


# -------------------------------------------------------------------------------------------------------------- rule 5


@pytest.mark.parametrize(
    ("conditions", "others", "hold", "said"),
    [
        ((CROHN,), {"birth_date": None}, Hold.AGE_UNKNOWN, "the birth date was not supplied"),
        ((CROHN, problem("pregnancy")), {}, Hold.PREGNANCY, "a pregnancy is on record"),
        (
            (CROHN,),
            {"gaps": {Gap.ALLERGIES_ABSENT: 1}},
            Hold.RECORD_INCOMPLETE,
            "the allergy list was not supplied",
        ),
        (
            (CROHN,),
            {"gaps": {Gap.ALLERGIES_FAILED: 1}},
            Hold.RECORD_INCOMPLETE,
            "the allergy list could not be obtained",
        ),
        (
            (CROHN,),
            {"gaps": {Gap.CONDITIONS_PAGED: 1}},
            Hold.RECORD_INCOMPLETE,
            "the problem list has more pages than were supplied",
        ),
        (
            (CROHN,),
            {"gaps": {Gap.MEDICATIONS_FAILED: 1}},
            Hold.RECORD_INCOMPLETE,
            "the medication list could not be obtained",
        ),
    ],
    ids=["age", "pregnancy", "allergies absent", "allergies failed", "conditions paged", "medications failed"],
)
def test_rule_5_what_is_not_known_makes_every_option_text_and_is_said(
    conditions: tuple[Any, ...], others: dict[str, Any], hold: Hold, said: str
) -> None:
    record = [NEW, chart("adalimumab")]
    made = chosen(record, *conditions, **others)
    assert made.holds == (hold,)
    assert len(instead(made)) == 3
    assert not any(item.changes for item in made.offers)
    assert said in card(record, *conditions, **others).detail


def test_rule_5_under_18_only_the_texts_that_keep_one_agent_are_shown() -> None:
    record = [NEW, chart("adalimumab")]
    child = chosen(record, birth_date=date(2008, 11, 24))
    assert [item.form for item in child.offers] == [Form.KEEP, Form.CONTINUE]
    assert why_not(child, "risankizumab") is Excluded.UNDER_AGE
    assert (
        "the patient is under 18 and the sources are for adults" in card(record, birth_date=date(2008, 11, 24)).detail
    )
    assert instead(chosen(record, birth_date=date(2008, 11, 23)))


def test_rule_5_under_18_monotherapy_is_text_too() -> None:
    (only,) = chosen([IN_FORCE, draft("adalimumab")], birth_date=date(2012, 1, 1)).offers
    assert (only.form, only.changes) == (Form.MONOTHERAPY, ())


@pytest.mark.parametrize(
    ("born", "years"),
    [(date(2008, 11, 23), 18), (date(2008, 11, 24), 17), (date(2008, 2, 29), 18), (date(1984, 2, 11), 42)],
)
def test_rule_5_a_year_of_life_is_complete_on_the_birthday(born: date, years: int) -> None:
    assert age(born, ON) == years


# ---------------------------------------------------------------------------------------------------------- rules 6, 7


def test_rule_6_an_order_is_an_rxnorm_ingredient_and_its_name_and_has_no_dose() -> None:
    shown = card([NEW, chart("adalimumab")])
    orders = [action.order for item in shown.suggestions for action in item.actions if action.order]
    assert orders
    for order in orders:
        assert order.code == Code(System.RXNORM, CATALOGUE.options.rxnorm[order.ingredient])
        assert order.code.value in CATALOGUE.ingredients[order.ingredient].codes[System.RXNORM]
        assert order.display == CATALOGUE.ingredients[order.ingredient].name


def test_rule_7_a_new_biologic_beside_upadacitinib_is_monotherapy_with_it() -> None:
    record = [IN_FORCE, draft("ustekinumab")]
    first = chosen(record).offers[0]
    assert (first.form, first.ingredient, first.instead_of) == (Form.MONOTHERAPY, "ustekinumab", ("upadacitinib",))
    (update,) = card(record).suggestions[0].actions
    assert (update.type, update.resource_id) == ("update", "MedicationRequest/new-ustekinumab")
    assert update.order
    assert update.order.replaces == IN_FORCE.ref
    assert "upadacitinib, which must be discontinued separately" in update.description


def test_rule_7_a_biologic_in_force_beside_new_upadacitinib_is_kept_alone_by_text() -> None:
    second = card([NEW, chart("adalimumab")]).suggestions[1]
    assert (second.label, second.actions) == ("Keep adalimumab as the single agent; do not start upadacitinib.", ())


def test_rule_7_a_biologic_that_is_no_alternative_is_not_offered_alone() -> None:
    assert [item.form for item in chosen([NEW, chart("natalizumab")]).offers][:2] == [Form.KEEP, Form.INSTEAD]


def test_rule_7_a_draft_that_takes_the_place_of_another_order_is_not_changed() -> None:
    linked = draft("ustekinumab", prior_prescription="MedicationRequest/another")
    assert chosen([IN_FORCE, linked]).offers[0].text_only is TextOnly.DRAFT_NOT_OURS


def test_rule_7_a_service_order_has_no_prior_prescription() -> None:
    infusion = replace(draft("ustekinumab"), ref="ServiceRequest/new-ustekinumab")
    made = chosen([IN_FORCE, infusion])
    assert made.offers[0].changes == ()
    assert [item.type for item in offer(made, "risankizumab").changes] == ["delete", "create"]


# ------------------------------------------------------------------------------------------------------- rules 8 to 11


def test_rule_8_perianal_disease_has_infliximab_first_and_then_ustekinumab() -> None:
    record = [NEW, chart("vedolizumab")]
    assert instead(chosen(record, CROHN, PERIANAL)) == ["infliximab", "ustekinumab"]
    detail = card(record, CROHN, PERIANAL).detail
    for said in ("fistulizing CD is labelled", "retrospective evidence, not superior", "specialist decision"):
        assert said in detail


def test_rule_8_it_counts_with_crohns_disease_only() -> None:
    assert chosen([NEW, chart("vedolizumab")], COLITIS, PERIANAL).named_for is None


def test_rule_9_colitis_has_no_comparative_source_and_nothing_is_recommended() -> None:
    record = [IN_FORCE, draft("vedolizumab")]
    detail = card(record, COLITIS).detail
    assert "no comparative source in the registry" in detail
    assert not any(item.recommended for item in chosen(record, COLITIS).offers)


def test_rule_9_the_order_in_colitis_is_alphabetical_one_of_each_class_first() -> None:
    candidates = [item.ingredient for item in CATALOGUE.options.indications["ulcerative-colitis"].candidates]
    classes = [CATALOGUE.ingredients[key].class_id for key in candidates]
    firsts = [key for index, key in enumerate(candidates) if classes[index] not in classes[:index]]
    rest = [key for key in candidates if key not in firsts]
    assert candidates == [*sorted(firsts), *sorted(rest)]
    assert all(key == min(other for other in candidates if _same_class(key, other)) for key in firsts)


def _same_class(one: str, other: str) -> bool:
    return CATALOGUE.ingredients[one].class_id == CATALOGUE.ingredients[other].class_id


@pytest.mark.parametrize(
    ("in_force", "past", "limited"),
    [
        ("vedolizumab", (), True),
        ("vedolizumab", (trial("ustekinumab"),), False),
        ("adalimumab", (), True),
        ("adalimumab", (trial("etanercept"),), True),
        ("vedolizumab", (trial("etanercept", Outcome.LACK_OF_EFFICACY),), False),
        ("vedolizumab", (trial("omalizumab"),), True),
    ],
)
def test_rule_10_exposure_is_limited_with_one_biologic_at_most_and_no_anti_tnf_failure(
    in_force: str, past: tuple[Trial, ...], *, limited: bool
) -> None:
    made = chosen([NEW, chart(in_force)], past=past)
    assert made.limited is limited
    assert ("infliximab" in instead(made)) is limited
    assert (why_not(made, "infliximab") is Excluded.NOT_LIMITED) is not limited


def test_rule_11_the_card_says_what_its_sources_are_not_about() -> None:
    for condition in (CROHN, COLITIS):
        detail = card([NEW, chart("adalimumab")], condition).detail
        assert "Not specific to upadacitinib failure" in detail
        assert "ormulary and cost are not considered" in detail
        assert "Upadacitinib and risankizumab share a manufacturer" in detail
    detail = card([NEW, chart("adalimumab")], CROHN).detail
    assert "SEQUENCE was after anti-TNF" in detail
    assert "for any advanced therapy" in detail


# ------------------------------------------------------------------------------------------------------- how it is said


def _texts(shown: Card) -> str:
    said = [text for item in shown.suggestions for text in (item.label, *(each.description for each in item.actions))]
    return "\n".join((shown.summary, shown.detail, *said)).casefold()


@pytest.mark.parametrize("condition", [CROHN, COLITIS])
@pytest.mark.parametrize("partner", ["infliximab", "certolizumab-pegol", "natalizumab", "golimumab"])
def test_every_card_fits_and_says_nothing_that_is_never_printed(partner: str, condition: ConditionFact) -> None:
    for record in ([NEW, chart(partner)], [IN_FORCE, draft(partner)], [NEW, draft(partner)]):
        cards = evaluate(
            PatientRecord("patient-1", tuple(record), (condition,), birth_date=ADULT),
            CATALOGUE,
            Question(ON, Hook.ORDER_SIGN),
        ).cards
        ours = [item for item in cards if item.key in {OPTIONS, MONITORING}]
        assert [item.key for item in ours] == [OPTIONS, MONITORING]
        for item in ours:
            assert len(item.summary) < 140
            assert len(item.detail) <= 2_500
            assert item.indicator is Indicator.INFO
            assert item.override_reasons == ()
            assert len({each.kind for each in item.suggestions}) == len(item.suggestions)
            assert all(len(each.label) <= 90 for each in item.suggestions)
            assert not [word for word in (*FORBIDDEN_WORDS, *FORBIDDEN_IN_US) if word in _texts(item)]
            assert "Content not clinically approved." in item.detail


def test_text_of_the_record_never_enters_the_card() -> None:
    hostile = "*[x](http://evil.example/)<img src=x>"
    record = [draft("upadacitinib", text=hostile), chart("adalimumab", text=hostile)]
    assert "evil" not in _texts(card(record))


def test_evidence_lines_carry_the_state_of_their_verification() -> None:
    options: list[Option] = [item for each in CATALOGUE.options.indications.values() for item in each.every()]
    for key in {name for item in options for name in item.evidence}:
        entry = CATALOGUE.evidence[key]
        assert entry.line
        assert ("secondary source" in entry.line) is (entry.verification is Verification.SECONDARY)


def test_options_are_alternatives_and_monitoring_orders_are_not() -> None:
    record = PatientRecord("patient-1", (NEW, chart("adalimumab")), (CROHN,), birth_date=ADULT)
    cards = {item.key: item for item in evaluate(record, CATALOGUE, Question(ON, Hook.ORDER_SIGN)).cards}
    assert cards[OPTIONS].selection is SelectionBehavior.AT_MOST_ONE
    assert cards[MONITORING].selection is SelectionBehavior.ANY
    assert not any(item.recommended for item in cards[MONITORING].suggestions)
    assert "Upadacitinib: embryo-fetal toxicity (label)." in cards[MONITORING].detail


@pytest.mark.parametrize(
    ("hook", "ceiling", "there"),
    [
        (Hook.ORDER_SIGN, Indicator.CRITICAL, True),
        (Hook.ORDER_SELECT, Indicator.CRITICAL, False),
        (Hook.PATIENT_VIEW, Indicator.CRITICAL, False),
        (Hook.ORDER_SIGN, Indicator.INFO, False),
    ],
)
def test_monitoring_is_offered_when_a_loud_pair_is_signed(hook: Hook, ceiling: Indicator, *, there: bool) -> None:
    record = PatientRecord("patient-1", (NEW, chart("tocilizumab")), (problem("rheumatoid-arthritis"),))
    policy = Policy(ceilings=(("upadacitinib-biologic", ceiling),))
    cards = evaluate(record, CATALOGUE, Question(ON, hook, policy=policy)).cards
    assert (MONITORING in {item.key for item in cards}) is there


def test_a_sequence_as_recorded_or_residual_overlap_needs_no_monitoring() -> None:
    ended = chart("adalimumab", status="stopped", end=date(2026, 11, 10))
    record = PatientRecord("patient-1", (NEW, ended), (CROHN,), birth_date=ADULT)
    cards = evaluate(record, CATALOGUE, Question(ON, Hook.ORDER_SIGN)).cards
    assert [item.key for item in cards] == ["upadacitinib-biologic"]

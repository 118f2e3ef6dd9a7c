"""Generated patients: few medicines, every kind and status, dates that crowd around the ends of the windows."""

from datetime import date, timedelta
from functools import cache
from typing import TypeVar

from hypothesis import strategies as st
from msgspec.structs import replace

from cards import Policy, Question
from cards.model import INDICATORS, ConditionFact, Hook, Kind, MedicationFact, Origin, PatientRecord, Recognised
from tests.packaged import CATALOGUE

T = TypeVar("T")

ON = date(2026, 3, 10)
PATIENT = "generated"
ENCOUNTER = "Encounter/now"

INGREDIENTS = (
    "upadacitinib",
    "infliximab",
    "adalimumab",
    "risankizumab",
    "guselkumab",
    "omalizumab",
    "etanercept",
    "tofacitinib",
    "azathioprine",
    "tacrolimus",
    "methotrexate",
    "prednisone",
)
INDICATIONS = ("crohns-disease", "ulcerative-colitis", "atopic-dermatitis", "rheumatoid-arthritis", "ibd-unspecified")
PROBLEMS = (
    *(*INDICATIONS, "atopic-dermatitis", "active-tuberculosis", "pneumonia", "sepsis"),
    *("latent-tuberculosis", "transplant-status", "perianal-fistula-abscess"),
)
REASONS = (*INDICATIONS, "pneumonia", "perianal-fistula-abscess")
CLINICAL = ("active", "active", "active", None, "recurrence", "relapse", "inactive", "remission", "resolved")
VERIFICATION = (
    *(None, None, "confirmed", "confirmed", "provisional"),
    *("differential", "unconfirmed", "refuted", "entered-in-error"),
)
TYPES = {
    Kind.REQUEST: "MedicationRequest",
    Kind.STATEMENT: "MedicationStatement",
    Kind.ADMINISTRATION: "MedicationAdministration",
    Kind.DISPENSE: "MedicationDispense",
}
STATUSES: dict[Kind, tuple[str | None, ...]] = {
    Kind.REQUEST: (
        *("active", "active", "stopped", "stopped", "completed", "completed", "on-hold", "unknown", None),
        *("ended", "cancelled", "entered-in-error", "draft", "garbled"),
    ),
    Kind.STATEMENT: (
        *("active", "active", "stopped", "completed", "intended", "on-hold", "recorded", "unknown", None),
        *("not-taken", "entered-in-error", "draft", "garbled"),
    ),
    Kind.ADMINISTRATION: (
        *("completed", "completed", "stopped", "in-progress", "on-hold", "unknown", None),
        *("not-done", "entered-in-error"),
    ),
    Kind.DISPENSE: (
        *("completed", "completed", "completed", "in-progress", "unknown", None),
        *("preparation", "on-hold", "stopped", "cancelled", "declined", "entered-in-error"),
    ),
}
DRAFT_STATUSES = (
    *("draft", "draft", "draft", "draft", "draft", "active", None),
    *("stopped", "ended", "cancelled", "entered-in-error", "completed", "on-hold"),
)
INTENTS = (None, "order", "order", "order", "plan", "reflex-order", "proposal", "option")
REPEATS = (0, 0, 0, 1, 3, 11)
SUPPLIES = (1, 7, 28, 30, 56, 84, 90, 200, 400)
AMOUNTS = (7.0, 28.0, 30.0, 100.0)
DAILY = (0.5, 1.0, 2.0, 3.0)
STATED_REASONS = ((), (), (), *((key,) for key in REASONS), REASONS[:3])
REFERENCES = ((), (), (), ("Condition/0",), ("Condition/1", "Condition/99"))


@cache
def one_of(*values: T) -> st.SearchStrategy[T]:
    """Draw one of these values; the strategy is made once."""
    return st.sampled_from(values)


def rarely(draw: st.DrawFn, chance: int = 12) -> bool:
    """Draw true once in so many times, and shrink to false."""
    number: int = draw(one_of(*range(chance)))
    return number == chance - 1


@cache
def offsets(ingredient: str) -> tuple[int, ...]:
    """Return the days before `ON` that lie on a sum of windows and supplies."""
    item, group = CATALOGUE.ingredients[ingredient], CATALOGUE.drug_class(ingredient)
    dosing = item.windows.dosing.days if item.windows.dosing else group.windows.dosing
    washout = item.windows.washout.days if item.windows.washout else group.windows.washout
    regimens = [regimen.dosing for regimen in item.regimens.values()]
    return (0, 0, 0, dosing, dosing, washout, washout, 14, 30, *regimens, *SUPPLIES, -5, -30)


def boundary(draw: st.DrawFn, ingredient: str) -> date:
    """Draw a day on a boundary, just inside it or just outside; or one close to the call."""
    if rarely(draw, 3):
        return near(draw)
    choice = one_of(*offsets(ingredient))
    return ON - timedelta(days=draw(choice) + draw(choice) + draw(one_of(0, 1, -1, 2)))


def near(draw: st.DrawFn) -> date:
    """Draw a day close to the call, where stops, ends and starts meet."""
    return ON + timedelta(days=draw(one_of(0, 1, -1, 2, -2, 3, -3, 4, -4, 6, -6)))


def perhaps(draw: st.DrawFn, ingredient: str, chance: int = 3) -> date | None:
    """Draw a day near a boundary once in so many times."""
    return boundary(draw, ingredient) if rarely(draw, chance) else None


def recognised(draw: st.DrawFn, names: tuple[str, ...], ingredient: str) -> tuple[Recognised, ...]:
    """Draw what a product says: seldom no systemic form or a second ingredient, sometimes a regimen."""
    keys = {ingredient, *([draw(one_of(*names))] if rarely(draw, 20) else [])}
    return tuple(
        Recognised(
            key,
            by=key,
            systemic=not rarely(draw, 25),
            regimen=draw(one_of(None, *sorted(CATALOGUE.ingredients[key].regimens))),
        )
        for key in sorted(keys)
    )


def chart_medication(draw: st.DrawFn, number: int, names: tuple[str, ...]) -> MedicationFact:
    """Draw one medication resource of the record."""
    ingredient = draw(one_of(*names))
    kind = draw(one_of(*Kind))
    fact = MedicationFact(
        ref=f"{TYPES[kind]}/{number}",
        kind=kind,
        origin=Origin.CHART,
        recognised=recognised(draw, names, ingredient),
        id=str(number),
        status=draw(one_of(*STATUSES[kind])),
        other_patient=rarely(draw, 30),
        last_updated=perhaps(draw, ingredient),
    )
    if kind is Kind.REQUEST:
        return chart_request(draw, fact, ingredient)
    if kind is Kind.STATEMENT:
        return chart_statement(draw, fact, ingredient)
    given = None if rarely(draw, 20) else boundary(draw, ingredient)
    return supplied(draw, replace(fact, given=given)) if kind is Kind.DISPENSE else replace(fact, given=given)


def chart_statement(draw: st.DrawFn, fact: MedicationFact, ingredient: str) -> MedicationFact:
    """Draw what only a statement says."""
    return replace(
        fact,
        not_taken=rarely(draw),
        start=perhaps(draw, ingredient),
        end=perhaps(draw, ingredient),
        asserted=perhaps(draw, ingredient, 2),
        reason_groups=draw(one_of(*STATED_REASONS)),
    )


def chart_request(draw: st.DrawFn, fact: MedicationFact, ingredient: str) -> MedicationFact:
    """Draw what only an order of the record says."""
    return request(
        draw,
        replace(
            fact,
            start=perhaps(draw, ingredient),
            end=perhaps(draw, ingredient),
            authored=None if rarely(draw, 4) else boundary(draw, ingredient),
            status_changed=perhaps(draw, ingredient),
            validity_end=perhaps(draw, ingredient, 4),
        ),
    )


def request(draw: st.DrawFn, fact: MedicationFact) -> MedicationFact:
    """Draw what an order of the record and a draft have in common."""
    fact = replace(
        fact,
        intent=draw(one_of(*INTENTS)),
        do_not_perform=rarely(draw, 20),
        repeats=draw(one_of(*REPEATS)),
        reason_groups=draw(one_of(*STATED_REASONS)),
        reason_refs=draw(one_of(*REFERENCES)),
    )
    return supplied(draw, fact)


def supplied(draw: st.DrawFn, fact: MedicationFact) -> MedicationFact:
    """Draw how long a dispensing lasts: stated, to be computed, or not known."""
    how = draw(one_of("nothing", "duration", "duration", "quantity", "half"))
    if how == "duration":
        return replace(fact, supply_days=draw(one_of(*SUPPLIES)))
    if how == "quantity":
        return replace(fact, quantity=draw(one_of(*AMOUNTS)), daily_units=draw(one_of(*DAILY)))
    return replace(fact, quantity=30.0) if how == "half" else fact


def draft(draw: st.DrawFn, number: int, names: tuple[str, ...], chart: tuple[MedicationFact, ...]) -> MedicationFact:
    """Draw an entry of `draftOrders`: new, or a chart order that is signed again or discontinued, or a replacement."""
    orders = [fact for fact in chart if fact.kind is Kind.REQUEST]
    again = draw(st.sampled_from(orders)) if orders and rarely(draw, 3) else None
    prior = draw(st.sampled_from(orders)) if orders and rarely(draw, 3) else None
    ingredient = again.recognised[0].ingredient if again else draw(one_of(*names))
    fact = MedicationFact(
        ref=again.ref if again else f"MedicationRequest/d{number}",
        kind=Kind.REQUEST,
        origin=Origin.DRAFT,
        recognised=recognised(draw, names, ingredient),
        id=again.id if again else f"d{number}",
        status=draw(one_of(*DRAFT_STATUSES)),
        start=near(draw) if rarely(draw, 2) else None,
        end=near(draw) if rarely(draw, 3) else None,
        authored=near(draw) if rarely(draw, 2) else None,
        prior_prescription=prior.ref if prior else None,
    )
    return request(draw, fact)


def condition(draw: st.DrawFn, number: int) -> ConditionFact:
    """Draw one problem: every status, dates around 90 days and around the call."""
    groups = {draw(one_of(*PROBLEMS)) for _ in range(draw(one_of(1, 1, 0, 2)))}
    return ConditionFact(
        ref=f"Condition/{number}",
        groups=tuple(sorted(groups)),
        clinical_status=draw(one_of(*CLINICAL)),
        verification_status=draw(one_of(*VERIFICATION)),
        onset=problem_day(draw),
        abated=problem_day(draw),
        recorded=problem_day(draw),
        encounter=draw(one_of(None, None, ENCOUNTER, "Encounter/other")),
        other_patient=rarely(draw, 20),
    )


def problem_day(draw: st.DrawFn) -> date | None:
    """Draw a day around the call or around the ninety days of an acute infection, or none."""
    ago = draw(one_of(None, None, None, 0, 1, -1, 89, 90, 91, 190))
    return None if ago is None else ON - timedelta(days=ago)


@st.composite
def records(draw: st.DrawFn, *, session: bool = True) -> PatientRecord:
    """Draw a patient: the subject of the rules, one or two others, and what the record and the session say of them."""
    others = {draw(one_of(*INGREDIENTS[1:])) for _ in range(draw(one_of(1, 2)))}
    names = ("upadacitinib", *sorted(others))
    chart = tuple(chart_medication(draw, number, names) for number in range(draw(one_of(2, 1, 3, 4, 5, 0))))
    drafts: dict[str, MedicationFact] = {}
    for number in range(draw(one_of(1, 2, 3, 0)) if session else 0):
        new = draft(draw, number, names, chart)
        drafts.setdefault(new.ref, new)
    conditions = tuple(condition(draw, number) for number in range(draw(one_of(0, 1, 2, 3))))
    encounter = draw(one_of(None, ENCOUNTER))
    born = draw(one_of(date(1984, 2, 11), None, date(2015, 1, 1)))
    return PatientRecord(PATIENT, (*drafts.values(), *chart), conditions, birth_date=born, encounter=encounter)


@st.composite
def cases(draw: st.DrawFn) -> tuple[PatientRecord, Question]:
    """Draw a patient and a question about them."""
    hook = draw(one_of(Hook.ORDER_SIGN, Hook.ORDER_SIGN, Hook.ORDER_SELECT, Hook.PATIENT_VIEW))
    record = draw(records(session=hook is not Hook.PATIENT_VIEW))
    drafts = [fact.ref for fact in record.medications if fact.origin is Origin.DRAFT]
    selected = frozenset(ref for ref in drafts if draw(st.booleans()))
    question = Question(
        on=ON,
        hook=hook,
        jurisdiction=draw(one_of("us", "us", "eu", "au")),
        selections=selected or None,
        policy=policy(draw),
    )
    return record, question


def policy(draw: st.DrawFn) -> Policy:
    """Draw what a site changed, mostly nothing."""
    if not rarely(draw, 8):
        return Policy()
    rules = one_of(*sorted(CATALOGUE.rules))
    disabled = frozenset({draw(rules)} if rarely(draw, 3) else ())
    ceilings = {draw(rules): draw(one_of(*INDICATORS)) for _ in range(draw(one_of(1, 0, 2)))}
    options = draw(one_of(None, (), ("infliximab", "risankizumab")))
    return Policy(disabled, tuple(ceilings.items()), options=options)

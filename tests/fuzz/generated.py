"""Hook requests made by chance from what the knowledge knows: well-formed ones, and what real clients make of them.

The chance is a `random.Random`, so that hypothesis, a fuzzer and a plain loop can all drive it: the same chance gives
the same request. `CANARY` stands wherever a person could be named or recognised.
"""

import copy
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from random import Random
from typing import Any

from cards.model import Code, System
from cards.schema.part import codes_of
from service.fhir.systems import ADDRESSES, system_of
from service.wire import FhirVersion
from tests import builders as make
from tests.fhir_versions import Untranslatable, translated
from tests.markup import PAYLOADS
from tests.packaged import CATALOGUE

Json = dict[str, Any]

ON = date(2026, 3, 10)
CANARY = "zq7canary"
SUBJECT = "upadacitinib"
INGREDIENTS = tuple(CATALOGUE.ingredients)
PROBLEMS = tuple(CATALOGUE.conditions)
_TEXTS = tuple(PAYLOADS.values())
_ADDRESSES = {system: tuple(each for each in ADDRESSES if system_of(each) is system) for system in System}
_OTHERS = ("metformin 500 mg tablet", "insulin glargine", f"{CANARY} tonic", "", " ", "x" * 3000, "Гумира 40 мг", "🙂")
_STATUSES = {
    "MedicationRequest": (
        "active",
        "on-hold",
        "unknown",
        "completed",
        "stopped",
        "cancelled",
        "entered-in-error",
        "ended",
    ),
    "MedicationStatement": (
        "active",
        "completed",
        "intended",
        "on-hold",
        "stopped",
        "not-taken",
        "recorded",
        "unknown",
    ),
    "MedicationAdministration": ("completed", "in-progress", "not-done", "stopped", "on-hold", "entered-in-error"),
    "MedicationDispense": ("completed", "in-progress", "declined", "unknown", "stopped", "preparation"),
}
_ODD_STATUSES = (None, "garbled", "ACTIVE", "draft", 1, ["active"], {"coding": [{"code": "active"}]})
_ROUTES = ("oral", "intravenous", "topical", "ophthalmic", "subcutaneous", None)
_ODD_DAYS = (
    *("2026", "2026-02", "2026-02-30", "2026-13-01", "Invalid date", "", "0001-01-01", "9999-12-31", "10000-01-01"),
    *("2026-03-09T25:61:00Z", "2026-03-09T24:00:00", "2026-03-09T23:59:60Z", "2026-03-10T00:00:00-14:00", "20260309"),
    *("-2026-01-01", "2026-03-09 10:00", 20260309, 1.5e300, None, ["2026-03-01"], {"start": "2026-03-01"}, True),
)
_JUNK: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 10**400, 1e-400, 1.5, "", " ", "x", "\u0000", "\ufffe", "a" * 5000, [], {}, [[]], [{}]),
    *({"": ""}, {"resourceType": "Bundle"}, {"resourceType": None}, {"coding": {}}, {"coding": "x"}, {"reference": 1}),
    *("#", "#x", "urn:uuid:x", "Medication/m1", "https://ehr.example.org/fhir/Medication/m1", "Patient/" + CANARY),
)


def request(dice: Random) -> Json:
    """Make a call about a few medicines, most of them ours, with a record in any version and shape."""
    names = [SUBJECT, *(dice.choice(INGREDIENTS) for _ in range(dice.randint(1, 3)))]
    chart = [_resource(dice, f"r{number}", dice.choice(names)) for number in range(dice.randint(0, 5))]
    chart += [_condition(dice, f"c{number}") for number in range(dice.randint(0, 3))]
    chart += [make.allergy("a1", "x", code=_concept(dice, dice.choice(names)))] if dice.random() < 0.2 else []
    chart += [make.patient(birthDate=_day(dice), name=[{"family": CANARY}])] if dice.random() < 0.5 else []
    drafts = [_draft(dice, f"d{number}", dice.choice(names), chart) for number in range(dice.randint(1, 3))]
    hook = dice.choice((make.order_select, make.order_sign, None))
    made = make.patient_view(chart) if hook is None else hook(drafts, chart)
    return _sent(dice, _told(dice, made))


def broken(dice: Random, value: Any) -> Any:
    """Break a few places of a request as clients do: other types, other cardinality, something missing or twice."""
    made = copy.deepcopy(value)
    for _ in range(dice.choice((0, 1, 1, 2, 4))):
        place = _place(dice, made)
        if place is not None:
            holder, key = place
            dice.choice(_BREAKS)(dice, holder, key)
    return made


def neighbours(dice: Random) -> list[Json]:
    """Make resources of a record, broken ones among them; none has an id that a well-formed call uses."""
    many = [_resource(dice, f"x{number}", dice.choice(INGREDIENTS)) for number in range(dice.randint(1, 4))]
    return [item for each in many if isinstance(item := broken(dice, each), dict)]


def _picked(dice: Random, values: Sequence[Any]) -> Any:
    """Pick one of the values, as a copy: a request is broken in several places, and one may be within another."""
    return copy.deepcopy(dice.choice(values))


def _draft(dice: Random, key: str, name: str, chart: Sequence[Json]) -> Json:
    orders = [item["id"] for item in chart if item["resourceType"] in ("MedicationRequest", "MedicationOrder")]
    others: Json = {"medicationCodeableConcept": _concept(dice, name), "authoredOn": _day(dice)}
    if orders and dice.random() < 0.3:
        key = dice.choice(orders)
    if orders and dice.random() < 0.3:
        others["priorPrescription"] = {"reference": f"MedicationRequest/{dice.choice(orders)}"}
    others["status"] = dice.choice(("draft",) * 6 + ("active", "stopped", "cancelled", None))
    return _version(dice, _dressed(dice, make.draft(key, "x", **others)))


def _resource(dice: Random, key: str, name: str) -> Json:
    kind = dice.choice(tuple(_STATUSES))
    status = dice.choice(_STATUSES[kind]) if dice.random() < 0.9 else _picked(dice, _ODD_STATUSES)
    others: Json = {"medicationCodeableConcept": _concept(dice, name), "status": status}
    day = _day(dice)
    match kind:
        case "MedicationRequest":
            made = make.medication_request(
                key, "x", **others, authoredOn=day, intent=dice.choice(("order", "plan", "option"))
            )
            made |= {
                "dispenseRequest": make.dispense_request(dice.choice((None, 0, 28, 10**9)), dice.choice((None, 3)))
            }
        case "MedicationStatement":
            made = make.statement(
                key, "x", **others, effectivePeriod={"start": day, "end": _day(dice)}, dateAsserted=_day(dice)
            )
        case "MedicationAdministration":
            made = make.administration(key, "x", None, **others, effectiveDateTime=day)
        case _:
            made = make.dispense(key, "x", None, dice.choice((None, 28, 84)), **others, whenHandedOver=day)
    return _version(dice, _dressed(dice, made))


def _dressed(dice: Random, made: Json) -> Json:
    """Add what may stand beside the drug: dose, reason, reference in place of the concept, modifiers, texts."""
    if dice.random() < 0.5 and made["resourceType"] in ("MedicationRequest", "MedicationStatement"):
        dose = make.dosage(
            dice.choice(_TEXTS),
            every=(dice.choice((1, 8, 0, -1)), dice.choice(("d", "wk", "x"))),
            start=_text(_day(dice)),
            end=_text(_day(dice)),
            dose=(dice.choice((45, 15, 0.1)), "mg"),
            route=dice.choice(_ROUTES),
        )
        made["dosageInstruction" if made["resourceType"] == "MedicationRequest" else "dosage"] = [dose]
    if dice.random() < 0.2:
        made["reasonCode"] = [_problem(dice)]
    if dice.random() < 0.1:
        inside = {"resourceType": "Medication", "id": "m1", "code": made.pop("medicationCodeableConcept")}
        made |= {"contained": [inside], "medicationReference": {"reference": "#m1", "display": dice.choice(_TEXTS)}}
    if dice.random() < 0.1:
        made |= {
            "modifierExtension": [{"url": f"https://{CANARY}.example/x"}],
            "doNotPerform": dice.choice((True, False)),
        }
    if dice.random() < 0.1:
        made |= {
            "note": [{"text": CANARY}],
            "subject": {"reference": dice.choice(("Patient/other", "Patient/patient-1"))},
        }
    return made


def _condition(dice: Random, key: str) -> Json:
    clinical = dice.choice(("active", "remission", "resolved", None, "relapse"))
    onset = {"onsetDateTime": _day(dice), "recordedDate": _day(dice)}
    return _version(dice, make.condition(key, "x", code=_problem(dice), clinical=clinical, **onset))


def _version(dice: Random, resource: Json) -> Json:
    if dice.random() < 0.6:
        return resource
    try:
        return translated(resource, dice.choice(tuple(FhirVersion)))
    except Untranslatable:
        return resource


def _concept(dice: Random, name: str) -> Json:
    """Write a drug as records do: by codes of one system or several, by a name, by both, or by something else."""
    item = CATALOGUE.ingredients[name]
    if dice.random() < 0.1:
        return make.concept(dice.choice(_OTHERS + _TEXTS))
    known = tuple(codes_of(item.codes))
    codings = [_coding(dice, dice.choice(known)) for _ in range(dice.randint(0, 2))] if known else []
    text = dice.choice((item.name, *item.names, *item.brands, dice.choice(_TEXTS)))
    if dice.random() < 0.3:
        text = f"{text} {dice.choice(_TEXTS)}"
    return make.concept(text, *codings)


def _coding(dice: Random, code: Code) -> Json:
    value = code.value
    if code.system is System.NDC and len(value) == 9 and dice.random() < 0.7:
        value = dice.choice((f"{value}00", f"{value[:5]}-{value[5:]}-01", f"{value[1:5]}-{value[5:]}-01"))
    display = dice.choice((None, *_TEXTS[:20], CANARY))
    return make.coding(dice.choice(_ADDRESSES[code.system] or ("urn:x",)), value, display)


def _problem(dice: Random) -> Json:
    codes = tuple(codes_of(CATALOGUE.conditions[dice.choice(PROBLEMS)].codes))
    codings = [_coding(dice, dice.choice(codes))] if codes else []
    return make.concept(dice.choice(_TEXTS), *codings)


def _day(dice: Random) -> Any:
    if dice.random() < 0.15:
        return _picked(dice, _ODD_DAYS)
    day = ON - timedelta(days=dice.choice((0, 1, 3, 14, 28, 70, 98, 200, 400, -1, -30)))
    return f"{day}{dice.choice(('', '', 'T10:00:00Z', 'T23:30:00-05:00', 'T10:00'))}"


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _told(dice: Random, made: Json) -> Json:
    """Send the envelope as clients do."""
    context = made["context"]
    if dice.random() < 0.2:
        context["patientId"] = f"Patient/{context['patientId']}"
    if dice.random() < 0.2:
        made["fhirServer"] = dice.choice(("https://ehr.example.org/R4", "http://127.0.0.1:1/fhir", "", 1))
        made["fhirAuthorization"] = {"access_token": f"{CANARY}-token", "token_type": "Bearer", "scope": "x"}
    if dice.random() < 0.1:
        made["hookInstance"] = dice.choice((CANARY, "x" * 1000))
    if dice.random() < 0.1:
        context["selections"] = dice.choice(([], ["MedicationRequest/none"], "MedicationRequest/d0", [1], None))
    if dice.random() < 0.1 and "draftOrders" in context:
        entries = context["draftOrders"]["entry"]
        context["draftOrders"] = dice.choice(
            ([item["resource"] for item in entries], entries[0]["resource"], [entries])
        )
    return made


def _sent(dice: Random, made: Json) -> Json:
    """Leave out, wrap or spoil the values of prefetch, or all of it."""
    if dice.random() < 0.05:
        made.pop("prefetch")
        return made
    fetched = made["prefetch"]
    for key in list(fetched):
        match dice.randint(0, 30):
            case 0:
                del fetched[key]
            case 1:
                fetched[key] = None
            case 2:
                fetched[key] = {"response": {"status": "200"}, "resource": fetched[key]}
            case 3:
                fetched[key] = {
                    "resourceType": "OperationOutcome",
                    "issue": [{"severity": "error", "code": "exception"}],
                }
            case 4:
                fetched[key] = _picked(dice, _JUNK)
            case 5:
                fetched[dice.choice(("other", "item1"))] = fetched.pop(key)
    return made


def _places(value: Any, found: list[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in items:
        found.append((value, key))
        _places(part, found)
    return found


def _place(dice: Random, value: Any) -> tuple[Any, Any] | None:
    found = _places(value, [])
    return dice.choice(found) if found else None


def _drop(_: Random, holder: Any, key: Any) -> None:
    del holder[key]


def _spoil(dice: Random, holder: Any, key: Any) -> None:
    holder[key] = _picked(dice, _JUNK)


def _say(dice: Random, holder: Any, key: Any) -> None:
    holder[key] = dice.choice(_TEXTS)


def _list(_: Random, holder: Any, key: Any) -> None:
    holder[key] = [holder[key]]


def _unlist(_: Random, holder: Any, key: Any) -> None:
    value = holder[key]
    if isinstance(value, list) and value:
        holder[key] = value[0]


def _twice(_: Random, holder: Any, key: Any) -> None:
    value = holder[key]
    holder[key] = [*value, *copy.deepcopy(value)] if isinstance(value, list) else [value, copy.deepcopy(value)]


def _nest(dice: Random, holder: Any, key: Any) -> None:
    for _ in range(dice.choice((1, 5, 30, 70))):
        holder[key] = {"resource": holder[key]} if dice.random() < 0.5 else [holder[key]]


def _rename(dice: Random, holder: Any, key: Any) -> None:
    if isinstance(holder, dict):
        value = holder.pop(key)
        holder[dice.choice(("medication", "medicationReference", "status", "code", "subject", "x", f"_{key}", ""))] = (
            value
        )


def _retype(dice: Random, holder: Any, key: Any) -> None:
    value = holder[key]
    if isinstance(value, dict) and "resourceType" in value:
        value["resourceType"] = dice.choice(
            ("Bundle", "Medication", "MedicationOrder", "ServiceRequest", "Patient", "", 1)
        )
    else:
        holder[key] = _picked(dice, _ODD_DAYS)


_BREAKS: tuple[Callable[[Random, Any, Any], None], ...] = (
    *(_drop, _spoil, _spoil, _say, _say, _list, _unlist, _twice, _nest, _rename, _retype, _retype),
)

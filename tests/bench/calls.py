"""The calls that the benchmark makes: one reference record, with an order of ours or without, in any size.

30 orders like those of US Core (about 2 kB and 28 nested elements each), 20 problems, two drafts: 94 kB. What is none
of ours has codes that stand for no real medicine or problem.
"""

import json
from collections.abc import Iterator, Mapping
from itertools import chain, islice
from typing import Any

from tests import builders
from tests.builders import ICD10CM, PATIENT, RXNORM, SNOMED, coding, concept, quantity, reference

ORDERS, PROBLEMS = 30, 20
ON_RECORD = "2026-03-02T09:15:00+01:00"
_CORE = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-"
_CATEGORIES = "http://terminology.hl7.org/CodeSystem/"

Json = dict[str, Any]


def out_of_scope(*, orders: int = ORDERS, problems: int = PROBLEMS) -> bytes:
    """Make an order-select whose drafts are none of ours, over a record that has none of ours either."""
    return _call([_order(f"draft-{n}", _other(n), status="draft") for n in (901, 902)], _record(orders, problems))


def in_scope(*, orders: int = ORDERS, problems: int = PROBLEMS, ours: int = 3) -> bytes:
    """Make an order-select of upadacitinib over a record of the same size in which `ours` resources are ours.

    They are a problem (Crohn's disease), infliximab in force, azathioprine stopped long ago, and then more infusions
    of infliximab.
    """
    drafts = [_order("draft-901", builders.medicine("upadacitinib 45"), status="draft")]
    drafts.append(_order("draft-902", _other(902), status="draft"))
    known = list(islice(chain(_of_ours(), _infusions()), ours))
    medications = sum(item["resourceType"] != "Condition" for item in known)
    others = _record(orders - medications, problems - (ours - medications))
    return _call(drafts, [*known, *others])


def many_medications(count: int = 5_000, ours: int = 10) -> bytes:
    """Make an order-select of upadacitinib over a long record of short orders (1.2 kB each), with `ours` of ours."""
    drafts = [_order("draft-901", builders.medicine("upadacitinib 45"), status="draft")]
    known = list(islice(chain(_of_ours(), _infusions()), ours))
    return _call(drafts, [*known, *(_short_order(f"order-{n}", _other(n)) for n in range(count - ours))])


def unreadable() -> bytes:
    """Make a call that is answered with 400."""
    return b'{"hook":"order-select","hook":"order-select"}'


def without_medications() -> bytes:
    """Make a call in scope that is answered with 412."""
    drafts = [_order("draft-901", builders.medicine("upadacitinib 45"), status="draft")]
    return _written(
        builders.order_select(
            drafts,
            without=("medicationRequests", "medicationStatements", "medicationAdministrations", "medicationDispenses"),
        )
    )


def _call(drafts: list[Json], chart: list[Json]) -> bytes:
    request = builders.order_select(drafts, chart, selections=[drafts[0]["id"]])
    kept = {key: value for key, value in request["prefetch"].items() if value.get("total") != 0}
    return _written({**request, "prefetch": kept})


def _written(request: Mapping[str, Any]) -> bytes:
    return json.dumps(request, separators=(",", ":")).encode()


def _record(orders: int, problems: int) -> list[Json]:
    placed = [_order(f"order-{n}", _other(n)) for n in range(orders)]
    return [*placed, *(_problem(f"problem-{n}", _other_problem(n)) for n in range(problems))]


def _of_ours() -> Iterator[Json]:
    yield _problem("crohn", builders.problem("crohn"))
    yield _order("infliximab", builders.medicine("infliximab"))
    ended = {"authoredOn": "2022-04-11", "meta": {"versionId": "4", "lastUpdated": "2022-09-30T10:05:00+02:00"}}
    yield _order("azathioprine", builders.medicine("azathioprine"), status="stopped", **ended)


def _infusions() -> Iterator[Json]:
    for n in range(1, 1000):
        yield _order(f"infusion-{n}", builders.medicine("infliximab"), status="completed", authoredOn="2025-11-03")


def _other(n: int) -> Json:
    return concept(
        f"Medicine {n} 20 MG Oral Tablet",
        coding(RXNORM, f"90{n:05}", f"medicine {n} 20 MG Oral Tablet"),
        coding("https://ehr.example.org/formulary", f"local-{n}"),
    )


def _other_problem(n: int) -> Json:
    return concept(
        f"Problem {n}, unspecified",
        coding(ICD10CM, f"Y{n % 100:02}.X", f"Problem {n}, unspecified"),
        coding(SNOMED, f"9{n:07}", f"Problem {n} (disorder)"),
    )


def _order(key: str, medicine: Json, **others: Any) -> Json:
    """Make an order with all that US Core lets a server send."""
    return builders.medication_request(
        key,
        "",
        **{
            "meta": {"versionId": "3", "lastUpdated": ON_RECORD, "profile": [f"{_CORE}medicationrequest"]},
            "identifier": [{"use": "official", "system": f"{builders.SERVER}/orders", "value": f"{key}-0001"}],
            "category": [
                concept("Outpatient", coding(f"{_CATEGORIES}medicationrequest-category", "outpatient", "Outpatient"))
            ],
            "reportedBoolean": False,
            "medicationCodeableConcept": medicine,
            "subject": reference("Patient", PATIENT),
            "authoredOn": ON_RECORD,
            "requester": reference("Practitioner", "practitioner-1"),
            "reasonCode": [_other_problem(7)],
            "note": [{"text": "Continue as before."}],
            "dosageInstruction": [_dosage()],
            "dispenseRequest": {
                "validityPeriod": {"start": "2026-03-02"},
                "numberOfRepeatsAllowed": 3,
                "quantity": quantity(30, "{tbl}"),
                "expectedSupplyDuration": quantity(30, "d"),
            },
            **others,
        },
    )


def _dosage() -> Json:
    ordered = coding(f"{_CATEGORIES}dose-rate-type", "ordered", "Ordered")
    return {
        "sequence": 1,
        "text": "Take 1 tablet by mouth once daily",
        "timing": {
            "repeat": {"frequency": 1, "period": 1, "periodUnit": "d"},
            "code": concept("Once daily", coding(f"{_CATEGORIES}v3-GTSAbbreviation", "QD", "every day")),
        },
        "asNeededBoolean": False,
        "route": concept("Oral", coding(SNOMED, "26643006", "Oral route")),
        "doseAndRate": [{"type": {"coding": [ordered]}, "doseQuantity": quantity(1, "{tbl}")}],
    }


def _short_order(key: str, medicine: Json) -> Json:
    whole = _order(key, medicine)
    left_out = ("meta", "reasonCode", "note", "dispenseRequest", "identifier", "category", "reportedBoolean")
    return {name: value for name, value in whole.items() if name not in left_out}


def _problem(key: str, what: Json) -> Json:
    return builders.condition(
        key,
        "",
        meta={"versionId": "1", "lastUpdated": ON_RECORD, "profile": [f"{_CORE}condition-problems-health-concerns"]},
        code=what,
        onsetDateTime="2021-06-14",
        recordedDate=ON_RECORD,
        recorder=reference("Practitioner", "practitioner-1"),
    )

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.cases import read_case
from service.fhir import dstu2, r4, r5, stu3
from service.recording.deidentify import Unreadable
from service.recording.format import Exchange
from service.recording.key import RecordingKey, is_hash
from service.recording.lines import exchange_line
from service.recording.policy import load_policy
from tests.recording.calls import (
    CANARIES,
    KEY,
    ON,
    around,
    at,
    call,
    exchange_of,
    kept,
    kept_request,
    kept_resource,
    places,
    read,
    with_at,
)
from tests.thorough import examples

DAYS = KEY.of_patient("", "p1").days
DRUG = {
    "coding": [{"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": "2196900"}],
    "text": "Rinvoq 15 mg",
}
RESOURCES: tuple[dict[str, Any], ...] = (
    {
        "resourceType": "MedicationRequest",
        "id": "order-1",
        "meta": {"lastUpdated": "2026-03-01T10:00:00Z", "profile": ["x"]},
        "status": "active",
        "intent": "order",
        "medicationCodeableConcept": DRUG,
        "medicationReference": {"reference": "Medication/m1", "display": "Rinvoq"},
        "subject": {"reference": "Patient/p1", "display": "Somebody"},
        "encounter": {"reference": "Encounter/e1"},
        "requester": {"reference": "Practitioner/d1", "display": "Somebody"},
        "authoredOn": "2026-03-02",
        "reasonCode": [{"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "K50.90", "display": "x"}]}],
        "priorPrescription": {"reference": "MedicationRequest/order-0"},
        "dosageInstruction": [
            {
                "sequence": 1,
                "text": "15 mg by mouth once daily",
                "route": {"text": "Oral"},
                "asNeededBoolean": False,
                "timing": {
                    "event": ["2026-03-05"],
                    "repeat": {
                        "boundsPeriod": {"start": "2026-03-01", "end": "2026-09"},
                        "frequency": 1,
                        "periodUnit": "d",
                    },
                },
                "doseAndRate": [
                    {"doseQuantity": {"value": 15, "unit": "mg", "system": "http://unitsofmeasure.org", "code": "mg"}}
                ],
            }
        ],
        "dispenseRequest": {"numberOfRepeatsAllowed": 2, "expectedSupplyDuration": {"value": 30, "unit": "d"}},
        "contained": [{"resourceType": "Medication", "id": "m1", "code": DRUG}],
    },
    {
        "resourceType": "Patient",
        "id": "p1",
        "birthDate": "1984-02-11",
        "gender": "female",
        "name": [{"family": "Somebody"}],
    },
    {
        "resourceType": "Condition",
        "id": "c1",
        "clinicalStatus": {"coding": [{"code": "active"}], "text": "x"},
        "code": {
            "coding": [{"system": "http://snomed.info/sct", "code": "34000006", "display": "x"}],
            "text": "Crohn's disease",
        },
        "onsetDateTime": "2020",
        "abatementString": "x",
    },
    {
        "resourceType": "OperationOutcome",
        "issue": [{"severity": "error", "code": "timeout", "diagnostics": "x", "details": {"text": "x"}}],
    },
)
RESPONSE = {
    "cards": [
        {
            "uuid": "0501fbf2-e078-5447-af23-9bf832f71a8a",
            "summary": "Upadacitinib + infliximab",
            "detail": "| upadacitinib (Rinvoq 15 mg) | ordered | recorded 2026-03-02 |",
            "indicator": "warning",
            "source": {
                "label": "RINVOQ US Prescribing Information",
                "url": "https://x.example/1",
                "topic": {"system": "x", "code": "x"},
            },
            "suggestions": [
                {
                    "label": "Remove",
                    "uuid": "0501fbf2-e078-5447-af23-9bf832f71a8b",
                    "actions": [{"type": "delete", "description": "x", "resourceId": "MedicationRequest/order-1"}],
                }
            ],
            "selectionBehavior": "any",
            "overrideReasons": [{"system": "x", "code": "x", "display": "Clinical trial"}],
            "links": [{"label": "x", "url": "https://x.example/evidence/upadacitinib-biologic", "type": "absolute"}],
        }
    ]
}
FEEDBACK = {
    "card": "0501fbf2-e078-5447-af23-9bf832f71a8a",
    "outcome": "overridden",
    "overrideReason": {"reason": {"system": "x", "code": "x"}, "userComment": "x"},
    "acceptedSuggestions": [{"id": "x"}],
    "outcomeTimestamp": "2026-03-16T10:00:00Z",
}


def _everything(**changed: Any) -> dict[str, Any]:
    """Make a call with a place for everything that a policy keeps and much that it does not."""
    request = around(RESOURCES[0])
    request["fhirServer"] = "https://ehr.wibble.example/fhir"
    request["fhirAuthorization"] = {
        "access_token": "secret",
        "token_type": "Bearer",
        "expires_in": 300,
        "scope": "patient/*.read",
        "subject": "app",
    }
    request["extension"] = {"com.example.trace": "x"}
    request["context"]["selections"] = ["MedicationRequest/order-1"]
    request["context"]["encounterId"] = "e1"
    request["context"]["draftOrders"]["entry"] = [{"fullUrl": "urn:uuid:x", "resource": RESOURCES[0]}]
    for key, resource in zip(("patient", "conditions", "allergies"), RESOURCES[1:], strict=True):
        request["prefetch"][key] = resource
    read_body = {"resourceType": "Bundle", "link": [{"relation": "next", "url": "x"}], "entry": [{"resource": DRUG}]}
    reads = [{"method": "GET", "url": "MedicationRequest?patient=p1", "problem": "timeout", "body": read_body}]
    return {"request": request, "response": RESPONSE, "feedback": [FEEDBACK], "reads": reads} | changed


def _exchange(parts: Any) -> Exchange:
    made = call(
        parts["request"],
        parts["response"],
        client="ehr-1",
        feedback=tuple(json.dumps(entry).encode() for entry in parts["feedback"]),
    )
    reads = tuple(
        read(str(item["url"]), item["body"], method=str(item["method"]), problem=str(item["problem"]))
        for item in parts["reads"]
        if isinstance(item, dict) and {"url", "body", "method", "problem"} <= item.keys()
    )
    return replace(made, fhir_calls=reads)


PLACES = [path for path in places(_everything()) if len(path) > 1]
PLANTED = st.sampled_from(CANARIES)


def _is_code(whole: Any, path: tuple[Any, ...]) -> bool:
    """Say whether a place is the code of a public system: there a number is a code."""
    holder = at(whole, path[:-1])
    return path[-1] == "code" and isinstance(holder, dict) and "system" in holder


@settings(max_examples=examples(600))
@given(st.sampled_from(PLACES), PLANTED, st.sampled_from(["instead", "beside", "within", "as a name", "as an object"]))
def test_nothing_that_is_planted_anywhere_is_ever_written(path: tuple[Any, ...], canary: str, how: str) -> None:
    whole = _everything()
    found = at(whole, path)
    if canary.isdigit() and _is_code(whole, path):
        return
    match how:
        case "instead":
            put: Any = canary
        case "beside":
            put = [found, canary]
        case "within":
            put = f"{found} {canary}" if isinstance(found, str) else canary
        case "as a name":
            put = {**(found if isinstance(found, dict) else {}), canary: "x", "note": [{"text": canary}]}
        case _:
            put = {"resourceType": "Patient", "name": [{"family": canary}], "text": {"div": canary}, "id": canary}
    line = exchange_line(kept(_exchange(with_at(whole, path, put)))).decode()
    assert canary.casefold() not in line.casefold()


@settings(max_examples=examples(300))
@given(
    st.sampled_from([path for path in PLACES if path[0] == "request"]),
    st.text(st.characters(codec="utf-8"), min_size=8, max_size=40),
)
def test_whatever_text_a_member_holds_it_only_passes_in_known_words(path: tuple[Any, ...], text: str) -> None:
    whole = with_at(_everything(), path, f"{text} Quackenbush")
    line = exchange_line(kept(_exchange(whole))).decode()
    assert "quackenbush" not in line.casefold()


def test_of_a_person_only_gender_and_an_age_in_years_remain() -> None:
    assert kept_resource(
        {
            "resourceType": "Patient",
            "id": "p1",
            "identifier": [{"system": "https://ehr.wibble.example/mrn", "value": "4815162342"}],
            "name": [{"family": "Quackenbush", "given": ["Zebulon"]}],
            "telecom": [{"value": "+1-555-0142-877"}],
            "address": [{"line": ["1 Wibblestreet"], "postalCode": "90210"}],
            "maritalStatus": {"text": "M"},
            "contact": [{"name": {"family": "Quackenbush"}}],
            "gender": "female",
            "birthDate": "1984-02-11",
            "text": {"div": "<div>Zebulon</div>"},
            "extension": [{"url": "x", "valueString": "Zebulon"}],
        }
    ) == {
        "resourceType": "Patient",
        "id": KEY.hashed("", "p1"),
        "gender": "female",
        "birthDate": f"{(ON + DAYS).year - 42}-01-01",
    }


@pytest.mark.parametrize(
    ("born", "age"),
    [
        ("2008-03-16", 18),
        ("2008-03-17", 17),
        ("2008-03", 17),
        ("2008", 17),
        ("1984-02-11", 42),
        ("1930-01-01", 90),
        ("1936-03-16", 90),
        ("1936-03-17", 89),
        ("2026-03-16", 0),
    ],
)
def test_the_age_at_the_call_is_right_to_the_year_and_ninety_at_most(born: str, age: int) -> None:
    shown = date.fromisoformat(kept_resource({"resourceType": "Patient", "birthDate": born})["birthDate"])
    on = ON + DAYS
    assert (shown.month, shown.day) == (1, 1)
    assert on.year - shown.year == age


@settings(max_examples=examples(60))
@given(st.dates(date(1990, 1, 1), date(2030, 1, 1)), st.integers(0, 4_000))
def test_intervals_are_kept_to_the_day(first: date, days: int) -> None:
    made = kept_resource(
        {
            "resourceType": "MedicationStatement",
            "effectivePeriod": {"start": f"{first}", "end": f"{first + timedelta(days)}T10:00:00+02:00"},
        }
    )["effectivePeriod"]
    start, end = date.fromisoformat(made["start"]), date.fromisoformat(made["end"][:10])
    assert end - start == timedelta(days)
    assert start - first == DAYS != timedelta()
    assert made["end"].endswith("T10:00:00+02:00")


@pytest.mark.parametrize(
    ("written", "kept_as"),
    [
        ("Invalid date", "Invalid date"),
        ("yesterday, said Zebulon", "Invalid date"),
        ("16.03.2026", "Invalid date"),
        ("2026-02-30", "Invalid date"),
        ("0002-03-16", "0002-01-01"),
        ("2026-03-16 by Zebulon", f"{ON + DAYS} xxx"),
        ("2026-03-16T10:00:00.1234567Z", f"{ON + DAYS}T10:00:00.123Z"),
        ("2026-03-16 10:00", f"{ON + DAYS} 10:00"),
    ],
)
def test_a_date_that_is_none_stays_none_and_says_nothing(written: str, kept_as: str) -> None:
    assert kept_resource({"resourceType": "MedicationRequest", "authoredOn": written})["authoredOn"] == kept_as


def test_the_call_moves_with_its_patient_and_keeps_no_fraction_of_a_second() -> None:
    made = kept(call(around(RESOURCES[0])))
    assert made.on == ON + DAYS
    assert made.at == datetime(2026, 3, 16, 9, 30, 15, tzinfo=UTC) + DAYS
    assert is_hash(made.id)


def test_ids_are_the_same_wherever_they_stand_and_differ_between_clients_and_keys() -> None:
    request = around(RESOURCES[0])
    request["context"]["selections"] = ["MedicationRequest/order-1"]
    request["context"]["draftOrders"]["entry"] = [{"resource": RESOURCES[0]}]
    response = {"cards": [{"suggestions": [{"actions": [{"resourceId": "MedicationRequest/order-1"}]}]}]}
    made = kept(call(request, response))
    body = json.loads(made.request)
    own = body["context"]["draftOrders"]["entry"][0]["resource"]["id"]
    assert is_hash(own)
    assert body["context"]["selections"] == [f"MedicationRequest/{own}"]
    action = json.loads(made.response)["cards"][0]["suggestions"][0]["actions"][0]
    assert action["resourceId"] == f"MedicationRequest/{own}"
    subject = body["context"]["draftOrders"]["entry"][0]["resource"]["subject"]
    assert subject == {"reference": f"Patient/{body['context']['patientId']}"}
    others = (kept(call(request, client="b")), kept(call(request), RecordingKey(bytes(32))))
    assert all(own not in other.request.decode() for other in others)
    assert own in kept(call(request)).request.decode()


def test_a_record_that_turns_its_meaning_round_still_does_so() -> None:
    nested = {"resourceType": "MedicationRequest", "note": [{"modifierExtension": [{"url": "x"}], "text": "Zebulon"}]}
    assert kept_resource(nested)["modifierExtension"] == [{"url": "https://modifier.invalid/"}]
    plain = {"resourceType": "MedicationRequest", "implicitRules": "https://ehr.wibble.example/rules"}
    assert kept_resource(plain)["implicitRules"] == "https://modifier.invalid/"


def test_numbers_keep_their_digits_and_an_improbable_one_goes() -> None:
    doses = [{"doseQuantity": {"value": 1.10}}, {"doseQuantity": {"value": 4815162342}}]
    body = json.dumps(around({"resourceType": "MedicationRequest", "dosageInstruction": doses})).replace(
        "1.1}", "1.10}"
    )
    made = kept(replace(call({}), request=body.encode())).request
    assert b'"value":1.10}' in made
    values = json.loads(made, parse_float=Decimal)["prefetch"]["medicationRequests"]["entry"][0]["resource"]
    assert [item["doseQuantity"]["value"] for item in values["dosageInstruction"]] == [Decimal("1.10"), 0]


def test_of_a_type_that_the_policy_does_not_know_type_and_hashed_id_remain() -> None:
    assert kept_resource({"resourceType": "Observation", "id": "o1", "valueString": "Zebulon"}) == {
        "resourceType": "Observation",
        "id": KEY.hashed("", "o1"),
    }
    assert kept_resource({"resourceType": "Zebulon", "id": "o1"})["resourceType"] == "withheld"


def test_prefetch_keys_of_our_own_stay_and_others_are_only_numbered() -> None:
    request = around(RESOURCES[0])
    request["prefetch"] = {"patient": None, "Quackenbush": None, "allergies": None}
    assert kept_request(request)["prefetch"] == {"patient": None, "other1": None, "allergies": None}


def test_the_access_to_the_fhir_server_becomes_a_placeholder_that_a_replay_can_take() -> None:
    made = kept_request(_everything()["request"])
    assert made["fhirServer"] == "https://fhir.invalid/r4"
    assert made["fhirAuthorization"] == {"access_token": "withheld", "token_type": "Bearer"}


def test_a_local_code_is_hashed_and_stays_the_same_code() -> None:
    local = {"system": "https://ehr.wibble.example/formulary", "code": "UPA15", "display": "Rinvoq for Zebulon"}
    made = [
        kept_resource({"resourceType": "Medication", "id": own, "code": {"coding": [local]}})["code"]["coding"][0]
        for own in ("m1", "m2")
    ]
    assert made[0] == made[1]
    assert made[0]["display"] == "Rinvoq for xxx"
    assert made[0]["system"].startswith("https://local.invalid/")
    assert is_hash(made[0]["code"])


def test_a_public_code_that_has_not_the_shape_of_its_system_is_hashed() -> None:
    rxnorm = "http://www.nlm.nih.gov/research/umls/rxnorm"
    codings = [{"system": rxnorm, "code": "2196900"}, {"system": rxnorm, "code": "4815162342"}]
    made = kept_resource({"resourceType": "Medication", "code": {"coding": codings}})["code"]["coding"]
    assert made[0] == codings[0]
    assert is_hash(made[1]["code"])


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"{", b'{"a":1,"a":2}', b'{"a":NaN}', b"\xff"])
def test_what_is_no_single_json_object_is_not_recorded(body: bytes) -> None:
    with pytest.raises(Unreadable):
        kept(replace(call({}), request=body))


def test_what_a_fhir_server_said_that_is_no_json_leaves_only_that() -> None:
    page = replace(call(around(RESOURCES[0])), fhir_calls=(read("Patient/p1", b"<html>Zebulon", status=200),))
    (made,) = kept(page).fhir_calls
    assert made.body == b"(not JSON)"
    assert made.url == f"Patient/{KEY.hashed('', 'p1')}"


def test_every_element_that_an_answer_can_depend_on_is_in_the_policy() -> None:
    policy = load_policy()

    def missing(spec: Any, kept_spec: Any, path: str) -> list[str]:
        if isinstance(spec, list):
            return missing(spec[0], kept_spec, path)
        if not isinstance(spec, dict) or isinstance(kept_spec, str):
            return []
        return [
            place
            for name, part in spec.items()
            for place in (missing(part, kept_spec[name], f"{path}.{name}") if name in kept_spec else [f"{path}.{name}"])
        ]

    people = {"subject.display", "encounter.display", "context.display", "patient.display", "requester.display"}
    people |= {"reasonReference.display", "reasonForUseReference.display"}
    left_out = {
        place
        for version in (r4, r5, stu3, dstu2)
        for kind, spec in version.SHAPE.specs.items()
        for place in missing(dict(spec), policy.resources[kind], kind)
        if place.partition(".")[2] not in people | {"priorPrescription.display"}
    }
    assert left_out == set()


def test_what_is_no_id_is_none_in_a_recording_either() -> None:
    """No action names such a draft, so none may name it when the recording is replayed."""
    case = read_case("order-sign__draft-whose-id-is-an-address")
    request = json.loads(kept(exchange_of(case)).request)
    own = request["context"]["draftOrders"]["entry"][0]["resource"]["id"]
    assert own.startswith("?")
    assert is_hash(own[1:])

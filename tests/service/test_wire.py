"""The envelope: what is served all the same, what is refused, and that neither ever says what was in it."""

import copy
import json
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cards import Recogniser, load_catalogue
from cards.model import Action, Card, Coding, Indicator, Suggestion
from service.errors import InvalidRequest, ServiceError
from service.fhir import MedicationLibrary, draft_facts, read_chart, scan_drafts
from service.prefetch import collect
from service.wire import Deviation, FhirOffer, FhirVersion, HookRequest, read_request, write_response
from service.wire.fhir_version import EPIC_EXTENSION, hinted_version
from tests import builders as make
from tests.builders import Json
from tests.thorough import examples

RECOGNISER = Recogniser(load_catalogue())


@dataclass(frozen=True)
class _Service:
    id: str
    hook: str


SELECT = _Service("select", "order-select")
SIGN = _Service("sign", "order-sign")


def _read(request: object, service: _Service = SIGN) -> HookRequest:
    return read_request(json.dumps(request).encode(), service)


def _sign(**others: Any) -> Json:
    return make.order_sign([make.draft("draft-1", "upadacitinib")], **others)


def _refused(body: bytes, service: _Service = SIGN) -> str:
    with pytest.raises(InvalidRequest) as caught:
        read_request(body, service)
    return caught.value.message


def test_a_correct_request_is_read_without_deviations() -> None:
    request = _read(make.order_select([make.draft("draft-1", "upadacitinib")]), SELECT)
    assert request.hook == "order-select"
    assert request.patient == make.PATIENT
    assert request.user == f"Practitioner/{make.PRACTITIONER}"
    assert request.encounter == make.ENCOUNTER
    assert request.selections == ("MedicationRequest/draft-1",)
    assert [draft["id"] for draft in request.drafts] == ["draft-1"]
    assert request.deviations == ()


@pytest.mark.fault(36)
@pytest.mark.parametrize(
    ("change", "deviation"),
    [
        ({"patientId": "Patient/patient-1"}, Deviation.PATIENT_PREFIXED),
        ({"patientId": "https://ehr.example.org/fhir/Patient/patient-1"}, Deviation.PATIENT_PREFIXED),
        ({"encounterId": "Encounter/encounter-1"}, Deviation.ENCOUNTER_PREFIXED),
        ({"encounterId": 5}, Deviation.ENCOUNTER_UNREADABLE),
        ({"userId": None}, Deviation.USER_MISSING),
        ({"draftOrders": make.draft("draft-1", "upadacitinib")}, Deviation.DRAFTS_NOT_A_BUNDLE),
        ({"draftOrders": [make.draft("draft-1", "upadacitinib")]}, Deviation.DRAFTS_NOT_A_BUNDLE),
        (
            {"draftOrders": {"resourceType": "Bundle", "entry": [make.draft("draft-1", "upadacitinib")]}},
            Deviation.DRAFT_ENTRY_ODD,
        ),
        (
            {
                "draftOrders": {
                    "resourceType": "Bundle",
                    "entry": [{"resource": {"response": {}, "resource": make.draft("draft-1", "upadacitinib")}}],
                }
            },
            Deviation.DRAFT_ENTRY_ODD,
        ),
    ],
)
def test_what_can_only_mean_one_thing_is_served_and_named(change: Json, deviation: Deviation) -> None:
    body = _sign()
    body["context"] = {**body["context"], **change}
    request = _read(body)
    assert request.patient == "patient-1"
    assert [draft["id"] for draft in request.drafts] == ["draft-1"]
    assert request.deviations == (deviation,)


def test_a_context_in_a_list_of_one_is_served_and_named() -> None:
    body = _sign()
    body["context"] = [body["context"]]
    assert _read(body).deviations == (Deviation.CONTEXT_IS_A_LIST,)


def test_a_hook_instance_that_is_no_uuid_is_served_and_named() -> None:
    assert _read(_sign(hookInstance="call 7")).deviations == (Deviation.HOOK_INSTANCE_NOT_UUID,)


@pytest.mark.parametrize("value", [[], "text", 5])
def test_a_prefetch_that_is_no_object_counts_as_none(value: object) -> None:
    request = _read(_sign() | {"prefetch": value})
    assert request.prefetch is None
    assert request.deviations == (Deviation.PREFETCH_NOT_AN_OBJECT,)


def test_unknown_members_and_extensions_make_no_difference() -> None:
    request = _read(_sign(extension={"com.example": {"a": [1]}}, foo=1, fhirAuthorization=None))
    assert request.deviations == ()
    assert request.fhir == FhirOffer()


@pytest.mark.parametrize(
    ("authorization", "token"),
    [
        ({"access_token": "canary"}, "canary"),
        ({"access_token": ""}, None),
        ({"access_token": " "}, None),
        ({"access_token": 7}, None),
        ({}, None),
        ("canary", None),
        (None, None),
    ],
)
def test_a_token_is_offered_as_a_text_that_is_not_empty_and_never_shown(authorization: Any, token: str | None) -> None:
    request = _read(_sign(fhirServer=make.SERVER, fhirAuthorization=authorization))
    assert (request.fhir.server, request.fhir.token) == (make.SERVER, token)
    assert "canary" not in repr(request)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"hook": None}, "hook is missing"),
        ({"hook": "patient-view"}, "send the call to the service that GET /cds-services names for its hook"),
        ({"hook": ["order-sign"]}, "hook is missing"),
        ({"hookInstance": None}, "hookInstance is missing"),
        ({"hookInstance": " "}, "hookInstance is missing"),
        ({"hookInstance": 7}, "hookInstance is missing or no text"),
        ({"context": None}, "context is missing"),
        ({"context": [{}, {}]}, "context is missing"),
    ],
)
def test_an_envelope_that_cannot_be_understood_is_refused(change: Json, words: str) -> None:
    assert words in _refused(json.dumps(_sign() | change).encode())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"patientId": None}, "context.patientId is missing"),
        ({"patientId": 12345}, "context.patientId is missing or no text"),
        ({"patientId": ""}, "context.patientId is empty"),
        ({"patientId": "Patient/"}, "Patient"),
        ({"patientId": "patient-1/ /"}, "context.patientId is empty"),
        ({"draftOrders": None}, "context.draftOrders"),
        ({"draftOrders": {}}, "context.draftOrders"),
        ({"draftOrders": "Bundle"}, "context.draftOrders"),
    ],
)
def test_a_context_that_cannot_be_understood_is_refused(change: Json, words: str) -> None:
    body = _sign()
    body["context"] = {**body["context"], **change}
    if change.get("patientId") == "Patient/":
        assert _read(body).patient == "Patient"
    else:
        assert words in _refused(json.dumps(body).encode())


def test_a_bundle_without_entries_has_no_drafts() -> None:
    assert _read(_sign(context={"draftOrders": {"resourceType": "Bundle"}})).drafts == ()


def test_draft_entries_that_are_no_objects_are_counted_and_the_others_read() -> None:
    orders = {"resourceType": "Bundle", "entry": [None, "x", {"resource": make.draft("draft-1", "upadacitinib")}]}
    request = _read(_sign(context={"draftOrders": orders}))
    assert [draft["id"] for draft in request.drafts] == ["draft-1"]
    assert request.deviations == (Deviation.DRAFT_ENTRY_UNREADABLE,) * 2


@pytest.mark.parametrize(
    "stated",
    [
        "MedicationRequest/draft-1",
        "https://ehr.example.org/fhir/MedicationRequest/draft-1",
        "MedicationRequest/draft-1/_history/2",
        "draft-1",
        "urn:uuid:0b5f8a3e-7a4c-4f57-8a53-3f4f4d3f1f10",
    ],
)
def test_a_selection_is_found_however_it_is_written(stated: str) -> None:
    entry = {
        "fullUrl": "urn:uuid:0b5f8a3e-7a4c-4f57-8a53-3f4f4d3f1f10",
        "resource": make.draft("draft-1", "upadacitinib"),
    }
    orders = {"resourceType": "Bundle", "entry": [entry, {"resource": make.draft("draft-2", "adalimumab")}]}
    body = make.order_select([], context={"selections": [stated], "draftOrders": orders})
    assert _read(body, SELECT).selections == ("MedicationRequest/draft-1",)


def test_a_dangling_selection_is_dropped_and_counted() -> None:
    body = make.order_select(
        [make.draft("draft-1", "upadacitinib")],
        context={"selections": ["MedicationRequest/gone", "MedicationRequest/draft-1", 7]},
    )
    request = _read(body, SELECT)
    assert request.selections == ("MedicationRequest/draft-1",)
    assert request.deviations == (Deviation.SELECTION_DANGLING,) * 2


@pytest.mark.fault(36)
@pytest.mark.parametrize("selections", [None, [], "", ["MedicationRequest/gone"], 5])
def test_without_a_usable_selection_every_draft_counts(selections: object) -> None:
    body = make.order_select([make.draft("draft-1", "upadacitinib")])
    body["context"]["selections"] = selections
    assert _read(body, SELECT).selections is None


@pytest.mark.fault(33)
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'"x"',
        b"5",
        b"{",
        b"{} trailing",
        b"\xef\xbb\xbf{}",
        '{"hook": 1}'.encode("utf-16"),
        '{"hook": 1}'.encode("utf-16-le"),
        b'{"hook": "\xff"}',
        b'{"hook": NaN}',
        b'{"hook": -Infinity}',
        b'{"hook": 1e999}',
        b'{"hook": ' + b"9" * 5000 + b"}",
        b'{"hook": "\\ud800"}',
        b'{"prefetch": {"a": "\\udc00"}}',
        b'{"prefetch": {"a": NaN}}',
        b'{"prefetch": {"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}}",
        b'{"context": ' + b"[" * 200_000 + b"]" * 200_000 + b"}",
        b'{"prefetch": ' + b"[" * 200_000 + b"]" * 200_000 + b"}",
    ],
)
def test_what_is_no_plain_json_object_is_refused(body: bytes) -> None:
    _refused(body)


def test_nesting_is_limited_in_what_is_read_and_not_in_an_unread_prefetch() -> None:
    deep: object = "leaf"
    for _ in range(70):
        deep = [deep]
    assert "nested deeper" in _refused(json.dumps(_sign(extension={"deep": deep})).encode())
    body = _sign()
    body["prefetch"]["unread"] = {"text": "x" * 1000, "deep": deep}
    assert _read(body).hook == "order-sign"


@pytest.mark.parametrize(
    ("broken", "path"),
    [
        ('{"hook": "a", "hook": "b"}', "hook"),
        ('{"context": {"patientId": "secret-1", "patientId": "secret-2"}}', "context.patientId"),
        ('{"context": {"draftOrders": {"entry": [{}, {"resource": {"id": "a", "id": "b"}}]}}}', "resource.id"),
        ('{"prefetch": {"patient": {"a": 1}, "patient": null}}', "prefetch.patient"),
        ('{"prefetch": {}, "prefetch": {"patient": null}}', "prefetch"),
    ],
)
def test_a_repeated_key_is_refused_by_its_path_and_never_its_value(broken: str, path: str) -> None:
    message = _refused(broken.encode())
    assert f"{path} twice" in message
    assert "secret" not in message


def test_a_repeated_prefetch_key_is_refused_also_where_its_values_are_large() -> None:
    large = json.dumps(make.bundle(*(make.condition(f"c{n}", "crohn") for n in range(5))))
    other = large.replace("c1", "c7")
    body = f'{{"hook": "order-sign", "prefetch": {{"conditions": {large}, "conditions": {other}}}}}'
    assert "prefetch.conditions twice" in _refused(body.encode())


def test_a_draft_that_equals_a_prefetch_value_is_still_read() -> None:
    order = make.draft("draft-1", "upadacitinib", note=[{"text": "x" * 600}])
    body = make.order_sign([order])
    body["prefetch"]["medicationRequests"] = order
    assert [draft["id"] for draft in _read(body).drafts] == ["draft-1"]


def test_a_message_never_repeats_a_key_that_looks_like_data() -> None:
    message = _refused(b'{"Jane Doe 1984": 1, "Jane Doe 1984": 2}')
    assert "Jane" not in message


def _ids(card: Card, suggestion: Suggestion | None) -> str:
    return f"{card.key}-{suggestion.kind if suggestion else 'card'}"


def _card(**others: Any) -> Card:
    members: dict[str, Any] = {
        "key": "rule",
        "indicator": Indicator.WARNING,
        "summary": "Two drugs.",
        "detail": "Do not combine.",
        "source_label": "Label",
        "source_url": None,
        "topic": Coding("urn:example", "TOPIC", "Topic"),
    }
    return Card(**(members | others))


def test_an_empty_answer_is_an_empty_list_of_cards() -> None:
    assert write_response((), _ids) == b'{"cards":[]}'


def test_a_card_is_written_without_anything_empty() -> None:
    assert json.loads(write_response([_card(detail="")], _ids)) == {
        "cards": [
            {
                "uuid": "rule-card",
                "summary": "Two drugs.",
                "indicator": "warning",
                "source": {
                    "label": "Label",
                    "topic": {"system": "urn:example", "code": "TOPIC", "display": "Topic"},
                },
            }
        ]
    }


def test_suggestions_carry_their_selection_behaviour_and_their_actions() -> None:
    delete = Action("delete", "Remove it", resource_id="MedicationRequest/draft-1")
    create = Action("create", "Add it")
    suggestions = (Suggestion("delete", "Remove", (delete,)), Suggestion("create", "Add", (create,), recommended=True))
    card = json.loads(write_response([_card(suggestions=suggestions)], _ids))["cards"][0]
    assert card["selectionBehavior"] == "at-most-one"
    assert card["suggestions"] == [
        {
            "label": "Remove",
            "uuid": "rule-delete",
            "actions": [
                {"type": "delete", "description": "Remove it", "resourceId": "MedicationRequest/draft-1"},
            ],
        },
        {
            "label": "Add",
            "uuid": "rule-create",
            "isRecommended": True,
            "actions": [{"type": "create", "description": "Add it"}],
        },
    ]


def _valid() -> Json:
    drafts = [
        make.draft(
            "draft-1",
            "upadacitinib",
            authoredOn="2026-11-23",
            dosageInstruction=[make.dosage("daily", start="2026-11-23", end="2027-01-01", dose=(1, "{tbl}"))],
            dispenseRequest=make.dispense_request(30, 2, quantity=make.quantity(30, "{tbl}")),
            reasonCode=[make.problem("crohn")],
        ),
        make.draft("draft-2", "adalimumab", medicationCodeableConcept=None, medicationReference={"reference": "#m"}),
        {"resourceType": "Medication", "id": "m", "code": make.medicine("adalimumab")},
    ]
    chart = [
        make.patient(),
        make.condition("c", "crohn", onsetDateTime="2020-01"),
        make.medication_request("r", "adalimumab", authoredOn="2026-01-01"),
        make.statement("s", "infliximab", effectivePeriod={"start": "2025", "end": "2026-02"}),
        make.administration("a", "infliximab", "2026-10-01T10:00:00Z"),
        make.dispense("d", "azathioprine", "2026-10-01", 30),
    ]
    return make.order_select(drafts, chart)


def _places(value: object, path: tuple[int | str, ...] = ()) -> list[tuple[int | str, ...]]:
    found = [path] if path else []
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, part in parts:
        found += _places(part, (*path, step))
    return found


_PLACES = _places(_valid())
_ODDITIES: list[Any] = [
    *({}, [], "", -1, 1e300, 10**25, [[None]]),
    *("Invalid date", "2026-13-45", "2026-11-23T10:00:00", "0001", "9999-12-31", "urn:uuid:1"),
    *({"resourceType": "Bundle"}, {"reference": "Medication/m"}, {"coding": {"code": 5}}),
]
_ANYTHING = st.sampled_from(_ODDITIES) | st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
_Change = tuple[tuple[int | str, ...], Any]


def _changed(body: Json, changes: list[_Change]) -> Json:
    for path, value in changes:
        holder: Any = body
        try:
            for step in path[:-1]:
                holder = holder[step]
            holder[path[-1]] = copy.deepcopy(value)
        except (KeyError, IndexError, TypeError):
            continue
    return body


def _status_of(body: bytes) -> int:
    try:
        _answered(body, SELECT)
    except ServiceError as error:
        return error.status
    return 200


def _answered(body: bytes, service: _Service) -> None:
    request = read_request(body, service)
    prefetched = collect(request)
    library = MedicationLibrary.of_drafts(request.drafts, request.full_urls).extended(prefetched.resources)
    draft_facts(scan_drafts(request.drafts, request.patient, library, RECOGNISER))
    read_chart(prefetched.resources, request.patient, library, RECOGNISER)


@settings(max_examples=examples(300))
@given(st.lists(st.tuples(st.sampled_from(_PLACES), _ANYTHING), min_size=1, max_size=4))
def test_whatever_is_changed_in_a_request_is_answered_or_refused(changes: list[_Change]) -> None:
    body = json.dumps(_changed(copy.deepcopy(_valid()), changes)).encode()
    assert _status_of(body) in (200, 400)


@settings(max_examples=examples(200))
@given(st.binary(max_size=40), st.integers(min_value=0, max_value=4000), st.integers(min_value=0, max_value=40))
def test_whatever_bytes_are_put_into_a_request_it_is_answered_or_refused(new: bytes, at: int, cut: int) -> None:
    body = json.dumps(_valid()).encode()
    assert _status_of(body[:at] + new + body[at + cut :]) in (200, 400)


@pytest.mark.parametrize(
    ("named", "version"),
    [
        ({}, None),
        ({"fhirServer": "https://ehr.example.org/fhir"}, None),
        ({"fhirServer": "https://ehr.example.org/api/FHIR/R4"}, FhirVersion.R4),
        ({"fhirServer": "https://ehr.example.org/r4b/"}, FhirVersion.R4),
        ({"fhirServer": "https://ehr.example.org/R5/tenant-1"}, FhirVersion.R5),
        ({"fhirServer": "https://ehr.example.org/STU3"}, FhirVersion.STU3),
        ({"fhirServer": "https://ehr.example.org/DSTU2/"}, FhirVersion.DSTU2),
        ({"fhirServer": "https://r4.example.org/fhir/r40"}, None),
        ({"fhirServer": 4}, None),
        ({"extension": {EPIC_EXTENSION: "STU3"}, "fhirServer": "https://ehr.example.org/R4"}, FhirVersion.STU3),
        ({"extension": {EPIC_EXTENSION: "R9"}, "fhirServer": "https://ehr.example.org/R4"}, FhirVersion.R4),
        ({"extension": [EPIC_EXTENSION]}, None),
    ],
)
def test_a_call_may_name_its_fhir_version(named: dict[str, Any], version: FhirVersion | None) -> None:
    assert hinted_version(named) is version


def test_the_fhir_version_of_a_call_is_read_with_it() -> None:
    call = make.order_select([make.draft("d", "upadacitinib")], fhirServer="https://ehr.example.org/STU3")
    assert _read(call, SELECT).fhir_version is FhirVersion.STU3

"""The public CDS Hooks sandbox: what it was seen to send, what its cards need, and what breaks it.

The rows of what it sends are recorded cases; this page lists them, with the action in the sandbox that sends them.
"""

import json
from pathlib import Path

import pytest

from service.cases import case_names, read_case
from tests.clients.calls import Json, answered, cards, changed, drafts, recorded, said, served
from tests.clients.contract import actions, suggestions
from tests.databases import own_database
from tests.fakes import SELECT
from tests.thorough import one_in
from tests.trust import bearer, client, jwks, pair, seconds, token

ORIGIN = "http://127.0.0.1:8080"
ISSUER = "https://sandbox.cds-hooks.org"
FULL = "order-select__sandbox-full-order"
SWITCH = "order-select__sandbox-profile-switch-is-one-update"
Expected = tuple[int, list[str]]
SILENT: Expected = (200, [])
WARNS: Expected = (200, ["warning"])
REFUSED: Expected = (400, [])

SENDS = {
    "Rx View is opened: no medication, no intent": ("order-select__sandbox-draft-without-medicine", SILENT),
    "a condition is chosen: reasonCode is an object": (
        "order-select__sandbox-reason-chosen-before-the-medicine",
        SILENT,
    ),
    "a drug is chosen: category is an object, the Bundle has no type": (FULL, WARNS),
    'a date is being typed: "Invalid date"': ("order-select__sandbox-start-date-invalid", WARNS),
    "a date is being typed: year 0002": ("order-select__sandbox-start-date-half-typed", WARNS),
    "the tab is clicked again: neither selections nor draftOrders": (
        "order-select__sandbox-tab-clicked-again",
        REFUSED,
    ),
    "the PAMA tab: a ServiceRequest with an empty coding": ("order-select__sandbox-imaging-order-without-code", SILENT),
    "Rx Sign: draftOrders without selections": ("order-sign__sandbox-sign-order", WARNS),
}


@pytest.mark.parametrize("action", SENDS)
def test_what_it_sends_is_answered(action: str) -> None:
    name, expected = SENDS[action]
    case = read_case(name)
    warned = [card["indicator"] for card in case.expected.get("cards", []) if card["indicator"] != "info"]
    assert (case.status, warned) == expected


def test_the_recorded_calls_carry_what_the_list_says() -> None:
    opened, chosen = drafts(recorded(next(iter(SENDS.values()))[0]))[0], drafts(recorded(FULL))[0]
    assert not {"intent", "medicationCodeableConcept"} & opened.keys()
    assert isinstance(chosen["category"], dict)
    assert isinstance(chosen["reasonCode"], dict)
    assert "type" not in recorded(FULL)["context"]["draftOrders"]
    assert chosen["id"] == "request-123"
    service = drafts(recorded("order-select__sandbox-imaging-order-without-code"))[0]
    assert service["code"] == {"coding": [{}]}


def test_typing_on_after_a_drug_was_chosen_drops_it_again() -> None:
    call = changed(recorded(FULL), lambda made: drafts(made)[0].pop("medicationCodeableConcept"))
    assert cards(call, "sandbox") == []


def test_each_of_the_calls_of_one_typed_date_gets_the_same_answer() -> None:
    starts = ("Invalid date", "0002-11-23", "0020-11-23", "0202-11-23", "2026-03-16")

    def typed(start: str) -> Json:
        return changed(
            recorded(FULL),
            lambda made: drafts(made)[0]["dosageInstruction"][0]["timing"]["repeat"].update(
                boundsPeriod={"start": start}
            ),
        )

    summaries = {tuple(summary for _, summary, _ in said(cards(typed(start)))) for start in starts}
    assert len(summaries) == 1
    assert summaries != {()}


def test_its_other_prefetch_keys_change_nothing() -> None:
    """A search whose query it could not fill in is sent literally, and what comes back stands under its key."""
    empty = {"resourceType": "Bundle", "type": "searchset", "total": 0, "entry": []}
    call = changed(
        recorded(FULL), lambda made: made["prefetch"].update({"coverage": empty, "emptySearch": empty, "ids": empty})
    )
    assert said(cards(call, "sandbox")) == said(cards(recorded(FULL), "sandbox"))


def test_a_server_of_dstu2_makes_its_draft_a_medication_order() -> None:
    def older(made: Json) -> None:
        (draft,) = drafts(made)
        draft |= {"resourceType": "MedicationOrder", "id": "order-123", "patient": draft.pop("subject")}
        draft["dateWritten"] = draft.pop("authoredOn")
        made["context"]["selections"] = ["MedicationOrder/order-123"]

    found = cards(changed(recorded(FULL), older), "sandbox")
    assert [summary for _, summary, _ in said(found)] == [summary for _, summary, _ in said(cards(recorded(FULL)))]
    assert [item["actions"][0]["resourceId"] for item in suggestions({"cards": found[:1]})] == [
        "MedicationOrder/order-123"
    ]


def test_a_server_of_r5_still_gets_drafts_of_r4() -> None:
    call = changed(recorded(FULL), lambda made: made.update(fhirServer="http://127.0.0.1:8701/R5"))
    assert said(cards(call, "sandbox")) == said(cards(recorded(FULL), "sandbox"))


def test_a_chart_is_opened_with_patient_and_user_alone() -> None:
    name = "patient-view__azathioprine-after-a-transplant"
    call = changed(recorded(name), lambda made: made.update(context=_patient_and_user(made["context"])))
    assert said(cards(call, "sandbox")) == said(cards(recorded(name), "sandbox")) != []


def _patient_and_user(context: Json) -> Json:
    return {name: context[name] for name in ("patientId", "userId")}


@pytest.mark.parametrize(
    "told",
    [
        {"outcome": "accepted", "acceptedSuggestions": [{"id": "22222222-2222-4222-8222-222222222222"}]},
        {"outcome": "overridden", "overrideReason": {"reason": {"code": "clinical-trial", "system": "urn:x"}}},
        {"outcome": "overridden", "overrideReason": {"reason": {"code": "clinical-trial"}}},
        {"outcome": "overridden"},
    ],
    ids=["a suggestion", "dismissed with a reason", "with a reason that has no system", "dismissed"],
)
def test_each_feedback_that_it_posts_is_taken(tmp_path: Path, told: Json) -> None:
    own_database(tmp_path / "data")
    element = {
        "card": "11111111-1111-4111-8111-111111111111",
        "outcomeTimestamp": "2026-03-16T02:51:32.711Z",
        **told,
    }
    answer = served(tmp_path).post(f"{SELECT}/feedback", json={"feedback": [element]}, headers={"Origin": ORIGIN})
    assert (answer.status_code, answer.get_json()) == (200, {})


def test_a_hook_of_another_service_is_a_400_that_says_so(tmp_path: Path) -> None:
    """It posts `order-select` to patient-view services where its address says ?hook=order-select."""
    answer = served(tmp_path).post("/cds-services/upadacitinib-combination-view", json=recorded(FULL))
    assert answer.status_code == 400
    assert "answers patient-view only" in answer.get_json()["issue"][0]["diagnostics"]


def test_a_failed_prefetch_is_an_absent_key_and_no_failure() -> None:
    call = changed(recorded(FULL), lambda made: made["prefetch"].pop("conditions", None))
    assert [indicator for indicator, _, _ in said(cards(call))][:1] == ["warning"]


# What its cards need.


@pytest.mark.parametrize("name", one_in(3, [name for name in case_names() if read_case(name).expected.get("cards")]))
def test_every_card_can_be_dismissed_and_every_suggestion_reported(name: str) -> None:
    """Without a uuid there is no Dismiss button and no feedback; a suggestion without a label is refused."""
    body = answered(read_case(name), "sandbox")
    assert all(card["uuid"] and card["source"]["label"] for card in body["cards"])
    assert all(item["uuid"] and item["label"] for item in suggestions(body))
    assert all(action["description"] for action in actions(body))


def test_a_switch_is_one_update_that_the_sandbox_applies() -> None:
    """It takes text and the first code, keeps its own id, and drops the link: so the text says what is replaced."""
    (_, options) = cards(recorded(SWITCH), "sandbox")
    switches = [item["actions"] for item in options["suggestions"] if "actions" in item]
    assert len(switches) == 3
    for (action,) in switches:
        resource = action["resource"]
        assert action["type"] == "update"
        assert (resource["resourceType"], resource["id"]) == ("MedicationRequest", "request-123")
        concept = resource["medicationCodeableConcept"]
        assert concept["coding"][0]["code"]
        assert concept["text"] == f"{concept['coding'][0]['display']} (instead of vedolizumab)"
        assert resource["priorPrescription"] == {"reference": "MedicationRequest/order-vedolizumab"}
        assert "dosageInstruction" not in resource


def test_the_call_after_a_switch_is_silent_and_a_lie_in_the_text_is_not() -> None:
    assert cards(recorded("order-select__sandbox-profile-switch-was-accepted"), "sandbox") == []
    assert cards(recorded("order-select__sandbox-profile-words-alone-replace-nothing"), "sandbox") != []


# What breaks it.


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        (SELECT, {"hook": "order-select"}, 400),
        (SELECT, recorded("order-select__in-scope-without-prefetch"), 412),
        ("/cds-services/unknown", {}, 404),
    ],
)
def test_an_error_reaches_the_page_because_it_carries_the_headers_of_cors(
    tmp_path: Path, path: str, body: Json, status: int
) -> None:
    answer = served(tmp_path).post(path, json=body, headers={"Origin": ORIGIN})
    assert answer.status_code == status
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert answer.get_json()["resourceType"] == "OperationOutcome"


@pytest.mark.parametrize("path", ["/cds-services", "/cds-services/", SELECT, f"{SELECT}/", f"{SELECT}/feedback"])
def test_a_preflight_is_answered_without_a_token_and_never_redirected(tmp_path: Path, path: str) -> None:
    signer = pair("sandbox")
    sandbox = client(id="sandbox", issuers=[ISSUER], jwks=jwks(signer), origins=[ORIGIN], profile="sandbox")
    headers = {
        "Origin": ORIGIN,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type",
    }
    answer = served(tmp_path, clients=[sandbox]).options(path, headers=headers)
    assert answer.status_code == 204
    allowed = answer.headers["Access-Control-Allow-Headers"].casefold()
    assert "authorization" in allowed
    assert "content-type" in allowed


def test_its_token_brings_its_profile_with_keys_from_a_local_copy(tmp_path: Path) -> None:
    """ES384, `aud` the exact address, five minutes; its `jku` is on the internet and is not followed."""
    signer = pair("sandbox")
    keys = tmp_path / "sandbox-jwks.json"
    keys.write_text(json.dumps(jwks(signer)))
    sandbox = {"id": "sandbox", "issuers": [ISSUER], "jwks_file": str(keys), "origins": [ORIGIN], "profile": "sandbox"}
    site = served(tmp_path, clients=[sandbox])
    signed = token(
        signer,
        header={"jku": f"{ISSUER}/.well-known/jwks.json"},
        iss=ISSUER,
        aud=f"http://127.0.0.1:8000{SELECT}",
        exp=int(seconds(300)),
    )
    answer = site.post(SELECT, json=recorded(SWITCH), headers={"Origin": ORIGIN, **bearer(signed)})
    assert answer.status_code == 200
    assert [action["type"] for action in actions(answer.get_json())] == ["delete", "update", "update", "update"]


def test_a_silent_answer_has_its_empty_list_of_cards(tmp_path: Path) -> None:
    """204 or `{}` would show "No response returned"."""
    name, _ = SENDS["Rx View is opened: no medication, no intent"]
    answer = served(tmp_path).post(SELECT, json=recorded(name))
    assert (answer.status_code, answer.get_json()) == (200, {"cards": []})

"""Epic: what it sends otherwise than the standard says, one row each, and what it is sent.

The recorded call `order-select__epic-profile-epic-call` carries every row; a row taken out of it, and nothing else,
leaves the words of the card as they are. What Epic shows and files is the contract of its profile (contract.py).
"""

import json
from pathlib import Path
from typing import Any

import pytest

from service.discovery import SERVICES
from tests import builders
from tests.clients.calls import Json, Row, cards, changed, drafts, recorded, said, served
from tests.clients.contract import faults
from tests.fakes import SELECT
from tests.trust import BASE, bearer, client, jwks, pair, seconds, token

CALL = "order-select__epic-profile-epic-call"
SERVER = "https://epic.example.org/interconnect/api/FHIR/R4"


def _medication(call: Json) -> Json:
    (found,) = (item for item in drafts(call) if item["resourceType"] == "Medication")
    return found


def _order(call: Json) -> Json:
    return drafts(call)[0]


def _charted(call: Json) -> Json:
    (entry,) = call["prefetch"]["medicationRequests"]["entry"]
    order: Json = entry["resource"]
    return order


def _concept_in_the_order(call: Json) -> None:
    concept = _medication(call)["code"]
    order = _order(call)
    del order["medicationReference"]
    order["medicationCodeableConcept"] = concept
    call["context"]["draftOrders"]["entry"].pop()


def _one_coding(call: Json) -> None:
    _medication(call)["code"]["coding"] = [builders.coding(builders.RXNORM, "2196894")]


def _relative(call: Json) -> None:
    order = _charted(call)
    for key in ("subject", "medicationReference"):
        assert order[key]["reference"].startswith(SERVER)
        order[key]["reference"] = order[key]["reference"].removeprefix(f"{SERVER}/")


def _empty_bundles(call: Json) -> None:
    for key in ("conditions", "medicationStatements", "allergies"):
        (entry,) = call["prefetch"][key]["entry"]
        assert entry["search"]["mode"] == "outcome"
        del call["prefetch"][key]["entry"]


def _list_of_categories(call: Json) -> None:
    for order in (_order(call), _charted(call)):
        assert isinstance(order["category"], dict)
        order["category"] = [order["category"]]


def _dose_and_rate(call: Json) -> None:
    for order in (_order(call), _charted(call)):
        (dosage,) = order["dosageInstruction"]
        dosage["doseAndRate"] = [{"doseQuantity": dosage.pop("doseQuantity")}]


def _without_extension(call: Json) -> None:
    names = call.pop("extension")
    assert names["com.epic.cdshooks.request.cds-hooks-specification-version"] == "1.1"


def _practitioner(call: Json) -> None:
    assert call["context"]["userId"].startswith("PractitionerRole/")
    call["context"]["userId"] = "Practitioner/practitioner-1"


def _short_id(call: Json) -> None:
    order = _order(call)
    assert len(order["id"]) > 64
    assert {".", "-"} < set(order["id"])
    order["id"] = "short"
    call["context"]["selections"] = ["MedicationRequest/short"]


ROWS = (
    Row("an order refers to a Medication that stands beside it in draftOrders", _concept_in_the_order),
    Row("a Medication has codings of several systems, and of RxNorm several levels without display", _one_coding),
    Row("references are absolute in prefetch and relative in context", _relative),
    Row("a search without results is a Bundle with an OperationOutcome", _empty_bundles),
    Row("category is an object", _list_of_categories),
    Row("doseQuantity stands in the dosage, as before R4", _dose_and_rate),
    Row("extensions at the root, an old cds-hooks-specification-version among them", _without_extension),
    Row("userId is a PractitionerRole", _practitioner),
    Row("ids are longer than 64 characters, with dots", _short_id),
)


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_a_row_makes_no_difference(row: Row) -> None:
    call = recorded(CALL)
    with_row, plain = said(cards(call)), said(cards(changed(call, row.plainly)))
    assert [indicator for indicator, _, _ in with_row] == ["warning"]
    assert with_row == plain


def test_an_order_whose_medication_is_not_sent_is_read_by_its_display() -> None:
    (card,) = cards(changed(recorded(CALL), lambda call: call["context"]["draftOrders"]["entry"].pop()))
    assert card["summary"].startswith("Upadacitinib + mercaptopurine")


def test_the_medication_beside_the_order_is_no_order() -> None:
    """Near miss: the same Medication alone, which nothing orders."""
    call = recorded(CALL)
    call["context"]["draftOrders"]["entry"] = call["context"]["draftOrders"]["entry"][1:]
    assert cards(call) == []


def test_prefetch_keys_that_a_site_typed_itself_are_read() -> None:
    """Nothing says what an empty list under a key of the site's own is a list of: the card says "not supplied"."""
    call = recorded(CALL)
    (card,), (renamed,) = cards(call), cards(changed(call, lambda made: made.update(prefetch=_own(made["prefetch"]))))
    assert (renamed["indicator"], renamed["summary"]) == (card["indicator"], card["summary"])
    assert "problem list was not supplied" in renamed["detail"]


def _own(prefetch: Json) -> Json:
    own: Json = {f"-{key}": value for key, value in prefetch.items()}
    return {**own, "-user": {"resourceType": "PractitionerRole", "id": "synthetic-role"}}


def test_an_outcome_of_another_severity_is_no_empty_search() -> None:
    """Near miss: the search failed, and silence about it would read as an all-clear."""
    call = recorded("order-select__epic-outcome-entries-mean-no-data")
    assert cards(call) == []
    for key in ("medicationRequests", "medicationStatements"):
        for entry in call["prefetch"][key]["entry"]:
            for issue in entry["resource"].get("issue", []):
                issue |= {"severity": "error", "code": "exception"}
                issue.pop("details", None)
    (card,) = cards(call)
    assert card["source"]["topic"]["code"] == "UPADACITINIBCHECKINCOMPLETE"


def test_draft_orders_that_are_withheld_are_a_400_that_names_the_scopes(tmp_path: Path) -> None:
    call = changed(recorded(CALL), lambda made: made["context"].pop("draftOrders"))
    answer = served(tmp_path).post(SELECT, json=call)
    assert answer.status_code == 400
    assert "no scopes for unsigned orders" in answer.get_json()["issue"][0]["diagnostics"]


def test_a_token_as_epic_signs_it_brings_the_profile_of_the_client(tmp_path: Path) -> None:
    """RS384, `iss` the FHIR base URL, `sub` the client id, valid from five minutes ago; a kid with `+`, `/` and `=`."""
    signer = pair("epic", algorithm="RS384")
    epic = client(id="epic", issuers=[SERVER], jwks=jwks(signer), profile="epic")
    other = client(id="other", issuers=["https://other.example.org"], profile="sandbox")
    site = served(tmp_path, public_base_url=BASE, clients=[other, epic])
    signed = token(signer, iss=SERVER, sub="client-id", nbf=int(seconds(-300)), exp=int(seconds(900)))
    answer = site.post(SELECT, json=recorded("order-select__options-after-one-biologic"), headers=bearer(signed))
    assert answer.status_code == 200
    warning, options = answer.get_json()["cards"]
    assert warning["selectionBehavior"] == "any"
    assert "suggestions" not in options
    assert faults(answer.get_json(), "epic") == []


def test_only_hooks_that_epic_has_are_offered() -> None:
    assert {item.hook for item in SERVICES} == {"patient-view", "order-select", "order-sign"}


def test_each_of_several_orders_of_one_drug_is_described_by_its_own_words() -> None:
    (warning, *_) = cards(recorded("order-sign__epic-profile-two-strengths"), "epic")
    described = [action["description"] for item in warning["suggestions"] for action in item["actions"]]
    assert len(set(described)) == 2
    assert all(text.startswith("Remove the draft order for upadacitinib: 24 HR upadacitinib ") for text in described)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("RINVOQ 15 MG PO TB24", "RINVOQ 15 MG PO TB24"),
        ("Rinvoq <img src=x onerror=alert(1)>", "Rinvoq img src x onerror alert(1)"),
        ("Rinvoq [now](https://evil.example/x)", "Rinvoq (now)(https /evil example/x)"),
        ("Rinvoq **15** `mg`\n# 0.5", "Rinvoq 15 mg 0.5"),
    ],
)
def test_words_of_an_order_are_plain_text_in_a_description(text: str, shown: str) -> None:
    call = recorded(CALL)
    _concept_in_the_order(call)
    _order(call)["medicationCodeableConcept"]["text"] = text
    (card,) = cards(call, "epic")
    assert card["suggestions"][0]["actions"][0]["description"] == f"Remove the draft order for upadacitinib: {shown}"


def test_an_order_that_says_no_more_than_its_drug_is_described_without_a_repetition() -> None:
    call = recorded(CALL)
    _concept_in_the_order(call)
    _order(call)["medicationCodeableConcept"]["text"] = "Upadacitinib"
    (card,) = cards(call, "epic")
    assert card["suggestions"][0]["actions"][0]["description"] == "Remove the draft order for upadacitinib"


def test_the_topic_of_a_card_is_the_same_for_every_patient_and_every_call() -> None:
    """Epic remembers an acknowledgement against it."""
    calls: list[Any] = [recorded(CALL), recorded("order-sign__upadacitinib-beside-transplant-tacrolimus")]
    topics = {json.dumps(cards(call, "epic")[0]["source"]["topic"]) for call in calls}
    assert len(topics) == 1

"""Oracle Health (Millennium): patient-view alone, a narrow pane, links from an allowlist, `critical` as a pop-up."""

from pathlib import Path
from typing import Any

import pytest

from service.cases import case_names, read_case
from tests.clients.calls import cards, recorded, served
from tests.trust import BASE, bearer, client, jwks, pair, token

ISSUER = "https://cds-hooks.cerner.com"
VIEW = "/cds-services/upadacitinib-combination-view"
CASES = tuple(name for name in case_names() if name.startswith("patient-view__"))
SHOWN: list[tuple[str, dict[str, Any]]] = [
    (name, card) for name in CASES for card in read_case(name).expected.get("cards", [])
]


def test_patient_view_is_a_service_of_its_own_that_needs_no_order(tmp_path: Path) -> None:
    signer = pair("oracle")
    site = served(
        tmp_path, public_base_url=BASE, clients=[client(id="millennium", issuers=[ISSUER], jwks=jwks(signer))]
    )
    call = recorded("patient-view__upadacitinib-and-infliximab-in-force")
    assert "draftOrders" not in call["context"]
    answer = site.post(VIEW, json=call, headers=bearer(token(signer, iss=ISSUER, aud=BASE + VIEW)))
    assert [card["indicator"] for card in answer.get_json()["cards"]] == ["info"]


def test_one_agent_alone_is_silent_when_the_chart_is_opened() -> None:
    assert cards(recorded("patient-view__upadacitinib-alone")) == []


@pytest.mark.parametrize(("name", "card"), SHOWN)
def test_a_chart_that_is_opened_never_gets_a_pop_up(name: str, card: dict[str, Any]) -> None:
    assert card["indicator"] in {"info", "warning"}


@pytest.mark.parametrize(("name", "card"), SHOWN)
def test_a_card_suggests_nothing_where_there_is_no_draft(name: str, card: dict[str, Any]) -> None:
    assert "suggestions" not in card


@pytest.mark.parametrize(("name", "card"), SHOWN)
def test_a_narrow_pane_has_the_message_in_the_first_paragraph_and_a_table_of_three_columns(
    name: str, card: dict[str, Any]
) -> None:
    first, *rest = card["detail"].split("\n\n")
    assert not first.startswith("|")
    assert all(
        row.replace("\\|", "").count("|") == 4 for part in rest if part.startswith("|") for row in part.split("\n")
    )


def test_a_link_that_is_not_on_the_allowlist_takes_nothing_of_the_message_with_it(tmp_path: Path) -> None:
    """The links are absolute, never SMART, and the cards say the same without them."""
    call = recorded("order-select__evidence-link-under-the-public-address")
    linked = served(tmp_path, public_base_url=BASE).post("/cds-services/upadacitinib-combination-select", json=call)
    found = linked.get_json()["cards"]
    links = [link for card in found for link in card.get("links", [])]
    assert links
    assert all(set(link) == {"label", "url", "type"} and link["type"] == "absolute" for link in links)
    assert [{key: value for key, value in card.items() if key != "links"} for card in found] == cards(call)

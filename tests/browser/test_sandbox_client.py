"""Somebody else's client, in a real browser from another origin: a stand-in with the public sandbox's own rules.

The rules were observed (service/wire/README.md, "Connecting the public CDS Hooks sandbox"); the sandbox itself is tried
by hand.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from service.cases import read_case
from service.store import FILE
from tests.browser.chromium import Guard, Page, expect
from tests.browser.sandbox_client.server import client_page, fhir_server, private_jwk
from tests.clients.calls import recorded
from tests.fakes import SELECT, SIGN
from tests.loopback import NOON, free_port, served, site_on
from tests.trust import jwks, pair

pytestmark = [pytest.mark.enable_socket, pytest.mark.browser]

ISSUER = "https://sandbox.cds-hooks.org"
PREFETCH: dict[str, Any] = recorded("order-select__sandbox-profile-switch-is-one-update")["prefetch"]
WARNING = "Upadacitinib + vedolizumab: the US label does not recommend this combination."
HELPER = "/cds-services/order-helper"


@dataclass
class Sandbox:
    """The page, what the service saw of it, and the folder that the service keeps its records in."""

    page: Page
    calls: list[tuple[str, str]]
    folder: Path

    def card(self, summary: str) -> Any:
        return self.page.locator("article").filter(has_text=summary)

    def click(self, name: str, card: str | None = None) -> list[tuple[str, str]]:
        """Click a button, wait for all that follows, and give the calls that the service saw; no preflights."""
        seen = len(self.calls)
        place = self.page if card is None else self.card(card)
        place.get_by_role("button", name=name, exact=True).click()
        self.settle()
        return [call for call in self.calls[seen:] if call[0] != "OPTIONS"]

    def settle(self) -> None:
        expect(self.page.locator("body:not([data-busy])")).to_be_attached(timeout=30_000)

    def told(self) -> list[tuple[str, str | None]]:
        """Give outcome and reason of all feedback that is kept."""
        with closing(sqlite3.connect(self.folder / FILE)) as database:
            return list(database.execute("SELECT outcome, reason_code FROM feedback ORDER BY id"))


@pytest.fixture
def sandbox(visit: Callable[..., Page], guard: Guard, tmp_path: Path) -> Iterator[Callable[..., Sandbox]]:
    """Open the client on a site that knows its key and its origin; `chart` is what the FHIR server holds beside."""
    with ExitStack() as stack:

        def opened(*, chart: tuple[dict[str, Any], ...] = (), listed: bool = True, **settings: Any) -> Sandbox:
            signer, port, own_port = pair("sandbox"), free_port(), free_port()
            origin = f"http://127.0.0.1:{own_port}"
            client = {
                "id": "sandbox",
                "issuers": [ISSUER],
                "jwks": jwks(signer),
                "origins": [origin if listed else "https://elsewhere.example.org"],
                "profile": "sandbox",
            }
            calls: list[tuple[str, str]] = []
            site = site_on(port, tmp_path / "data", seen=calls, clients=[client], order_helper=True, **settings)
            service, fhir = stack.enter_context(site), stack.enter_context(served(fhir_server([*_chart(), *chart])))
            setup = {
                "discovery": f"{service}/cds-services",
                "fhir": fhir,
                "patient": PREFETCH["patient"]["id"],
                "condition": PREFETCH["conditions"]["entry"][0]["resource"],
                "key": private_jwk(signer),
            }
            stack.enter_context(served(client_page(setup), own_port))
            guard.allowed |= {service, fhir}
            return Sandbox(visit(origin, at=NOON), calls, tmp_path / "data")

        yield opened


def _chart() -> Iterator[dict[str, Any]]:
    yield PREFETCH["patient"]
    for bundle in PREFETCH.values():
        yield from (entry["resource"] for entry in bundle.get("entry", ()))


def test_from_opening_the_page_to_a_stored_override(sandbox: Callable[..., Sandbox]) -> None:
    client = sandbox()
    client.settle()
    # Discovery, then the empty draft to both order-select services; each with a preflight before it.
    assert ("OPTIONS", "/cds-services") in client.calls
    assert ("OPTIONS", SELECT) in client.calls
    assert {("GET", "/cds-services"), ("POST", SELECT), ("POST", HELPER)} <= set(client.calls)
    assert client.card(WARNING).count() == 0

    # The picker has no upadacitinib; the helper has, and both services are asked about the new draft.
    asked = client.click("upadacitinib")
    assert asked[0] == ("POST", f"{HELPER}/feedback")
    assert sorted(asked[1:]) == sorted([("POST", SELECT), ("POST", HELPER)])
    assert client.page.locator("article h2").first.text_content() == WARNING
    assert client.card(WARNING).get_attribute("data-indicator") == "warning"

    # The reason is an object, not a list; the indication is read all the same, and brings the options.
    client.click("Choose condition")
    assert "Crohn's disease, as the order states" in str(client.card(WARNING).text_content())

    # Taken back: the draft has no drug any more, and the service nothing to say.
    taken = client.click("Remove the draft order for upadacitinib", WARNING)
    assert taken[0] == ("POST", f"{SELECT}/feedback")
    assert ("POST", SELECT) in taken
    assert client.page.locator("#draft").text_content() == "nothing chosen"
    assert client.card(WARNING).count() == 0

    # Chosen again and gone on with: the card is hidden, and the reason is kept.
    client.click("upadacitinib")
    assert client.click("Override: Clinical trial", WARNING) == [("POST", f"{SELECT}/feedback")]
    assert client.card(WARNING).count() == 0
    assert client.told() == [("accepted", None), ("overridden", "clinical-trial")]

    # At the signature it is said once more.
    assert client.click("Sign order") == [("POST", SIGN)]
    assert client.card(WARNING).count() == 1


def test_a_switch_is_one_click_and_leaves_one_agent(sandbox: Callable[..., Sandbox]) -> None:
    client = sandbox()
    client.settle()
    client.click("upadacitinib")
    client.click("Choose condition")
    client.click("Risankizumab instead of vedolizumab (discontinue separately)")
    assert client.page.locator("#draft").text_content() == "risankizumab (instead of vedolizumab)"
    assert client.page.locator("article").filter(has_text="upadacitinib +").count() == 0
    assert client.page.locator("#problem").text_content() == ""


def test_a_drug_name_that_is_markup_stays_text_where_html_is_rendered(sandbox: Callable[..., Sandbox]) -> None:
    hostile = {
        "resourceType": "MedicationStatement",
        "id": "hostile",
        "status": "active",
        "subject": {"reference": f"Patient/{PREFETCH['patient']['id']}"},
        "medicationCodeableConcept": {
            "text": "Humira <img src=x onerror=\"document.title='taken'\"> <script>1</script> [a](javascript:1)"
        },
    }
    client = sandbox(chart=(hostile,))
    client.settle()
    client.click("upadacitinib")
    cards = client.page.locator("article[data-indicator=warning]")
    expect(cards).to_have_count(1)
    assert "Humira <img src=x" in str(cards.text_content())
    assert cards.locator("img, script, a").count() == 0
    assert "taken" not in client.page.title()


def test_a_click_on_the_tab_again_clears_the_cards_and_hurts_nobody(
    sandbox: Callable[..., Sandbox], guard: Guard
) -> None:
    guard.foreseen.append("status of 400")
    client = sandbox()
    client.settle()
    client.click("upadacitinib")
    assert client.card(WARNING).count() == 1
    client.click("Rx View")
    assert client.page.locator("article").count() == 0
    assert client.page.locator("#problem").text_content() == "Could not get a response from the CDS Service (400)"
    # The next change of the draft is answered again.
    client.click("Choose condition")
    assert client.card(WARNING).count() == 1


def test_a_page_of_an_origin_that_is_not_listed_gets_nothing(sandbox: Callable[..., Sandbox], guard: Guard) -> None:
    guard.foreseen += ["blocked by CORS policy", "net::ERR_FAILED"]
    client = sandbox(listed=False)
    expect(client.page.locator("#problem")).to_have_text("TypeError: Failed to fetch")
    assert client.page.locator("#services").text_content() == ""
    assert {method for method, _ in client.calls} == {"OPTIONS"}


def test_what_the_stand_in_sends_is_what_the_sandbox_was_seen_to_send() -> None:
    """Its draft and the recorded ones have the same members, so that a rule it got wrong would show."""
    script = (Path(__file__).parent / "sandbox_client" / "draft.js").read_text(encoding="utf-8")
    for name in ("order-select__sandbox-full-order", "order-select__sandbox-draft-without-medicine"):
        (entry,) = read_case(name).request["context"]["draftOrders"]["entry"]
        missing = [member for member in entry["resource"] if member not in script]
        assert missing in ([], ["dispenseRequest"])

"""Documented exceptions, from the override of a card to the next warning: the whole service, with its database."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from threading import Event
from typing import Any

import pytest

from service.app import SITE, create_app
from service.bounded import Bounded
from service.documented import Memory, documents
from service.pseudonyms import Pseudonyms
from service.settings import Client, Settings
from service.store import Override
from service.store.sql import SqlStore
from tests import builders as make
from tests.databases import own_database
from tests.fakes import SELECT, SIGN, until
from tests.packaged import CATALOGUE

DAYS = 30
NOW = datetime(2026, 3, 16, 12, tzinfo=UTC)
INFLIXIMAB = make.medication_request("order-infliximab", "infliximab")
VEDOLIZUMAB = make.medication_request("order-vedolizumab", "vedolizumab")
SEPSIS = make.condition("problem-sepsis", "sepsis", recordedDate="2026-03-14")
DOCUMENTED = "specialist-directed"


class Site:
    """The whole service on a clock that a test moves."""

    def __init__(self, settings: Settings) -> None:
        self.now = NOW
        self.app = create_app(settings, clock=lambda: self.now, ready=True)
        self.http = self.app.test_client()

    def ask(self, *chart: Any, path: str = SIGN, patient: str = make.PATIENT, instance: int = 1) -> Mapping[str, Any]:
        """Sign upadacitinib beside a chart and return the first card."""
        drafts = [make.draft("draft-upadacitinib", "upadacitinib")]
        call = make.order_sign(drafts, chart) if path == SIGN else make.order_select(drafts, chart)
        body = json.dumps(call | {"hookInstance": f"3a1c8f52-6a0e-4c8e-9d0b-{instance:012d}"})
        response = self.http.post(path, data=body.replace(make.PATIENT, patient), content_type="application/json")
        card: Mapping[str, Any] = response.get_json()["cards"][0]
        return card

    def override(self, card: Mapping[str, Any], reason: str | None = DOCUMENTED, **told: Any) -> None:
        at = self.now.isoformat().replace("+00:00", "Z")
        entry = {"card": card["uuid"], "outcome": "overridden", "outcomeTimestamp": at, **told}
        if reason:
            entry["overrideReason"] = {"reason": {"code": reason, "system": CATALOGUE.override_system}}
        assert self.http.post(SIGN + "/feedback", json={"feedback": [entry]}).status_code == 200

    def recorded(self) -> None:
        """Wait until the cards that were spoken of are in the database."""
        store = self.app.extensions[SITE].ledger.store()
        until(lambda: store.counts()["waiting"] == 0)


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a look-up take its time: what happens when it is too slow has a test of its own."""
    monkeypatch.setattr("service.documented.SECONDS", 60)


@pytest.fixture
def settings(site: Settings) -> Settings:
    own_database(site.data_dir)
    return site.model_copy(update={"remember_exceptions_days": DAYS})


@pytest.fixture
def service(settings: Settings) -> Site:
    return Site(settings)


def documented(service: Site, *chart: Any, reason: str | None = DOCUMENTED, **asked: Any) -> None:
    service.override(service.ask(*(chart or (INFLIXIMAB,)), **asked), reason)
    service.recorded()


def test_the_next_warning_on_the_same_pair_is_information_and_says_why_and_until_when(service: Site) -> None:
    documented(service)
    card = service.ask(INFLIXIMAB, instance=2)
    assert card["indicator"] == "info"
    assert "An exception was documented on 2026-03-16" in card["detail"]
    assert "until 2026-04-15" in card["detail"]


@pytest.mark.parametrize(
    "reason", [key for key, item in CATALOGUE.override_reasons.items() if item.documents_exception]
)
def test_each_reason_that_documents_an_exception_is_remembered(service: Site, reason: str) -> None:
    documented(service, reason=reason)
    assert service.ask(INFLIXIMAB, instance=2)["indicator"] == "info"


@pytest.mark.parametrize(
    "reason",
    [None, "unheard-of", *(key for key, item in CATALOGUE.override_reasons.items() if not item.documents_exception)],
)
def test_any_other_override_changes_nothing(service: Site, reason: str | None) -> None:
    documented(service, reason=reason)
    assert service.ask(INFLIXIMAB, instance=2)["indicator"] == "warning"


@pytest.mark.parametrize(("days", "indicator"), [(DAYS, "info"), (DAYS + 1, "warning")])
def test_an_exception_counts_through_its_last_day(service: Site, days: int, indicator: str) -> None:
    documented(service)
    service.now += timedelta(days=days)
    assert service.ask(INFLIXIMAB, instance=2)["indicator"] == indicator


def test_by_default_nothing_is_remembered_and_the_database_is_not_asked(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SqlStore, "overrides", lambda *_: pytest.fail("the database was asked"))
    service = Site(settings.model_copy(update={"remember_exceptions_days": 0}))
    documented(service)
    assert service.ask(INFLIXIMAB, instance=2)["indicator"] == "warning"


def test_another_patient_a_new_partner_and_another_rule_are_not_excepted(service: Site) -> None:
    documented(service)
    assert service.ask(INFLIXIMAB, instance=2, patient="patient-2")["indicator"] == "warning"
    assert service.ask(INFLIXIMAB, VEDOLIZUMAB, instance=3)["indicator"] == "warning"
    assert service.ask(VEDOLIZUMAB, instance=4)["indicator"] == "warning"
    assert service.ask(make.medication_request("o", "tofacitinib"), instance=5)["indicator"] == "warning"


def test_a_serious_infection_is_critical_all_the_same(service: Site) -> None:
    documented(service)
    assert service.ask(INFLIXIMAB, SEPSIS, instance=2)["indicator"] == "critical"


def test_an_override_of_the_card_that_an_exception_lowered_does_not_prolong_it(service: Site) -> None:
    documented(service)
    service.now += timedelta(days=DAYS)
    service.override(service.ask(INFLIXIMAB, instance=2))
    service.recorded()
    service.now += timedelta(days=1)
    assert service.ask(INFLIXIMAB, instance=3)["indicator"] == "warning"


def test_a_later_acceptance_takes_the_exception_back(service: Site) -> None:
    card = service.ask(INFLIXIMAB)
    service.override(card)
    service.now += timedelta(minutes=1)
    service.override(card, None, outcome="accepted", acceptedSuggestions=[{"id": card["suggestions"][0]["uuid"]}])
    service.recorded()
    assert service.ask(INFLIXIMAB, instance=2)["indicator"] == "warning"


def test_an_exception_of_one_hook_counts_at_the_next(service: Site) -> None:
    documented(service, path=SELECT)
    assert service.ask(INFLIXIMAB, instance=2)["indicator"] == "info"


def test_the_database_is_asked_only_where_there_is_a_warning(service: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SqlStore, "overrides", lambda *_: pytest.fail("the database was asked"))
    quiet = make.order_sign([make.draft("d", "amoxicillin")], [INFLIXIMAB])
    assert service.http.post(SIGN, json=quiet).get_json() == {"cards": []}
    assert service.ask(INFLIXIMAB, SEPSIS)["indicator"] == "critical"
    assert "exceptions-not-looked-up" not in service.http.get("/readyz").get_json()["exceptions"]


@pytest.mark.parametrize("fault", [ZeroDivisionError(), OSError("no key")], ids=str)
def test_a_look_up_that_fails_leaves_the_warning_and_is_counted(
    service: Site, monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:
    documented(service)

    def fail(*_: Any) -> None:
        raise fault

    monkeypatch.setattr(SqlStore, "overrides", fail)
    assert service.ask(INFLIXIMAB, instance=2)["indicator"] == "warning"
    readiness = service.http.get("/readyz")
    assert readiness.status_code == 200
    assert readiness.get_json()["exceptions"] == {
        "rememberedDays": DAYS,
        "exceptions-looked-up": 1,
        "exceptions-not-looked-up": 1,
    }


def test_a_look_up_that_hangs_is_given_up(settings: Settings) -> None:
    goes_on = Event()

    def hang() -> Any:
        goes_on.wait()

    memory = replace(Memory.of_site(settings, hang, Pseudonyms.of_site(settings)), bounded=Bounded(slots=1, seconds=0))
    ask = memory.of(Client(id="ehr"), CATALOGUE, date(2026, 3, 16))
    assert ask("patient-1") == ()
    assert memory.counts.seen() == {"exceptions-not-looked-up": 1}
    goes_on.set()


OVERRIDE = Override("upadacitinib-biologic", frozenset({"upadacitinib"}), CATALOGUE.override_system, DOCUMENTED, NOW)


@pytest.mark.parametrize(
    ("override", "counts"),
    [
        (OVERRIDE, True),
        (replace(OVERRIDE, reason_system=None), True),
        (replace(OVERRIDE, reason_system="urn:other"), False),
        (replace(OVERRIDE, rule="incomplete"), False),
        (replace(OVERRIDE, reason="other"), False),
        (replace(OVERRIDE, reason=None), False),
    ],
)
def test_an_override_documents_an_exception_by_a_reason_of_ours_that_its_rule_offers(
    override: Override, counts: bool
) -> None:
    assert documents(override, CATALOGUE) is counts


def test_a_rule_that_does_not_offer_the_reason_has_no_exception_by_it() -> None:
    rule = CATALOGUE.rules[OVERRIDE.rule].model_copy(update={"override_reasons": ("other",)})
    changed = replace(CATALOGUE, rules={**CATALOGUE.rules, OVERRIDE.rule: rule})
    assert not documents(OVERRIDE, changed)

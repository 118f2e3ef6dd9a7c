"""The feedback pages over HTTP: whose cards, what is written, and what is answered when it cannot be."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from threading import Event
from typing import Any
from uuid import uuid4

import pytest
from flask.testing import FlaskClient
from sqlalchemy import event, text

from service.app import SITE, create_app
from service.cases import read_case
from service.ledger import Ledger
from service.settings import Settings
from service.store import Opener, Place
from service.store.sql import SqlStore
from tests.databases import own_database, store_at
from tests.fakes import SELECT, SIGN, Shell
from tests.trust import BASE, NOW, bearer, client, jwks, pair, token

FEEDBACK = SELECT + "/feedback"
CASE = read_case("order-select__upadacitinib-beside-current-infliximab")
CANARY = "Canary-Name-4711"
OTHERS = pair("other", kid="other")
REASON = {"code": "clinical-trial", "system": "urn:upadacitinib-cds:override-reason"}


class Site:
    """The whole service with the packaged knowledge, and a look into its database."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.app = create_app(settings, clock=lambda: NOW, ready=True)
        self.http: FlaskClient = self.app.test_client()
        self.ledger: Ledger = self.app.extensions[SITE].ledger

    def card(self, **headers: str) -> str:
        """Have a card issued and recorded, and return its uuid."""
        response = self.http.post(SELECT, data=CASE.body, content_type="application/json", headers=headers)
        assert response.status_code == 200
        self.ledger.close()
        return str(response.get_json()["cards"][0]["uuid"])

    def tell(self, *entries: Any, path: str = FEEDBACK, **headers: str) -> Any:
        return self.http.post(path, json={"feedback": list(entries)}, headers=headers)

    @contextmanager
    def store(self) -> Iterator[SqlStore]:
        with store_at(Place.of(self.settings)) as opened:
            yield opened

    def rows(self, columns: str = "*") -> list[Any]:
        with self.store() as store, store.engine.connect() as connection:
            return list(connection.execute(text(f"SELECT {columns} FROM feedback ORDER BY id")))


@pytest.fixture
def kept(site: Settings) -> Settings:
    own_database(site.data_dir)
    return site


@pytest.fixture
def service(kept: Settings) -> Site:
    return Site(kept)


def overridden(card: str, **more: Any) -> dict[str, Any]:
    return {"card": card, "outcome": "overridden", "outcomeTimestamp": "2026-03-16T12:00:00Z", **more}


def test_feedback_on_a_card_is_written_before_it_is_answered_with_an_empty_object(service: Site) -> None:
    card = service.card()
    response = service.tell(overridden(card, overrideReason={"reason": REASON}))
    assert (response.status_code, response.data) == (200, b"{}")
    assert response.headers["Content-Type"] == "application/json"
    with service.store() as store:
        (outcome, *_) = [item for item in store.outcomes() if item.outcome]
    assert (outcome.rule, outcome.outcome, outcome.reason) == ("upadacitinib-biologic", "overridden", "clinical-trial")


@pytest.mark.fault(42)
def test_feedback_that_is_sent_again_is_written_once_and_answered_alike(service: Site) -> None:
    card = service.card()
    answers = [service.tell(overridden(card), overridden(card)) for _ in range(3)]
    assert {(item.status_code, item.data) for item in answers} == {(200, b"{}")}
    assert len(service.rows()) == 1


@pytest.mark.fault(42)
def test_feedback_on_an_unknown_card_is_answered_alike_and_waits(service: Site) -> None:
    response = service.tell(overridden(str(uuid4())))
    assert (response.status_code, response.data) == (200, b"{}")
    with service.store() as store:
        assert store.counts()["waiting"] == 1


def test_one_wrong_entry_leaves_nothing_written(service: Site) -> None:
    response = service.tell(overridden(service.card()), overridden(CANARY))
    assert response.status_code == 400
    (issue,) = response.get_json()["issue"]
    assert issue["code"] == "invalid"
    assert issue["diagnostics"].startswith("feedback[1].card is missing or not a UUID")
    assert CANARY not in response.text
    assert service.rows() == []


def test_nothing_of_patient_user_or_comment_is_in_the_database(service: Site) -> None:
    card = service.card()
    service.tell(overridden(card, overrideReason={"userComment": CANARY}))
    service.ledger.close()
    context = CASE.request["context"]
    written = b"".join(file.read_bytes() for file in service.settings.data_dir.iterdir())
    assert card.encode() in written
    for value in (context["patientId"], context["userId"], context["userId"].rpartition("/")[2], CANARY):
        assert value.encode() not in written
    assert service.rows("commented, comment") == [(1, None)]


def test_a_site_can_have_comments_kept(kept: Settings) -> None:
    service = Site(kept.model_copy(update={"user_comments": "keep"}))
    service.tell(overridden(str(uuid4()), overrideReason={"userComment": "as discussed"}))
    assert service.rows("commented, comment") == [(1, "as discussed")]


@pytest.mark.parametrize(("begun", "status"), [(True, 200), (False, 503)])
def test_a_worker_that_began_before_a_later_version_migrated_takes_feedback_on(
    service: Site, begun: bool, status: int
) -> None:
    if begun:
        service.app.extensions[SITE].begin()
    with service.store() as store, store.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    assert service.tell(overridden("00000000-0000-4000-8000-000000000001")).status_code == status
    assert service.http.get("/readyz").get_json()["feedback"]["database"] == "newer than this program"
    assert service.tell(overridden("00000000-0000-4000-8000-000000000002")).status_code == status


def test_deviations_are_counted_by_name_and_the_log_says_how_many_entries(
    service: Site, log_lines: Callable[[], list[Any]]
) -> None:
    service.http.post(FEEDBACK, json={"feedback": overridden(str(uuid4()), overrideReasons={"userComment": CANARY})})
    counted = service.http.get("/readyz").get_json()["deviations"]
    assert counted == {"feedback-not-a-list": 1, "feedback-override-reasons-plural": 1}
    (line,) = [line for line in log_lines() if line["event"] == "call"]
    assert (line["outcome"], line["entries"], line["stored"]) == ("feedback", 1, 1)
    assert CANARY not in json.dumps(line)


@pytest.mark.parametrize("path", [FEEDBACK, SIGN + "/feedback", FEEDBACK.replace("services/", "services//")])
def test_every_service_has_its_feedback_page(service: Site, path: str) -> None:
    assert service.tell(overridden(str(uuid4())), path=path).status_code == 200


def test_there_is_no_feedback_page_of_an_unknown_service(service: Site) -> None:
    assert service.tell(overridden(str(uuid4())), path="/cds-services/other/feedback").status_code == 404


def test_another_method_is_told_the_right_one(service: Site) -> None:
    response = service.http.get(FEEDBACK)
    assert response.status_code == 405
    assert "POST" in response.headers["Allow"]


def test_a_body_that_is_no_json_is_refused_as_on_a_hook(service: Site) -> None:
    assert service.http.post(FEEDBACK, data=b"x", content_type="text/plain").status_code == 415
    assert service.http.post(FEEDBACK, data=b"{", content_type="application/json").status_code == 400


@pytest.mark.fault(42)
def test_too_long_a_body_and_too_many_entries_are_413(service: Site) -> None:
    assert service.tell(*[overridden(str(uuid4()))] * 10_000).status_code == 413
    assert (
        service.http.post(FEEDBACK, data=b" " * (2 * 1024**2 + 1), content_type="application/json").status_code == 413
    )
    assert service.rows() == []


def test_a_page_of_a_browser_may_send_feedback(service: Site) -> None:
    response = service.tell(overridden(str(uuid4())), Origin="https://sandbox.cds-hooks.org")
    assert response.headers["Access-Control-Allow-Origin"] == "https://sandbox.cds-hooks.org"


def test_feedback_is_taken_while_the_knowledge_cannot_be_loaded(
    kept: Settings, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    from cards import KnowledgeError

    def refuse(settings: Any) -> None:
        raise KnowledgeError(("broken",))

    monkeypatch.setattr("service.site.build_engine", refuse)
    assert shell.client().post(FEEDBACK, json={"feedback": [overridden(str(uuid4()))]}).status_code == 200


# Whose feedback.


@pytest.fixture
def two_clients(kept: Settings) -> Site:
    other = client(id="other", issuers=["https://other.example.org"], jwks=jwks(OTHERS))
    clients = {"clients": [client(), other], "public_base_url": BASE}
    return Site(Settings.model_validate(kept.model_dump() | clients))


def signed(aud: Any, **claims: Any) -> dict[str, str]:
    return bearer(token(aud=aud, **claims))


def signed_by_other() -> dict[str, str]:
    return bearer(token(OTHERS, aud=BASE + FEEDBACK, iss="https://other.example.org"))


@pytest.mark.parametrize("aud", [BASE + SELECT, BASE + FEEDBACK, [BASE + FEEDBACK], BASE + SELECT + "/"])
def test_a_token_for_the_service_or_for_its_feedback_is_good(two_clients: Site, aud: Any) -> None:
    assert two_clients.tell(overridden(str(uuid4())), **signed(aud)).status_code == 200


@pytest.mark.parametrize("aud", [BASE + SIGN, BASE + SIGN + "/feedback", BASE + "/cds-services", BASE])
def test_a_token_for_another_page_is_refused_before_anything_is_read(two_clients: Site, aud: str) -> None:
    response = two_clients.http.post(FEEDBACK, data=b"{", content_type="text/plain", headers=signed(aud))
    assert (response.status_code, response.data) == (401, b"")
    assert two_clients.tell(overridden(str(uuid4()))).status_code == 401
    assert two_clients.rows() == []


def test_a_token_for_feedback_is_good_once(two_clients: Site) -> None:
    used = signed(BASE + FEEDBACK)
    assert two_clients.tell(overridden(str(uuid4())), **used).status_code == 200
    assert two_clients.tell(overridden(str(uuid4())), **used).status_code == 401


@pytest.mark.fault(42)
def test_feedback_on_the_card_of_another_client_is_answered_as_on_an_unknown_card_and_never_written(
    two_clients: Site,
) -> None:
    card = two_clients.card(**signed(BASE + SELECT))
    foreign, unknown = (two_clients.tell(overridden(each), **signed_by_other()) for each in (card, str(uuid4())))
    assert (foreign.status_code, foreign.data) == (unknown.status_code, unknown.data) == (200, b"{}")
    assert [row.client for row in two_clients.rows("client")] == ["other"]
    assert card not in {row.card for row in two_clients.rows("card")}
    readiness = two_clients.http.get("/readyz").get_json()
    assert readiness["deviations"]["feedback-on-card-of-another-client"] == 1


def test_a_used_token_that_cannot_be_told_from_a_new_one_is_503_and_nothing_is_written(two_clients: Site) -> None:
    (two_clients.settings.data_dir / "used-tokens.sqlite3").mkdir()
    assert two_clients.tell(overridden(str(uuid4())), **signed(BASE + FEEDBACK)).status_code == 503
    assert two_clients.rows() == []


# The database fails.


def broken_by(site: Site, fault: str) -> Any:
    file = Place.of(site.settings).file
    match fault:
        case "missing":
            file.unlink()
        case "no database":
            file.write_bytes(b"x" * 4096)
        case "a folder":
            file.unlink()
            file.mkdir()
        case "of a later program":
            with site.store() as store, store.engine.begin() as connection:
                connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))


@pytest.mark.fault(20, 22)
@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("missing", "not set up"),
        ("no database", "cannot be used"),
        ("a folder", "cannot be used"),
        ("of a later program", "newer than this program"),
    ],
)
def test_without_a_usable_database_feedback_is_503_cards_go_on_and_readiness_says_why(
    service: Site, fault: str, said: str
) -> None:
    broken_by(service, fault)
    refused = service.tell(overridden(str(uuid4())))
    assert refused.status_code == 503
    assert refused.headers["Retry-After"] == "30"
    assert refused.get_json()["issue"][0]["code"] == "transient"
    answered = service.http.post(SELECT, data=CASE.body, content_type="application/json")
    assert (answered.status_code, answered.get_json()) == (200, CASE.expected)
    readiness = service.http.get("/readyz")
    assert (readiness.status_code, readiness.get_json()["status"]) == (200, "ready")
    assert readiness.get_json()["feedback"]["database"] == said
    service.ledger.close()
    assert service.http.get("/readyz").get_json()["feedback"]["cards-not-recorded"] == len(CASE.expected["cards"])


def test_feedback_is_503_while_another_process_holds_the_database(
    service: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    impatient = partial(SqlStore.at, busy_seconds=0)
    monkeypatch.setattr(SqlStore, "at", impatient)
    with service.store() as other, other.engine.connect() as connection, connection.begin():
        assert service.tell(overridden(str(uuid4()))).status_code == 503
    assert service.tell(overridden(str(uuid4()))).status_code == 200


@pytest.mark.fault(22)
@pytest.mark.parametrize("pragma", ["PRAGMA query_only = ON", "PRAGMA max_page_count = 1"], ids=["read-only", "full"])
def test_feedback_is_503_where_nothing_can_be_written(service: Site, pragma: str) -> None:
    engine = _engine_of(service)

    @event.listens_for(engine, "begin")
    def limit(connection: Any) -> None:
        connection.exec_driver_sql(pragma)

    entries = [overridden(str(uuid4()), overrideReason={"reason": REASON}) for _ in range(500)]
    refused = service.tell(*entries)
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "30")
    assert service.rows() == []


def _engine_of(service: Site) -> Any:
    """Return the engine that the pages use."""
    opener = service.ledger.store
    assert isinstance(opener, Opener)
    store = opener()
    assert isinstance(store, SqlStore)
    return store.engine


@pytest.mark.fault(21)
def test_calls_are_answered_while_the_database_hangs_in_an_insert(service: Site) -> None:
    hangs, goes_on = Event(), Event()

    @event.listens_for(_engine_of(service), "before_cursor_execute")
    def hang(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith("INSERT INTO issued_card"):
            hangs.set()
            goes_on.wait()

    def ask() -> int:
        return service.http.post(SELECT, data=CASE.body, content_type="application/json").status_code

    assert ask() == 200
    assert hangs.wait(20)
    # The insert of the first answer's cards does not end before these are answered.
    assert [ask() for _ in range(5)] == [200] * 5
    assert service.ledger.waiting == 5
    goes_on.set()
    service.ledger.close()
    with service.store() as store:
        assert store.counts()["cards"] == len(CASE.expected["cards"])


@pytest.mark.fault(21)
def test_feedback_takes_a_few_threads_at_most_of_a_database_that_hangs(
    service: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    from service.bounded import Bounded, TooSlow

    goes_on = Event()
    bounded = Bounded(slots=1, seconds=0)
    with pytest.raises(TooSlow):
        bounded(goes_on.wait)
    monkeypatch.setattr("service.feedback.Bounded", lambda **_: bounded)
    hung = Site(service.settings)
    refused = hung.tell(overridden(str(uuid4())))
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "30")
    goes_on.set()


def test_an_unforeseen_failure_of_the_database_leaves_the_service_ready(
    service: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SqlStore, "check", lambda self: 1 / 0)
    response = service.http.get("/readyz")
    assert (response.status_code, response.get_json()["feedback"]["database"]) == (200, "cannot be used")

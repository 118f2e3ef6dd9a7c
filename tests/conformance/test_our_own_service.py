"""Our own service under the suite: in this process with every recorded case, and over a socket as a user runs it."""

import json
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from werkzeug.wrappers import Request, Response

from service.app import create_app, local_server
from service.cases import read_case, shift
from service.conformance import Assignment, Level, Verdict, run
from service.conformance.client import Client
from service.discovery import SERVICES
from service.settings import Settings
from tests.conformance.broken_services import is_preflight
from tests.conformance.reference_service import ISSUER, KEY, KID, ORIGIN, Reference, session_of
from tests.databases import own_database

NOW = datetime(2026, 3, 16, 12, tzinfo=UTC)
CASE = "order-select__upadacitinib-beside-current-infliximab"
# What the service has no occasion for; from the day it has, these have to pass like the rest.
NO_OCCASION = {
    "discovery.version",
    "discovery.hook-version",
    "discovery.extensions",
    "discovery.https",
    "cards.source-icon",
    "cards.recommended",
    "cards.links",
    "cards.app-context",
    "cards.autolaunchable",
    "cards.extensions",
    "actions.create",
    "actions.update",
    "actions.system",
}
Run = Callable[..., tuple[object, str, str]]


@pytest.fixture
def upa_cds(monkeypatch: pytest.MonkeyPatch, upa_cds: Run) -> Run:
    """Run `upa-cds conformance` on a wide terminal."""
    monkeypatch.setenv("COLUMNS", "160")
    return partial(upa_cds, "conformance")


@pytest.fixture
def site(tmp_path: Path) -> Settings:
    """A site whose feedback is kept."""
    own_database(tmp_path / "data")
    return Settings(data_dir=tmp_path / "data")


@pytest.fixture
def base(site: Settings) -> Iterator[str]:
    yield from _serving(create_app(site, ready=True))


@pytest.fixture
def lax_base() -> Iterator[str]:
    """A service in which only the titles of discovery and the preflights are wrong."""

    def no_titles(document: dict[str, list[dict[str, str]]]) -> None:
        for service in document["services"]:
            del service["title"]

    def no_preflight(request: Request, response: Response) -> None:
        if is_preflight(request):
            response.status_code = 401

    yield from _serving(Reference(discovery=no_titles, after=no_preflight))


def _serving(application: Any) -> Iterator[str]:
    server = local_server(application)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_our_service_passes_with_every_recorded_case(site: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    # How long an answer takes is the machine's affair here; that the check works is tested on a slow service.
    monkeypatch.setattr("service.conformance.calls.QUICK_SECONDS", 60)
    app = create_app(site, clock=lambda: NOW, ready=True)
    results = run(Assignment("http://127.0.0.1:8000"), NOW, Client(session=session_of(app)))
    beside = {item.check.name: item.verdict for item in results if item.verdict is not Verdict.PASSED}
    optional = {item.check.name for item in results if item.check.group == "trust"} | NO_OCCASION
    assert set(beside.values()) <= {Verdict.NOT_EXERCISED}
    assert set(beside) <= optional
    observed = {item.check.name: len(item.observed) for item in results}
    assert observed["cards.summary"] > 100
    # The generic request is out of scope, so one recorded case of each service is tried without its data, too.
    assert observed["calls.prefetch-absent"] == 2 * len(SERVICES)


@pytest.mark.enable_socket
def test_the_command_passes_our_service_with_a_request_of_the_user(upa_cds: Run, base: str, tmp_path: Path) -> None:
    request, report = tmp_path / "my-request.json", tmp_path / "report.xml"
    request.write_bytes(shift(read_case(CASE), _today()).body)
    code, out, err = upa_cds(
        f"{base}/cds-services/", "--no-cases", "--request", str(request), "--junit", str(report), "--strict"
    )
    assert (code, err) == (0, "")
    assert f"CDS Hooks conformance of {base}\n" in out
    assert "[cards.summary]" in out
    assert ", 0 failed, 0 warning, " in out
    suite = ElementTree.fromstring(report.read_bytes())
    assert suite.get("failures") == "0"
    passed = {str(item.get("name")).partition(":")[0] for item in suite if not len(item)}
    assert {"feedback.accepted", "feedback.overridden", "feedback.batch", "feedback.repeated"} <= passed
    assert {"discovery.status", "cards.summary", "actions.drafts", "calls.prefetch-outcome"} <= passed


@pytest.mark.enable_socket
def test_a_bad_service_is_exit_code_1_with_expected_came_and_where(upa_cds: Run, lax_base: str, tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    code, out, err = upa_cds(f"{lax_base}/cds", "--junit", str(report), "--origin", "https://ehr.example.org")
    assert (code, err) == (1, "")
    told = " ".join(out.split())
    assert "expected 2xx without a token; came HTTP 401; at OPTIONS discovery and 2 more places" in told
    assert "expected text; came null or nothing; at $.services[0].title and 1 more place" in told
    assert ", 1 failed, 1 warning, " in out
    suite = ElementTree.fromstring(report.read_bytes())
    (failure,) = suite.iter("failure")
    assert "came HTTP 401" in str(failure.get("message"))
    (note,) = suite.iter("system-out")
    assert str(note.text).startswith("warning:\nexpected text; came null")


@pytest.mark.enable_socket
def test_strict_makes_a_should_fail_and_skip_leaves_a_part_out(upa_cds: Run, lax_base: str) -> None:
    skipped = ("--skip", "cors", "--skip", "feedback", "--skip", "trust", "--json")
    code, out, _ = upa_cds(f"{lax_base}/cds", *skipped)
    report = json.loads(out)
    assert (code, report["conforms"], report["counts"]["warning"]) == (0, True, 1)
    assert not {item["check"].partition(".")[0] for item in report["checks"]} & {"cors", "feedback", "trust"}
    code, out, _ = upa_cds(f"{lax_base}/cds", *skipped, "--strict")
    assert (code, json.loads(out)["conforms"]) == (1, False)
    (warned,) = (item for item in report["checks"] if item["verdict"] == "warning")
    assert warned["rows"] == [13]
    assert warned["inferno"] == ["cds-hooks_2.0@8"]
    assert warned["level"] == "SHOULD"
    assert warned["departures"][0] == {
        "where": "$.services[0].title",
        "expected": "text",
        "came": "null or nothing",
    }


@pytest.mark.enable_socket
def test_a_service_that_asks_is_tried_with_tokens_signed_by_the_key_of_the_user(upa_cds: Run, tmp_path: Path) -> None:
    key = tmp_path / "key.pem"
    key.write_bytes(KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    for base in _serving(Reference(asks=True)):
        signed = ("--key", str(key), "--iss", ISSUER, "--kid", KID)
        code, out, err = upa_cds(f"{base}/cds", *signed, "--origin", ORIGIN, "--json", "--strict")
    assert (code, err) == (0, "")
    verdicts = {item["check"]: item["verdict"] for item in json.loads(out)["checks"]}
    assert {verdict for name, verdict in verdicts.items() if name.startswith("trust.")} == {"passed"}


@pytest.mark.enable_socket
def test_a_service_that_does_not_answer_is_exit_code_69_in_one_line(upa_cds: Run) -> None:
    code, out, err = upa_cds("http://127.0.0.1:1", "--timeout", "2")
    assert (code, out) == (69, "")
    assert err.startswith("upa-cds: http://127.0.0.1:1/cds-services: no usable answer")
    assert len(err.splitlines()) == 1


@pytest.mark.enable_socket
def test_a_request_that_no_service_takes_is_not_passed_over(upa_cds: Run, lax_base: str, tmp_path: Path) -> None:
    request = tmp_path / "mine.json"
    request.write_text('{"hook": "order-select"}')
    code, _, err = upa_cds(f"{lax_base}/cds", "--request", str(request))
    assert code == 65
    assert err == "upa-cds: mine.json: its hook is order-select, but the service offers order-sign, patient-view.\n"


@pytest.mark.parametrize("content", ["", "[]", '{"hook": 1}', "\udcff"])
def test_a_request_file_that_is_none_is_exit_code_65(upa_cds: Run, tmp_path: Path, content: str) -> None:
    request = tmp_path / "mine.json"
    request.write_bytes(content.encode("utf-8", "surrogateescape"))
    code, _, err = upa_cds("http://127.0.0.1:1", "--request", str(request))
    assert code == 65
    assert err.startswith(f"upa-cds: {request}: ")


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("ftp://127.0.0.1",),
        ("127.0.0.1:8000",),
        ("http://user@127.0.0.1",),
        ("http://127.0.0.1/?a=b",),
        ("http://[",),
        ("http://127.0.0.1:1", "--skip", "cards"),
        ("http://127.0.0.1:1", "--timeout", "0"),
        ("http://127.0.0.1:1", "--iss", "https://ehr.example.org"),
        ("http://127.0.0.1:1", "--jwt", "a.b.c", "--key", "key.pem"),
    ],
)
def test_wrong_usage_is_exit_code_2(upa_cds: Run, arguments: tuple[str, ...]) -> None:
    code, out, err = upa_cds(*arguments)
    assert (code, out) == (2, "")
    assert err


def test_the_list_names_every_check_with_its_requirements_and_calls_nobody(upa_cds: Run) -> None:
    code, out, _ = upa_cds("--list")
    assert code == 0
    line = next(line for line in out.splitlines() if line.startswith("cards.summary"))
    assert "rows 7, 113, 114: documentation" in out
    assert line.split()[1:6] == [Level.SHALL, "row", "62;", "cds-hooks_2.0@83", "The"]


def _today() -> date:
    return datetime.now(UTC).date()

"""Every recorded case, bad input and forged tokens, with canaries everywhere: none is in anything that is kept or told.

Cards go to who asked, and name the order in its own words; everything else is looked at.
"""

import http.client
import json
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from prometheus_client import generate_latest

from service import telemetry
from service.app import METRICS, SITE, create_app
from service.cases import case_names, read_case
from service.discovery import SERVICES
from service.fhir_access.fetch import FhirAccess, FhirCall, FhirSession, granted
from service.settings import Settings
from service.store import Place
from service.store.migrate import upgrade
from service.telemetry import Counts, JsonLines
from tests.canaries import SERVER, TOKEN, contents, leak, planted
from tests.fakes import SELECT
from tests.loopback import free_port
from tests.service.test_serve import answers, running, wait_until
from tests.trust import BASE, NOW, bearer, client, pair, token

OUTCOME = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "diagnostics": "Vera Canary is dead"}]}
JSON = "application/json"


@dataclass
class TalkativeFhir:
    """A FHIR server that names the patient in every failure; now and then it gives none."""

    asked: int = 0

    def open(self, access: FhirAccess) -> FhirSession:
        granted(access)
        return self

    def get(self, url: str) -> FhirCall:
        self.asked += 1
        if self.asked % 3:
            return FhirCall("GET", url, 500, json.dumps(OUTCOME).encode(), "status")
        return FhirCall("GET", url, 200, json.dumps({"resourceType": "Bundle", "type": "searchset"}).encode())

    def close(self) -> None:
        """Keep nothing."""


@dataclass
class Site:
    """A site that keeps everything that can be kept, with a clock that is set for each call."""

    folder: Path
    now: datetime = NOW
    fhir: TalkativeFhir = field(default_factory=TalkativeFhir)
    errors: list[bytes] = field(default_factory=list)
    served: int = 0

    def app(self, **changed: Any) -> Flask:
        keeps = {"record_dir": self.folder / "recordings", "audit_dir": self.folder / "audit", "audit_calls": "all"}
        settings = {"data_dir": self.folder / "data", "metrics_port": 9464, "user_comments": "drop", **keeps, **changed}
        site = Settings.model_validate(settings)
        upgrade(Place.of(site))
        return create_app(site, clock=lambda: self.now, fhir=self.fhir)

    def send(self, caller: FlaskClient, path: str, body: bytes, **more: Any) -> Any:
        # Closed as a server does it, which is when a call is recorded.
        with caller.open(path, data=body, **{"method": "POST", "content_type": JSON} | more) as response:
            self.served += response.status_code == 200
            if response.status_code >= 400:
                self.errors.append(str(response.headers).encode() + response.get_data())
            return response.get_json(silent=True)


@contextmanager
def logged() -> Iterator[list[str]]:
    """Give every line that any logger writes, as it would stand on standard error."""
    lines: list[str] = []

    class Remember(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(self.format(record))

    handler, levels = Remember(), (logging.root.level, logging.getLogger(telemetry.LOGGER).level)
    handler.setFormatter(JsonLines())
    logging.root.addHandler(handler)
    logging.root.setLevel(logging.DEBUG)
    logging.getLogger(telemetry.LOGGER).setLevel(logging.DEBUG)
    try:
        yield lines
    finally:
        logging.root.removeHandler(handler)
        logging.root.setLevel(levels[0])
        logging.getLogger(telemetry.LOGGER).setLevel(levels[1])


def cases(site: Site, caller: FlaskClient, names: Sequence[str]) -> None:
    paths = {service.hook: f"/cds-services/{service.id}" for service in SERVICES}
    for name in names:
        case = read_case(name)
        site.now = datetime(case.on.year, case.on.month, case.on.day, 12, tzinfo=UTC)
        answer = site.send(caller, paths[case.hook], planted(case.body))
        for card in (answer or {}).get("cards", ())[:1]:
            told = {"outcome": "overridden", "outcomeTimestamp": "2026-03-16T12:00:00Z"}
            reason = {"reason": {"code": "Vera Canary", "system": "urn:x"}, "userComment": "Canary refuses"}
            body = {"feedback": [{"card": card["uuid"], **told, "overrideReason": reason}]}
            site.send(caller, f"{paths[case.hook]}/feedback", json.dumps(body).encode())


def bad_input(site: Site, caller: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    good = planted(read_case("order-select__upadacitinib-beside-current-infliximab").body)
    request = json.loads(good)
    context = request["context"]
    for body in (
        good[:-40],
        b'["Canary"]',
        b'"Canary"',
        b'{"canary": NaN}',
        b'{"vera canary": 1, "vera canary": 2}',
        b'\xef\xbb\xbf{"canary": 1}',
        b"[" * 5000 + b'"Canary"',
        json.dumps(request | {"hook": "canary-hook"}).encode(),
        json.dumps(request | {"hookInstance": "Vera Canary"}).encode(),
        json.dumps(request | {"hookInstance": None}).encode(),
        json.dumps(request | {"context": [context]}).encode(),
        json.dumps(request | {"context": context | {"patientId": ["Canary"]}}).encode(),
        json.dumps(request | {"context": context | {"patientId": "canary-other"}}).encode(),
        json.dumps(request | {"context": context | {"draftOrders": "Canary"}}).encode(),
        json.dumps(request | {"prefetch": {"medicationRequests": "Canary", "patient": OUTCOME}}).encode(),
        json.dumps(request | {"prefetch": "Canary"}).encode(),
        json.dumps(request | {"fhirServer": "https://canary.example.org", "prefetch": {}}).encode(),
    ):
        site.send(caller, SELECT, body)
        site.send(caller, f"{SELECT}/feedback", body)
    site.send(caller, SELECT, good, content_type="text/canary")
    site.send(caller, SELECT, good, headers={"Content-Encoding": "canary", "X-Request-ID": "Vera Canary"})
    site.send(caller, SELECT, good, headers={"Authorization": f"Bearer {TOKEN}"})
    site.send(caller, SELECT, good, method="CANARY")
    site.send(caller, "/cds-services/canary?patient=canary", good)
    site.send(caller, f"{SELECT}?patient=canary", good)
    for told in ({"card": "canary-card"}, {"card": str(uuid4()), "outcome": "Canary", "outcomeTimestamp": "Canary"}):
        site.send(caller, f"{SELECT}/feedback", json.dumps({"feedback": [told]}).encode())

    def breaks(*_: Any, **__: Any) -> Any:
        raise KeyError("Vera Canary, MRN 771")

    with monkeypatch.context() as broken:
        broken.setattr("service.hooks.answer", breaks)
        site.send(caller, SELECT, good)


def forged_tokens(site: Site, caller: FlaskClient) -> None:
    good = planted(read_case("order-select__upadacitinib-beside-current-infliximab").body)
    site.now = NOW
    stranger = pair("canary", kid="canary-key")
    for compact in (
        token(sub="Vera Canary"),
        token(iss="https://canary.example.org"),
        token(aud="https://canary.example.org"),
        token(exp=1, sub="canary"),
        token(jti="canary" * 20),
        token(stranger, sub="canary"),
        token(header={"alg": "none", "canary": "canary"}),
        token(header={"jku": "https://canary.example.org/jwks"}),
        token(header={"kid": "canary"}),
        token(header={"crit": ["canary"]}),
        token(tenant="canary") + "canary",
        TOKEN,
        "canary" * 2000,
    ):
        site.send(caller, SELECT, good, headers=bearer(compact))


@pytest.mark.parametrize("names", [case_names()[::8], pytest.param(case_names(), marks=pytest.mark.deep)], ids=len)
def test_no_canary_is_in_anything_that_is_kept_or_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, names: Sequence[str]
) -> None:
    monkeypatch.setattr(telemetry, "WITHHELD", Counts())
    site = Site(tmp_path)
    with logged() as lines:
        servers = [{"base": SERVER}]
        app = site.app(fhir_servers=servers, remember_exceptions_days=30)
        cases(site, app.test_client(), names)
        bad_input(site, app.test_client(), monkeypatch)
        ids = {"public_base_url": BASE, "clients": [client(fhir_servers=servers)]}
        trusted = site.app(**ids, record_dir=tmp_path / "recordings-2")
        forged_tokens(site, trusted.test_client())
        numbers = b""
        pages = b""
        for each in (app, trusted):
            each.extensions[METRICS].refresh()
            numbers += generate_latest(each.extensions[METRICS].registry)
            pages += each.test_client().get("/readyz").get_data()
            each.extensions[SITE].ledger.close()
            assert each.extensions[SITE].recorder.flush(60)
            each.extensions[SITE].recorder.close()
            assert each.extensions[SITE].trail.flush(60)
            each.extensions[SITE].trail.close()
    written = {
        "log": "\n".join(lines).encode(),
        "metrics": numbers,
        "readyz": pages,
        "errors": b"\n".join(site.errors),
        "recordings": contents(tmp_path / "recordings") + contents(tmp_path / "recordings-2"),
        "audit trail": contents(tmp_path / "audit"),
        "database and keys": contents(tmp_path / "data"),
    }
    assert site.served > len(names) * 0.6
    assert len(site.errors) > 40
    assert min(map(len, written.values())) > 500
    assert {name: leak(said) for name, said in written.items() if leak(said)} == {}
    assert telemetry.WITHHELD.seen() == {}


@pytest.mark.enable_socket
def test_nor_in_what_a_real_server_writes(tmp_path: Path) -> None:
    port_of_metrics = free_port()
    keeps = {"UPA_CDS_RECORD_DIR": str(tmp_path / "recordings"), "UPA_CDS_AUDIT_DIR": str(tmp_path / "audit")}
    good = planted(read_case("order-select__upadacitinib-beside-current-infliximab").body)
    settings = keeps | {"UPA_CDS_METRICS_PORT": str(port_of_metrics), "UPA_CDS_LOG_LEVEL": "debug"}
    with running(tmp_path, "--workers", "1", **settings) as (process, port):
        wait_until(lambda: answers(port))
        wait_until(lambda: posted(port_of_metrics, b"", path="/metrics", method="GET")[0] == 200)
        told = [posted(port, body) for body in (good, good[:-40], b'["Canary"]', b"\xffcanary")]
        told.append(posted(port, good, headers={"Content-Type": "text/canary"}))
        told.append(posted(port, good, headers={"Content-Type": JSON, "Content-Encoding": "canary"}))
        told.append(posted(port, good, path="/cds-services/canary"))
        told.append(posted(port, good, method="CANARY"))
        numbers = posted(port_of_metrics, b"", path="/metrics", method="GET")[1]
        process.terminate()
        log = process.communicate(timeout=20)[1].encode()
    assert [status for status, _ in told] == [200, 400, 400, 400, 415, 415, 404, 405]
    errors = b"".join(body for status, body in told if status != 200)
    kept = {"log": log, "metrics": numbers, "errors": errors, "kept": contents(tmp_path)}
    assert min(map(len, kept.values())) > 300
    assert {name: leak(said) for name, said in kept.items() if leak(said)} == {}


def posted(
    port: int, body: bytes, *, path: str = SELECT, method: str = "POST", headers: dict[str, str] | None = None
) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(method, path, body, headers or {"Content-Type": JSON})
        response = connection.getresponse()
        return response.status, response.read()
    except OSError:
        return 0, b""
    finally:
        connection.close()

"""What the log and the pages say of reads from a FHIR server: counts and fixed words, and nothing of the patient."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from service.answer import build_engine
from service.app import create_app
from service.cases import read_case
from service.errors import DataUnavailable, SettingsError
from service.explain import as_text, explain_request
from service.settings import Settings, load_settings
from tests import builders as make
from tests.fakes import SELECT, FakeFhir

CANARY = "canary-7f3e"
LogLines = Callable[[], list[dict[str, Any]]]
PATIENT = f"patient-{CANARY}"
TARGETS = [f"{kind}?patient={PATIENT}&_count=200" for kind in make._KEYS.values()]


def body(**others: Any) -> dict[str, Any]:
    orders = [make.draft("d1", "upadacitinib", subject=make.reference("Patient", PATIENT))]
    made = make.order_select(orders, context={"patientId": PATIENT}) | {
        "fhirServer": make.SERVER,
        "fhirAuthorization": {"access_token": CANARY, "token_type": "Bearer"},
    }
    del made["prefetch"]
    return made | others


def client(site: Settings, fhir: FakeFhir, **changed: Any) -> FlaskClient:
    settings = Settings.model_validate(site.model_dump() | {"fhir_servers": [make.SERVER]} | changed)
    return create_app(settings, clock=lambda: datetime(2026, 3, 16, tzinfo=UTC), fhir=fhir).test_client()


def call_line(lines: LogLines) -> dict[str, Any]:
    (line,) = (line for line in lines() if line["event"] == "call")
    return line


def test_the_line_of_a_call_counts_reads_failures_and_time(site: Settings, log_lines: LogLines) -> None:
    answers: dict[str, Any] = dict.fromkeys(TARGETS, make.bundle())
    fhir = FakeFhir(answers | {TARGETS[2]: "timeout", TARGETS[3]: 503, f"Patient/{PATIENT}": make.patient(PATIENT)})
    response = client(site, fhir).post(SELECT, json=body())
    line = call_line(log_lines)
    assert (line["fhir_reads"], line["fhir_failures"]) == (7, 2)
    assert line["fhir_problems"] == ["status", "timeout"]
    assert line["fhir_ms"] >= 0
    assert "fhir_refusal" not in line
    assert CANARY not in json.dumps(log_lines()) + response.get_data(as_text=True)


def test_a_call_without_reads_says_nothing_of_them(site: Settings, log_lines: LogLines) -> None:
    asked = client(site, FakeFhir())
    asked.post(SELECT, json=make.order_select([make.draft("d1", "upadacitinib")]))
    assert not [name for name in call_line(log_lines) if name.startswith("fhir")]


def test_a_refusal_is_a_fixed_word_in_the_log_and_counted(site: Settings, log_lines: LogLines) -> None:
    asked = client(site, FakeFhir(), fhir_servers=[])
    prefetch = make.prefetch([], without=["medicationDispenses"])
    assert asked.post(SELECT, json=body(prefetch=prefetch)).status_code == 200
    assert call_line(log_lines)["fhir_refusal"] == "fhir-server-not-listed"
    assert asked.get("/readyz").get_json()["deviations"]["fhir-server-not-listed"] == 1


def test_a_refusal_that_ends_in_412_is_in_the_log_too(site: Settings, log_lines: LogLines) -> None:
    response = client(site, FakeFhir(), fhir_servers=[]).post(SELECT, json=body())
    assert response.status_code == 412
    assert response.get_json()["issue"][0]["diagnostics"].endswith("was not read: fhir-server-not-listed.")
    assert call_line(log_lines)["fhir_refusal"] == "fhir-server-not-listed"


@pytest.mark.fault(10, 11, 13)
@pytest.mark.parametrize(
    ("answer", "word"),
    [
        (make.bundle() | {"link": [{"relation": "next", "url": "https://evil.example.org/x"}]}, "link-refused"),
        ("address-refused", "address-refused"),
        ("redirect", "redirect"),
    ],
)
def test_what_an_attack_would_look_like_is_a_warning_of_its_own(
    site: Settings, log_lines: LogLines, answer: Any, word: str
) -> None:
    asked = client(site, FakeFhir(dict.fromkeys(TARGETS, answer)))
    asked.post(SELECT, json=body(), headers={"X-Request-ID": "abc"})
    (line,) = (line for line in log_lines() if line["event"] == "security")
    assert (line["level"], line["problems"], line["request_id"]) == ("warning", [word], "abc")
    assert line["service"] == "upadacitinib-combination-select"
    assert asked.get("/readyz").get_json()["deviations"][word] >= 1
    assert "evil" not in json.dumps(log_lines())


def test_an_explanation_shows_what_was_read_and_what_failed() -> None:
    case = read_case("order-select__fhir-server-answers-in-part-beside-a-finding")
    engine = build_engine(Settings.model_validate(case.settings))
    said = explain_request(case.body, engine, case.on, fhir=case.fhir)
    assert said["fhir"]["refusal"] is None
    assert said["fhir"]["reads"][4] == {
        "query": "MedicationAdministration?patient=synthetic-110&_count=200",
        "pages": 1,
        "resources": 0,
        "status": None,
        "problem": "timeout",
    }
    text = as_text(said)
    assert "\nFHIR server\n" in text
    assert "  MedicationRequest?patient=synthetic-110&_count=200: pages 1, resources 1\n" in text
    assert "  MedicationAdministration?patient=synthetic-110&_count=200: pages 1, resources 0; timeout\n" in text
    assert "synthetic-token" not in text + json.dumps(said)


def test_an_explanation_asks_the_network_only_where_it_is_told_to() -> None:
    case = read_case("order-select__one-key-missing-read-from-the-fhir-server")
    engine = build_engine(Settings.model_validate(case.settings))
    said = explain_request(case.body, engine, case.on)
    assert said["fhir"] == {"refusal": "fhir-not-asked-for", "reads": []}
    assert "not read: fhir-not-asked-for" in as_text(said)
    with pytest.raises(DataUnavailable, match="fhir-not-asked-for"):
        explain_request(read_case("order-select__record-only-on-the-fhir-server").body, engine, case.on)


def toml(tmp_path: Path, text: str) -> dict[str, str]:
    (tmp_path / "site.toml").write_text(text)
    return {"UPA_CDS_CONFIG": str(tmp_path / "site.toml")}


KEYS = 'issuers = ["https://a.org"]\njwks = {keys = []}\n'


def test_a_base_stands_alone_or_with_its_options(tmp_path: Path) -> None:
    written = (
        'fhir_servers = ["https://a.org/fhir/", {base = "http://localhost:8080/fhir", private = true, open = true}]'
    )
    first, second = load_settings({}, toml(tmp_path, written)).fhir_servers
    assert (first.base, first.private, first.open, first.unsupported) == ("https://a.org/fhir", False, False, ())
    assert (second.host, second.port, second.is_plain, second.private, second.open) == (
        "localhost",
        8080,
        True,
        True,
        True,
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('fhir_servers = ["http://a.org/fhir"]', "over https only"),
        ('fhir_servers = ["https://10.0.0.1/fhir"]', "add private = true if that is meant"),
        ('fhir_servers = ["https://a.org", "https://a.org/"]', "one base is named twice"),
        ('fhir_servers = [{base = "https://a.org", privat = true}]', "Did you mean private?"),
        ('fhir_servers = [{base = "https://a.org", unsupported = ["Medication"]}]', "'Medication' is not accepted"),
        ("fhir_seconds = 4.5", "less than or equal to 4"),
        ("fhir_seconds = 0", "greater than 0"),
        ("fhir_seconds = inf", "finite number"),
        (f'fhir_servers = ["https://a.org"]\n[[clients]]\nid = "a"\n{KEYS}', "move it into a client"),
        ('[[clients]]\nid = "a"\nfhir_servers = ["https://a.org"]', "move its fhir_servers to the top level"),
        (
            f'[[clients]]\nid = "a"\n{KEYS}fhir_servers = ["https://u:{CANARY}@a.org"]',
            "leave user name and password out",
        ),
    ],
)
def test_a_server_that_cannot_be_meant_is_refused_with_what_to_do(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings({}, toml(tmp_path, text))
    assert said in caught.value.message
    assert CANARY not in caught.value.message


def test_the_servers_survive_the_way_to_a_worker(tmp_path: Path) -> None:
    text = f'[[clients]]\nid = "a"\n{KEYS}fhir_servers = [{{base = "https://a.org", unsupported = ["Patient"]}}]'
    settings = load_settings({}, toml(tmp_path, text))
    again = Settings.model_validate_json(settings.model_dump_json())
    assert again.clients[0].fhir_servers == settings.clients[0].fhir_servers


def test_certificates_that_are_none_stop_the_start(site: Settings, tmp_path: Path) -> None:
    (tmp_path / "none.pem").write_text("nothing")
    servers = [
        {"base": "https://a.org", "ca_file": str(tmp_path / "none.pem")},
        {"base": "https://b.org", "ca_file": str(tmp_path / "missing.pem")},
    ]
    with pytest.raises(SettingsError) as caught:
        client(site, FakeFhir(), fhir_servers=servers)
    assert len(caught.value.problems) == 2
    assert "it holds no certificates. Give a file in PEM." in caught.value.message

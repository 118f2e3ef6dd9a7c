"""Replay against a service that knows its clients by their keys: the real application, over a socket."""

import json
import shutil
from collections.abc import Callable, Iterator
from importlib.resources import as_file, files
from pathlib import Path

import pytest

from service.app import create_app
from service.cases import read_case
from service.clients.token_signing import JWKS_FILE, KEY_FILE, generate_pair
from service.recording.format import Exchange
from service.settings import Settings
from service.store import Place
from service.store.migrate import upgrade
from tests.loopback import free_port, served
from tests.replay.traffic import write

Run = Callable[..., tuple[object, str, str]]
ELSEWHERE, ISSUER = "https://cds.example.org", "https://replay.example.org"
CASES = (
    "order-select__secukinumab-43-days-ago",
    "order-select__cancelled-draft",
    "order-sign__upadacitinib-replaces-adalimumab",
)
pytestmark = pytest.mark.enable_socket


@pytest.fixture
def kid(tmp_path: Path) -> str:
    return generate_pair(tmp_path / "keys")


@pytest.fixture
def address(tmp_path: Path, kid: str) -> Iterator[str]:
    """Serve a site that has one client, who has this key; its clock is that of the machine, as the replay's is."""
    assert kid
    client = {"id": "replay", "issuers": [ISSUER], "jwks": json.loads((tmp_path / "keys" / JWKS_FILE).read_text())}
    port = free_port()
    site = Settings.model_validate({"data_dir": tmp_path / "data", "port": port, "clients": [client]})
    upgrade(Place.of(site))
    with served(create_app(site, ready=True), port) as base:
        yield base


@pytest.fixture
def signing(tmp_path: Path, kid: str) -> tuple[str, ...]:
    return ("--key", str(tmp_path / "keys" / KEY_FILE), "--iss", ISSUER, "--kid", kid)


@pytest.fixture
def cases(tmp_path: Path) -> Path:
    for name in CASES:
        with as_file(files("fhir_fixtures") / "cases" / name) as place:
            shutil.copytree(place, tmp_path / "cases" / name)
    return tmp_path / "cases"


def test_cases_are_answered_as_recorded_with_a_token_for_each_call(
    upa_cds: Run, cases: Path, address: str, signing: tuple[str, ...]
) -> None:
    code, out, err = upa_cds("replay", cases, "--url", address, *signing)
    assert (out, code, err) == ("3 cases: 3 same, 0 differ, 0 left out\n", 0, "")


def test_a_recording_is_compared_with_the_service_call_by_call_each_asked_twice(
    upa_cds: Run, tmp_path: Path, address: str, signing: tuple[str, ...], exchanges: tuple[Exchange, ...]
) -> None:
    recording = write(tmp_path / "week.ndjson.gz", exchanges[:12])
    code, out, err = upa_cds("replay", recording, "--url", address, *signing)
    assert (code, err) == (0, "")
    assert "12 calls" in out


@pytest.mark.parametrize("of_recording", [False, True])
def test_a_service_that_does_not_know_the_caller_ends_the_replay_and_says_what_to_give(
    upa_cds: Run, tmp_path: Path, cases: Path, address: str, exchanges: tuple[Exchange, ...], of_recording: bool
) -> None:
    what = write(tmp_path / "week.ndjson.gz", exchanges[:2]) if of_recording else cases
    code, _, err = upa_cds("replay", what, "--url", address)
    assert code == 69
    assert err.rstrip().endswith(
        "answered 401. It knows its clients by their keys: give --key and --iss of one of them."
    )


def test_a_token_that_is_refused_is_said_to_be(
    upa_cds: Run, cases: Path, address: str, signing: tuple[str, ...]
) -> None:
    code, _, err = upa_cds("replay", cases, "--url", address, *signing, "--aud", ELSEWHERE)
    assert code == 69
    assert "answered 401. Its log says why" in err
    assert read_case(CASES[0]).request["context"]["patientId"] not in err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--iss", ISSUER), "give --key too"),
        (("--key", "{key}", "--iss", ISSUER, "--kid", "1"), "give one with --url, --old or --new"),
        (("--url", "https://a.example.org", "--key", "{key}"), "Give --iss"),
        (("--url", "https://a.example.org", "--key", "{key}", "--iss", ISSUER), "Give --kid"),
        (("--url", "https://a.example.org", "--key", "no-such-file", "--iss", ISSUER), "no-such-file"),
        (
            ("--old", "https://a.example.org", "--new", "https://b.example.org", "--aud", ELSEWHERE, "--key", "{key}"),
            "two are called",
        ),
    ],
)
def test_options_that_do_not_go_together_are_wrong_usage(
    upa_cds: Run, tmp_path: Path, kid: str, options: tuple[str, ...], said: str
) -> None:
    assert kid
    key = str(tmp_path / "keys" / KEY_FILE)
    code, _, err = upa_cds("replay", *(option.format(key=key) for option in options))
    assert code == 64
    assert said in err

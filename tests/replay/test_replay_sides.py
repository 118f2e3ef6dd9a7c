"""The sides of a replay: dates that move to a running service and back, and what cannot be put to one."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from itertools import islice
from typing import Any

import pytest
import requests

from service.answer import Engine, answer, build_engine
from service.cases import case_names, read_case
from service.discovery import service_by_id
from service.errors import ServiceError, Unreachable, operation_outcome
from service.recording.format import FhirCall, RecordingError
from service.replay.calls import Call, case_call
from service.replay.compare import compare
from service.replay.posting import Poster
from service.replay.reading import read_answer
from service.replay.sides import Build, Remote, SideSpec, open_sides, side_spec
from service.settings import Settings
from tests.replay.test_replay_command import DATED
from tests.replay.traffic import Mix, answered, traffic

URL = "http://service.example"


@dataclass
class Running:
    """A service behind a URL, with a day of its own, that remembers what it was asked."""

    engine: Engine
    today: date
    asked: list[str] = field(default_factory=list)

    def post(self, url: str, *, data: bytes, **_: object) -> requests.Response:
        """Answer as the service would."""
        self.asked.append(url)
        response = requests.Response()
        service = service_by_id(url.rpartition("/")[2])
        assert service
        try:
            body = answer(data, service, engine=self.engine, on=self.today).body
            response.status_code = 200
        except ServiceError as error:
            body, response.status_code = json.dumps(operation_outcome(error)).encode(), error.status
        response._content = body
        return response


@pytest.fixture(scope="module")
def build() -> Build:
    return Build(Settings())


def _remote(build: Build, service: Any, today: date) -> Remote:
    return Remote(Poster(URL, service), build.names, lambda: today)


@pytest.mark.parametrize("today", [date(2026, 3, 17), date(2027, 2, 11), date(2024, 2, 29)])
@pytest.mark.parametrize("name", DATED)
def test_a_running_service_on_another_day_says_what_was_recorded(name: str, today: date, build: Build) -> None:
    call = case_call(read_case(name))
    service = Running(build_engine(Settings()), today)
    given = _remote(build, service, today).answer(call)
    assert service.asked == [f"{URL}/cds-services/{call.exchange.service}"]
    recorded = read_answer(call.exchange.status, call.exchange.response, build.names, months=False)
    assert not compare(recorded, read_answer(given.status, given.body, build.names, months=False))


def test_a_service_of_yesterday_is_found_out(build: Build) -> None:
    call = case_call(read_case(DATED[0]))
    today = date(2027, 2, 11)
    service = Running(build_engine(Settings()), today + timedelta(days=200))
    given = _remote(build, service, today).answer(call)
    assert compare(
        read_answer(200, call.exchange.response, build.names), read_answer(given.status, given.body, build.names)
    )


def test_recorded_traffic_gets_the_same_from_a_service_behind_a_url(build: Build) -> None:
    today = date(2026, 11, 25)
    remote = _remote(build, Running(build_engine(Settings()), today), today)
    for exchange in answered(islice(traffic(2, Mix(subject=0.8, biologic=0.6, oral=0.4, chart=2)), 60)):
        call = Call("r", 2, exchange)
        ours, theirs = (
            read_answer(given.status, given.body, build.names, months=False)
            for given in (build.answer(call), remote.answer(call))
        )
        assert not compare(ours, theirs)


def test_what_a_url_cannot_be_asked_is_left_out_and_said(build: Build) -> None:
    remote = _remote(build, None, date(2026, 3, 17))
    with_settings = case_call(read_case("order-select__ceiling-info"))
    assert remote.answer(with_settings).left_out == "the case needs settings of its own"
    (exchange,) = islice(traffic(1), 1)
    read = replace(exchange, fhir_calls=(FhirCall("GET", "Condition?patient=x", 200, b"{}", None),))
    assert "FHIR server of the recording" in str(remote.answer(Call("r", 2, read)).left_out)


# Its settings say that the server has no statements, which a recording does not tell.
_SETTINGS_DECIDE = "order-select__fhir-server-without-statements"
WITH_SERVER = [name for name in case_names() if read_case(name).server and name != _SETTINGS_DECIDE]


@pytest.mark.parametrize("name", WITH_SERVER)
def test_recorded_reads_answer_for_the_fhir_server_without_its_settings(name: str, build: Build) -> None:
    call = replace(case_call(read_case(name)), settings=None)
    given = build.answer(call)
    assert (given.status, json.loads(given.body)) == (call.exchange.status, json.loads(call.exchange.response))


@pytest.mark.parametrize("name", WITH_SERVER)
def test_a_read_that_was_not_recorded_is_an_error_that_names_no_id(name: str, build: Build) -> None:
    call = replace(case_call(read_case(name)), settings=None)
    silent = replace(call.exchange, fhir_calls=(), status=200, response=b'{"cards":[]}')
    given = build.answer(replace(call, exchange=silent))
    assert given.status == 502
    assert str(given.problem).startswith("needs network: ")
    assert not any(f"{part}" in str(given.problem) for part in ("=", "Patient/", "Medication/"))


def test_a_server_that_was_not_read_in_scope_is_not_read_now_either(build: Build) -> None:
    call = replace(case_call(read_case("order-select__record-only-on-the-fhir-server")), settings=None)
    refused = replace(call.exchange, fhir_calls=(), status=412, response=b"{}")
    assert build.answer(replace(call, exchange=refused)).status == 412


def test_a_service_that_does_not_answer_is_told_by_its_url(build: Build) -> None:
    class Silent:
        def post(self, *_: object, **__: object) -> Mapping[str, str]:
            raise requests.ConnectionError("refused")

    with pytest.raises(Unreachable, match=r"http://service\.example: no usable answer \(ConnectionError\)"):
        _remote(build, Silent(), date(2026, 3, 17)).answer(case_call(read_case(DATED[0])))


def test_what_a_recording_says_of_its_site_decides_the_jurisdiction_and_the_profile(build: Build) -> None:
    call = case_call(read_case("order-select__upadacitinib-beside-current-infliximab"))
    there = replace(call, settings=None, exchange=replace(call.exchange, jurisdiction="eu"))
    assert b"EU" in build.answer(there).body or b"SmPC" in build.answer(there).body
    assert build.answer(there).body != build.answer(replace(call, settings=None)).body


@pytest.mark.parametrize("other", [{"jurisdiction": "mars"}, {"profile": "telepathy"}])
def test_a_site_that_is_not_known_here_makes_the_recording_unusable(build: Build, other: dict[str, str]) -> None:
    (exchange,) = islice(traffic(1), 1)
    call = Call("week.ndjson", 2, replace(exchange, **other))  # type: ignore[arg-type]
    with pytest.raises(RecordingError, match=r"week\.ndjson, line 2"):
        build.answer(call)


def test_what_breaks_in_the_middle_is_a_status_and_never_silence(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("SECRET")

    monkeypatch.setattr("service.replay.sides.answer", broken)
    (exchange,) = islice(traffic(1), 1)
    given = build.answer(Call("r", 2, exchange))
    assert (given.status, given.problem) == (500, "ZeroDivisionError")
    assert read_answer(given.status, given.body, build.names).failed


def test_sides_of_the_same_knowledge_share_it() -> None:
    old, new = open_sides(SideSpec("build"), SideSpec("build"), Settings())
    assert old is new


def test_a_side_is_a_url_or_a_folder() -> None:
    assert side_spec("https://cds.example.org/x") == SideSpec("url", "https://cds.example.org/x")
    assert side_spec("candidate/") == SideSpec("build", "candidate/")
    assert [SideSpec("recorded").told, SideSpec("build").told] == ["the recorded answers", "this build"]

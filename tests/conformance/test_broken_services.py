"""The suite against a correct service, which passes every check, and against services broken in one place each."""

from datetime import UTC, datetime
from io import StringIO
from itertools import count
from pathlib import Path

import pytest
from rich.console import Console

from service.conformance import CHECKS, Assignment, Level, Result, Verdict, run
from service.conformance.catalogue import NOT_CHECKED
from service.conformance.client import Client
from service.conformance.model import Part
from service.conformance.report import as_json, as_junit, show
from service.conformance.tokens import Signer, given_token
from tests.conformance.broken_services import BROKEN, Broken
from tests.conformance.reference_service import BASE, ISSUER, KEY, KID, ORIGIN, Json, Reference, session_of

NOW = datetime(2026, 3, 16, 12, tzinfo=UTC)
OF_LEVEL = {Level.SHALL: Verdict.FAILED, Level.SHOULD: Verdict.WARNED, Level.INFORMATIVE: Verdict.NOTED}
WEIGHT = {check.name: OF_LEVEL[check.level] for check in CHECKS}


def signer(base: str = BASE) -> Signer:
    return Signer(KEY, "ES256", ISSUER, KID, base, lambda: datetime.now(UTC))


def visited(reference: Reference, broken: Broken | None = None) -> list[Result]:
    broken = broken or Broken()
    base = BASE.replace("https", broken.over)
    credentials = signer(base) if reference.asks else None
    ticks = count()
    client = Client(
        session=session_of(reference),
        token=credentials.token if credentials else lambda _: None,
        monotonic=lambda: next(ticks) * broken.slow,
    )
    return run(Assignment(base, origin=ORIGIN, credentials=credentials), NOW, client)


def verdicts(results: list[Result]) -> dict[str, Verdict]:
    return {result.check.name: result.verdict for result in results}


def test_every_check_has_a_service_that_it_fails() -> None:
    assert list(BROKEN) == [check.name for check in CHECKS]


def test_every_row_of_the_standard_is_checked_or_said_not_to_be() -> None:
    checked = {row for check in CHECKS for row in check.rows}
    told = [row for rows in NOT_CHECKED.values() for row in rows]
    assert len(told) == len(set(told))
    assert not checked & set(told)
    assert checked | set(told) == set(range(1, 122))


def test_every_inferno_requirement_is_one_of_a_service() -> None:
    lines = Path(__file__).with_name("inferno_service_requirements.tsv").read_text().splitlines()
    known = {int(line.partition("\t")[0]) for line in lines[1:]}
    assert len(known) == 120
    assert {number for check in CHECKS for number in check.inferno} <= known


def test_every_check_promises_one_sentence_and_names_its_rows() -> None:
    assert len({check.name for check in CHECKS}) == len(CHECKS)
    assert all(check.title.endswith(".") and len(check.title) <= 100 for check in CHECKS)
    assert {check.name for check in CHECKS if not check.rows} == {"calls.deterministic"}
    assert {check.group for check in CHECKS} == set(Part)


def test_a_correct_service_that_asks_for_tokens_passes_every_check() -> None:
    results = verdicts(visited(Reference(asks=True)))
    beyond = {name for name, verdict in results.items() if verdict is not Verdict.PASSED}
    assert beyond == set()
    assert len(results) == len(CHECKS)


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_service_fails_its_check_and_little_else(name: str) -> None:
    broken = BROKEN[name]
    results = verdicts(visited(Reference(**broken.change), broken))
    not_holding = {
        found: verdict for found, verdict in results.items() if verdict not in (Verdict.PASSED, Verdict.NOT_EXERCISED)
    }
    assert not_holding == {found: WEIGHT[found] for found in (name, *broken.also)}


def test_with_a_given_token_what_needs_no_key_is_tried_and_the_rest_is_not_exercised() -> None:
    reference = Reference(asks=True, lax=frozenset({"jti", "aud"}))
    given = given_token(signer().token(BASE))
    client = Client(session=session_of(reference), token=given.token)
    found = verdicts(run(Assignment(BASE, origin=ORIGIN, credentials=given), NOW, client))
    trust = {name.partition(".")[2]: verdict for name, verdict in found.items() if name.startswith("trust.")}
    tried = {"good-token", "no-token", "none", "symmetric", "other-key", "feedback", "same-refusal"}
    assert {name for name, verdict in trust.items() if verdict is Verdict.PASSED} == tried
    assert {verdict for name, verdict in trust.items() if name not in tried} == {Verdict.NOT_EXERCISED}


def test_a_service_that_asks_for_a_token_nobody_gave_fails_and_says_what_to_give() -> None:
    client = Client(session=session_of(Reference(asks=True)))
    results = {result.check.name: result for result in run(Assignment(BASE, origin=ORIGIN), NOW, client)}
    assert results["calls.valid"].verdict is Verdict.FAILED
    assert {item.came for item in results["calls.valid"].departures} == {"HTTP 401; give --jwt or --key"}
    assert results["calls.malformed"].verdict is Verdict.NOT_EXERCISED


def test_a_service_of_a_hook_that_nobody_knows_is_told_and_reached_with_a_request_of_the_user(tmp_path: Path) -> None:
    def private_hook(document: Json) -> None:
        document["services"][1]["hook"] = "org.example.private"

    request = tmp_path / "private.json"
    request.write_text('{"hook": "org.example.private", "hookInstance": "1", "context": {}}')
    for requests, verdict in (((), Verdict.NOTED), ((request,), Verdict.PASSED)):
        client = Client(session=session_of(Reference(discovery=private_hook)))
        results = run(Assignment(BASE, requests=requests, origin=ORIGIN), NOW, client)
        assert verdicts(results)["calls.every-service"] is verdict


def test_no_token_is_in_any_report() -> None:
    given = given_token(signer().token(BASE))
    client = Client(session=session_of(Reference()), token=given.token)
    results = run(Assignment(BASE, origin=ORIGIN, credentials=given), NOW, client)
    claims = given.text.split(".")[1]
    for report in (as_json(results, BASE, strict=False), as_junit(results, strict=False).decode()):
        assert claims not in report


def test_text_of_the_service_cannot_command_a_terminal() -> None:
    def escape_codes(body: Json) -> None:
        body["cards"][0]["indicator"] = "\x1b[2J\u202egnp"

    console = Console(record=True, width=160, file=StringIO())
    show(visited(Reference(answer=escape_codes)), BASE, console)
    told = console.export_text()
    assert "cards.indicator" in told
    assert not {"\x1b", "\u202e"} & set(told)

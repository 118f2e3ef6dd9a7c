"""The suite against a correct service, which passes every check, and against services broken in one place each."""

from datetime import UTC, datetime
from itertools import count

import pytest

from service.conformance import CHECKS, Assignment, Level, Result, Verdict, run
from service.conformance.catalogue import NOT_CHECKED
from service.conformance.client import Client
from service.conformance.tokens import Signer
from tests.conformance.broken_services import BROKEN, Broken
from tests.conformance.reference_service import BASE, ISSUER, KEY, KID, ORIGIN, Reference, session_of

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

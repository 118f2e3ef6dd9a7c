"""`expect.yaml`: what is allowed, by whom, and what no file allows."""

from pathlib import Path

import pytest

from service.replay.compare import Change, Kind
from service.replay.expect import Expected, ExpectError, judge, read_expected, unused

TOPICS = {"upadacitinib-jak": "UPADACITINIBJAK"}
LOST = Change(Kind.REMOVED, "UPADACITINIBJAK", "upadacitinib + tofacitinib", "warning")
WORDS = Change(Kind.TEXT, "UPADACITINIBJAK", "upadacitinib + tofacitinib", "warning", "warning")
REASON = {"reason": "as decided", "reviewer": "pharmacist"}


def _allowing(**allowance: object) -> Expected:
    return Expected.model_validate({"schema": 1, "allow": [{**REASON, **allowance}]})


def _why(change: Change, expected: Expected | None, n: int = 1) -> str | None:
    (judged,) = judge([(change, n)], expected, TOPICS)
    return judged.why


@pytest.mark.parametrize("kind", [Kind.REMOVED, Kind.DOWNGRADED, Kind.INCOMPLETE_REMOVED])
@pytest.mark.parametrize("before", ["warning", "critical"])
def test_without_a_file_a_lost_or_quieter_warning_is_forbidden(kind: Kind, before: str) -> None:
    assert _why(Change(kind, "T", "a + b", before), None) == f"a {before} is lost"
    assert _why(Change(kind, "T", "a + b", "info"), None) is None


@pytest.mark.parametrize("kind", [Kind.CARD_TO_ERROR, Kind.ERROR_TO_ERROR])
def test_without_a_file_an_error_is_forbidden(kind: Kind) -> None:
    assert _why(Change(kind, before="silence", after="500"), None) == "an error"


@pytest.mark.parametrize(
    "kind",
    [
        Kind.ADDED,
        Kind.UPGRADED,
        Kind.TEXT,
        Kind.SUGGESTION,
        Kind.ORDER_ONLY,
        Kind.ERROR_TO_CARD,
        Kind.INCOMPLETE_ADDED,
    ],
)
def test_without_a_file_what_loses_nothing_is_allowed(kind: Kind) -> None:
    assert _why(Change(kind, "T", "a + b", "info", "warning"), None) is None


@pytest.mark.parametrize(
    "allowance",
    [
        {"change": "REMOVED"},
        {"change": ["TEXT", "REMOVED"], "rule": "upadacitinib-jak"},
        {"change": "REMOVED", "rule": "UPADACITINIBJAK", "pair": ["tofacitinib", "upadacitinib"]},
        {"change": "REMOVED", "before": "warning", "at_most": 3},
    ],
)
def test_an_allowance_covers_what_it_names(allowance: dict[str, object]) -> None:
    assert _why(LOST, _allowing(**allowance), n=3) is None


@pytest.mark.parametrize(
    "allowance",
    [
        {"change": "TEXT"},
        {"change": "REMOVED", "rule": "upadacitinib-biologic"},
        {"change": "REMOVED", "pair": ["upadacitinib", "baricitinib"]},
        {"change": "REMOVED", "before": "critical"},
        {"change": "REMOVED", "after": "info"},
    ],
)
def test_an_allowance_covers_nothing_else(allowance: dict[str, object]) -> None:
    expected = _allowing(**allowance)
    assert _why(LOST, expected) == "a warning is lost"
    assert unused(judge([(LOST, 1)], expected, TOPICS), expected) == expected.allow


def test_more_often_than_expected_is_not_allowed() -> None:
    assert _why(LOST, _allowing(change="REMOVED", at_most=2), n=3) == "expected at most 2 times, found 3 times"


def test_at_most_counts_over_all_that_an_allowance_covers() -> None:
    expected = _allowing(change=["REMOVED", "TEXT"], at_most=2)
    assert all(item.why for item in judge([(LOST, 2), (WORDS, 1)], expected, TOPICS))


def test_with_a_file_what_it_does_not_name_is_not_allowed() -> None:
    assert _why(WORDS, _allowing(change="ADDED")) == "not named in the expect file"


@pytest.mark.parametrize("kind", [Kind.INVALID, Kind.UNSTABLE])
def test_no_file_allows_an_invalid_card_or_two_answers_to_one_call(kind: Kind) -> None:
    assert _why(Change(kind), _allowing(change=kind.value)) == "never allowed"
    assert _why(Change(kind), None) == "never allowed"


def _written(folder: Path, text: str) -> Path:
    file = folder / "expect.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def test_every_problem_of_a_file_is_a_line_that_says_where_and_what(tmp_path: Path) -> None:
    file = _written(tmp_path, "schema: 1\nallow:\n  - {change: REMOVD, rul: x, reason: y}\n")
    with pytest.raises(ExpectError) as caught:
        read_expected(file)
    lines = caught.value.message.splitlines()
    assert len(lines) == 3
    assert all(line.startswith(f"{file}: allow.0.") for line in lines)
    assert any("no such key. Did you mean rule?" in line for line in lines)
    assert any("reviewer" in line for line in lines)
    assert caught.value.exit_code == 64


@pytest.mark.parametrize("text", ["", "schema: 2\nallow: []", "{", "[]", "schema: 1"])
def test_what_is_no_expect_file_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ExpectError):
        read_expected(_written(tmp_path, text))


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ExpectError, match="cannot be read"):
        read_expected(tmp_path / "nowhere.yaml")

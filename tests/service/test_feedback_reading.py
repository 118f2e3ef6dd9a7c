"""What a client may send as feedback, what is taken all the same, and what is refused by place and never by value."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from service.errors import BodyTooLarge, InvalidRequest
from service.wire import FeedbackDeviation, Told, read_feedback
from service.wire.feedback import CATEGORY, LONGEST_COMMENT, MOST_ENTRIES, MOST_SUGGESTIONS

NOW = datetime(2026, 3, 16, 13, tzinfo=UTC)
CARD = "11111111-1111-4111-8111-111111111111"
TAKEN = "22222222-2222-4222-8222-222222222222"
AT = datetime(2026, 3, 16, 12, tzinfo=UTC)
ENTRY = {"card": CARD, "outcome": "overridden", "outcomeTimestamp": "2026-03-16T12:00:00Z"}
CODING = {"code": "clinical-trial", "system": "urn:upadacitinib-cds:override-reason"}
CANARY = "Canary-Name-4711"


def read(*entries: Any, **more: Any) -> Any:
    return read_feedback(json.dumps({"feedback": list(entries), **more}).encode(), NOW)


def entry(**changed: Any) -> dict[str, Any]:
    return {**ENTRY, **changed}


def accepted(*ids: Any) -> dict[str, Any]:
    return entry(outcome="accepted", acceptedSuggestions=[{"id": item} for item in ids])


def problem(*entries: Any) -> str:
    with pytest.raises(InvalidRequest) as caught:
        read(*entries)
    return caught.value.message


@pytest.mark.fault(42)
def test_an_override_without_any_reason_is_taken() -> None:
    assert read(ENTRY).entries == (Told(CARD, "overridden", AT),)
    assert read(ENTRY).deviations == ()


def test_an_override_with_reason_and_comment_is_taken_without_the_display() -> None:
    reason = {"reason": {**CODING, "display": CANARY}, "userComment": "as discussed"}
    (told,) = read(entry(overrideReason=reason)).entries
    assert (told.reason_system, told.reason_code, told.comment) == (CODING["system"], CODING["code"], "as discussed")
    assert CANARY not in repr(told)


def test_an_accepted_suggestion_is_taken_and_each_counts_once() -> None:
    (told,) = read(accepted(TAKEN, TAKEN.upper())).entries
    assert (told.outcome, told.accepted) == ("accepted", (TAKEN,))


def test_a_uuid_in_capitals_is_the_same_card() -> None:
    assert read(entry(card=CARD.upper())).entries == read(ENTRY).entries


def test_entries_keep_their_order_and_unknown_members_are_passed_over() -> None:
    told = read(ENTRY, accepted(TAKEN), entry(extension={"a": 1}, other=2), extension={"b": 1}).entries
    assert [item.outcome for item in told] == ["overridden", "accepted", "overridden"]


@pytest.mark.parametrize(
    ("written", "read_as"),
    [
        ("2026-03-16T13:00:00+01:00", AT),
        ("2026-03-16T12:00:00.711Z", AT.replace(microsecond=711_000)),
        ("2026-03-16T12:00:00.123456789Z", AT.replace(microsecond=123_456)),
        ("2026-03-16T11:59:60Z", AT.replace(hour=11, minute=59, second=59)),
    ],
)
def test_a_time_with_a_zone_is_read(written: str, read_as: datetime) -> None:
    assert read(entry(outcomeTimestamp=written)).entries[0].at == read_as


@pytest.mark.fault(42)
@pytest.mark.parametrize(
    "written",
    [
        "2026-03-16T12:00:00",
        "2026-03-16 12:00:00Z",
        "2026-03-16",
        "2026-13-16T12:00:00Z",
        "2026-02-30T12:00:00Z",
        "0001-01-01T00:00:00+14:00",
        "٢٠٢٦-03-16T12:00:00Z",
        "",
        1773662400,
        None,
    ],
)
def test_a_time_without_a_zone_or_of_no_calendar_is_refused(written: Any) -> None:
    told = problem(entry(outcomeTimestamp=written))
    assert told == ("feedback[0].outcomeTimestamp is not a date and time with a zone: send it as 2026-03-16T12:00:00Z.")


def test_a_time_ahead_of_ours_is_taken_and_counted() -> None:
    given = read(entry(outcomeTimestamp="2031-01-01T00:00:00Z"))
    assert given.deviations == (FeedbackDeviation.AHEAD_OF_TIME,)


def test_a_single_entry_for_the_list_is_taken_and_counted() -> None:
    given = read_feedback(json.dumps({"feedback": ENTRY}).encode(), NOW)
    assert given.entries == (Told(CARD, "overridden", AT),)
    assert given.deviations == (FeedbackDeviation.NOT_A_LIST,)


@pytest.mark.parametrize("wrap", [lambda reason: reason, lambda reason: [reason]], ids=["object", "list of one"])
def test_the_plural_key_of_epic_is_taken_and_counted(wrap: Any) -> None:
    given = read(entry(overrideReasons=wrap({"reason": CODING, "userComment": "x"})))
    assert (given.entries[0].reason_code, given.entries[0].comment) == ("clinical-trial", "x")
    assert given.deviations == (FeedbackDeviation.PLURAL_REASONS,)


def test_a_reason_of_epic_by_extension_is_kept_by_its_category_alone() -> None:
    extension = {
        CATEGORY: "45",
        "com.epic.cdshooks.feedback.overrideReason.reasonDisplay": CANARY,
        "com.epic.cdshooks.feedback.overrideReason.reasonTitle": CANARY,
    }
    given = read(entry(overrideReasons={"extension": extension}))
    (told,) = given.entries
    assert (told.reason_system, told.reason_code) == (CATEGORY, "45")
    assert CANARY not in repr(told)
    assert set(given.deviations) == {FeedbackDeviation.PLURAL_REASONS, FeedbackDeviation.REASON_BY_EXTENSION}


def test_an_extension_with_texts_alone_is_an_override_without_a_code() -> None:
    extension = {"com.epic.cdshooks.feedback.overrideReason.reasonTitle": "Does not meet criteria"}
    assert read(entry(overrideReasons={"extension": extension})).entries == (Told(CARD, "overridden", AT),)


def test_a_reason_without_a_system_is_taken_and_counted() -> None:
    given = read(entry(overrideReason={"reason": {"code": "clinical-trial"}}))
    assert (given.entries[0].reason_system, given.entries[0].reason_code) == (None, "clinical-trial")
    assert given.deviations == (FeedbackDeviation.REASON_WITHOUT_SYSTEM,)


def test_a_code_that_is_a_sentence_is_not_kept() -> None:
    given = read(entry(overrideReason={"reason": {"code": f"because of {CANARY}", "system": "urn:x"}}))
    assert given.entries[0].reason_code == "(not a code)"
    assert given.deviations == (FeedbackDeviation.REASON_NOT_A_CODE,)


def test_a_blank_comment_beside_a_reason_is_none() -> None:
    given = read(entry(overrideReason={"reason": CODING, "userComment": "  "}))
    assert given.entries[0].comment is None
    assert given.deviations == (FeedbackDeviation.COMMENT_BLANK,)


@pytest.mark.parametrize("comment", ["a" * LONGEST_COMMENT, "line\nline", "\U0001f600"])
def test_a_comment_of_up_to_2000_characters_is_taken(comment: str) -> None:
    assert read(entry(overrideReason={"userComment": comment})).entries[0].comment == comment


def test_a_comment_keeps_nothing_that_a_database_refuses() -> None:
    assert read(entry(overrideReason={"userComment": "a\x00b"})).entries[0].comment == "ab"


@pytest.mark.fault(42)
@pytest.mark.parametrize(
    ("wrong", "place"),
    [
        ("text", "feedback[1] is not an object"),
        (None, "feedback[1] is not an object"),
        (entry(card=None), "feedback[1].card is missing"),
        (entry(card=CANARY), "feedback[1].card is missing or not a UUID"),
        (entry(card=f"urn:uuid:{CARD}"), "feedback[1].card is missing or not a UUID"),
        (entry(outcome=CANARY), "feedback[1].outcome is neither"),
        (entry(outcome=["accepted"]), "feedback[1].outcome is neither"),
        (entry(outcome="accepted"), "feedback[1].acceptedSuggestions is missing"),
        (accepted(), "feedback[1].acceptedSuggestions is missing, empty"),
        (accepted(*[TAKEN] * (MOST_SUGGESTIONS + 1)), "feedback[1].acceptedSuggestions is missing, empty or too long"),
        (accepted(TAKEN, CANARY), "feedback[1].acceptedSuggestions[1].id is missing or not a UUID"),
        (entry(outcome="accepted", acceptedSuggestions=[CANARY]), "feedback[1].acceptedSuggestions[0].id"),
        (entry(outcome="accepted", acceptedSuggestions={"id": TAKEN}), "feedback[1].acceptedSuggestions is missing"),
        (entry(overrideReason=CANARY), "feedback[1].overrideReason is not an object"),
        (entry(overrideReasons=[{}, {}]), "feedback[1].overrideReasons is not an object"),
        (entry(overrideReason={}), "feedback[1].overrideReason has neither reason nor userComment"),
        (entry(overrideReason={"userComment": " "}), "feedback[1].overrideReason has neither"),
        (entry(overrideReason={"reason": None, "userComment": None}), "feedback[1].overrideReason has neither"),
        (entry(overrideReason={"reason": CANARY}), "feedback[1].overrideReason.reason has no code"),
        (entry(overrideReason={"reason": {"code": ""}}), "feedback[1].overrideReason.reason has no code"),
        (entry(overrideReason={"reason": {**CODING, "system": 5}}), "feedback[1].overrideReason.reason.system"),
        (entry(overrideReason={"reason": {**CODING, "system": "a b"}}), "feedback[1].overrideReason.reason.system"),
        (entry(overrideReason={"userComment": 5}), "feedback[1].overrideReason.userComment is not a text"),
        (
            entry(overrideReason={"userComment": CANARY * LONGEST_COMMENT}),
            "feedback[1].overrideReason.userComment is not a text of at most 2000 characters",
        ),
    ],
)
def test_a_wrong_entry_is_named_by_its_place_and_its_value_is_not_repeated(wrong: Any, place: str) -> None:
    told = problem(ENTRY, wrong)
    assert told.startswith(place)
    assert CANARY not in told


def test_every_problem_is_told_at_once_and_many_are_cut_short() -> None:
    assert len(problem({}, entry(card="")).splitlines()) == 4
    assert problem(*[entry(card="")] * 12).splitlines()[10:] == ["And 2 more."]


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"null", b"{}", b'{"feedback":[]}', b'{"feedback":null}', b'{"feedback":"x"}', b'{"feedback":1}'],
)
def test_a_body_without_entries_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidRequest):
        read_feedback(body, NOW)


def test_up_to_a_thousand_entries_are_taken_and_more_is_too_long() -> None:
    assert len(read(*[ENTRY] * MOST_ENTRIES).entries) == MOST_ENTRIES
    with pytest.raises(BodyTooLarge, match="send it in several posts"):
        read(*[ENTRY] * 10_000)


def test_the_same_entry_is_the_same_however_it_is_written() -> None:
    (one,) = read(ENTRY).entries
    (other,) = read({**dict(reversed(ENTRY.items())), "outcomeTimestamp": "2026-03-16T13:00:00+01:00"}).entries
    assert one.parts == other.parts


@pytest.mark.parametrize(
    "changed",
    [
        entry(card=TAKEN),
        entry(outcomeTimestamp="2026-03-16T12:00:01Z"),
        accepted(TAKEN),
        entry(overrideReason={"reason": CODING}),
        entry(overrideReason={"userComment": "x"}),
    ],
)
def test_an_entry_that_says_something_else_is_another_one(changed: dict[str, Any]) -> None:
    assert read(changed).entries[0].parts != read(ENTRY).entries[0].parts

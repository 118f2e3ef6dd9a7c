"""Feedback, read leniently where it can mean only one thing (CDS Hooks 2.0.1, Feedback).

A problem is named by the index of its entry and never by its value.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from service import strict_json
from service.errors import BodyTooLarge, Cause, InvalidRequest

ACCEPTED, OVERRIDDEN = "accepted", "overridden"
MOST_ENTRIES = 1000
MOST_SUGGESTIONS = 100
LONGEST_COMMENT = 2000
# Epic puts its own acknowledgement reason here, beside two texts for people.
_EXTENSIONS = "com.epic.cdshooks.feedback.overrideReason."
CATEGORY = f"{_EXTENSIONS}reasonCategory"
UNREADABLE_CODE = "(not a code)"

_BODY = "The feedback"
_TOLD_AT_ONCE = 10
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", flags=re.ASCII)
_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:)(\d\d)((\.\d+)?(Z|[+-]\d\d:\d\d))", flags=re.ASCII)
# What looks like a code may be kept; anything else could be a sentence about somebody.
_CODE = re.compile(r"[A-Za-z0-9._:/-]{1,64}", flags=re.ASCII)

_SYSTEM = re.compile(r"[^\s\x00-\x1f]{1,300}")


class FeedbackDeviation(StrEnum):
    """What a client got wrong in feedback that was taken all the same. A closed list: it becomes metric labels."""

    NOT_A_LIST = "feedback-not-a-list"
    PLURAL_REASONS = "feedback-override-reasons-plural"
    REASON_BY_EXTENSION = "feedback-reason-by-extension"
    REASON_WITHOUT_SYSTEM = "feedback-reason-without-system"
    REASON_NOT_A_CODE = "feedback-reason-not-a-code"
    COMMENT_BLANK = "feedback-comment-blank"
    AHEAD_OF_TIME = "feedback-ahead-of-time"


@dataclass(frozen=True, slots=True)
class Told:
    """One entry: what became of one card. `at` is aware; uuids are in lower case."""

    card: str
    outcome: str
    at: datetime
    accepted: tuple[str, ...] = ()
    reason_system: str | None = None
    reason_code: str | None = None
    comment: str | None = None

    @property
    def parts(self) -> tuple[str, ...]:
        """Return what makes the entry the same when it is sent again."""
        said = (self.card, self.outcome, self.at.astimezone(UTC).isoformat(), *self.accepted)
        return (*said, "", self.reason_system or "", self.reason_code or "", self.comment or "")


@dataclass(frozen=True, slots=True)
class Feedback:
    """One post of feedback."""

    entries: tuple[Told, ...]
    deviations: tuple[FeedbackDeviation, ...] = ()


def read_feedback(body: bytes, now: datetime) -> Feedback:
    """Read a post of feedback that arrived `now`.

    All of it is taken or nothing: raises InvalidRequest (400) with a line for each problem, or BodyTooLarge (413).
    """
    reader = _Reader([], [], now)
    entries = reader.feedback(strict_json.loads(body, _BODY))
    if reader.problems:
        more = len(reader.problems) - _TOLD_AT_ONCE
        told = reader.problems[:_TOLD_AT_ONCE] + ([f"And {more} more."] if more > 0 else [])
        raise InvalidRequest("\n".join(told), Cause.FEEDBACK_FAULTY)
    return Feedback(tuple(entries), tuple(reader.deviations))


@dataclass(frozen=True, slots=True)
class _Reader:
    problems: list[str]
    deviations: list[FeedbackDeviation]
    now: datetime

    def feedback(self, document: Any) -> Sequence[Told]:
        listed = document.get("feedback") if isinstance(document, dict) else None
        if isinstance(listed, dict):
            self.deviations.append(FeedbackDeviation.NOT_A_LIST)
            listed = [listed]
        if not isinstance(listed, list) or not listed:
            raise InvalidRequest(
                "feedback is missing or empty: send an object with the array feedback.", Cause.FEEDBACK_FAULTY
            )
        if len(listed) > MOST_ENTRIES:
            raise BodyTooLarge(f"feedback holds more than {MOST_ENTRIES} entries: send it in several posts.")
        return [told for index, entry in enumerate(listed) if (told := self._entry(f"feedback[{index}]", entry))]

    def _entry(self, where: str, entry: Any) -> Told | None:
        if not isinstance(entry, dict):
            self._wrong(f"{where} is not an object: send card, outcome and outcomeTimestamp.")
            return None
        before = len(self.problems)
        card = self._uuid(f"{where}.card", entry.get("card"))
        outcome = self._outcome(where, entry)
        at = self._time(f"{where}.outcomeTimestamp", entry.get("outcomeTimestamp"))
        accepted = self._accepted(f"{where}.acceptedSuggestions", entry, outcome)
        system, code, comment = self._reason(where, entry)
        if len(self.problems) > before or card is None or outcome is None or at is None:
            return None
        if outcome == ACCEPTED:
            return Told(card, outcome, at, accepted)
        return Told(card, outcome, at, (), system, code, comment)

    def _wrong(self, problem: str) -> None:
        self.problems.append(problem)

    def _uuid(self, where: str, value: Any) -> str | None:
        if isinstance(value, str) and _UUID.fullmatch(value.lower()):
            return value.lower()
        self._wrong(f"{where} is missing or not a UUID: send the uuid that came with the card.")
        return None

    def _outcome(self, where: str, entry: Mapping[str, Any]) -> str | None:
        outcome = entry.get("outcome")
        if outcome in (ACCEPTED, OVERRIDDEN):
            return str(outcome)
        self._wrong(f"{where}.outcome is neither accepted nor overridden: send one of the two.")
        return None

    def _time(self, where: str, value: Any) -> datetime | None:
        match = _TIME.fullmatch(value) if isinstance(value, str) else None
        # A leap second is a time of RFC 3339 and none of Python's.
        text = f"{match[1]}{'59' if match[2] == '60' else match[2]}{match[3]}" if match else ""
        try:
            at = datetime.fromisoformat(text).astimezone(UTC)
        except (ValueError, OverflowError):
            self._wrong(f"{where} is not a date and time with a zone: send it as 2026-03-16T12:00:00Z.")
            return None
        if at > self.now:
            self.deviations.append(FeedbackDeviation.AHEAD_OF_TIME)
        return at

    def _accepted(self, where: str, entry: Mapping[str, Any], outcome: str | None) -> tuple[str, ...]:
        if outcome != ACCEPTED:
            return ()
        listed = entry.get("acceptedSuggestions")
        if not isinstance(listed, list) or not 0 < len(listed) <= MOST_SUGGESTIONS:
            self._wrong(f"{where} is missing, empty or too long: send the id of each suggestion that was accepted.")
            return ()
        ids = (item.get("id") if isinstance(item, dict) else None for item in listed)
        found = [self._uuid(f"{where}[{index}].id", value) for index, value in enumerate(ids)]
        return tuple(dict.fromkeys(item for item in found if item))

    def _reason(self, where: str, entry: Mapping[str, Any]) -> tuple[str | None, str | None, str | None]:
        """Return system and code of the reason, and the comment; all three may be missing."""
        name, given = "overrideReason", entry.get("overrideReason")
        if given is None and entry.get("overrideReasons") is not None:
            self.deviations.append(FeedbackDeviation.PLURAL_REASONS)
            name, given = "overrideReasons", entry["overrideReasons"]
            given = given[0] if isinstance(given, list) and len(given) == 1 else given
        if given is None:
            return None, None, None
        if not isinstance(given, dict):
            self._wrong(f"{where}.{name} is not an object: send reason, userComment or both.")
            return None, None, None
        comment = self._comment(f"{where}.{name}.userComment", given.get("userComment"))
        system, code = self._coding(f"{where}.{name}", given)
        if code is None and comment is None and not _by_extension(given):
            self._wrong(f"{where}.{name} has neither reason nor userComment: send one of them, or leave it out.")
        return system, code, comment

    def _comment(self, where: str, comment: Any) -> str | None:
        if comment is None:
            return None
        if not isinstance(comment, str) or len(comment) > LONGEST_COMMENT:
            self._wrong(f"{where} is not a text of at most {LONGEST_COMMENT} characters: send a shorter one.")
            return None
        if not comment.strip():
            self.deviations.append(FeedbackDeviation.COMMENT_BLANK)
            return None
        # PostgreSQL keeps no such character.
        return comment.replace("\x00", "")

    def _coding(self, where: str, given: Mapping[str, Any]) -> tuple[str | None, str | None]:
        coding = given.get("reason")
        if coding is None and _by_extension(given):
            self.deviations.append(FeedbackDeviation.REASON_BY_EXTENSION)
            category = given["extension"].get(CATEGORY)
            return (CATEGORY, self._code(category)) if isinstance(category, str) else (None, None)
        if coding is None:
            return None, None
        code = coding.get("code") if isinstance(coding, dict) else None
        if not isinstance(code, str) or not code.strip():
            self._wrong(f"{where}.reason has no code: send the Coding that came with the card.")
            return None, None
        system = coding.get("system")
        if isinstance(system, str) and _SYSTEM.fullmatch(system):
            return system, self._code(code)
        if system is not None:
            self._wrong(f"{where}.reason.system is not an address: send the Coding that came with the card.")
        self.deviations.append(FeedbackDeviation.REASON_WITHOUT_SYSTEM)
        return None, self._code(code)

    def _code(self, code: str) -> str:
        if _CODE.fullmatch(code):
            return code
        self.deviations.append(FeedbackDeviation.REASON_NOT_A_CODE)
        return UNREADABLE_CODE


def _by_extension(given: Mapping[str, Any]) -> bool:
    """Say whether an extension stands for the reason; its texts for people are not read."""
    extension = given.get("extension")
    return isinstance(extension, dict) and any(key.startswith(_EXTENSIONS) for key in extension)

"""Recorded cases against this build or a running service, and where the answer differs, card by card."""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from difflib import unified_diff
from functools import cache, partial
from pathlib import Path
from typing import Any

from cards import KnowledgeError
from service.answer import Answer, Engine, answer, build_engine
from service.cases import OVERLAY, Case, CaseError, case_names, read_case, shift, shift_text
from service.discovery import SERVICES, Service
from service.errors import ServiceError, operation_outcome
from service.junit import Reported, junit_report
from service.replay.author import departures
from service.replay.effect import effect, without_version
from service.replay.posting import Signing, poster
from service.settings import ANYONE, Client, Settings

OK = 200
_STATUS_LINE = re.compile(r"^status:.*\n?", flags=re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Tried:
    """What is tried in place of the packaged knowledge: a folder, and an overlay for cases without one of their own."""

    knowledge: Path | None = None
    overlay: Path | None = None


NOTHING_TRIED = Tried()

Respond = Callable[[Case], tuple[int, Any]]
"""Gives the status and the response body of a case."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one case; `differences` are lines for a reader, `left_out` says why a case was not run.

    `unexpected` are lines too: where the answer is not what the author of the case expected.
    """

    case: Case
    status: int
    body: Any
    differences: tuple[str, ...] = ()
    left_out: str | None = None
    unexpected: tuple[str, ...] = ()

    @property
    def same(self) -> bool:
        """Say whether the answer is the recorded one."""
        return not self.differences


def replay(cases: Iterable[Case], respond: Respond) -> Iterator[Outcome]:
    """Run each case and compare the whole answer with the recorded one."""
    for case in cases:
        status, body = respond(case)
        said = _as_new(status, body) if case.new else differences(case, status, body)
        yield Outcome(case, status, body, tuple(said))


def service_of(case: Case) -> Service:
    """Return the service that a case calls, by the hook in its name."""
    found = next((item for item in SERVICES if item.hook == case.hook), None)
    if found is None:
        raise CaseError(
            f"{case.name}: no service answers the hook {case.hook}. Name the folder <hook>__<what-happens>."
        )
    return found


def in_process(case: Case, tried: Tried = NOTHING_TRIED) -> tuple[int, Any]:
    """Answer a case in this process and return status and body; see `answered`."""
    try:
        given, _ = answered(case, tried)
    except ServiceError as error:
        return error.status, operation_outcome(error)
    return 200, json.loads(given.body)


def answered(case: Case, tried: Tried = NOTHING_TRIED) -> tuple[Answer, Engine]:
    """Answer a case with its settings, on its day, called by its first client. Raises the ServiceError it leads to."""
    engine, client = _site(json.dumps(dict(case.settings), sort_keys=True), tried)
    given = answer(
        case.body,
        service_of(case),
        engine=engine,
        on=case.on,
        client=client,
        fhir=case.fhir,
        documented=lambda _: case.exceptions,
    )
    return given, engine


@cache
def _site(settings: str, tried: Tried) -> tuple[Engine, Client]:
    laid = {OVERLAY: tried.overlay} if tried.overlay else {}
    chosen = Settings.model_validate(laid | json.loads(settings) | {"knowledge": tried.knowledge})
    return build_engine(chosen), next(iter(chosen.clients), ANYONE)


def against(url: str, today: date, post: Callable[[str, bytes], tuple[int, Any]]) -> Respond:
    """Answer cases by posting them to a running service whose day is `today`.

    Every date of the request moves so that the day of the case is today; the dates of the answer move back.
    """

    def respond(case: Case) -> tuple[int, Any]:
        moved = shift(case, today)
        status, body = post(f"{url.rstrip('/')}/cds-services/{service_of(case).id}", moved.body)
        return status, _moved_back(body, case.on - today)

    return respond


def _moved_back(value: Any, days: Any) -> Any:
    if isinstance(value, str):
        return shift_text(value, days)
    if isinstance(value, Mapping):
        return {key: _moved_back(item, days) for key, item in value.items()}
    return [_moved_back(item, days) for item in value] if isinstance(value, list) else value


def _as_new(status: int, body: Any) -> Iterator[str]:
    """Yield the whole answer to a case that has none yet, as its author has to read it."""
    yield f"no answer is recorded yet; this one is {status}"
    for topic, card in _by_topic(body).items():
        yield f"card {topic}: {_summary(card)}"
        yield from (f"  {line}" for line in card.get("detail", "").splitlines() if line)
        yield from (f"  [{suggestion['label']}]" for suggestion in card.get("suggestions", ()))
    if status != OK or not body["cards"]:
        yield json.dumps(body, ensure_ascii=False)


def differences(case: Case, status: int, body: Any) -> Iterator[str]:
    """Yield what differs from the recording, for a reader: status, cards by topic, then their fields."""
    if status != case.status:
        yield f"status: recorded {case.status}, now {status}"
    if body == case.expected:
        return
    recorded, now = _by_topic(case.expected), _by_topic(body)
    for topic in recorded:
        if topic not in now:
            yield f"card {topic} is missing: {_summary(recorded[topic])}"
    for topic in now:
        if topic not in recorded:
            yield f"card {topic} is new: {_summary(now[topic])}"
        elif now[topic] != recorded[topic]:
            yield from _card_differences(topic, recorded[topic], now[topic])
    if list(recorded) != list(now) and sorted(recorded) == sorted(now):
        yield "the cards come in another order"
    if recorded == now and list(recorded) == list(now):
        # The cards are the same, so it is the rest of the body that differs.
        yield from _text_differences("body", json.dumps(case.expected, indent=1), json.dumps(body, indent=1))


def _by_topic(body: Any) -> dict[str, Mapping[str, Any]]:
    """Return the cards by topic code; a second card of one topic, or one without, is told by its place."""
    cards = body.get("cards") if isinstance(body, Mapping) else None
    found: dict[str, Mapping[str, Any]] = {}
    for index, card in enumerate(cards if isinstance(cards, list) else ()):
        topic = _topic(card)
        found[topic if topic and topic not in found else f"{topic or 'without topic'} #{index + 1}"] = card
    return found


def _topic(card: Any) -> str | None:
    for key in ("source", "topic", "code"):
        card = card.get(key) if isinstance(card, Mapping) else None
    return card if isinstance(card, str) else None


def _summary(card: Any) -> str:
    return f"{card.get('indicator')}, {card.get('summary')}" if isinstance(card, Mapping) else "no object"


def _card_differences(topic: str, recorded: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    if not isinstance(now, Mapping):
        yield f"card {topic} is no object"
        return
    for key in dict.fromkeys((*recorded, *now)):
        before, after = recorded.get(key), now.get(key)
        if before != after:
            yield from _text_differences(f"card {topic}, {key}", _as_text(before), _as_text(after))


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, indent=1, ensure_ascii=False)


def _text_differences(where: str, before: str, after: str) -> Iterator[str]:
    yield f"{where}:"
    lines = unified_diff(before.splitlines(), after.splitlines(), "recorded", "now", lineterm="", n=0)
    yield from (f"  {line}" for line in list(lines)[2:] if not line.startswith("@@"))


def update(outcome: Outcome, folder: Path) -> None:
    """Write the answer of a case over its recording, and its status into the description."""
    place = folder / outcome.case.name
    answered = json.dumps(outcome.body, indent=2, ensure_ascii=False) + "\n"
    (place / "expected.json").write_text(answered, encoding="utf-8")
    if outcome.status != outcome.case.status:
        described = place / "case.yaml"
        kept = _STATUS_LINE.sub("", described.read_text(encoding="utf-8")).rstrip("\n")
        described.write_text(f"{kept}\nstatus: {outcome.status}\n", encoding="utf-8")


def junit(outcomes: Sequence[Outcome]) -> bytes:
    """Return the outcomes as a JUnit report."""
    return junit_report(
        "replay",
        [Reported(item.case.hook, item.case.name, item.differences, item.left_out) for item in outcomes],
    )


def run(
    folder: Path | None,
    *,
    url: str | None,
    updating: bool,
    junit_file: Path | None,
    say: Callable[[str], object],
    tried: Tried = NOTHING_TRIED,
    today: Callable[[], date] = lambda: datetime.now(UTC).date(),
    signing: Signing | None = None,
) -> bool:
    """Replay a folder of cases, or one case, tell a reader what differs, and return whether everything is the same.

    A case without an answer is shown whole, and differs. What its author expected is looked at where nothing is tried.
    Against a URL a case with settings of its own is left out, and said to be; `signing` signs the calls. With knowledge
    or an overlay to be tried the recordings are those of the knowledge in force: what differs is the effect, told case
    by case and rule by rule; a case whose own overlay does not fit that knowledge is left out.
    """
    folder, names = _chosen(folder)
    respond = against(url, today(), _posting(url, signing)) if url else partial(in_process, tried=tried)
    cases = [read_case(name, folder, new=tried == NOTHING_TRIED and not url) for name in names]
    if tried != NOTHING_TRIED:
        cases, respond = (
            [replace(case, expected=without_version(case.expected)) for case in cases],
            _unversioned(respond),
        )
    outcomes = [_outcome(case, respond, elsewhere=url is not None) for case in cases]
    if tried == NOTHING_TRIED and not url:
        outcomes = [replace(item, unexpected=tuple(departures(item.case, item.body))) for item in outcomes]
    for item in outcomes:
        for line in _report(item):
            say(line)
        if updating and folder and not item.same:
            update(item, folder)
    if junit_file:
        _write(junit_file, junit(outcomes))
    if tried != NOTHING_TRIED:
        for line in effect((_by_topic(item.case.expected), _by_topic(item.body)) for item in outcomes):
            say(line)
    differing = sum(not item.same for item in outcomes)
    left_out = sum(item.left_out is not None for item in outcomes)
    unexpected = sum(bool(item.unexpected) for item in outcomes)
    beside = f", {unexpected} not as expected" if unexpected else ""
    counted = f"{len(outcomes) - differing - left_out} same, {differing} differ, {left_out} left out"
    say(f"{len(outcomes)} cases: {counted}{beside}")
    return not unexpected and (not differing or updating)


def _chosen(path: Path | None) -> tuple[Path | None, tuple[str, ...]]:
    """Return the folder of cases and the names in it; a path may be that of one case."""
    if path is not None and (path / "case.yaml").is_file():
        whole = path.resolve()
        return whole.parent, (whole.name,)
    names = case_names(path)
    if not names:
        raise CaseError(f"{path}: holds no case. Give a folder whose folders are named <hook>__<what-happens>.")
    return path, names


def _outcome(case: Case, respond: Respond, *, elsewhere: bool) -> Outcome:
    if elsewhere and (case.settings or case.exceptions):
        needs = "settings" if case.settings else "documented exceptions"
        return Outcome(case, case.status, case.expected, left_out=f"it needs {needs} of its own")
    try:
        return next(replay([case], respond))
    except KnowledgeError as error:
        if OVERLAY not in case.settings:
            raise
        return Outcome(case, case.status, case.expected, left_out=f"its overlay does not fit: {error.problems[0]}")


def _unversioned(respond: Respond) -> Respond:
    def responded(case: Case) -> tuple[int, Any]:
        status, body = respond(case)
        return status, without_version(body)

    return responded


def _write(file: Path, content: bytes) -> None:
    try:
        file.write_bytes(content)
    except OSError as error:
        raise CaseError(f"{file}: cannot be written ({error.strerror}). Give a file in a folder that exists.") from None


def _report(item: Outcome) -> Iterator[str]:
    if item.left_out:
        yield f"{item.case.name}: left out, {item.left_out}"
    if item.differences or item.unexpected:
        yield f"{item.case.name}: {item.case.title}"
        yield from (f"  {line}" for line in (*item.differences, *item.unexpected))


def _posting(url: str, signing: Signing | None) -> Callable[[str, bytes], tuple[int, Any]]:
    posted = poster(url, signing)

    def post(address: str, body: bytes) -> tuple[int, Any]:
        try:
            response = posted.post(address, body)
            return response.status_code, response.json()
        except ValueError:
            raise CaseError(f"{url}: its answer is no JSON. Give the base URL of a running service.") from None

    return post

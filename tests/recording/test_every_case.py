"""Every recorded case, de-identified, is answered as it was before."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from service.cases import OVERLAY, Case, case_names, read_case
from service.recording.addresses import SERVER
from service.recording.deidentify import Unreadable, deidentified
from service.recording.format import Exchange, Header, RecordingWriter
from service.recording.lint import Lint
from service.recording.policy import load_policy
from service.replay import in_process
from tests.recording.calls import exchange_of, kept, words
from tests.thorough import shares

# The same key name twice in a draft: readers of JSON differ on it, so it is not recorded.
UNREADABLE = {"order-select__repeated-key-in-a-draft"}
ALL = slice(None)


class InOrder:
    """Pseudonyms that sort as the ids do: entries that are alike in all that counts come in the order of their ids."""

    def __init__(self, days: int) -> None:
        self.days = timedelta(days=days)

    def hashed(self, value: str) -> str:
        return f"x{value}"


def _cases(share: slice = ALL) -> Iterator[Case]:
    for name in case_names()[share]:
        if name not in UNREADABLE:
            yield read_case(name)


def _compared(value: Any) -> Any:
    """Leave out what follows from the hashed ids alone, and which addresses the site has."""
    if isinstance(value, dict):
        links = {"url": value["url"].partition("/evidence/")[2]} if value.get("type") == "absolute" else {}
        return {key: _compared(part) for key, part in value.items() if key != "uuid"} | links
    return [_compared(part) for part in value] if isinstance(value, list) else value


def _recorded(case: Case, exchange: Exchange) -> Case:
    """Return the case that a recording of it is: its site reads the FHIR server that recordings know."""
    site = json.loads(re.sub(r'https://ehr[^"]+/fhir', SERVER, json.dumps(case.settings)))
    return replace(
        case,
        body=exchange.request,
        on=exchange.on,
        server=exchange.fhir_calls,
        exceptions=exchange.exceptions,
        settings=site,
    )


def _said(body: Any) -> list[tuple[Any, ...]]:
    kinds = ("indicator", "summary", "selectionBehavior", "overrideReasons")
    return [
        (card["source"].get("topic"), len(card.get("suggestions", ())), *(card.get(kind) for kind in kinds))
        for card in body["cards"]
    ]


@pytest.mark.parametrize("days", [-101, pytest.param(-729, marks=pytest.mark.deep)])
@pytest.mark.parametrize("share", shares(3))
def test_every_recorded_case_is_answered_as_its_recording_says(days: int, share: slice) -> None:
    differing = []
    # What a site approved was approved on a day of its overlay, which does not move with the days of the record.
    for case in (case for case in _cases(share) if OVERLAY not in case.settings):
        recorded = deidentified(exchange_of(case), lambda _: InOrder(days), words(), load_policy())
        assert recorded is not None
        status, body = in_process(_recorded(case, recorded))
        if status != recorded.status or _compared(body) != _compared(json.loads(recorded.response)):
            differing.append(case.name)
    assert differing == []


@pytest.mark.parametrize("share", shares(3))
def test_hashed_ids_may_change_the_order_of_like_entries_and_never_what_a_card_warns_of(share: slice) -> None:
    differing = []
    for case in _cases(share):
        recorded = kept(exchange_of(case))
        status, body = in_process(_recorded(case, recorded))
        expected = json.loads(recorded.response)
        same = _said(body) == _said(expected) if "cards" in expected else body == expected
        if status != recorded.status or not same:
            differing.append(case.name)
    assert differing == []


def test_no_word_of_our_own_texts_is_missing_from_the_policy() -> None:
    """Add the words that this names to `own-words` in policy.yaml."""
    missing: set[str] = set()
    for case in _cases():
        before, after = (_own_texts(body) for body in (case.expected, json.loads(kept(exchange_of(case)).response)))
        for text, told in zip(before, after, strict=True):
            if "xxx" in told:
                missing |= {word for word in re.findall(r"[A-Za-z]+", text) if word not in told}
    assert missing == set()


def _own_texts(body: Any) -> list[str]:
    """Return the texts of an answer in which nothing of the record stands."""
    if "cards" not in body:
        return [issue["diagnostics"] for issue in body["issue"]]
    details = [card["detail"] for card in body["cards"]]
    return [line for detail in details for line in detail.split("\n") if not line.startswith("|")]


@pytest.mark.parametrize("share", shares(3))
def test_the_summary_of_every_card_is_the_one_that_was_shown(share: slice) -> None:
    days = 0
    for case in _cases(share):
        if "cards" not in case.expected:
            continue
        before, after = case.expected, json.loads(kept(exchange_of(case)).response)
        undated = [item for item in _said(before) if "20" not in item[3]]
        assert undated == [item for item in _said(after) if "20" not in item[3]]
        days += len(_said(before)) - len(undated)
    assert days, "no summary with a date was seen"


def test_a_call_with_a_key_sent_twice_is_not_recorded() -> None:
    for name in UNREADABLE:
        case = read_case(name)
        with pytest.raises(Unreadable):
            kept(replace(exchange_of(case), request=case.body))


def test_the_recording_of_all_cases_is_clean_and_names_nobody(tmp_path: Path) -> None:
    path = tmp_path / "cases.ndjson"
    with RecordingWriter(path, Header(1, "upa-cds", True, load_policy().version, "key", None)) as writer:
        for case in _cases():
            writer.write(kept(exchange_of(case)))
    canaries = ("synthetic-", "ehr.example", "Example, Synthetic", "practitioner-1", "example-request-id", "SYNTHETIC")
    assert list(Lint(words(), load_policy(), canaries).findings(path)) == []
    text = path.read_text(encoding="utf-8")
    assert not any(canary in text for canary in canaries)

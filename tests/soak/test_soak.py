"""The soak can fail: what it measures is measured, and a server that answers otherwise is found out."""

import os
import subprocess
import sys
from datetime import UTC, date, datetime
from itertools import islice
from pathlib import Path
from random import Random

import pytest

from service.answer import build_engine
from service.settings import Settings
from service.store import FILE
from tests.databases import own_database
from tests.service.test_serve import ROOT
from tests.soak.__main__ import GROWTH, Memory, lost
from tests.soak.calls import SERVICE, calls, expected, expected_late, feedback
from tests.soak.fhir import HEALTHY
from tests.soak.load import Seen

TODAY = date(2026, 3, 16)
BASES = {HEALTHY: "http://127.0.0.1:1/fhir", "no end": "http://127.0.0.1:2/fhir"}


def memory(*megabytes: float) -> Memory:
    return Memory(tuple((float(second), int(size * 1024**2)) for second, size in enumerate(megabytes)))


def test_memory_that_rises_while_a_worker_warms_up_is_no_growth() -> None:
    assert memory(*range(10), *[100] * 30).growth < GROWTH


def test_memory_that_goes_up_and_down_is_no_growth() -> None:
    assert memory(*[100] * 15, *[90, 115] * 20).growth < GROWTH


def test_memory_that_is_high_at_the_end_and_was_low_in_between_is_no_growth() -> None:
    assert memory(*[100] * 15, *[190, 180, 187, 196] * 8, *[196, 205, 211, 233] * 4).growth < GROWTH


def test_memory_that_rises_and_rises_is_growth() -> None:
    assert memory(*range(100, 220)).growth > GROWTH


def test_every_kind_of_call_is_made_and_the_same_seed_makes_the_same() -> None:
    first, second = ([*islice(calls(1, BASES, lambda: TODAY), 300)] for _ in range(2))
    assert [(sent.kind, sent.body) for sent in first] == [(sent.kind, sent.body) for sent in second]
    kinds = {sent.kind for sent in first}
    assert kinds >= {"traffic", "recorded case", "broken request", "error of HTTP", "page", "read from FHIR"}


def test_each_choice_of_late_reads_has_an_answer_and_an_early_one_is_not_among_the_later() -> None:
    engine = build_engine(Settings.model_validate({"fhir_servers": [{"base": BASES[HEALTHY], "private": True}]}))
    sent = next(sent for sent in calls(1, BASES, lambda: TODAY) if sent.kind == "read from FHIR")
    late = [*expected_late(sent, engine, TODAY)]
    assert late[0] == expected(sent, engine, TODAY)
    assert len(set(late)) > 2
    assert {status for status, _ in late} == {200}


def test_cards_and_feedback_that_are_not_in_the_database_are_noticed(tmp_path: Path) -> None:
    own_database(tmp_path)
    card = "3a1c8f52-6a0e-4c8e-9d0b-6f2f6b0f4d01"
    assert [*lost(tmp_path / FILE, Seen())] == []
    assert len([*lost(tmp_path / FILE, Seen(cards={card}, judged={(card, datetime.now(UTC))}))]) == 2


def test_feedback_names_the_cards_that_it_judges() -> None:
    card = {"uuid": "3a1c8f52-6a0e-4c8e-9d0b-6f2f6b0f4d01"}
    sent, entries = feedback(Random(1), next(iter(SERVICE)), [card])
    assert {named for named, _ in entries} == {card["uuid"]}
    assert card["uuid"].encode() in sent.body


@pytest.mark.deep
@pytest.mark.enable_socket
def test_a_server_that_answers_otherwise_is_found_out() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.soak", "--seconds", "10", "--callers", "4"],
        cwd=ROOT,
        env=os.environ | {"UPA_CDS_JURISDICTION": "eu"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 1
    assert "is not what this process answers" in done.stdout

"""The mutation check: which faults it makes, what it reports, and that every fault it leaves out still exists."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.replay.mutants import Mutant, mutants, mutated
from tests.replay.mutation import MODULES, equivalents, unfounded

SOURCE = """
LIMIT = 3

class Window:
    open: bool = False

    @staticmethod(lambda: 7)
    def holds(self, day, last):
        return last >= day - LIMIT and not self.open

def first(days):
    return min(days) if days else None
"""


def _mutants() -> list[Mutant]:
    return mutants("a.module", SOURCE)


def test_each_fault_is_named_by_function_and_change() -> None:
    assert sorted((item.place, item.change) for item in _mutants()) == [
        ("", "3 became 4"),
        ("Window", "False became True"),
        ("Window.holds", "GtE became Gt"),
        ("Window.holds", "Sub became Add"),
        ("Window.holds", "and became or"),
        ("Window.holds", "not taken away"),
        ("first", "branches of a conditional swapped"),
        ("first", "min became max"),
    ]


@pytest.mark.parametrize("mutant", _mutants(), ids=lambda item: item.change)
def test_a_mutant_differs_from_the_source_in_its_one_fault(mutant: Mutant) -> None:
    before = ast.unparse(ast.parse(SOURCE)).splitlines()
    after = ast.unparse(mutated(SOURCE, mutant)).splitlines()
    assert sum(one != other for one, other in zip(before, after, strict=True)) == 1


def test_a_fault_keeps_its_name_when_other_lines_move() -> None:
    moved = mutants("a.module", "import os\n\n" + SOURCE)
    assert [item.key for item in moved] == [item.key for item in _mutants()]


def test_what_acts_at_import_is_told_from_what_a_case_runs() -> None:
    assert {item.change for item in _mutants() if item.at_import} == {"3 became 4", "False became True"}


def test_every_fault_that_is_said_to_change_no_answer_still_exists() -> None:
    assert unfounded(equivalents(), MODULES) == []
    assert {key[0] for key in equivalents()} <= set(MODULES)


def test_an_explanation_of_a_line_that_is_gone_is_unfounded() -> None:
    gone = ("cards.problems", "_counts", "return True", "True became False", 1)
    assert unfounded([gone], ["cards.problems"]) == [gone]


@pytest.mark.deep
def test_the_check_reports_what_no_case_notices_and_only_that(tmp_path: Path) -> None:
    nothing = tmp_path / "equivalent.yaml"
    nothing.write_text("[]\n", encoding="utf-8")
    options = ["--within", "_Detector._indication", "--equivalent", str(nothing)]
    command = [sys.executable, "-m", "tests.replay.mutation", "cards.detect", *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    *survivors, count = done.stdout.splitlines()
    explained = [key for key in equivalents() if key[1] == "_Detector._indication"]
    assert sorted(line.split(": ")[1].partition(" (number")[0] for line in survivors) == sorted(
        key[3] for key in explained
    )
    assert f" {len(explained)} survived, 0 change no answer, 0 not tried, " in count
    assert not count.startswith("0 killed")
    assert done.returncode == (1 if explained else 0), done.stderr


def test_an_unknown_module_is_one_line() -> None:
    command = [sys.executable, "-m", "tests.replay.mutation", "cards.nothing"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "cards.nothing: there is no such module. Name a module of cards, say cards.exposure.\n"

"""Mutation check: small faults put into the decision modules one at a time; do the recorded cases notice?

`python -m tests.replay.mutation` tries every mutant of `MODULES`, or of the modules that are named, and prints each
survivor as soon as it is found: `module:line (function): what was changed: the line`. `--seconds` bounds the time,
`--jobs` the processes, `--within` picks one function. Exit code 1 says that there is news: a survivor that
`equivalent.yaml` does not explain, or an entry of it that no longer holds. A survivor is killed by a new recorded case,
never by a unit test of internals; one that cannot change any answer goes into `equivalent.yaml`, with the reason.

One process imports everything and answers every case once; each mutant is a fork of it, which takes over the changed
code and replays only the cases that run the changed line, until one differs.
"""

import argparse
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path
from types import FrameType, FunctionType, ModuleType
from typing import Any
from unittest import mock

import yaml

from cards import Catalogue, Recogniser
from service.answer import Engine
from service.cases import Case, case_names, read_case
from service.replay import in_process, recorded_cases
from service.settings import Client
from tests.replay.mutants import Mutant, mutants, mutated

MODULES = ("cards.exposure", "cards.detect", "cards.problems", "cards.recognise", "cards.table")
EQUIVALENT = Path(__file__).with_name("equivalent.yaml")
_INDEXED = frozenset({"cards.recognise", "cards.text"})
"""Modules that also run before any case, when the recogniser makes its index."""
_SURVIVED, _KILLED = 0, 1
_LONGEST_SECONDS = 20
_TABLES = (dict, tuple, frozenset)
_DATA = (int, float, str, tuple, frozenset, dict, type(None))

Key = tuple[str, str, str, str, int]
"""Names a mutant: module, function, line as written, change, and which of its kind in the line."""
Reached = Mapping[tuple[str, int], Sequence[int]]
"""Which cases, by index, run a line of a module."""


def equivalents(file: Path = EQUIVALENT) -> dict[Key, str]:
    """Return the mutants that change no answer, and why: module, function, line, change and place in the line."""
    entries = yaml.safe_load(file.read_text(encoding="utf-8")) or []
    return {
        (item["module"], item["in"], item["line"], change, nth): item["reason"]
        for item in entries
        for change in item["changes"]
        for nth in item.get("nth", [1])
    }


def unfounded(explained: Iterable[Key], modules: Iterable[str]) -> list[Key]:
    """Return what is explained for some modules although there is no such mutant any more."""
    looked = set(modules)
    known = {mutant.key for module in looked for mutant in mutants(module, source_of(module)[0])}
    return [key for key in explained if key[0] in looked and key not in known]


def source_of(module: str) -> tuple[str, Path]:
    """Return the source of a module of this project and its file."""
    try:
        file = Path(import_module(module).__file__ or "")
        return file.read_text(encoding="utf-8"), file
    except (ImportError, OSError):
        raise SystemExit(f"{module}: there is no such module. Name a module of cards, say {MODULES[0]}.") from None


# ------------------------------------------------------------------------------------------------- which case runs what


def reached(cases: Sequence[Case], files: Mapping[str, str]) -> Reached:
    """Answer every case once and note the lines of `files` (file name to module) that it runs."""
    lines: dict[tuple[str, int], list[int]] = {}
    for index, case in enumerate(cases):
        for line in sorted(lines_run(case, files)):
            lines.setdefault(line, []).append(index)
    return lines


def lines_run(case: Case, files: Mapping[str, str]) -> set[tuple[str, int]]:
    """Answer a case and return the lines that it runs, as (module, line), of `files` (file name to module)."""
    seen: set[tuple[str, int]] = set()

    def enter(frame: FrameType, _event: str, _argument: object) -> Any:
        module = files.get(frame.f_code.co_filename)
        if module is None:
            return None
        seen.add((module, frame.f_code.co_firstlineno))

        def step(inner: FrameType, event: str, _argument: object) -> Any:
            if event == "line":
                seen.add((module, inner.f_lineno))
            return step

        return step

    sys.settrace(enter)
    try:
        in_process(case)
    finally:
        sys.settrace(None)
    return seen


def _able(mutant: Mutant, lines: Reached, cases: Sequence[Case]) -> list[Case]:
    """Return the cases that can notice a mutant: those that run its statement, or all where it acts before any case."""
    if mutant.at_import or mutant.module in _INDEXED:
        return list(cases)
    near = {index for line in mutant.lines for index in lines.get((mutant.module, line), ())}
    return [cases[index] for index in sorted(near)]


# ------------------------------------------------------------------------------------------------ one mutant, in a fork


def take_over(module: ModuleType, tree: Any, file: Path) -> None:
    """Put the code of a changed source into the functions of an imported module; its classes stay the same objects."""
    changed: dict[str, Any] = {"__name__": module.__name__, "__file__": str(file)}
    exec(compile(tree, str(file), "exec"), changed)
    for name, new in changed.items():
        old = module.__dict__.get(name)
        if isinstance(new, type) and new.__module__ == module.__name__:
            _take_class(old, new)
        elif isinstance(new, FunctionType) and isinstance(old, FunctionType):
            _take_function(old, new)
        elif isinstance(new, _DATA) and not name.startswith("__") and not _holds_own(new, module.__name__):
            module.__dict__[name] = new


def _take_class(old: Any, new: type) -> None:
    for name, member in vars(new).items():
        for one, other in zip(_functions(vars(old).get(name)), _functions(member), strict=False):
            _take_function(one, other)


def _functions(member: Any) -> Iterator[FunctionType]:
    for item in (member, getattr(member, "fget", None), getattr(member, "__func__", None)):
        if isinstance(item, FunctionType):
            yield item


def _take_function(old: FunctionType, new: FunctionType) -> None:
    if old.__code__.co_freevars == new.__code__.co_freevars:
        old.__code__, old.__kwdefaults__ = new.__code__, new.__kwdefaults__
        if new.__defaults__ is not None and all(isinstance(item, _DATA) for item in new.__defaults__):
            old.__defaults__ = new.__defaults__


def _holds_own(value: Any, module: str) -> bool:
    """Say whether a table holds functions or enum members of the module: these must stay what other modules know."""
    parts = [*value, *(value.values() if isinstance(value, dict) else ())] if isinstance(value, _TABLES) else []
    return any(isinstance(item, FunctionType) or type(item).__module__ == module for item in parts)


def _fresh_recognisers() -> None:
    """Let the engines recognise with the changed code: an index is built once, before any case."""
    known: dict[str, tuple[Engine, Client]] = {}
    before = recorded_cases._site

    def site(settings: str, knowledge: Path | None) -> tuple[Engine, Client]:
        if settings not in known:
            made, client = before(settings, knowledge)
            known[settings] = replace(made, recogniser=Recogniser(made.catalogue)), client
        return known[settings]

    setattr(recorded_cases, "_site", site)  # noqa: B010 - a fork ends with the mutant


def _anew(catalogue: Catalogue, made: Callable[..., Any], *key: Any) -> Any:
    """Stand for `Catalogue.once`: what was worked out before a fault was put in would hide it."""
    return made(catalogue, *key)


def notices(cases: Iterable[Case]) -> bool:
    """Say whether any case is answered otherwise than recorded; a crash is noticed too."""
    try:
        return any(in_process(case) != (case.status, case.expected) for case in cases)
    except Exception:
        return True


def _try(mutant: Mutant, cases: Sequence[Case]) -> int:
    """Fork, and return the process that tries the mutant and exits with the verdict."""
    child = os.fork()
    if child:
        return child
    verdict = _KILLED
    try:
        # A mutant may never come back: the signal ends it after so much work of its own, which counts as noticed.
        signal.setitimer(signal.ITIMER_PROF, _LONGEST_SECONDS)
        text, file = source_of(mutant.module)
        take_over(sys.modules[mutant.module], mutated(text, mutant), file)
        if mutant.module in _INDEXED:
            _fresh_recognisers()
        verdict = _KILLED if notices(cases) else _SURVIVED
    finally:
        os._exit(verdict)


# ------------------------------------------------------------------------------------------------------------ the check


@dataclass(slots=True)
class Check:
    """The verdicts so far. `late` counts mutants for which there was no time."""

    explained: Mapping[Key, str]
    survivors: list[Mutant] = field(default_factory=list)
    equivalent: list[Mutant] = field(default_factory=list)
    refuted: list[Mutant] = field(default_factory=list)
    killed: int = 0
    late: int = 0

    def note(self, mutant: Mutant, verdict: int) -> None:
        """Take a verdict and print it if it is news."""
        if verdict != _SURVIVED:
            self.killed += 1
            if mutant.key in self.explained:
                self.refuted.append(mutant)
                _say(f"{_at(mutant)}: a case notices this: take it out of {EQUIVALENT.name}")
        elif mutant.key in self.explained:
            self.equivalent.append(mutant)
        else:
            self.survivors.append(mutant)
            _say(f"{_at(mutant)}: no case noticed")


def check(
    modules: Sequence[str], explained: Mapping[Key, str], *, within: str | None, jobs: int, until: float
) -> Check:
    """Try every mutant of some modules, or of the function `within`, with at most `jobs` processes.

    `until` is a reading of the monotonic clock after which no mutant is started.
    """
    cases = [read_case(name) for name in case_names()]
    files = {str(source_of(module)[1]): module for module in modules}
    if odd := [case.name for case in cases if notices([case])]:
        raise SystemExit(f"{len(odd)} cases are not answered as recorded, the first is {odd[0]}: mend these first.")
    lines = reached(cases, files)
    result = Check(explained)
    running: dict[int, Mutant] = {}
    for mutant in (item for module in modules for item in mutants(module, source_of(module)[0])):
        if within not in (None, mutant.place):
            continue
        if time.monotonic() > until:
            result.late += 1
            continue
        if len(running) >= jobs:
            _collect(running, result)
        running[_try(mutant, _able(mutant, lines, cases))] = mutant
    while running:
        _collect(running, result)
    return result


def _collect(running: dict[int, Mutant], result: Check) -> None:
    child, status = os.wait()
    result.note(running.pop(child), os.waitstatus_to_exitcode(status))


def _at(mutant: Mutant) -> str:
    nth = f" (number {mutant.nth})" if mutant.nth > 1 else ""
    return f"{mutant.module}:{mutant.line} ({mutant.place}): {mutant.change}{nth}: {mutant.text}"


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the check from the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.replay.mutation", description=__doc__.split("\n\n")[0])
    parser.add_argument("modules", nargs="*", default=list(MODULES), help="modules to change, by default the decision")
    parser.add_argument("--within", help="only this function, by its qualified name")
    parser.add_argument("--seconds", type=float, default=600.0, help="stop starting mutants after so long")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes at a time")
    parser.add_argument("--equivalent", type=Path, default=EQUIVALENT, help="file of faults that change no answer")
    given = parser.parse_args(arguments)
    began = time.monotonic()
    explained = equivalents(given.equivalent)
    gone = unfounded(explained, given.modules)
    for module, place, line, change, nth in gone:
        _say(f"{given.equivalent}: {module} ({place}) has no line with this fault: {change} (number {nth}): {line}")
    until = began + given.seconds
    with mock.patch.object(Catalogue, "once", _anew):
        result = check(given.modules, explained, within=given.within, jobs=max(1, given.jobs), until=until)
    _say(
        f"{result.killed} killed, {len(result.survivors)} survived, {len(result.equivalent)} change no answer, "
        f"{result.late} not tried, {time.monotonic() - began:.0f} s"
    )
    return 1 if result.survivors or result.refuted or gone else 0


if __name__ == "__main__":
    sys.exit(main())

"""Mutation check by hand: small faults put into a decision module one at a time; do the recorded cases notice?

`python -m tests.replay.mutation cards.exposure [cards.detect ...]` lists the survivors, each with file and line. Every
mutant is a process of its own that imports the changed module and replays the packaged cases until one differs.
"""

import ast
import copy
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec, spec_from_loader
from pathlib import Path
from types import ModuleType

SURVIVED, KILLED = 0, 1
SECONDS = 120
_COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}


def mutants(tree: ast.Module) -> Iterator[tuple[int, str, ast.Module]]:
    """Yield every mutant of a module: its line, what was changed, and the changed tree."""
    count = sum(1 for _ in ast.walk(tree))
    for index in range(count):
        changed = copy.deepcopy(tree)
        node = next(item for at, item in enumerate(ast.walk(changed)) if at == index)
        if what := _mutate(node):
            yield getattr(node, "lineno", 0), what, ast.fix_missing_locations(changed)


def _mutate(node: ast.AST) -> str | None:
    """Change one node in place and say what was changed, or return None."""
    if isinstance(node, ast.Compare) and type(node.ops[0]) in _COMPARISONS:
        before = type(node.ops[0])
        node.ops[0] = _COMPARISONS[before]()
        return f"{before.__name__} became {_COMPARISONS[before].__name__}"
    if isinstance(node, ast.BoolOp):
        node.op = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        return f"became {type(node.op).__name__}"
    if isinstance(node, ast.IfExp):
        node.body, node.orelse = node.orelse, node.body
        return "branches of a conditional swapped"
    if isinstance(node, ast.Constant) and type(node.value) is int:
        node.value += 1
        return f"{node.value - 1} became {node.value}"
    return None


class _Mutated(MetaPathFinder, Loader):
    """Imports one module from a changed tree."""

    def __init__(self, name: str, tree: ast.Module, file: str) -> None:
        self._name, self._tree, self._file = name, tree, file

    def find_spec(self, name: str, _path: object = None, _target: object = None) -> ModuleSpec | None:
        return spec_from_loader(name, self) if name == self._name else None

    def exec_module(self, module: ModuleType) -> None:
        exec(compile(self._tree, self._file, "exec"), module.__dict__)


def _source(name: str) -> Path:
    spec = find_spec(name)
    if spec is None or spec.origin is None:
        raise SystemExit(f"{name}: there is no such module. Name a module of cards, for example cards.exposure.")
    return Path(spec.origin)


def try_mutant(name: str, file: str, index: int) -> int:
    """Import the mutant in this process and replay the cases; any difference or failure kills it."""
    tree = ast.parse(Path(file).read_text(encoding="utf-8"))
    changed = next(item for at, (_, _, item) in enumerate(mutants(tree)) if at == index)
    sys.meta_path.insert(0, _Mutated(name, changed, file))
    try:
        from service.cases import case_names, read_case
        from service.replay import in_process, replay

        cases = (read_case(each) for each in case_names())
        return KILLED if any(not item.same for item in replay(cases, in_process)) else SURVIVED
    except Exception:
        return KILLED


def main(names: list[str]) -> None:
    """Try every mutant of the modules, and print the survivors and the count."""
    for name in names:
        file = _source(name)
        found = [(line, what) for line, what, _ in mutants(ast.parse(file.read_text(encoding="utf-8")))]
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            codes = list(pool.map(partial(_run, name, file), range(len(found))))
        for (line, what), code in zip(found, codes, strict=True):
            if code == SURVIVED:
                sys.stdout.write(f"{name}:{line}: {what}: no case noticed\n")
        killed = sum(code != SURVIVED for code in codes)
        sys.stdout.write(f"{name}: {killed} of {len(codes)} mutants killed\n")


def _run(name: str, file: Path, index: int) -> int:
    command = [sys.executable, "-m", "tests.replay.mutation", "--one", name, str(file), str(index)]
    try:
        return subprocess.run(command, timeout=SECONDS, check=False, capture_output=True).returncode
    except subprocess.TimeoutExpired:
        return KILLED


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        sys.exit(try_mutant(sys.argv[2], sys.argv[3], int(sys.argv[4])))
    main(sys.argv[1:])

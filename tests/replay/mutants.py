"""Small faults of a module, one at a time, as changed syntax trees: what a careless edit of a decision could do."""

import ast
import copy
from collections.abc import Iterator
from dataclasses import dataclass, replace

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
_OPERATORS: dict[type[ast.operator], type[ast.operator]] = {ast.Add: ast.Sub, ast.Sub: ast.Add}
_CALLS = {"max": "min", "min": "max", "any": "all", "all": "any"}


@dataclass(frozen=True, slots=True)
class Mutant:
    """One fault. `place` is the function that holds it, `text` its line as written, `change` what was done.

    `place`, `text`, `change` and `nth` (for two faults of one kind in one line) name a mutant for as long as its line
    stays as it is, wherever the line moves to.
    """

    module: str
    place: str
    line: int
    text: str
    change: str
    nth: int
    index: int
    lines: range
    at_import: bool

    @property
    def key(self) -> tuple[str, str, str, str, int]:
        """Return what names the mutant across edits of other lines."""
        return self.module, self.place, self.text, self.change, self.nth


def mutants(module: str, source: str) -> list[Mutant]:
    """Return every mutant of a module's source, in the order of the syntax tree."""
    tree = ast.parse(source)
    lines = source.splitlines()
    places = _places(tree)
    found: list[Mutant] = []
    seen: dict[tuple[str, str, str], int] = {}
    for index, node in enumerate(ast.walk(tree)):
        place = places.get(node)
        for change in _changes(node) if place else ():
            assert place
            line = getattr(node, "lineno", 0)
            name = (place.name, lines[line - 1].strip(), change)
            seen[name] = seen.get(name, 0) + 1
            found.append(
                Mutant(module, name[0], line, name[1], change, seen[name], index, place.lines, place.at_import)
            )
    return found


def mutated(source: str, mutant: Mutant) -> ast.Module:
    """Return the syntax tree of a source with one fault in it."""
    tree = copy.deepcopy(ast.parse(source))
    node = next(item for at, item in enumerate(ast.walk(tree)) if at == mutant.index)
    _apply(tree, node)
    return ast.fix_missing_locations(tree)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a node stands: the function or class, the lines of its statement, whether it runs at import."""

    name: str = ""
    lines: range = range(0)
    at_import: bool = True


def _places(tree: ast.Module) -> dict[ast.AST, _Place]:
    """Return the place of every node but what decides nothing here, or cannot be put into a class that is in use.

    Those are decorators and the keywords of a class; and the defaults of a struct, which its type holds.
    """
    places: dict[ast.AST, _Place] = {}

    def enter(node: ast.AST, place: _Place) -> None:
        for name, value in ast.iter_fields(node):
            inside = name == "body" and isinstance(node, ast.FunctionDef)
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST) and not _is_left_out(node, name, child):
                    here = _Place(place.name, _lines(child, place.lines), place.at_import and not inside)
                    places[child] = here
                    if isinstance(child, ast.FunctionDef | ast.ClassDef):
                        here = replace(here, name=f"{here.name}.{child.name}".lstrip("."))
                    enter(child, here)

    enter(tree, _Place())
    return places


def _is_left_out(node: ast.AST, name: str, child: ast.AST) -> bool:
    if not isinstance(node, ast.ClassDef):
        return name == "decorator_list"
    struct = any(ast.unparse(base) == "msgspec.Struct" for base in node.bases)
    return name in {"decorator_list", "keywords"} or (struct and isinstance(child, ast.AnnAssign))


def _lines(node: ast.AST, around: range) -> range:
    """Return the lines of a statement, of one with a body only those of its head; an expression has its statement's."""
    if not isinstance(node, ast.stmt):
        return around
    body: list[ast.stmt] = getattr(node, "body", [])
    return range(node.lineno, body[0].lineno if body else (node.end_lineno or node.lineno) + 1)


def _changes(node: ast.AST) -> Iterator[str]:
    """Yield what can be changed about a node; at most one thing."""
    if isinstance(node, ast.Compare) and type(node.ops[0]) in _COMPARISONS:
        before = type(node.ops[0])
        yield f"{before.__name__} became {_COMPARISONS[before].__name__}"
    elif isinstance(node, ast.BoolOp):
        yield "and became or" if isinstance(node.op, ast.And) else "or became and"
    elif isinstance(node, ast.IfExp):
        yield "branches of a conditional swapped"
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield "not taken away"
    elif isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        yield f"{type(node.op).__name__} became {_OPERATORS[type(node.op)].__name__}"
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _CALLS:
        yield f"{node.func.id} became {_CALLS[node.func.id]}"
    elif isinstance(node, ast.Constant) and type(node.value) is bool:
        yield f"{node.value} became {not node.value}"
    elif isinstance(node, ast.Constant) and type(node.value) is int:
        yield f"{node.value} became {node.value + 1}"


def _apply(tree: ast.Module, node: ast.AST) -> None:
    if isinstance(node, ast.Compare):
        node.ops[0] = _COMPARISONS[type(node.ops[0])]()
    elif isinstance(node, ast.BoolOp):
        node.op = ast.Or() if isinstance(node.op, ast.And) else ast.And()
    elif isinstance(node, ast.IfExp):
        node.body, node.orelse = node.orelse, node.body
    elif isinstance(node, ast.UnaryOp):
        _replace(tree, node, node.operand)
    elif isinstance(node, ast.BinOp):
        node.op = _OPERATORS[type(node.op)]()
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        node.func.id = _CALLS[node.func.id]
    elif isinstance(node, ast.Constant):
        node.value = not node.value if type(node.value) is bool else node.value + 1  # type: ignore[operator]


def _replace(tree: ast.Module, old: ast.AST, new: ast.AST) -> None:
    class Swap(ast.NodeTransformer):
        def visit(self, node: ast.AST) -> ast.AST:
            return new if node is old else self.generic_visit(node)

    Swap().visit(tree)

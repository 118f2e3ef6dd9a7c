import ast
from pathlib import Path

import pytest

CARDS = sorted((Path(__file__).parents[2] / "cards").rglob("*.py"))


@pytest.mark.parametrize("module", CARDS, ids=lambda module: module.stem)
def test_the_decision_never_asks_what_day_it_is(module: Path) -> None:
    tree = ast.parse(module.read_text(encoding="utf-8"))
    asked = [node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)]
    assert not {"today", "now", "utcnow"} & set(asked)

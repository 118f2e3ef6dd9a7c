import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODULES = sorted(
    file for folder in ("service", "cards") for file in (ROOT / folder).rglob("*.py") if file.name != "settings.py"
)


@pytest.mark.parametrize("module", MODULES, ids=lambda module: str(module.relative_to(ROOT)))
def test_the_environment_is_read_in_the_settings_and_nowhere_else(module: Path) -> None:
    tree = ast.parse(module.read_text(encoding="utf-8"))
    # `request.environ` is what a web server says of one call.
    attributes = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and not (isinstance(node.value, ast.Name) and node.value.id == "request")
    }
    assert not {"environ", "getenv"} & attributes

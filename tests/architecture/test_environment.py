import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]
READER = ROOT / "service" / "settings" / "environment.py"
MODULES = sorted({file for folder in ("service", "cards") for file in (ROOT / folder).rglob("*.py")} - {READER})


def test_the_environment_is_read_in_one_module_of_the_settings_and_nowhere_else() -> None:
    assert not [module for module in MODULES if {"environ", "getenv"} & _asked(module)]
    others = [module for module in MODULES if not module.is_relative_to(READER.parent)]
    assert not [module for module in others if "environment" in _imported(module)]


def test_the_module_that_may_read_it_does() -> None:
    assert "environ" in _asked(READER)
    assert "environment" in _imported(READER.with_name("load.py"))


def _asked(module: Path) -> set[str]:
    """Return the attributes that a module takes of anything but a request."""
    # `request.environ` is what a web server says of one call.
    return {
        node.attr
        for node in ast.walk(_tree(module))
        if isinstance(node, ast.Attribute) and not (isinstance(node.value, ast.Name) and node.value.id == "request")
    }


def _imported(module: Path) -> set[str]:
    """Return the names that a module takes of the one that reads the environment."""
    return {
        name.name
        for node in ast.walk(_tree(module))
        if isinstance(node, ast.ImportFrom) and node.module == "service.settings.environment"
        for name in node.names
    }


def _tree(module: Path) -> ast.Module:
    return ast.parse(module.read_text(encoding="utf-8"))

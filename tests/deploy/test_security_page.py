"""The pages on security and operation, held against the tests and the alerts that they speak of."""

import ast
import re
from pathlib import Path

import yaml

import service

ROOT = Path(service.__file__).parents[1]
FOLDER = ROOT / "service" / "deploy"
SECURITY = (FOLDER / "SECURITY.md").read_text(encoding="utf-8")
RUNBOOK = (FOLDER / "RUNBOOK.md").read_text(encoding="utf-8")
PAGES = [*FOLDER.glob("*.md")]
ROW = re.compile(r"^\| (S\d+) \| (.+) \| (.+) \| (.+) \|$", re.MULTILINE)


def names_of_tests() -> set[str]:
    trees = (ast.parse(file.read_text(encoding="utf-8")) for file in (ROOT / "tests").rglob("test_*.py"))
    return {node.name for tree in trees for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def test_each_of_the_21_attacks_has_a_control_and_a_test_that_there_is() -> None:
    rows = ROW.findall(SECURITY)
    assert [row[0] for row in rows] == [f"S{number}" for number in range(1, 22)]
    known = names_of_tests()
    for number, _, control, shown in rows:
        named = re.findall(r"`(test_\w+)`", shown)
        assert control.strip()
        assert named, number
        assert set(named) <= known, (number, set(named) - known)


def test_the_runbook_has_a_section_for_each_alert_and_for_no_other() -> None:
    groups = yaml.safe_load((FOLDER / "alerts.yaml").read_text(encoding="utf-8"))["groups"]
    alerts = [rule["alert"] for group in groups for rule in group["rules"]]
    assert re.findall(r"^## (\w+)$", RUNBOOK, flags=re.MULTILINE) == alerts


def test_each_section_says_first_what_clinicians_see() -> None:
    sections = re.split(r"^## \w+\n", RUNBOOK, flags=re.MULTILINE)[1:]
    assert all(section.lstrip().startswith("**Clinicians**: ") for section in sections)


def test_every_link_of_the_pages_leads_to_a_file() -> None:
    for page in PAGES:
        for link in re.findall(r"\]\(([^)#]+)(?:#[\w-]+)?\)", page.read_text(encoding="utf-8")):
            assert (page.parent / link).exists(), (page.name, link)


def test_every_command_and_setting_that_the_pages_name_exists() -> None:
    from service.cli import cli
    from service.settings import Client, Settings

    text = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    commands = set(re.findall(r"\bupa-cds ([a-z]+)\b", text)) - {"does"}
    assert commands <= cli.commands.keys()
    named = set(re.findall(r"`([a-z]+(?:_[a-z0-9]+)+)(?: = [^`]+)?`", text))
    ours = {name for name in named if not name.startswith(("test_", "upa_cds_", "fhir_ms", "next_review"))}
    assert ours <= Settings.model_fields.keys() | Client.model_fields.keys()

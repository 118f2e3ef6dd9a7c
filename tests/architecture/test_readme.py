"""The README is held against the code: settings, commands, layers, and the card it shows."""

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from service.cases import read_case
from service.cli import cli
from service.commands.demo import CASE
from service.settings_table import settings_table

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
LEFT_OUT = re.compile(r"[()\s]")


def _between(name: str, text: str = README) -> str:
    found = re.search(rf"<!-- {name} -->\n(.*?)<!-- /{name} -->", text, flags=re.DOTALL)
    assert found, f"there is no part {name}"
    return found[1]


def _layers(container: str) -> str:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = next(item["layers"] for item in contracts if item.get("containers") == [container])
    return f"{container}: " + " > ".join(LEFT_OUT.sub(" ", layer).strip() for layer in layers)


def test_the_settings_table_is_that_of_the_code() -> None:
    assert _between("settings").strip() == settings_table().strip()


def test_the_table_of_what_a_recording_holds_is_that_of_the_policy() -> None:
    from service.recording.policy import load_policy
    from service.recording.policy_table import policy_table

    text = (ROOT / "service" / "recording" / "README.md").read_text(encoding="utf-8")
    assert _between("recording", text).strip() == policy_table(load_policy())


def test_the_command_list_is_that_of_the_command_line() -> None:
    told = {
        match[1]: match[2]
        for match in re.finditer(r"^\| `upa-cds ([\w ]+)` \| (.*) \|$", _between("commands"), flags=re.MULTILINE)
    }
    assert told == {name: (command.help or "").split("\n\n")[0].replace("\n", " ") for name, command in _commands(cli)}


def _commands(group: click.Group, before: str = "") -> Iterator[tuple[str, click.Command]]:
    for name, command in group.commands.items():
        yield before + name, command
        if isinstance(command, click.Group):
            yield from _commands(command, f"{before}{name} ")


def test_every_key_of_a_client_and_every_reason_to_refuse_is_explained() -> None:
    from service.clients.jwt import Reason
    from service.settings import Client

    explained = README[README.index("## Trust") :].split("\n## ")[0]
    assert all(f"`{name}`" in explained.split("**What is checked**")[0] for name in Client.model_fields)
    assert set(re.findall(r"`([a-z-]+)`", _between("refusals"))) == set(Reason)


@pytest.mark.parametrize("table", ["issued_card", "feedback", "call_count"])
def test_every_column_that_is_stored_is_explained(table: str) -> None:
    from service.store.tables import METADATA

    explained = README[README.index(f"| `{table}` | |") :].split("\n\n")[0]
    columns = {column.name for column in METADATA.tables[table].columns} - {"id"}
    assert columns == set(re.findall(r"`(\w+)`", "\n".join(_first_cells(explained)))) - {table}


def _first_cells(table: str) -> Iterator[str]:
    return (row.split("|")[1] for row in table.splitlines() if row.startswith("| `"))


@pytest.mark.parametrize("container", ["cards", "service"])
def test_the_architecture_picture_is_the_import_contract(container: str) -> None:
    shown = " ".join(_between("layers").replace("```", "").split())
    assert _layers(container) in shown


def test_the_cards_that_are_shown_are_the_recorded_ones() -> None:
    shown = _between("card")
    for card in read_case(CASE).expected["cards"]:
        assert f"**{card['indicator'].upper()}** · {card['summary']}" in shown
        assert card["detail"] in shown
        assert all(f"[{item['label']}]" in shown for item in card["suggestions"])
        assert all(item["display"] in shown for item in card.get("overrideReasons", ()))


def test_continuous_integration_runs_the_test_command_of_the_readme() -> None:
    command = re.search(r"\.venv/bin/(python -m pytest)", README)
    assert command
    assert command[1] in (ROOT / ".ci" / "run").read_text()


EXAMPLES = re.findall(r"```toml\n(.*?)```", README, flags=re.DOTALL)


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_each_toml_example_is_a_valid_configuration(number: int, tmp_path: Path) -> None:
    from service.settings import load_settings

    file = tmp_path / "upa-cds.toml"
    file.write_text(EXAMPLES[number])
    loaded = load_settings({"config": str(file)}, {})
    given = tomllib.loads(EXAMPLES[number])
    plain = {name: value for name, value in given.items() if name not in ("clients", "fhir_servers")}
    assert {name: getattr(loaded, name) for name in plain} == {
        name: tuple(value) if isinstance(value, list) else value for name, value in plain.items()
    }
    assert [one.base for one in loaded.fhir_servers] == [one["base"] for one in given.get("fhir_servers", [])]
    assert [one.id for one in loaded.clients] == [one["id"] for one in given.get("clients", [])]
    assert all(one.has_keys for one in loaded.clients)


PAGES = sorted(
    path for part in ("cards", "service", "fhir_fixtures", "tests") for path in (ROOT / part).rglob("README.md")
)


@pytest.mark.parametrize("page", [ROOT / "README.md", *PAGES], ids=lambda page: str(page.relative_to(ROOT)))
def test_each_link_between_pages_leads_somewhere(page: Path) -> None:
    for target, part in re.findall(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)", page.read_text(encoding="utf-8")):
        led = page.parent / target if target else page
        assert led.exists(), target
        assert not part or part in _anchors(led), f"{target}#{part}"


def _anchors(page: Path) -> set[str]:
    titles = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def test_every_page_is_reached_from_the_readme() -> None:
    assert [str(page.relative_to(ROOT)) for page in PAGES if f"]({page.relative_to(ROOT)}" not in README] == []


def test_each_client_that_the_readme_connects_has_an_example() -> None:
    parts = README.split("\n### Connecting ")[1:]
    assert len(parts) >= 4
    assert all("```toml\n" in part.split("\n## ")[0] for part in parts)


def test_the_topic_codes_of_the_cards_are_in_the_changes_contract() -> None:
    card, *_ = read_case(CASE).expected["cards"]
    assert json.dumps(card["source"]["topic"]["code"]).strip('"').isalnum()
    assert "topic codes" in README

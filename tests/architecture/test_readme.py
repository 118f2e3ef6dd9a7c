"""The pages are held against the code: what is made from it, what is explained, and the cards and calls they show."""

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from service.app import create_app
from service.cases import read_case
from service.commands.demo import CASE
from service.settings import Settings
from tests.fakes import SELECT
from tests.generated import PARTS, ROOT, Part, between, every_command, written

README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = sorted(
    path for part in ("cards", "service", "fhir_fixtures", "tests") for path in (ROOT / part).rglob("README.md")
)
EVERY_PAGE = [ROOT / "README.md", *PAGES]


def page(folder: str) -> str:
    return (ROOT / folder / "README.md").read_text(encoding="utf-8")


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("part", PARTS, ids=lambda part: f"{part.page}-{part.name}")
def test_a_part_that_is_made_from_the_code_is_that_of_the_code(part: Part) -> None:
    text = (ROOT / part.page).read_text(encoding="utf-8")
    assert between(text, part.name) == part.made(), "run python -m tests.generated"
    assert written(text, part) == text


def test_a_stale_part_is_written_anew_and_nothing_else_of_its_page() -> None:
    part = Part("README.md", "x", lambda: "new")
    assert written("a\n<!-- x -->\nold\nolder\n<!-- /x -->\nb", part) == "a\n<!-- x -->\nnew\n<!-- /x -->\nb"


def test_every_command_is_listed() -> None:
    from service.cli import cli

    listed = re.findall(r"^\| `upa-cds ([\w ]+)` \| ", between(README, "commands"), flags=re.MULTILINE)
    assert listed == [name for name, _ in every_command(cli)]
    assert {"serve", "demo", "client add", "record lint"} <= set(listed)


def test_every_layer_is_in_the_picture() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    shown = " ".join(between(README, "layers").split())
    layers = [layer for item in contracts if "containers" in item for layer in item["layers"]]
    assert [layer for layer in layers if " ".join(layer.split()) not in shown] == []


def test_every_key_of_a_client_and_every_reason_to_refuse_is_explained() -> None:
    from service.clients.jwt import Reason
    from service.settings import Client

    explained = page("service/clients")
    assert all(f"`{name}`" in explained.split("**What is checked**")[0] for name in Client.model_fields)
    assert set(re.findall(r"`([a-z-]+)`", between(explained, "refusals"))) == set(Reason)


def test_every_answer_of_a_service_is_explained_and_no_other() -> None:
    from service.openapi import openapi_document

    document = openapi_document()
    calls = [item["post"] for path, item in document["paths"].items() if path.startswith("/cds-services/")]
    answers = [(status, answer) for call in calls for status, answer in call["responses"].items()]
    elsewhere = document["components"]["responses"]
    answers += [("404", elsewhere["NotFound"]), ("405", elsewhere["MethodNotAllowed"])]
    answered = {(status, code) for status, answer in answers for code in _codes(answer)}
    rows = re.findall(r"^\| (\d+) \| (?:`([a-z-]+)`)?", between(README, "answers"), flags=re.MULTILINE)
    assert set(rows) == answered


def _codes(answer: dict[str, Any]) -> list[str]:
    """Return the codes that an error may have, or an empty one for what is no OperationOutcome."""
    schema = answer.get("content", {}).get("application/json", {}).get("schema", {})
    issue = schema.get("properties", {}).get("issue", {"items": {"properties": {"code": {"enum": [""]}}}})
    return list(issue["items"]["properties"]["code"]["enum"])


@pytest.mark.parametrize("table", ["issued_card", "feedback", "call_count"])
def test_every_column_that_is_stored_is_explained(table: str) -> None:
    from service.store.tables import METADATA

    stored = page("service/store")
    explained = stored[stored.index(f"| `{table}` | |") :].split("\n\n")[0]
    columns = {column.name for column in METADATA.tables[table].columns} - {"id"}
    assert columns == set(re.findall(r"`(\w+)`", "\n".join(_first_cells(explained)))) - {table}


def _first_cells(table: str) -> Iterator[str]:
    return (row.split("|")[1] for row in table.splitlines() if row.startswith("| `"))


def test_the_cards_that_are_shown_are_the_recorded_ones() -> None:
    shown = between(page("cards"), "card")
    for card in read_case(CASE).expected["cards"]:
        assert f"**{card['indicator'].upper()}** · {card['summary']}" in shown
        assert card["detail"] in shown
        assert all(f"[{item['label']}]" in shown for item in card["suggestions"])
        assert all(item["display"] in shown for item in card.get("overrideReasons", ()))


def test_the_first_screen_has_the_beginning_of_the_card_and_the_first_command() -> None:
    first = "\n".join(README.splitlines()[:40])
    card, *_ = read_case(CASE).expected["cards"]
    shown = "\n".join(line.removeprefix(">").removeprefix(" ") for line in between(first, "card-head").splitlines())
    beginning, _, _ = card["detail"].partition("\n\n**Why**")
    assert shown == "\n\n".join(
        (
            f"**{card['indicator'].upper()}** · {card['summary']}",
            beginning,
            "\n".join(f"[{item['label']}]" for item in card["suggestions"]),
        )
    )
    assert ".venv/bin/upa-cds demo" in first


def test_the_first_call_gets_the_answer_that_is_shown(site: Settings) -> None:
    call = re.search(r"-d '\n(.*?)'\n", README, flags=re.DOTALL)
    shown = re.search(r"```json\n(.*?)```", README, flags=re.DOTALL)
    assert call
    assert shown
    post = create_app(site).test_client().post
    answer = post(SELECT, data=call[1], content_type="application/json")
    assert _fits(json.loads(shown[1]), answer.json)
    assert "There are five override reasons" in README
    assert answer.get_data(as_text=True).count('"urn:upadacitinib-cds:override-reason"') == 5
    without = {name: value for name, value in json.loads(call[1]).items() if name != "prefetch"}
    assert post(SELECT, json=without).status_code == 412
    other = call[1].replace("Rinvoq 45 mg", "Amoxicillin")
    assert post(SELECT, data=other, content_type="application/json").json == {"cards": []}


def _fits(shown: Any, sent: Any) -> bool:
    """Say whether what was sent is what is shown; `…` stands for a text, and of a list the beginning is enough."""
    if isinstance(shown, dict):
        return shown.keys() == sent.keys() and all(_fits(value, sent[key]) for key, value in shown.items())
    if isinstance(shown, list):
        return len(shown) <= len(sent) and all(map(_fits, shown, sent))
    return shown == sent or (shown == "…" and isinstance(sent, str))


def test_continuous_integration_runs_the_test_command_of_the_readme() -> None:
    command = re.search(r"\.venv/bin/(python -m pytest)", README)
    assert command
    assert command[1] in (ROOT / ".ci" / "run").read_text()


EXAMPLES = [
    (named(path), example)
    for path in EVERY_PAGE
    for example in re.findall(r"```toml\n(.*?)```", path.read_text(encoding="utf-8"), flags=re.DOTALL)
]


def test_there_are_examples_of_settings() -> None:
    assert {"README.md", "service/wire/README.md", "service/fhir_access/README.md"} <= {path for path, _ in EXAMPLES}


@pytest.mark.parametrize(("path", "example"), EXAMPLES)
def test_each_toml_example_is_a_valid_configuration(path: str, example: str, tmp_path: Path) -> None:
    from service.settings import load_settings

    file = tmp_path / "upa-cds.toml"
    file.write_text(example)
    loaded = load_settings({"config": str(file)}, {})
    given = tomllib.loads(example)
    plain = {name: value for name, value in given.items() if name not in ("clients", "fhir_servers")}
    assert {name: getattr(loaded, name) for name in plain} == {
        name: tuple(value) if isinstance(value, list) else value for name, value in plain.items()
    }
    assert [one.base for one in loaded.fhir_servers] == [one["base"] for one in given.get("fhir_servers", [])]
    assert [one.id for one in loaded.clients] == [one["id"] for one in given.get("clients", [])]
    assert all(one.has_keys for one in loaded.clients)


@pytest.mark.parametrize("path", EVERY_PAGE, ids=named)
def test_each_link_between_pages_leads_somewhere(path: Path) -> None:
    for target, part in re.findall(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)", path.read_text(encoding="utf-8")):
        led = path.parent / target if target else path
        assert led.exists(), target
        assert not part or part in _anchors(led), f"{target}#{part}"


def _anchors(path: Path) -> set[str]:
    titles = re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def test_every_page_is_reached_from_the_readme() -> None:
    assert [named(path) for path in PAGES if f"]({named(path)}" not in README] == []


def test_each_client_that_is_connected_has_an_example() -> None:
    parts = page("service/wire").split("\n## Connecting ")[1:]
    assert len(parts) >= 4
    assert all("```toml\n" in part.split("\n## ")[0] for part in parts)


def test_the_topic_codes_of_the_cards_are_in_the_changes_contract() -> None:
    card, *_ = read_case(CASE).expected["cards"]
    assert json.dumps(card["source"]["topic"]["code"]).strip('"').isalnum()
    assert "topic codes" in README

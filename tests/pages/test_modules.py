"""The scripts of the pages outside a browser: their logic, and what they make of every card that was ever recorded."""

import json
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

ROOT = Path(__file__).parents[2]
SCRIPTS = sorted((ROOT / "service").glob("*/static/*.js"))
CASES = ROOT / "fhir_fixtures" / "cases"
LONGEST = 200
NODE = shutil.which("node")
with_node = pytest.mark.skipif(NODE is None, reason="Node.js is not installed (Debian: apt-get install nodejs)")


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy the scripts to a place where every version of Node.js takes them for modules, as browsers do."""
    root = tmp_path_factory.mktemp("scripts")
    for place in ("service/sandbox/static", "tests/pages"):
        shutil.copytree(ROOT / place, root / place)
    (root / "package.json").write_text('{"type": "module"}')
    return root / "tests" / "pages"


def node(*arguments: str | Path, given: str = "") -> str:
    assert NODE
    done = subprocess.run([NODE, *arguments], input=given, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@with_node
def test_their_logic_holds(copy: Path) -> None:
    assert "# fail 0" in node("--test", "--test-reporter=tap", copy / "modules.test.mjs")


class Text(HTMLParser):
    """Collects what a reader sees of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.seen = ""
        self.feed(page)

    def handle_data(self, data: str) -> None:
        self.seen += data


@with_node
def test_each_recorded_detail_reads_as_github_flavoured_markdown_does(copy: Path) -> None:
    expected = [json.loads(file.read_bytes()) for file in CASES.glob("*/expected.json")]
    details = sorted({card["detail"] for answer in expected for card in answer.get("cards", ()) if "detail" in card})
    assert len(details) > 300
    reference = MarkdownIt("gfm-like")
    for text, shown in zip(
        details, json.loads(node(copy / "markdown_text.mjs", given=json.dumps(details))), strict=True
    ):
        assert "".join(shown.split()) == "".join(Text(reference.render(text)).seen.split()), text


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_a_script_is_short_and_says_what_it_is(script: Path) -> None:
    text = script.read_text(encoding="utf-8")
    assert text.startswith("/**")
    assert len(text.splitlines()) <= LONGEST

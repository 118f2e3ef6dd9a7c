"""The parts of the pages that are made from the code: `python -m tests.generated` writes them anew.

A part stands in its page between `<!-- NAME -->` and `<!-- /NAME -->`. Run it after a change of a setting, a command, a
layer, what a recording keeps, the marks of the faults or the record of the benchmark; tests hold the pages to it.
"""

import re
import sys
import textwrap
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import click

from service.cli import cli
from service.recording.policy import load_policy
from service.recording.policy_table import policy_table
from service.settings_table import settings_table
from tests.bench import report
from tests.faults import catalogue

ROOT = Path(__file__).parents[1]
WIDTH = 116


@dataclass(frozen=True)
class Part:
    """A part of a page, and how its text is made."""

    page: str
    name: str
    made: Callable[[], str]


def between(text: str, name: str) -> str:
    """Return what stands in a part of a page. Raises ValueError where there is none."""
    found = re.search(rf"<!-- {name} -->\n(.*?)\n<!-- /{name} -->", text, flags=re.DOTALL)
    if found is None:
        raise ValueError(f"there is no part {name}")
    return found[1]


def layers() -> str:
    """Draw the layers of the import contracts."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = settings["tool"]["importlinter"]["contracts"]
    of = {item["containers"][0]: item["layers"] for item in contracts if "containers" in item}
    drawn = (_wrapped(f"{name}: " + " > ".join(map(_one_line, of[name]))) for name in ("service", "cards"))
    return "```\n" + "\n\n".join(drawn) + "\n```"


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _wrapped(line: str) -> str:
    return textwrap.fill(line, WIDTH, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False)


def commands() -> str:
    """List every command with the first paragraph of its help."""
    rows = (f"| `upa-cds {name}` | {_promise(command)} |" for name, command in every_command(cli))
    return "\n".join(("| Command | What it does |", "|---|---|", *rows))


def every_command(group: click.Group, before: str = "") -> Iterator[tuple[str, click.Command]]:
    """Yield each command with its name as it is typed, groups before what is in them."""
    for name, command in group.commands.items():
        yield before + name, command
        if isinstance(command, click.Group):
            yield from every_command(command, f"{before}{name} ")


def _promise(command: click.Command) -> str:
    return _one_line((command.help or "").split("\n\n")[0])


PARTS = (
    Part("README.md", "commands", commands),
    Part("README.md", "settings", lambda: settings_table().strip()),
    Part("README.md", "layers", layers),
    Part("service/recording/README.md", "recording", lambda: policy_table(load_policy())),
    Part("tests/bench/README.md", "performance", lambda: report.readme(report.read()).strip()),
    Part("tests/faults/README.md", "faults", catalogue.table),
)


def written(text: str, part: Part) -> str:
    """Return the text of a page with one part made anew."""
    begin, end = f"<!-- {part.name} -->\n", f"\n<!-- /{part.name} -->"
    return text.replace(f"{begin}{between(text, part.name)}{end}", f"{begin}{part.made()}{end}")


def main() -> None:
    """Write every part, and name the pages that changed."""
    for part in PARTS:
        page = ROOT / part.page
        text = page.read_text(encoding="utf-8")
        if (anew := written(text, part)) != text:
            page.write_text(anew, encoding="utf-8")
            sys.stdout.write(f"{part.page}: {part.name}\n")


if __name__ == "__main__":
    main()

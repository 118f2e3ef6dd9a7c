"""The pinned requirements: exactly what the service needs, every file by its hash, from wherever a site gets it."""

import re
import tomllib
from functools import cache
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import service

ROOT = Path(service.__file__).parents[1]
TEXT = (ROOT / "service" / "deploy" / "requirements.txt").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = ("postgresql", "metrics")
ENTRY = re.compile(r"^(?P<name>[\w.-]+)==(?P<version>\S+)(?: ; [^\\\n]+)? \\\n(?P<rest>(?:    .*\n?)+)", re.MULTILINE)


@cache
def pinned() -> dict[str, re.Match[str]]:
    return {canonicalize_name(found["name"]): found for found in ENTRY.finditer(TEXT)}


def needed() -> list[Requirement]:
    extras = [one for extra in EXTRAS for one in PROJECT["optional-dependencies"][extra]]
    return [Requirement(text) for text in (*PROJECT["dependencies"], *extras)]


def asked_for_by(found: re.Match[str]) -> set[str]:
    """Give who needs it, as the comments below the hashes say."""
    return set(re.findall(r"#(?: via)?\s+([\w.-]+)", found["rest"])) - {"via"}


def test_every_line_is_a_pin_with_hashes() -> None:
    lines = [line for line in TEXT.splitlines() if not line.startswith(" ")]
    assert len(lines) == len(pinned())
    assert all(re.search(r"--hash=sha256:[0-9a-f]{64}\b", found["rest"]) for found in pinned().values())


def test_no_index_and_no_address_is_named() -> None:
    assert not re.search(r"^-|://", TEXT, flags=re.MULTILINE)


def test_what_the_service_needs_is_pinned_within_what_it_allows() -> None:
    for one in needed():
        found = pinned()[canonicalize_name(one.name)]
        assert one.specifier.contains(found["version"]), one.name


def test_nothing_is_pinned_that_nobody_needs() -> None:
    own = canonicalize_name(PROJECT["name"])
    by_us = {name for name, found in pinned().items() if own in map(canonicalize_name, asked_for_by(found))}
    of_extras = {"psycopg-binary"}
    assert by_us == {canonicalize_name(one.name) for one in needed()} - of_extras
    others = pinned().keys() - by_us
    assert all(asked_for_by(pinned()[name]) for name in others)

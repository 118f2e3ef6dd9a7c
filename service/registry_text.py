"""The evidence registry for a terminal."""

from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.text import Text


def show(said: Mapping[str, Any], console: Console) -> None:
    """Print a registry, as `registry` gives it, section by section."""
    for heading, parts in _sections(said):
        console.print(Text(f"\n{heading}", style="bold"))
        for title, lines in parts:
            console.print(Text(f"\n  {title}", style="bold"))
            for line in lines:
                # A terminal gets wrapped and indented text, a file or a pipe one line for each fact.
                console.print(Text(f"    {line}") if console.soft_wrap else Padding(Text(line), (0, 0, 0, 4)))
    for line in _footer(said):
        console.print(Text(line))


_Parts = list[tuple[str, list[str]]]


def _sections(said: Mapping[str, Any]) -> Iterator[tuple[str, _Parts]]:
    yield "Rules", [(f"{item['id']}: {item['title']}", list(_rule(item))) for item in said["rules"]]
    labels = [item for item in said["labels"] if item["sentences"]]
    if labels:
        titled = [(f"{item['jurisdictionName']}, {item['ingredient']}", list(_label(item))) for item in labels]
        yield "Labels that the cards cite", titled
    if said["evidence"]:
        yield "Evidence", [(item["id"], list(_entry(item))) for item in said["evidence"]]
    if said["statements"]:
        yield "Statements of the source text", [(item["id"], list(_statement(item))) for item in said["statements"]]


def _rule(item: Mapping[str, Any]) -> Iterator[str]:
    yield f"Approval: {item['approval']['text']}"
    yield f"Evidence: {', '.join(item['evidence']) or 'none listed'}"
    for jurisdiction, clause in item["clauses"].items():
        strength = f" ({clause['strength']})" if clause["strength"] else ""
        yield f"Label {jurisdiction} speaks of: {clause['speaksOf']}{strength}"


def _label(item: Mapping[str, Any]) -> Iterator[str]:
    yield f"{item['name']}, {item['section']}: {item['strength']}"
    yield f"Revision: {item['revision']}"
    yield f"Verification: {item['verificationText']}"
    for sentence in item["sentences"]:
        yield f'{sentence["indicationName"]}: "{sentence["text"]}" [{sentence["verificationText"]}]'


def _entry(item: Mapping[str, Any]) -> Iterator[str]:
    yield item["citation"]
    ids = (("DOI", item["doi"]), ("PMID", item["pmid"]), ("Address", item["url"]))
    if known := [f"{name} {value}" for name, value in ids if value]:
        yield "; ".join(known)
    for name, key in (("Population", "population"), ("Number", "n"), ("Design", "design")):
        if item[key] is not None:
            yield f"{name}: {item[key]}"
    yield f"Finding: {item['finding']}"
    for figure in item["figures"]:
        inferred = "; count worked out from the percentage" if figure["countInferred"] else ""
        yield f"Figure: {figure['what']}: {figure['text']}{inferred}"
    yield f"Certainty: {item['certainty']}"
    yield f"Verification: {item['verificationText']}"
    yield f"A card prints: {item['cardPrints']}"
    yield f"Used by: {', '.join(item['rules']) or 'no rule'}"
    if item["note"]:
        yield f"Note: {item['note']}"
    yield f"Approval: {item['approval']['text']}"


def _statement(item: Mapping[str, Any]) -> Iterator[str]:
    yield f'"{item["statement"]}"'
    yield f"Verdict: {item['verdictText']}. {item['reason']}"
    yield f"Said in its place: {item['printed'] or 'nothing'}"
    yield f"Rests on: {', '.join(item['evidence']) or 'no entry'}"


def _footer(said: Mapping[str, Any]) -> Iterator[str]:
    entries, statements = said["counts"]["evidence"], said["counts"]["statements"]
    yield f"\nknowledge {said['knowledge']['version']} (sha256 {said['knowledge']['sha256']}), as of {said['on']}"
    yield "Entries: " + ", ".join(f"{count} {state}" for state, count in entries.items())
    yield "Statements: " + ", ".join(f"{count} {verdict}" for verdict, count in statements.items())
    yield "Intervals: Wilson, 95%, computed by us from the counts."

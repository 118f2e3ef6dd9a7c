"""The commands about recordings: `upa-cds record import|info|lint|policy`.

Imports are inside the commands, so that each starts with what it needs and no more.
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from service.commands.days import read_day

if TYPE_CHECKING:
    from service.recording.policy import Policy
    from service.recording.words import Vocabulary

NOT_CLEAN = 5

_files = click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path))
_config = click.option("--config", metavar="FILE", help="TOML file with settings.")


@click.group()
def record() -> None:
    """Make, describe and prove recordings of hook calls."""


@record.command(name="import")
@click.argument("source", metavar="SOURCE", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "output",
    metavar="FILE",
    required=True,
    type=click.Path(path_type=Path),
    help="Recording to make; a new file.",
)
@click.option("--on", "day", metavar="DATE", help="Day of the calls.  [default: of a HAR its own, else the file's]")
@click.option("--profile", type=click.Choice(["spec", "epic", "sandbox"]), default="spec", help="Shape of the cards.")
@click.option("--data-dir", metavar="DIR", help="Folder with the key of the recordings; made where there is none.")
@_config
def import_calls(
    source: Path, *, output: Path, day: str | None, profile: str, data_dir: str | None, config: str | None
) -> None:
    """Make a de-identified recording of a folder of JSON requests, of HAR files, or of a folder of cases.

    Headers are not read. What was left out is counted by reason on standard error. Exit code 65: nothing was recorded.
    """
    from service.recording.importing import import_source
    from service.recording.sources import Source
    from service.settings import load_settings

    settings = load_settings({"config": config, "data_dir": data_dir})
    given = Source(source, settings.zone, settings.jurisdiction, profile, read_day(day, "--on") if day else None)
    made = import_source(given, output, settings)
    for reason, count in sorted(made.skipped.items()):
        click.echo(f"left out: {count} x {reason}", err=True)
    click.echo(f"{output}: {made.written} calls, de-identified with the key {made.key_id}")


@record.command()
@_files
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def info(files: tuple[Path, ...], *, as_json: bool) -> None:
    """Say what a recording holds: header, hooks, answers, days, knowledge. FILE may be a folder of recordings."""
    import json

    from service.recording.contents import as_lines, contents
    from service.recording.format import recording_files

    said = [contents(file) for path in files for file in recording_files(path)]
    click.echo(json.dumps(said, indent=2) if as_json else "\n".join(line for item in said for line in as_lines(item)))


@record.command()
@_files
@click.option("--canary", "canaries", metavar="TEXT", multiple=True, help="Text that must not occur; repeatable.")
@click.option(
    "--canaries", "listed", metavar="FILE", type=click.Path(path_type=Path), help="File of such texts, one a line."
)
@_config
def lint(files: tuple[Path, ...], *, canaries: tuple[str, ...], listed: Path | None, config: str | None) -> None:
    """Prove that recordings hold no person: every element as the policy has it, and none of the canaries.

    FILE may be a folder of recordings. A finding names file, line and place, never what stands there. Exit code 0:
    clean; 5: something was found; 65: no recording.
    """
    from service.errors import InvalidRequest
    from service.recording.format import recording_files
    from service.recording.lint import Lint, listed_canaries

    try:
        text = listed.read_text(encoding="utf-8") if listed else ""
    except (OSError, UnicodeDecodeError):
        raise InvalidRequest(f"{listed}: cannot be read. Give a text file in UTF-8, one canary a line.") from None
    words, policy = _words(config)
    proof = Lint(words, policy, listed_canaries(canaries, text))
    chosen = [file for path in files for file in recording_files(path)]
    count = 0
    for file in chosen:
        for finding in proof.findings(file):
            click.echo(str(finding))
            count += 1
    click.echo(f"{len(chosen)} files: {count or 'no'} findings", err=True)
    if count:
        sys.exit(NOT_CLEAN)


@record.command(name="policy")
def show_policy() -> None:
    """Show which elements of which type a recording may hold."""
    from service.recording.policy import load_policy
    from service.recording.policy_table import policy_table

    click.echo(policy_table(load_policy()))


def _words(config: str | None) -> "tuple[Vocabulary, Policy]":
    from service.knowledge import site_catalogue
    from service.recording.policy import load_policy
    from service.recording.recorder import listed_words
    from service.recording.words import vocabulary
    from service.settings import load_settings

    settings = load_settings({"config": config})
    policy = load_policy()
    return vocabulary(site_catalogue(settings), policy, listed_words(settings.record_words)), policy

"""The command line `upa-cds`: read the arguments, call, choose the exit code.

0 done; 1 the knowledge has problems, a replayed answer differs, a service does not conform, or part of an export could
not be read; 2 usage or settings; 5 a recording is not clean; 65 bad input; 69 a service does not answer; 70 our fault;
75 try again; 130 broken off by Ctrl-C. `replay` has verdicts of its own, 0 to 5, and 64 for wrong usage.
Imports are inside the commands, so that each starts with what it needs and no more.
"""

import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import date
from pathlib import Path
from threading import Event
from typing import Any, NoReturn, TypeVar

import click

from service import __version__
from service.commands.audit import audit
from service.commands.clients import client, token
from service.commands.conformance import conformance
from service.commands.dashboard import dashboard
from service.commands.days import read_day
from service.commands.export import export
from service.commands.record import record
from service.commands.replay import replay
from service.commands.review import review
from service.commands.store import db, rates
from service.errors import ServiceError

KNOWLEDGE_PROBLEMS = 1
NOT_WHOLE = 1
BROKEN_OFF = 130
# Longer than any first paragraph of a help.
WHOLE = 1000
Command = TypeVar("Command", bound=Callable[..., Any])

_FLAGS = (
    click.option("--host", metavar="ADDRESS", help="Address to listen on.  [default: 127.0.0.1]"),
    click.option("--port", metavar="NUMBER", help="Port to listen on.  [default: 8000]"),
    click.option("--workers", metavar="NUMBER", help="Worker processes.  [default: 2]"),
    click.option(
        "--data-dir", metavar="DIR", help="Data folder.  [default: $XDG_STATE_HOME/upa-cds or ~/.local/state/upa-cds]"
    ),
    click.option("--tls-cert", metavar="FILE", help="Certificate chain (PEM), to serve https; needs --tls-key."),
    click.option("--tls-key", metavar="FILE", help="Private key of the certificate (PEM, PKCS#8)."),
    click.option(
        "--order-helper",
        is_flag=True,
        flag_value=True,
        default=None,
        help="Offer a second service for testing, which puts drugs into a draft.",
    ),
    click.option("--config", metavar="FILE", help="TOML file with settings."),
)


def main() -> None:
    """Run `upa-cds`. Problems go to standard error, one line each; the exit code names their family."""
    from cards import KnowledgeError

    try:
        cli()
    except KnowledgeError as error:
        _fail(error.problems, KNOWLEDGE_PROBLEMS)
    except ServiceError as error:
        _fail(error.message.splitlines(), error.exit_code)


class _Told(click.Group):
    """A group whose help says of each command the whole sentence, and not its first words."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands, each with the first paragraph of its help."""
        told = ((name, self.get_command(ctx, name)) for name in self.list_commands(ctx))
        rows = [(name, command.get_short_help_str(WHOLE)) for name, command in told if command and not command.hidden]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


@click.group(cls=_Told, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=lambda context, _, wanted: _print_version(context) if wanted else None,
    help="Show the versions of the package and of its knowledge, and exit.",
)
def cli() -> None:
    """Warn when upadacitinib is combined with a biologic, another JAK inhibitor or a potent immunosuppressant.

    Settings: flag over environment (UPA_CDS_*) over TOML file; see "upa-cds settings".
    """


cli.add_command(audit)
cli.add_command(client)
cli.add_command(conformance)
cli.add_command(dashboard)
cli.add_command(db)
cli.add_command(export)
cli.add_command(record)
cli.add_command(rates)
cli.add_command(replay)
cli.add_command(review)
cli.add_command(token)


def _settings_flags(command: Command) -> Command:
    for option in reversed(_FLAGS):
        command = option(command)
    return command


@cli.command()
@_settings_flags
def serve(**flags: object) -> None:
    """Serve CDS Hooks over HTTP, in the foreground, until Ctrl-C or SIGTERM."""
    from service.commands.serve import serve as run
    from service.settings import load_settings

    run(load_settings(flags), lambda line: click.echo(line, err=True))


@cli.command()
@click.option("--data-dir", metavar="DIR", help="Data folder that the service runs with.")
@click.option("--port", metavar="NUMBER", help="Port that it listens on.  [default: 8000]")
@click.option("--config", metavar="FILE", help="TOML file with settings.")
@click.option("--wait", "seconds", metavar="SECONDS", type=click.FloatRange(min=0), default=120, help="[default: 120]")
def reload(*, seconds: float, **flags: str | None) -> None:
    """Have the running service read its knowledge and overlay again; settings are read at its start alone.

    The service checks them before any worker gets them, and goes on with the old if there is a problem. Exit code 0:
    the new knowledge answers in every worker; 1: it was refused; 69: no such service runs; 75: no answer in time.
    """
    from service.commands.reload import reload as run
    from service.settings import load_settings

    run(load_settings(flags), seconds=seconds, say=click.echo)


@cli.command()
@click.option("--once", is_flag=True, help="Stop after showing the card.")
@click.option("--json", "as_json", is_flag=True, help="Print the response body and nothing else; stops after it.")
@click.option("--order-helper", is_flag=True, help="For the public CDS Hooks sandbox: offer the order helper as well.")
def demo(*, once: bool, as_json: bool, order_helper: bool) -> None:
    """Post a recorded order over HTTP to a server of its own, and show the card as a clinician reads it."""
    from rich.console import Console

    from service.commands.demo import demonstration, show

    # Ctrl-C is how the demo ends, whenever it comes.
    today = date.today()  # noqa: DTZ011 - the reader's own day
    with suppress(KeyboardInterrupt), demonstration(today, order_helper=order_helper) as shown:
        if as_json:
            click.echo(shown.answer)
            return
        show(shown, Console())
        if once:
            return
        click.echo(f"\nAsk again:\n{shown.curl}\n\nDiscovery: {shown.discovery}\nIn a browser: {shown.sandbox}")
        click.echo("\nServing until Ctrl-C.")
        _wait()
    click.echo("\nStopped.")


@cli.command()
@click.argument("request", metavar="REQUEST.json", type=click.Path(path_type=Path))
@click.option("--on", "day", metavar="DATE", help="Day of the call, YYYY-MM-DD.  [default: today in the site's zone]")
@click.option("--client", "client_id", metavar="ID", help="As this configured client, with its profile.")
@click.option(
    "--exceptions",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Exceptions to take as documented for the patient: a YAML list as in a case's case.yaml.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the explanation as JSON.")
@click.option("--fhir", "reading", is_flag=True, help="Read what is missing from the FHIR server of the request.")
@click.option("--config", metavar="FILE", help="TOML file with settings.")
def explain(
    request: Path,
    *,
    day: str | None,
    client_id: str | None,
    exceptions: Path | None,
    as_json: bool,
    reading: bool,
    config: str | None,
) -> None:
    """Say what was read from a hook request, as what, and which dates and windows decided.

    The network is asked with --fhir only, and then the FHIR servers that the client may have read.
    """
    import json

    from service.answer import build_engine
    from service.cases import exceptions_of_file
    from service.explain import NO_FHIR, as_text, explain_request
    from service.fhir_access.http import HttpFhir
    from service.settings import ANYONE, load_settings

    settings = load_settings({"config": config})
    engine = build_engine(settings)
    client = ANYONE if client_id is None else settings.client(client_id)
    documented = exceptions_of_file(exceptions) if exceptions else ()
    fhir = HttpFhir() if reading else NO_FHIR
    said = explain_request(_file(request), engine, _day(day, settings), client, documented, fhir=fhir)
    click.echo(json.dumps(said, indent=2, ensure_ascii=False) if as_json else as_text(said), nl=as_json)


@cli.command()
@click.argument("addresses", metavar="EXPORT...", nargs=-1, required=True)
@click.option("--on", "day", metavar="DATE", help="Day to look at, YYYY-MM-DD.  [default: today in the site's zone]")
@click.option("--jobs", metavar="NUMBER", type=click.IntRange(1, 64), default=1, help="Worker processes.  [default: 1]")
@click.option("--scheduler", metavar="ADDRESS", help="Work on this Dask scheduler, say tcp://10.0.0.5:8786.")
@click.option("--work", metavar="DIR", type=click.Path(path_type=Path), help="Folder to resume from if broken off.")
@click.option("--resume", is_flag=True, help="Go on with the screening that --work holds.")
@click.option(
    "--min-cell",
    "smallest",
    metavar="NUMBER",
    type=click.IntRange(1),
    help="Least number of patients that is shown, apart from 0.  [default: 11]",
)
@click.option("--patients", metavar="FILE", type=click.Path(path_type=Path), help="Write a list of patients (CSV).")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON and nothing else.")
@click.option("--csv", "as_csv", is_flag=True, help="Print the counts as CSV and nothing else.")
@click.option("--config", metavar="FILE", help="TOML file with settings.")
def screen(addresses: tuple[str, ...], *, as_json: bool, as_csv: bool, **options: Any) -> None:
    """Count the patients of a FHIR bulk export who are on a combination today, by rule and pair.

    EXPORT is a folder, NDJSON files or the manifest of an export, at any address that fsspec reads. Small counts are
    suppressed. Exit code 0: screened; 1: screened, but part of the export could not be read; 75: a worker was lost.
    """
    import json

    from service.screen.result import whole
    from service.screen.text import as_csv as csv_text
    from service.screen.text import as_text

    if as_json and as_csv:
        raise click.UsageError("Give --json or --csv.")
    result = _screened(addresses, **options)
    if as_json:
        click.echo(json.dumps(result, indent=2, ensure_ascii=False))
    else:
        click.echo(csv_text(result) if as_csv else as_text(result), nl=not as_csv)
    if not whole(result):
        sys.exit(NOT_WHOLE)


@cli.command()
@click.argument("folder", metavar="[DIR]", required=False, type=click.Path(path_type=Path))
@click.option("--overlay", metavar="FILE", type=click.Path(path_type=Path), help="With this overlay of a site on it.")
def validate(folder: Path | None, *, overlay: Path | None) -> None:
    """Check a folder of knowledge, or the packaged knowledge, and list every problem.

    With --overlay also what the overlay changes, and which rules count as approved today.
    """
    from service.knowledge import read_knowledge
    from service.overlay import described

    catalogue, overlaid = read_knowledge(folder, overlay)
    click.echo(f"knowledge {catalogue.version} (sha256 {catalogue.sha256}): {len(catalogue.rules)} rules, no problems")
    if overlaid:
        today = date.today()  # noqa: DTZ011 - the reader's own day
        for line in described(overlaid, catalogue, today):
            click.echo(line)


@cli.command()
@click.argument("rule", metavar="[RULE]", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print the registry as JSON.")
@click.option("--unverified", is_flag=True, help="Only what was not seen in a primary source or could not be verified.")
@click.option("--config", metavar="FILE", help="TOML file with settings.")
def evidence(*, rule: str | None, as_json: bool, unverified: bool, config: str | None) -> None:
    """List the evidence behind the cards: figures, certainty, verification, approval, and what is unverified.

    RULE limits it to the entries of one rule and the statements that rest on them.
    """
    import json

    from rich.console import Console

    from service.knowledge import site_catalogue
    from service.registry import registry
    from service.registry_text import show
    from service.settings import load_settings

    site = load_settings({"config": config})
    said = registry(site_catalogue(site), _day(None, site), rule=rule, unverified=unverified)
    if as_json:
        click.echo(json.dumps(said, indent=2, ensure_ascii=False))
        return
    show(said, Console(soft_wrap=not sys.stdout.isatty(), highlight=False))


@cli.command()
@_settings_flags
def settings(**flags: object) -> None:
    """Show the effective settings and where each comes from; secrets are masked."""
    from service.settings import effective_settings
    from service.settings_table import shown

    effective = effective_settings(flags)
    for name, value in shown(effective.settings).items():
        click.echo(f"{name} = {value}  ({effective.sources.get(name, 'default')})")


def _screened(
    addresses: tuple[str, ...],
    *,
    day: str | None,
    jobs: int,
    scheduler: str | None,
    work: Path | None,
    resume: bool,
    smallest: int | None,
    patients: Path | None,
    config: str | None,
) -> Any:
    from datetime import datetime

    from service.chunks import processes
    from service.cluster import cluster
    from service.screen.progress import progress_bar
    from service.screen.run import Screening, screen
    from service.screen.suppress import MIN_CELL
    from service.settings import load_settings

    if resume and work is None:
        raise click.UsageError("--resume needs the folder of the broken off screening: --work DIR.")
    if scheduler and (work is None or jobs > 1):
        raise click.UsageError("--scheduler needs a folder that all workers reach, --work DIR, and takes no --jobs.")
    settings = load_settings({"config": config})
    asked = Screening(
        addresses,
        settings,
        _day(day, settings) if day else None,
        datetime.now(settings.zone).date(),
        smallest or MIN_CELL,
        work,
        resume,
        patients,
    )
    try:
        with progress_bar() as progress:
            result = screen(asked, cluster(scheduler) if scheduler else processes(jobs), progress)
    except KeyboardInterrupt:
        kept = f"go on with --work {work} --resume" if work else "nothing is kept without --work"
        _fail([f"The screening was broken off: {kept}."], BROKEN_OFF)
    if patients:
        click.echo(f"{patients}: holds patient identifiers; only you can read it.", err=True)
    return result


def _file(path: Path) -> bytes:
    from service.errors import InvalidRequest

    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidRequest(f"{path}: cannot be read ({error.strerror}). Give a file with a hook request.") from None


def _day(text: str | None, settings: Any) -> date:
    from datetime import datetime

    return datetime.now(settings.zone).date() if text is None else read_day(text, "--on")


def _print_version(context: click.Context) -> None:
    from cards import load_catalogue

    catalogue = load_catalogue()
    click.echo(f"upa-cds {__version__}, knowledge {catalogue.version} (sha256 {catalogue.sha256})")
    context.exit()


def _wait() -> None:
    """Wait for Ctrl-C, in short turns: some systems do not interrupt a long one."""
    forever = Event()
    while not forever.wait(0.5):
        pass


def _fail(problems: tuple[str, ...] | list[str], exit_code: int) -> NoReturn:
    for problem in problems:
        click.echo(f"upa-cds: {problem}", err=True)
    sys.exit(exit_code)

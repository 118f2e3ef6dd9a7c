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
from service.client_commands import client, token
from service.errors import ServiceError
from service.record_commands import record
from service.store_commands import db, rates

KNOWLEDGE_PROBLEMS = 1
DIFFERENT = 1
NOT_CONFORMING = 1
NOT_WHOLE = 1
BROKEN_OFF = 130
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


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
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


cli.add_command(client)
cli.add_command(db)
cli.add_command(record)
cli.add_command(rates)
cli.add_command(token)


def _settings_flags(command: Command) -> Command:
    for option in reversed(_FLAGS):
        command = option(command)
    return command


@cli.command()
@_settings_flags
def serve(**flags: str | None) -> None:
    """Serve CDS Hooks over HTTP, in the foreground, until Ctrl-C or SIGTERM."""
    from service.serve import serve as run
    from service.settings import load_settings

    run(load_settings(flags), lambda line: click.echo(line, err=True))


@cli.command()
@click.option("--once", is_flag=True, help="Stop after showing the card.")
@click.option("--json", "as_json", is_flag=True, help="Print the response body and nothing else; stops after it.")
def demo(*, once: bool, as_json: bool) -> None:
    """Post a recorded order over HTTP to a server of its own, and show the card as a clinician reads it."""
    from rich.console import Console

    from service.demo import demonstration, show

    # Ctrl-C is how the demo ends, whenever it comes.
    with suppress(KeyboardInterrupt), demonstration(date.today()) as shown:  # noqa: DTZ011 - the reader's own day
        if as_json:
            click.echo(shown.answer)
            return
        show(shown, Console())
        if once:
            return
        click.echo(f"\nAsk again:\n{shown.curl}\n\nServing until Ctrl-C.")
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
    from service.fhir_http import HttpFhir
    from service.settings import ANYONE, load_settings

    settings = load_settings({"config": config})
    engine = build_engine(settings)
    client = ANYONE if client_id is None else settings.client(client_id)
    documented = exceptions_of_file(exceptions) if exceptions else ()
    fhir = HttpFhir() if reading else NO_FHIR
    said = explain_request(_file(request), engine, _day(day, settings), client, documented, fhir=fhir)
    click.echo(json.dumps(said, indent=2, ensure_ascii=False) if as_json else as_text(said), nl=as_json)


class _ReplayUsage(click.UsageError):
    """Wrong usage of `replay`, whose code 2 is a forbidden change."""

    exit_code = 64


class _Replay(click.Command):
    """A command whose wrong usage is told apart from its verdicts."""

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        try:
            return super().make_context(*args, **kwargs)
        except click.UsageError as error:
            raise _ReplayUsage(error.format_message(), error.ctx) from None


@cli.command(cls=_Replay)
@click.argument("path", metavar="[RECORDING|CASES]", required=False, type=click.Path(path_type=Path))
@click.option("--knowledge", metavar="DIR", help="Candidate knowledge: what would it change? Short for --new DIR.")
@click.option("--url", "--against", metavar="URL", help="A running service, its day today (UTC). Short for --new URL.")
@click.option("--old", metavar="DIR|URL|site", help="The old side.  [default: the recorded answers]")
@click.option("--new", metavar="DIR|URL|site", help="The new side.  [default: site, this build as it is set up]")
@click.option("--expect", metavar="FILE", type=click.Path(path_type=Path), help="Differences that are allowed (YAML).")
@click.option("--report", metavar="FILE", type=click.Path(path_type=Path), help="Write the report, one HTML page.")
@click.option("--out", metavar="DIR", type=click.Path(path_type=Path), help="Write all results into a folder.")
@click.option("--junit", metavar="FILE", type=click.Path(path_type=Path), help="Write a JUnit report.")
@click.option("--jobs", metavar="N", type=click.IntRange(min=1), default=1, help="Processes.  [default: 1]")
@click.option("--resume", is_flag=True, help="Go on where an interrupted run with the same --out stopped.")
@click.option(
    "--max-burden", metavar="X", type=float, help="Most alerts per 100 orders that the new side may have more."
)
@click.option("--max-p95", metavar="MS", type=click.FloatRange(min=0), help="Longest 95th percentile of the new side.")
@click.option(
    "--twice",
    metavar="SHARE",
    type=click.FloatRange(0, 1),
    default=1.0,
    help="Share of the calls that are answered twice, to see that the answer is the same.  [default: 1]",
)
@click.option("--identified", is_flag=True, help="Take a recording that is not de-identified.")
@click.option("--lint", is_flag=True, help="Prove first that the recording holds nobody, as `record lint` does.")
@click.option("--config", metavar="FILE", help="TOML file with settings of the site, for recordings.")
@click.option("--update", "updating", is_flag=True, help="Write what differs over the recordings of CASES.")
def replay(path: Path | None, **options: Any) -> None:
    """Replay recorded calls: what another version would change for clinicians, and how many alerts it would show.

    RECORDING is a file of recorded calls, or a folder of such files. Exit code 0: nothing changes; 1: all changes are
    allowed; 2: one is not; 3: more alerts than --max-burden; 4: slower than --max-p95; 5: the recording cannot be used;
    64: wrong usage; 69: a service does not answer.

    CASES is a folder of cases, without it the packaged ones. They are compared word by word; 0: all the same, 1:
    something differs. With an option of recordings they are compared as a recording is.
    """
    from service.replay.calls import is_recording

    settings = {name: options.pop(name) for name in ("updating", "knowledge", "url", "junit")}
    if is_recording(path) or _of_recordings(options):
        sys.exit(_replay_recording(path, **settings, **options))
    if not _replay_cases(path, **settings):
        sys.exit(DIFFERENT)


def _of_recordings(options: dict[str, Any]) -> bool:
    """Say whether an option was given that only makes sense where calls are compared by their meaning."""
    plain = {"jobs": 1, "twice": 1.0, "resume": False, "identified": False, "lint": False}
    return any(value != plain.get(name) for name, value in options.items())


def _replay_cases(
    path: Path | None, *, updating: bool, url: str | None, knowledge: str | None, junit: Path | None
) -> bool:
    from service.replay import run

    if updating and (path is None or url):
        raise _ReplayUsage("--update needs a folder CASES of your own and no --url; packaged cases stay.")
    if knowledge and (updating or url):
        raise _ReplayUsage("--knowledge shows an effect: give it without --update and --url.")
    folder = Path(knowledge) if knowledge else None
    return run(path, url=url, updating=updating, junit_file=junit, say=click.echo, knowledge=folder)


def _replay_recording(
    path: Path | None,
    *,
    updating: bool,
    new: str | None,
    knowledge: str | None,
    url: str | None,
    max_burden: float | None,
    max_p95: float | None,
    twice: float,
    config: str | None,
    **options: Any,
) -> int:
    from rich.console import Console

    from service.errors import SettingsError
    from service.replay.command import Assignment, replay_recording
    from service.replay.gates import Limits
    from service.settings import load_settings

    named = [side for side in (new, knowledge, url) if side]
    if updating:
        raise _ReplayUsage("--update is for CASES; a recording stays as it is.")
    if len(named) > 1:
        raise _ReplayUsage("--new, --knowledge and --url all name the new side: give one of them.")
    if options["resume"] and options["out"] is None:
        raise _ReplayUsage("--resume needs the --out DIR of the run that was interrupted.")
    try:
        site = load_settings({"config": config})
    except SettingsError as error:
        raise _ReplayUsage(error.message) from None
    order = Assignment(
        path, site, new=next(iter(named), None), again=twice, limits=Limits(max_burden, max_p95), **options
    )
    return int(replay_recording(order, click.echo, Console(stderr=True)))


@cli.command()
@click.argument("url", metavar="[URL]", required=False)
@click.option("--jwt", "token", metavar="TOKEN", help="Token to send with every call; @FILE reads it from a file.")
@click.option("--key", metavar="FILE", type=click.Path(path_type=Path), help="Private key (PEM or JWK) to sign tokens.")
@click.option("--iss", "issuer", metavar="URI", help="Issuer of the signed tokens.")
@click.option("--kid", metavar="ID", help="Key id of the signed tokens.  [default: that of the JWK]")
@click.option("--jku", metavar="URL", help="Address of the client's key set, for the header of the tokens.")
@click.option("--aud", "audience", metavar="URL", help="Base URL that the service calls its own.  [default: URL]")
@click.option(
    "--request",
    "requests",
    metavar="FILE",
    type=click.Path(path_type=Path),
    multiple=True,
    help="A hook request of your own, best one that is answered with a card. Repeatable.",
)
@click.option(
    "--cases/--no-cases", default=None, help="Send the packaged cases too.  [default: to upadacitinib-cds only]"
)
@click.option(
    "--origin", metavar="ORIGIN", help="Origin of the browser page that calls.  [default: the public sandbox]"
)
@click.option(
    "--timeout",
    "seconds",
    metavar="SECONDS",
    type=click.FloatRange(min=0.1),
    default=10.0,
    help="Longest wait for an answer.  [default: 10]",
)
@click.option(
    "--skip", multiple=True, type=click.Choice(["feedback", "cors", "trust"]), help="Leave a part out. Repeatable."
)
@click.option("--strict", is_flag=True, help="A SHOULD that does not hold fails too.")
@click.option("--junit", metavar="FILE", type=click.Path(path_type=Path), help="Write a JUnit report.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON and nothing else.")
@click.option("--list", "listing", is_flag=True, help="List the checks and call nobody.")
def conformance(url: str | None, *, listing: bool, **options: Any) -> None:
    """Check any CDS Hooks service against the numbered requirements, and say what departs from them.

    URL is the base URL of the service, with or without /cds-services. The calls are synthetic; feedback is posted, so
    leave it out (--skip feedback) where it would be kept. Exit code 0: every SHALL holds; 1: one does not; 69: the
    service does not answer.
    """
    from rich.console import Console

    from service.conformance.catalogue import CHECKS, NOT_CHECKED
    from service.conformance.report import listed

    if listing:
        listed(CHECKS, NOT_CHECKED, Console())
        return
    if url is None:
        raise click.UsageError("Give the base URL of a CDS service, or --list.")
    if not _conforms(url, **options):
        sys.exit(NOT_CONFORMING)


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
def validate(folder: Path | None) -> None:
    """Check a folder of knowledge, or the packaged knowledge, and list every problem."""
    from cards import load_catalogue

    catalogue = load_catalogue(folder)
    click.echo(f"knowledge {catalogue.version} (sha256 {catalogue.sha256}): {len(catalogue.rules)} rules, no problems")


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

    from cards import load_catalogue
    from service.registry import registry
    from service.registry_text import show
    from service.settings import load_settings

    site = load_settings({"config": config})
    said = registry(load_catalogue(site.knowledge), _day(None, site), rule=rule, unverified=unverified)
    if as_json:
        click.echo(json.dumps(said, indent=2, ensure_ascii=False))
        return
    show(said, Console(soft_wrap=not sys.stdout.isatty(), highlight=False))


@cli.command()
@_settings_flags
def settings(**flags: str | None) -> None:
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
    from service.screen.cluster import cluster
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


def _conforms(
    url: str,
    *,
    requests: tuple[Path, ...],
    cases: bool | None,
    origin: str | None,
    seconds: float,
    skip: tuple[str, ...],
    strict: bool,
    junit: Path | None,
    as_json: bool,
    **tokens: Any,
) -> bool:
    from datetime import UTC, datetime

    from rich.console import Console

    from service.conformance import Assignment, run
    from service.conformance.client import base_url
    from service.conformance.command import SANDBOX_ORIGIN, credentials, write_junit
    from service.conformance.model import Part
    from service.conformance.report import as_json as json_report
    from service.conformance.report import failed, show

    try:
        base = base_url(url)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="URL") from None
    assignment = Assignment(
        base=base,
        requests=requests,
        cases=cases,
        origin=origin or SANDBOX_ORIGIN,
        credentials=credentials(base, now=lambda: datetime.now(UTC), **tokens),
        seconds=seconds,
        skipped=frozenset(Part(name) for name in skip),
    )
    results = run(assignment, datetime.now(UTC))
    if junit:
        write_junit(junit, results, strict=strict)
    if as_json:
        click.echo(json_report(results, base, strict=strict))
    else:
        show(results, base, Console())
    return not failed(results, strict=strict)


def _file(path: Path) -> bytes:
    from service.errors import InvalidRequest

    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidRequest(f"{path}: cannot be read ({error.strerror}). Give a file with a hook request.") from None


def _day(text: str | None, settings: Any) -> date:
    from datetime import datetime

    if text is None:
        return datetime.now(settings.zone).date()
    try:
        return datetime.strptime(text, "%Y-%m-%d").date()  # noqa: DTZ007 - a day has no zone
    except ValueError:
        raise click.BadParameter(f"{text} is no day. Write it as YYYY-MM-DD.", param_hint="--on") from None


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

"""The command `upa-cds conformance`. Imports are inside the functions, so that other commands start without them."""

import sys
from pathlib import Path
from typing import Any

import click

NOT_CONFORMING = 1


@click.command()
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

"""The command `upa-cds replay`: which of its two ways a call of it means, and what is wrong usage.

Imports are inside the functions, so that other commands start without them.
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from service.replay.posting import Signing

DIFFERENT = 1


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


@click.command(cls=_Replay)
@click.argument("path", metavar="[RECORDING|CASES]", required=False, type=click.Path(path_type=Path))
@click.option("--knowledge", metavar="DIR", help="Candidate knowledge: what would it change? Short for --new DIR.")
@click.option("--overlay", metavar="FILE", help="Overlay of a site on the knowledge of the new side.")
@click.option("--url", "--against", metavar="URL", help="A running service, its day today (UTC). Short for --new URL.")
@click.option("--old", metavar="DIR|URL|site", help="The old side.  [default: the recorded answers]")
@click.option("--new", metavar="DIR|URL|site", help="The new side.  [default: site, this build as it is set up]")
@click.option("--expect", metavar="FILE", type=click.Path(path_type=Path), help="Differences that are allowed (YAML).")
@click.option("--report", metavar="FILE", type=click.Path(path_type=Path), help="Write the report, one HTML page.")
@click.option("--out", metavar="DIR", type=click.Path(path_type=Path), help="Write all results into a folder.")
@click.option("--junit", metavar="FILE", type=click.Path(path_type=Path), help="Write a JUnit report.")
@click.option("--jobs", metavar="N", type=click.IntRange(min=1), default=1, help="Processes.  [default: 1]")
@click.option("--scheduler", metavar="tcp://HOST:PORT", help="Workers of a Dask cluster; they must reach --out.")
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
@click.option("--key", metavar="FILE", type=click.Path(path_type=Path), help="Sign the calls to a URL with this key.")
@click.option("--iss", "issuer", metavar="URI", help="Issuer of the signed tokens.")
@click.option("--kid", metavar="ID", help="Key id of the signed tokens.  [default: that of the JWK]")
@click.option("--jku", metavar="URL", help="Address of the client's key set, for the header of the tokens.")
@click.option("--aud", "audience", metavar="URL", help="Base URL that the service calls its own.  [default: URL]")
@click.option("--config", metavar="FILE", help="TOML file with settings of the site, for recordings.")
@click.option("--update", "updating", is_flag=True, help="Write what differs over the recordings of CASES.")
def replay(path: Path | None, **options: Any) -> None:
    """Replay recorded calls: what another version would change for clinicians, and how many alerts it would show.

    RECORDING is a file of recorded calls, or a folder of such files. Exit code 0: nothing changes; 1: all changes are
    allowed; 2: one is not; 3: more alerts than --max-burden; 4: slower than --max-p95; 5: the recording cannot be used;
    64: wrong usage; 69: a service does not answer; 75: a cluster lost its workers, go on with --resume.

    CASES is a folder of cases, or one case, without it the packaged ones. They are compared word by word, and with what
    their author expected; 0: all the same, 1: something differs. With an option of recordings they are compared as a
    recording is.
    """
    from service.replay.calls import is_recording

    settings = {name: options.pop(name) for name in ("updating", "knowledge", "overlay", "url", "junit")}
    settings["signing"] = _signing({name: options.pop(name) for name in _TOKENS}, settings["url"], options)
    if is_recording(path) or _of_recordings(options):
        sys.exit(_replay_recording(path, **settings, **options))
    if not _replay_cases(path, **settings):
        sys.exit(DIFFERENT)


_TOKENS = ("key", "issuer", "kid", "jku", "audience")


def _signing(tokens: dict[str, Any], url: str | None, options: dict[str, Any]) -> "Signing | None":
    """Say how calls are signed, after a look at the key: later it would look like the fault of a recording."""
    from service.errors import ServiceError
    from service.replay.posting import Signing
    from service.replay.sides import side_spec

    if not any(tokens.values()):
        return None
    called = [side for side in (url, options["old"], options["new"]) if side and side_spec(side).kind == "url"]
    if tokens["key"] is None:
        raise _ReplayUsage("--iss, --kid, --jku and --aud are for signed tokens: give --key too.")
    if not called and url is None:
        raise _ReplayUsage("--key signs calls to a service behind a URL: give one with --url, --old or --new.")
    if len(called) > 1 and tokens["audience"]:
        raise _ReplayUsage("--aud is the address of one service, and two are called: leave it out.")
    signing = Signing(**tokens)
    try:
        signing.tokens(called[0] if called else str(url))
    except ServiceError as error:
        raise _ReplayUsage(error.message) from None
    return signing


def _of_recordings(options: dict[str, Any]) -> bool:
    """Say whether an option was given that only makes sense where calls are compared by their meaning."""
    plain = {"jobs": 1, "twice": 1.0, "resume": False, "identified": False, "lint": False}
    return any(value != plain.get(name) for name, value in options.items())


def _replay_cases(
    path: Path | None,
    *,
    updating: bool,
    url: str | None,
    knowledge: str | None,
    overlay: str | None,
    junit: Path | None,
    signing: "Signing | None",
) -> bool:
    from service.replay import Tried, run

    if updating and (path is None or url):
        raise _ReplayUsage("--update needs a folder CASES of your own and no --url; packaged cases stay.")
    if (knowledge or overlay) and (updating or url):
        name = "--knowledge" if knowledge else "--overlay"
        raise _ReplayUsage(f"{name} shows an effect: give it without --update and --url.")
    tried = Tried(Path(knowledge) if knowledge else None, Path(overlay) if overlay else None)
    return run(path, url=url, updating=updating, junit_file=junit, say=click.echo, tried=tried, signing=signing)


def _replay_recording(
    path: Path | None,
    *,
    updating: bool,
    new: str | None,
    knowledge: str | None,
    overlay: str | None,
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
    if options["scheduler"]:
        _check_cluster(options, [options["old"], *named])
    try:
        site = load_settings({"config": config})
    except SettingsError as error:
        raise _ReplayUsage(error.message) from None
    if overlay and any(side.startswith(("http://", "https://")) for side in named):
        raise _ReplayUsage("--overlay is laid on knowledge of this build: a service behind a URL has its own.")
    limits, side = Limits(max_burden, max_p95), next(iter(named), None)
    order = Assignment(path, site, new=side, overlay=overlay, again=twice, limits=limits, **options)
    return int(replay_recording(order, click.echo, Console(stderr=True)))


def _check_cluster(options: dict[str, Any], named: list[str | None]) -> None:
    from service.replay.sides import side_spec

    if options["out"] is None or options["jobs"] > 1:
        raise _ReplayUsage("--scheduler needs a folder that all workers reach, --out DIR, and takes no --jobs.")
    if any(side_spec(side).kind == "url" for side in named if side):
        raise _ReplayUsage(
            "--scheduler is for recordings, this build and folders of knowledge: replay against a URL without it."
        )

"""The command `replay` on recordings: what is compared, where the results go, and the exit code."""

import json
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from cards import KnowledgeError
from service import __version__
from service.cases import CaseError
from service.cluster import cluster
from service.errors import InvalidRequest, ServiceError, SettingsError
from service.knowledge import site_catalogue
from service.recording.format import RecordingError
from service.recording.lint import Lint
from service.recording.policy import load_policy
from service.recording.recorder import listed_words
from service.recording.words import vocabulary
from service.replay.by_cluster import by_cluster
from service.replay.calls import Corpus, corpus
from service.replay.chunk import Plan, sides
from service.replay.compare import Kind
from service.replay.expect import read_expected
from service.replay.gates import Exit, Limits
from service.replay.ledger import Ledger
from service.replay.posting import Signing
from service.replay.report import write_report
from service.replay.sides import SideSpec, side_spec
from service.replay.stream import Map, by_processes, in_turn, stream
from service.replay.summary import Result, by_class, junit, result, timing, write_changes, write_summary
from service.settings import Settings

SITE = "site"
STATE = "replay.sqlite"
OUR_FAULT, INTERRUPTED = 70, 130
_LISTED_LOSSES = 20


class ReplayFailed(ServiceError):
    """A replay that came to no verdict; the exit code says whose turn it is."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


@dataclass(frozen=True, slots=True)
class Assignment:
    """What to replay. `old` and `new` are a folder of knowledge, a URL or `site`; without them: recorded, and `site`.

    `overlay` is a file that the new side lays on its knowledge. `signing` signs the calls to a side behind a URL. With
    `out` every result goes there, and with `resume` an interrupted run goes on from there. With `scheduler`, the
    address of a Dask cluster, its workers answer, and must reach `out`.
    """

    path: Path | None
    site: Settings
    old: str | None = None
    new: str | None = None
    overlay: str | None = None
    expect: Path | None = None
    out: Path | None = None
    report: Path | None = None
    junit: Path | None = None
    jobs: int = 1
    scheduler: str | None = None
    resume: bool = False
    again: float = 1.0
    identified: bool = False
    lint: bool = False
    limits: Limits = field(default_factory=Limits)
    signing: Signing | None = None

    @property
    def plan(self) -> Plan:
        """Return what is compared."""
        old = replace(_spec(self.old), signing=self.signing) if self.old else SideSpec("recorded")
        new = replace(_spec(self.new or SITE), overlay=self.overlay, signing=self.signing)
        return Plan(old, new, self.site.model_dump_json(), self.again)


def _spec(text: str) -> SideSpec:
    return SideSpec("build") if text == SITE else side_spec(text)


def replay_recording(order: Assignment, say: Callable[[str], object], terminal: Console) -> Exit:
    """Replay, write the results, tell them, and return the exit code.

    Raises ReplayFailed: 5 for a recording or a case that cannot be used, 64 for knowledge, settings or files of the
    caller that cannot, 69 where a service or a scheduler does not answer, 70 where the program broke down. Raises
    WorkerLost where a cluster lost its workers or its scheduler.
    """
    try:
        return _replayed(order, say, terminal)
    except (RecordingError, CaseError) as error:
        raise ReplayFailed(error.message, Exit.CORPUS) from error
    except KnowledgeError as error:
        raise ReplayFailed("\n".join(error.problems), Exit.USAGE) from error
    except SettingsError as error:
        raise ReplayFailed(error.message, Exit.USAGE) from error
    except OSError as error:
        raise ReplayFailed(
            f"{error.filename}: cannot be written ({error.strerror}). Give a place that can be written to.", Exit.USAGE
        ) from error
    except KeyboardInterrupt:
        again = " To go on, call it again with --resume." if order.out else " With --out it could go on from there."
        raise ReplayFailed(f"interrupted.{again}", INTERRUPTED) from None
    except ServiceError:
        raise
    except Exception as error:
        # A crash must not look like a verdict, and its text may quote a recording.
        at = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{Path(at.filename).name}, line {at.lineno}"
        raise ReplayFailed(f"replay broke down ({type(error).__name__} at {place}). Report it.", OUR_FAULT) from error


def _replayed(order: Assignment, say: Callable[[str], object], terminal: Console) -> Exit:
    expected = read_expected(order.expect) if order.expect else None
    calls, plan, each = corpus(order.path), order.plan, _map(order)
    _refuse_identified(calls, order)
    if order.lint:
        _prove_clean(calls, order.site)
    # Knowledge is read again for each run: somebody may have edited it.
    sides.cache_clear()
    old, new = sides(plan)
    with _ledger(order) as ledger:
        behind = ledger.begin(_identity(calls, plan, (old.knowledge, new.knowledge)))
        if behind:
            say(f"going on after {behind} calls")
        with _progress(calls, behind, terminal) as progress:
            stream(calls, plan, ledger, each=each, progress=progress)
        found = result(calls, plan, ledger, expected, order.limits)
        _write(found, order)
        for line in told(found):
            say(line)
        return found.code


def _map(order: Assignment) -> Map:
    if order.scheduler and order.out:
        try:
            return by_cluster(cluster(order.scheduler), order.out)
        except InvalidRequest as error:
            raise ReplayFailed(error.message, Exit.USAGE) from None
    return by_processes(order.jobs) if order.jobs > 1 else in_turn


def _refuse_identified(calls: Corpus, order: Assignment) -> None:
    for file, header in zip(calls.files, calls.headers, strict=True):
        if not header.deidentified and not order.identified:
            raise RecordingError(
                f"{file}: is not de-identified, and a report shows texts of it. "
                "De-identify it first, or give --identified where you may see and keep it."
            )


def _prove_clean(calls: Corpus, site: Settings) -> None:
    """Refuse recordings in which the proof finds something; the first finding is told by its place."""
    policy = load_policy()
    words = vocabulary(site_catalogue(site), policy, listed_words(site.record_words))
    proof = Lint(words, policy)
    for file in calls.files:
        for finding in proof.findings(file):
            raise RecordingError(f"{finding}. Nothing was replayed; see upa-cds record lint.")


def _identity(calls: Corpus, plan: Plan, knowledge: tuple[str | None, str | None]) -> dict[str, object]:
    """Return what makes two runs the same run: only then may one go on where the other stopped."""
    return {
        "program": __version__,
        "files": [file.name for file in calls.files] or list(calls.cases),
        "size": calls.size,
        "old": plan.old.told,
        "new": plan.new.told,
        "knowledge": list(knowledge),
        "settings": sha256(plan.site.encode()).hexdigest(),
        "again": plan.again,
    }


@contextmanager
def _ledger(order: Assignment) -> Iterator[Ledger]:
    if order.out is None:
        ledger = Ledger()
    else:
        order.out.mkdir(parents=True, exist_ok=True)
        if not order.resume:
            Ledger.remove(order.out / STATE)
        ledger = Ledger(order.out / STATE)
    done = False
    try:
        yield ledger
        done = True
    finally:
        ledger.close(done=done)


@contextmanager
def _progress(calls: Corpus, behind: int, terminal: Console) -> Iterator[Callable[[int, int], object]]:
    columns = (TextColumn("replay"), BarColumn(), TaskProgressColumn(), TextColumn("{task.fields[calls]} calls"))
    with Progress(
        *columns, TimeRemainingColumn(), console=terminal, transient=True, disable=not terminal.is_terminal
    ) as bar:
        task = bar.add_task("replay", total=max(calls.size, 1), calls=behind)
        yield lambda n, position: bar.update(task, completed=position, calls=n)


def _write(found: Result, order: Assignment) -> None:
    if order.out:
        with (order.out / "summary.json").open("w", encoding="utf-8") as file:
            write_summary(found, file)
        with (order.out / "changes.ndjson").open("w", encoding="utf-8") as file:
            write_changes(found, file)
        (order.out / "timing.json").write_text(json.dumps(timing(found), indent=2) + "\n", encoding="utf-8")
    for page in (order.report, order.out and order.out / "report.html"):
        if page:
            with page.open("w", encoding="utf-8") as file:
                write_report(found, file)
    for tests in (order.junit, order.out and order.out / "junit.xml"):
        if tests:
            tests.write_bytes(junit(found))


def told(found: Result) -> Iterator[str]:
    """Yield the result for the terminal: the verdict last, where the eye is."""
    for kind, rules in by_class(found.judged).items():
        yield f"{kind.value}: {sum(rules.values())} ({_by_rule(rules)})"
    yield from _losses(found)
    for item in found.judged:
        if item.change.kind in (Kind.INVALID, Kind.UNSTABLE):
            yield f"{item.change.kind.value}: {item.n} calls"
    for line in found.unused:
        yield f"expected and not found: {', '.join(kind.value for kind in line.change)} {line.rule or ''}".rstrip()
    yield from (f"left out: {n}, {reason}" for reason, n in found.left_out.items())
    yield from (f"{name}: the last line is not whole and was left out" for name in found.corpus.cut_off)
    totals = found.burden.totals
    yield (
        f"{found.ledger.calls} calls, {totals['patients']} patients, {totals['orders']} orders: "
        f"{found.burden.net_per_100_orders():+.2f} alerts per 100 orders"
    )
    yield from (f"{gate.name}: {'holds' if gate.holds else 'does not hold'}, {gate.told}" for gate in found.gates)
    yield f"{int(found.code)}: {found.verdict}"


def _by_rule(rules: dict[str, int]) -> str:
    return ", ".join(f"{topic or 'whole answer'} {n}" for topic, n in rules.items())


def _losses(found: Result) -> Iterator[str]:
    for index, item in enumerate(found.ledger.lost()):
        if index == _LISTED_LOSSES:
            yield "  ... the rest is in the report, and in summary.json of --out"
            return
        change = item.change
        place = f"{item.file}, line {item.line}" if item.line else item.file
        steps = f"{change.before} -> {change.after or 'no card'}"
        yield f"  {change.kind.value} {change.topic} {change.pair} ({steps}) {item.day} {item.hook}, {place}"

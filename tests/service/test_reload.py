"""SIGHUP: new knowledge without a lost call, bad knowledge without an effect, and the command that asks for it."""

import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Any

import pytest

import cards
from cards import KnowledgeError
from service.commands.reload import ReloadUnderWay, reload
from service.errors import SettingsError, Unreachable
from service.in_force import Files, InForce, Knowledge, Outcome, Reload, last_reload
from service.settings import Settings
from tests.fakes import SELECT
from tests.service.test_serve import (
    ROOT,
    all_workers,
    answers,
    call,
    recorded_request,
    running,
    wait_until,
    worker_pids,
)

PACKAGED = Path(cards.__file__).parent / "knowledge"
REAL = pytest.mark.enable_socket
# Nobody reads what the server says while it runs, and a pipe holds few log lines.
QUIET = {"UPA_CDS_LOG_LEVEL": "error"}


@pytest.fixture
def knowledge(tmp_path: Path) -> Path:
    return shutil.copytree(PACKAGED, tmp_path / "knowledge")


def change_version(knowledge: Path, to: str) -> None:
    file = knowledge / "knowledge.yaml"
    file.write_text(re.sub(r'(?m)^version: ".*"$', f'version: "{to}"', file.read_text(encoding="utf-8")))


def asked(tmp_path: Path, port: int) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "service", "reload", "--port", str(port), "--data-dir", str(tmp_path / "data")]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


@dataclass
class Caller:
    """Calls again and again until it is told to stop; `kept` uses one connection as long as it stays open."""

    port: int
    kept: bool
    stop: Event
    body: bytes = field(default_factory=recorded_request)
    versions: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def run(self) -> None:
        while not self.stop.is_set():
            with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)) as connection:
                try:
                    self.use(connection)
                except OSError as error:
                    self.faults.append(repr(error))

    def use(self, connection: http.client.HTTPConnection) -> None:
        while not self.stop.is_set():
            connection.request("POST", SELECT, self.body, {"Content-Type": "application/json"})
            response = connection.getresponse()
            self.note(response, response.read())
            # Others need the processor too.
            self.stop.wait(0.02)
            if not self.kept:
                return

    def note(self, response: http.client.HTTPResponse, body: bytes) -> None:
        named = response.headers["X-Knowledge"]
        told = " ".join(card["detail"] for card in json.loads(body)["cards"])
        said = set(re.findall(r"Knowledge ([\d.]+)\.", told))
        if response.status != 200 or said != {named.partition("+")[0]}:
            self.faults.append(f"{response.status}: the header says {named}, the cards say {said}")
        if not self.versions or self.versions[-1] != named:
            self.versions.append(named)


@contextmanager
def traffic(port: int, callers: int) -> Iterator[list[Caller]]:
    """Call all the time, half of the callers over a connection that they keep."""
    stop = Event()
    made = [Caller(port, number % 2 == 0, stop) for number in range(callers)]
    with ThreadPoolExecutor(callers) as pool:
        runs = [pool.submit(caller.run) for caller in made]
        try:
            yield made
        finally:
            stop.set()
    for run in runs:
        run.result()


@pytest.mark.fault(30, 31)
@REAL
def test_new_knowledge_comes_without_a_lost_call_and_bad_knowledge_not_at_all(tmp_path: Path, knowledge: Path) -> None:
    with running(tmp_path, UPA_CDS_KNOWLEDGE=str(knowledge), **QUIET) as (process, port):
        wait_until(lambda: answers(port))
        before = set(all_workers(process))
        with traffic(port, 4) as callers:
            change_version(knowledge, "1.1.0")
            done = asked(tmp_path, port)
            assert (done.returncode, done.stdout[:16]) == (0, "knowledge 1.1.0 ")
            wait_until(lambda: all(caller.versions[-1].startswith("1.1.0+") for caller in callers))
            (knowledge / "rules.yaml").unlink()
            refused = asked(tmp_path, port)
        assert [caller.faults for caller in callers] == [[]] * 4
        assert all([name[:6] for name in caller.versions][-1] == "1.1.0+" for caller in callers)
        assert before.isdisjoint(worker_pids(process))
        assert refused.returncode == 1
        first, last = refused.stderr.splitlines()
        assert first.startswith("upa-cds: rules.yaml: cannot be read;")
        assert last == (
            "upa-cds: reload 2: refused, the service goes on with knowledge 1.1.0; mend this and reload again"
        )
        status, ready = call(port, "GET", "/readyz")
        assert (status, ready["knowledge"]["version"], ready["reload"]["outcome"]) == (200, "1.1.0", "refused")
        assert ready["reload"]["problems"][0].startswith("rules.yaml: ")


@REAL
@pytest.mark.deep
def test_reloads_one_after_the_other_lose_no_call_of_many(tmp_path: Path, knowledge: Path) -> None:
    with running(tmp_path, UPA_CDS_KNOWLEDGE=str(knowledge), **QUIET) as (_, port):
        wait_until(lambda: answers(port))
        with traffic(port, 24) as callers:
            for number in range(8):
                change_version(knowledge, f"2.{number}.0")
                assert asked(tmp_path, port).returncode == 0
        assert [caller.faults for caller in callers] == [[]] * 24
        assert all(len(caller.versions) >= 8 for caller in callers)


@REAL
def test_after_a_refusal_a_worker_that_dies_is_replaced_by_one_with_the_old_knowledge(
    tmp_path: Path, knowledge: Path
) -> None:
    with running(tmp_path, "--workers", "1", UPA_CDS_KNOWLEDGE=str(knowledge), **QUIET) as (process, port):
        wait_until(lambda: answers(port))
        was = call(port, "GET", "/readyz")[1]["knowledge"]
        with (knowledge / "wording.yaml").open("a") as file:
            file.write("\nlines: {}\n")
        process.send_signal(signal.SIGHUP)
        wait_until(lambda: "reload" in call(port, "GET", "/readyz")[1])
        (worker,) = worker_pids(process)
        # A terminal that closes tells the workers too, and they leave it to the process that they belong to.
        os.kill(worker, signal.SIGHUP)
        os.kill(worker, signal.SIGKILL)
        wait_until(lambda: worker_pids(process) not in ([], [worker]) and answers(port))
        ready = call(port, "GET", "/readyz")[1]
        assert (ready["knowledge"], ready["reload"]["outcome"]) == (was, "refused")
        assert "'lines' stands twice" in ready["reload"]["problems"][0]


# What the command does with a service is told by its files alone.


@pytest.fixture
def site(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path)


def test_where_no_service_runs_the_command_says_so(site: Settings) -> None:
    with pytest.raises(Unreachable, match="no upa-cds serves this port from this data folder"):
        reload(site, seconds=1, say=print)


def test_the_number_of_a_process_that_is_gone_is_never_sent_a_signal(
    site: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[Any] = []
    monkeypatch.setattr("service.commands.reload.os.kill", lambda *given: sent.append(given))
    Files.of(site).pid.write_text(f"{os.getpid()}\n")
    with pytest.raises(Unreachable, match="Start it"):
        reload(site, seconds=1, say=print)
    assert sent == []


HELD = """
import sys, time
from pathlib import Path
from service.in_force import Files
from service.settings import Settings
with Files.of(Settings(data_dir=Path(sys.argv[1]))).hold():
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def held(folder: Path) -> Iterator[int]:
    """Have another process hold the files of a service; gives its id."""
    command = [sys.executable, "-c", HELD, str(folder)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process.pid
        process.communicate("", timeout=20)


KNOWN = Knowledge("1.1.0", "ab" * 32)


def answered_by(site: Settings, monkeypatch: pytest.MonkeyPatch, pid: int, *said: Reload) -> None:
    """Have the service say these things, one after the other, once it is sent a signal."""
    files, left = Files.of(site), list(said)
    monkeypatch.setattr("service.commands.reload.os.kill", lambda *_: None)

    def turn(_: float) -> None:
        if left:
            files.write(InForce(pid, KNOWN, left.pop(0)))

    monkeypatch.setattr("service.commands.reload.sleep", turn)


def test_the_command_waits_until_every_worker_is_replaced(site: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[str] = []
    with held(site.data_dir) as pid:
        Files.of(site).write(InForce(pid, KNOWN, Reload(1, Outcome.DONE, "2026-03-16T12:00:00+00:00")))
        said = [Reload(2, outcome, "2026-03-16T12:01:00+00:00") for outcome in (Outcome.REPLACING, Outcome.DONE)]
        answered_by(site, monkeypatch, pid, *said)
        reload(site, seconds=60, say=lines.append)
    assert lines == [f"knowledge 1.1.0 (sha256 {'ab' * 32}) is in force in every worker"]


def test_a_refusal_is_told_with_every_problem(site: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    with held(site.data_dir) as pid:
        refused = Reload(1, Outcome.REFUSED, "2026-03-16T12:00:00+00:00", ("a.yaml: x; y", "b.yaml: x; y"))
        answered_by(site, monkeypatch, pid, refused)
        with pytest.raises(KnowledgeError) as caught:
            reload(site, seconds=60, say=print)
    assert caught.value.problems[:2] == refused.problems
    assert "goes on with knowledge 1.1.0" in caught.value.problems[2]


def test_a_service_that_does_not_answer_is_not_waited_for_without_end(
    site: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with held(site.data_dir) as pid:
        answered_by(site, monkeypatch, pid)
        with pytest.raises(ReloadUnderWay, match="did not answer within 0 s"):
            reload(site, seconds=0, say=print)


def test_a_second_service_of_the_same_files_is_refused(site: Settings) -> None:
    with held(site.data_dir), pytest.raises(SettingsError, match="Stop it first"):
        Files.of(site).hold()


def test_what_another_process_said_is_no_reload_of_this_one(site: Settings) -> None:
    files, said = Files.of(site), Reload(1, Outcome.REFUSED, "2026-03-16T12:00:00+00:00", ("a.yaml: x; y",))
    files.write(InForce(os.getppid(), KNOWN, said))
    assert last_reload(site)() == said
    files.write(InForce(os.getpid(), KNOWN, said))
    assert last_reload(site)() is None
    files.state.write_text("half of it")
    assert last_reload(site)() is None

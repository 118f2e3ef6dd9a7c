"""Lines that nobody reads hold nobody up, are dropped and counted, and the others keep their order."""

import fcntl
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from service.line_writer import LineWriter
from tests.fakes import until

WAIT = 20.0


@dataclass
class Pipe:
    """A pipe, and what a reader got out of it so far."""

    reads: int
    writes: int
    got: bytearray = field(default_factory=bytearray)

    def begin_to_read(self) -> None:
        threading.Thread(target=self._read, daemon=True).start()

    def lines(self) -> list[bytes]:
        return bytes(self.got).splitlines()

    def _read(self) -> None:
        while chunk := os.read(self.reads, 65536):
            self.got += chunk


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    made = Pipe(*os.pipe())
    yield made
    os.close(made.writes)


@pytest.fixture
def dropped() -> list[int]:
    return []


@pytest.fixture
def writer_to(pipe: Pipe, dropped: list[int]) -> Callable[..., LineWriter]:
    def made(**changed: int | float) -> LineWriter:
        return LineWriter(
            pipe.writes,
            missing=lambda lines: b"missing %d\n" % lines,
            dropped=lambda: dropped.append(1),
            **changed,  # type: ignore[arg-type]
        )

    return made


def _numbered(count: int, start: int = 0) -> list[bytes]:
    return [b"line %06d" % number for number in range(start, start + count)]


def test_lines_come_in_their_order(pipe: Pipe, writer_to: Callable[..., LineWriter], dropped: list[int]) -> None:
    pipe.begin_to_read()
    writer = writer_to()
    for line in _numbered(5000):
        writer.put(line + b"\n")
    assert writer.flush(WAIT)
    until(lambda: pipe.lines() == _numbered(5000))
    assert dropped == []


@pytest.mark.fault(43)
def test_a_pipe_that_nobody_reads_holds_nobody_up_and_what_is_missing_is_told_in_its_place(
    pipe: Pipe, writer_to: Callable[..., LineWriter], dropped: list[int]
) -> None:
    writer = writer_to(capacity=20_000)
    sent = _numbered(20_000)
    # More than the pipe and the queue hold: this returns all the same.
    for line in sent:
        writer.put(line + b"\n")
    assert dropped
    pipe.begin_to_read()
    assert writer.flush(WAIT)
    later = _numbered(10, start=len(sent))
    for line in later:
        writer.put(line + b"\n")
    assert writer.flush(WAIT)
    until(lambda: pipe.lines()[-10:] == later)
    expected = missing = 0
    for word, number in (line.split() for line in pipe.lines()):
        if word == b"missing":
            missing += int(number)
            expected += int(number)
        else:
            assert int(number) == expected
            expected += 1
    assert expected == len(sent) + len(later)
    assert missing == len(dropped)


def test_at_the_end_what_waits_is_written_or_given_up_after_a_moment(
    pipe: Pipe, writer_to: Callable[..., LineWriter], dropped: list[int]
) -> None:
    read, unread = writer_to(), writer_to(flush_seconds=0.1)
    pipe.begin_to_read()
    read.put(b"the last\n")
    read.close()
    until(lambda: pipe.lines() == [b"the last"])
    read.put(b"too late\n")
    assert dropped == [1]
    full = os.pipe()
    stuck = LineWriter(full[1], missing=lambda _: b"", dropped=lambda: None, flush_seconds=0.1)
    for line in _numbered(20_000):
        stuck.put(line + b"\n")
    stuck.close()
    unread.close()


def test_a_reader_that_went_away_costs_its_lines_and_no_more(
    pipe: Pipe, writer_to: Callable[..., LineWriter], dropped: list[int]
) -> None:
    writer = writer_to()
    os.close(pipe.reads)
    writer.put(b"to nobody\n")
    assert writer.flush(WAIT)
    assert dropped == [1]


def test_a_descriptor_that_somebody_made_non_blocking_loses_nothing(
    pipe: Pipe, writer_to: Callable[..., LineWriter], dropped: list[int]
) -> None:
    fcntl.fcntl(pipe.writes, fcntl.F_SETFL, os.O_NONBLOCK)
    writer = writer_to()
    for line in _numbered(20_000):
        writer.put(line + b"\n")
    pipe.begin_to_read()
    assert writer.flush(WAIT)
    until(lambda: pipe.lines() == _numbered(20_000))
    assert dropped == []


FORKING = """
import multiprocessing, signal, sys
from service.telemetry import configure_logging, write
def child():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    write("of-the-child", entries=1)
    signal.raise_signal(signal.SIGTERM)
configure_logging("info")
write("before", entries=0)
process = multiprocessing.get_context("fork").Process(target=child)
process.start()
process.join()
write("after", entries=process.exitcode)
"""


def test_processes_that_were_forked_write_their_own_lines_once_also_at_sigterm() -> None:
    done = subprocess.run([sys.executable, "-c", FORKING], capture_output=True, text=True, timeout=60, check=True)
    events = sorted(line.split('"event":"')[1].split('"')[0] for line in done.stderr.splitlines())
    assert events == ["after", "before", "of-the-child"]

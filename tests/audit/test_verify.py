"""Each way to tamper with a trail, and the line that tells it."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from service.audit.chain import Head, linked
from service.audit.index import INDEX
from service.audit.verify import verified
from tests.audit.trails import NOON, Site, changed, days, decision

Lines = list[bytes]


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def altered(line: bytes) -> bytes:
    assert b'"complete"' in line
    return line.replace(b'"complete"', b'"incomplete"')


@pytest.mark.parametrize(
    ("change", "told"),
    [
        pytest.param(
            lambda lines: [*lines[:2], altered(lines[2]), *lines[3:]],
            [", line 3: was altered: its hash is not that of its content"],
            id="a line is altered",
        ),
        pytest.param(
            lambda lines: [*lines[:2], *lines[3:]],
            [", line 3: follows on a gap: this is line 4 of the chain, and 3 was to come",
             ": was cut off: it has 4 lines, and had 5 when it ended"],
            id="a line is removed",
        ),
        pytest.param(
            lambda lines: [lines[0], lines[2], lines[1], *lines[3:]],
            [", line 2: follows on a gap: this is line 3 of the chain, and 2 was to come",
             ", line 3: is out of order or repeated: this is line 2 of the chain, and 4 was to come",
             ", line 4: follows on a gap: this is line 4 of the chain, and 3 was to come"],
            id="two lines change places",
        ),
        pytest.param(
            lambda lines: [*lines[:2], lines[1], *lines[2:]],
            [", line 3: is out of order or repeated: this is line 2 of the chain, and 3 was to come",
             ", line 6: came after the end of the segment"],
            id="a line is repeated",
        ),
        pytest.param(
            lambda lines: lines[:-2],
            [": was cut off: it has 3 lines, and had 5 when it ended"],
            id="the end is cut off",
        ),
        pytest.param(
            lambda lines: lines[1:],
            [", line 1: follows on a gap: this is line 2 of the chain, and 1 was to come",
             ", line 1: does not open this segment: lines before it are gone, or the file was exchanged",
             ": was cut off: it has 4 lines, and had 5 when it ended"],
            id="the beginning is removed",
        ),
        pytest.param(
            lambda lines: [*lines[:2], b"hello\n", *lines[3:]],
            [", line 3: is no line of an audit trail: it was altered"],
            id="a line is something else",
        ),
        pytest.param(
            lambda lines: [*lines[:4], lines[4][:40]],
            [": was cut off: it has 4 lines, and had 5 when it ended", ", line 5: has a last line that was cut off"],
            id="the last line is half",
        ),
        pytest.param(
            lambda lines: [],
            [": was cut off: it has 0 lines, and had 5 when it ended"],
            id="nothing is left",
        ),
    ],
)  # fmt: skip
def test_what_was_done_to_a_segment_is_told_with_file_and_line(
    site: Site, change: Callable[[Lines], Lines], told: list[str]
) -> None:
    file = site.wrote(decision(), decision(), decision())
    assert site.verified().intact
    changed(file, change)
    assert site.alarms() == [file.name + what for what in told]


def test_a_line_made_anew_without_the_key_is_told(site: Site) -> None:
    file = site.wrote(decision(), decision())
    raw = file.read_bytes().splitlines(keepends=True)
    before = json.loads(raw[0])
    forged, _ = linked({"kind": "decision", "outcome": "complete"}, Head(1, before["hash"]), b"another key" * 3)
    changed(file, lambda lines: [lines[0], forged, *lines[2:]])
    assert site.alarms()[0] == f"{file.name}, line 2: was altered: its hash is not that of its content"


def test_a_segment_that_is_gone_is_told(site: Site) -> None:
    gone, _ = site.wrote(decision()), site.wrote(decision())
    gone.unlink()
    assert site.alarms() == [f"{gone.name}: is missing: the index has it, and nobody pruned it"]


def test_a_segment_of_the_past_that_is_put_in_is_told(site: Site) -> None:
    file = site.wrote(decision())
    added = file.with_name("audit-2026-03-16-ffffffffffff.ndjson")
    added.write_bytes(file.read_bytes())
    assert f"{added.name}: is not in the index" in site.alarms()
    assert f"{added.name}, line 1: does not open this segment: lines before it are gone, or the file was exchanged" in (
        site.alarms()
    )


def test_segments_that_exchanged_their_content_are_told(site: Site) -> None:
    one, other = site.wrote(decision()), site.wrote(decision())
    first, second = one.read_bytes(), other.read_bytes()
    one.write_bytes(second)
    other.write_bytes(first)
    assert len(site.alarms()) == 4


def test_an_altered_or_shortened_index_is_told(site: Site) -> None:
    file = site.wrote(decision())
    index = site.trail / INDEX
    changed(index, lambda lines: [lines[0].replace(b"opened", b"pruned"), *lines[1:]])
    assert site.alarms() == [f"{INDEX}, line 1: was altered: its hash is not that of its content"]
    changed(index, lambda lines: [])
    assert f"{file.name}: is not in the index" in site.alarms()
    index.unlink()
    assert site.alarms()[0] == f"{INDEX}: is missing: which segments there were cannot be told"


def test_who_kept_the_last_hash_can_tell_that_the_end_of_everything_was_cut_off(site: Site) -> None:
    site.wrote(decision())
    earlier = site.verified().head
    last = site.wrote(decision())
    later = site.verified()
    assert later.known(earlier)
    last.unlink()
    changed(site.trail / INDEX, lambda lines: lines[:-2])
    cut = site.verified()
    assert cut.intact
    assert cut.known(earlier)
    assert not cut.known(later.head)


def test_the_segment_of_the_next_day_must_follow_on_the_one_before(site: Site) -> None:
    site.wrote(decision(NOON), decision(NOON + days(1)))
    _, second = site.segments()
    raw = json.loads(second.read_bytes().splitlines()[0])
    said = {name: value for name, value in raw.items() if name not in ("previous", "line", "hash")}
    other, _ = linked(said, Head(0, "1" * 64), site.key)
    changed(second, lambda lines: [other, *lines[1:]])
    first, _ = site.segments()
    assert f"{second.name}, line 1: does not follow on the end of {first.name}, as it says" in site.alarms()


def test_another_key_is_told_from_an_altered_line(site: Site) -> None:
    site.wrote(decision())
    told = [str(remark) for remark in verified(site.trail, b"k" * 32).remarks]
    assert any("was made with another key" in what for what in told)

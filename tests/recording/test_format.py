import errno
import gzip
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from service.recording.format import (
    Exchange,
    FhirCall,
    Header,
    RecordingError,
    RecordingWriter,
    read_header,
    read_recording,
    recording_files,
)
from tests.recording.full_disk import write_within

HEADER = Header(1, "upa-cds 0.1.0", True, "1", "0a1b2c3d", "1.0.0")
BARE = Exchange(
    id="e-1",
    at=datetime(2026, 3, 16, 12, tzinfo=UTC),
    on=date(2026, 3, 16),
    service="upadacitinib-combination-select",
    hook="order-select",
    request=b'{"hook":"order-select","dose":1.10}',
    fhir_calls=(),
    status=200,
    response=b'{"cards":[]}',
    latency_ms=None,
    knowledge_version=None,
    knowledge_sha256=None,
    client=None,
    profile="spec",
    jurisdiction="us",
)
FULL = replace(
    BARE,
    id="e-2",
    fhir_calls=(
        FhirCall("GET", "MedicationRequest?patient=p1", 200, b'{"resourceType":"Bundle"}', None),
        FhirCall("GET", "Condition?patient=p1", 502, b"<html>", "not JSON"),
        FhirCall("GET", "Patient/p1", None, b"", "timeout"),
    ),
    latency_ms=3.5,
    knowledge_version="1.0.0",
    knowledge_sha256="ab" * 32,
    client="c0ffee",
    feedback=(b'{"card":"x","outcome":"accepted"}', b'{"card":"y","outcome":"overridden"}'),
)


def _written(path: Path, *exchanges: Exchange, max_bytes: int | None = None) -> tuple[Path, ...]:
    with RecordingWriter(path, HEADER, max_bytes=max_bytes) as writer:
        for exchange in exchanges:
            writer.write(exchange)
    return tuple(writer.files)


@pytest.mark.parametrize("name", ["calls.ndjson", "calls.ndjson.gz"])
def test_what_is_written_is_read_back(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    _written(path, BARE, FULL)
    exchanges = read_recording(path)
    assert exchanges.header == HEADER == read_header(path)
    assert list(exchanges) == [BARE, FULL]
    assert not exchanges.truncated
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_body_over_several_lines_becomes_one_line_and_keeps_its_digits(tmp_path: Path) -> None:
    path = tmp_path / "calls.ndjson"
    _written(path, replace(BARE, request=b'{\n  "dose": 1.10,\r\n "text": "a\\nb\\u00e9"\n}'))
    assert [item.request for item in read_recording(path)] == [b'{"dose":1.10,"text":"a\\nb\\u00e9"}']
    assert path.read_bytes().count(b"\n") == 2


def test_a_body_that_is_no_json_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    path = tmp_path / "calls.ndjson"
    with RecordingWriter(path, HEADER) as writer, pytest.raises(RecordingError, match="e-1: a body is not JSON"):
        writer.write(replace(BARE, request=b"{"))
    assert not path.exists()


def test_an_existing_file_is_never_written_to(tmp_path: Path) -> None:
    path = tmp_path / "calls.ndjson"
    path.write_bytes(b"mine")
    with RecordingWriter(path, HEADER) as writer, pytest.raises(FileExistsError):
        writer.write(BARE)
    assert path.read_bytes() == b"mine"


def test_another_ending_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match=r"ends in .ndjson or .ndjson.gz"):
        RecordingWriter(tmp_path / "calls.json", HEADER)


def test_the_next_file_of_a_row_begins_where_one_is_full_and_each_has_its_header(tmp_path: Path) -> None:
    many = [replace(BARE, id=f"e-{number}") for number in range(9)]
    files = _written(tmp_path / "calls.ndjson", *many, max_bytes=700)
    assert [file.name for file in files[:2]] == ["calls.0001.ndjson", "calls.0002.ndjson"]
    assert recording_files(tmp_path) == files
    assert [item for file in files for item in read_recording(file)] == many
    assert all(file.stat().st_size < 700 + 500 for file in files)


@pytest.mark.parametrize("name", ["calls.ndjson", "calls.ndjson.gz"])
def test_a_file_still_being_written_is_read_up_to_its_last_whole_line(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    writer = RecordingWriter(path, HEADER)
    writer.write(BARE)
    first = path.stat().st_size
    writer.write(FULL)
    whole = path.read_bytes()
    assert list(read_recording(path)) == [BARE, FULL]
    for cut in range(first + 1, len(whole)):
        path.write_bytes(whole[:cut])
        exchanges = read_recording(path)
        read = list(exchanges)
        # The last bytes of a compressed block may carry nothing of the line.
        assert read == [BARE] or (read == [BARE, FULL] and cut > len(whole) - 16)
        assert exchanges.truncated
    writer.close()


@pytest.mark.parametrize("name", ["calls.ndjson", "calls.ndjson.gz"])
def test_after_a_full_disk_the_file_is_whole_and_can_be_written_on(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, room = tmp_path / name, [10_000]
    monkeypatch.setattr("service.recording.format.os.write", write_within(room))
    with RecordingWriter(path, HEADER) as writer:
        writer.write(BARE)
        room[0] = 7
        with pytest.raises(OSError, match="No space left"):
            writer.write(FULL)
        assert list(read_recording(path)) == [BARE]
        room[0] = 10_000
        writer.write(FULL)
    exchanges = read_recording(path)
    assert list(exchanges) == [BARE, FULL]
    assert not exchanges.truncated


def test_a_disk_that_is_full_from_the_start_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch, RecordingWriter(tmp_path / "calls.ndjson", HEADER) as writer:
        patch.setattr("service.recording.format.os.write", full)
        with pytest.raises(OSError, match="No space left"):
            writer.write(BARE)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "line 1: is no header of a recording"),
        (b"{}\n", "line 1: is no header of a recording"),
        (b'{"log":{"version":"1.2"}}\n', "line 1: is no header of a recording"),
        (b'{"recording":"upa-cds","schema":2,"madeBy":"x","deidentified":true,"policy":"1"}\n', "another format"),
        (b'{"recording":"goreplay","schema":1,"madeBy":"x","deidentified":true,"policy":"1"}\n', "another format"),
    ],
)
def test_a_file_without_our_header_is_refused_at_once(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "calls.ndjson"
    path.write_bytes(content)
    with pytest.raises(RecordingError, match=said) as caught:
        read_recording(path)
    assert caught.value.exit_code == 65
    assert str(path) in caught.value.message


@pytest.mark.parametrize(
    ("line", "place"),
    [
        (b"not JSON", ""),
        (b'{"id":"x"}', ""),
        (b'{"id":1}', " (at id)"),
        (b'{"id":"x","surname":"Canary"}', ""),
    ],
)
def test_a_line_that_is_no_exchange_is_named_by_its_number_and_not_quoted(
    tmp_path: Path, line: bytes, place: str
) -> None:
    path = tmp_path / "calls.ndjson"
    _written(path, BARE)
    path.write_bytes(path.read_bytes() + line + b"\n")
    exchanges = read_recording(path)
    assert next(exchanges) == BARE
    with pytest.raises(RecordingError, match="line 3: is no exchange") as caught:
        next(exchanges)
    assert place in caught.value.message
    assert "Canary" not in caught.value.message


def test_a_time_without_a_zone_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "calls.ndjson"
    _written(path, BARE)
    path.write_bytes(path.read_bytes().replace(b"12:00:00Z", b"12:00:00"))
    with pytest.raises(RecordingError, match="a time without a zone"):
        list(read_recording(path))


def test_compressed_bytes_that_were_damaged_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "calls.ndjson.gz"
    _written(path, BARE, FULL)
    damaged = bytearray(path.read_bytes())
    damaged[-30] ^= 0xFF
    path.write_bytes(damaged)
    with pytest.raises(RecordingError, match=str(path)):
        list(read_recording(path))


def test_a_file_that_is_no_gzip_or_not_there_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "calls.ndjson.gz"
    with pytest.raises(RecordingError, match="cannot be read"):
        read_recording(path)
    path.write_bytes(b"plain")
    with pytest.raises(RecordingError, match="cannot be read"):
        read_recording(path)


def test_two_compressed_files_joined_as_one_are_no_recording_of_two_headers(tmp_path: Path) -> None:
    path = tmp_path / "calls.ndjson.gz"
    _written(path, BARE)
    path.write_bytes(path.read_bytes() * 2)
    assert gzip.decompress(path.read_bytes()).count(b"\n") == 4
    with pytest.raises(RecordingError, match="line 3: is no exchange"):
        list(read_recording(path))


def test_a_folder_without_recordings_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="holds no recording"):
        recording_files(tmp_path)

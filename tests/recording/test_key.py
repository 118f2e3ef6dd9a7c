import multiprocessing
import re
import stat
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.recording.key import FILE, LONGEST_OFFSET, KeyUnusable, RecordingKey, is_hash, recording_key
from tests.recording.calls import KEY


@given(st.text(max_size=80), st.text(max_size=10))
def test_a_hash_has_no_digit_and_is_the_same_each_time(value: str, scope: str) -> None:
    made = KEY.hashed(scope, value)
    assert made == KEY.hashed(scope, value)
    assert is_hash(made)
    assert not re.search(r"\d", made)


def test_a_uuid_stays_a_uuid() -> None:
    made = KEY.hashed("", "0501fbf2-e078-5447-af23-9bf832f71a8a")
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", made)


def test_client_and_id_do_not_run_into_each_other() -> None:
    assert KEY.hashed("a", "bc") != KEY.hashed("ab", "c")


@given(st.text(max_size=20))
def test_dates_move_into_the_past_by_one_offset_for_a_patient(patient: str) -> None:
    days = KEY.of_patient("", patient).days
    assert days == KEY.of_patient("", patient).days
    assert timedelta(days=-LONGEST_OFFSET) <= days <= timedelta(days=-1)


def test_offsets_differ_between_patients_and_between_keys() -> None:
    offsets = {KEY.of_patient("", f"p{number}").days for number in range(100)}
    assert len(offsets) > 80
    assert RecordingKey(bytes(32)).of_patient("", "p1").days != KEY.of_patient("", "p1").days


def test_a_share_of_the_patients_is_sampled_and_a_smaller_share_is_a_part_of_it() -> None:
    patients = [f"p{number}" for number in range(2_000)]
    tenth = {patient for patient in patients if KEY.samples("", patient, 0.1)}
    half = {patient for patient in patients if KEY.samples("", patient, 0.5)}
    assert tenth < half
    assert 120 < len(tenth) < 280
    assert 900 < len(half) < 1_100
    assert all(KEY.samples("", patient, 1) for patient in patients)
    assert not any(KEY.samples("", patient, 0) for patient in patients)


def test_the_key_is_made_once_for_its_user_only_and_is_not_shown(tmp_path: Path) -> None:
    made = recording_key(tmp_path / "data")
    file = tmp_path / "data" / FILE
    assert recording_key(tmp_path / "data") == made
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert len(made.secret) == 32
    assert str(made.secret) not in repr(made)
    assert made.id not in (made.secret.hex(), "")
    assert [path.name for path in file.parent.iterdir()] == [FILE]


def _make(folder: Path, results: "multiprocessing.Queue[bytes]") -> None:
    results.put(recording_key(folder).secret)


def test_two_processes_that_make_the_key_at_once_have_the_same(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    results = context.Queue()
    workers = [context.Process(target=_make, args=(tmp_path, results)) for _ in range(4)]
    for worker in workers:
        worker.start()
    made = {results.get(timeout=20) for _ in workers}
    for worker in workers:
        worker.join(20)
    assert len(made) == 1


def test_a_key_that_is_none_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"short")
    with pytest.raises(KeyUnusable, match="no key of 32 bytes") as caught:
        recording_key(tmp_path)
    assert caught.value.exit_code == 2
    (tmp_path / "file").touch()
    with pytest.raises(KeyUnusable):
        recording_key(tmp_path / "file")

"""Pseudonyms: the same for the same patient of a client, of no use without the key."""

import hashlib
from pathlib import Path
from threading import Barrier, Thread

import pytest

from service.commands.serve import prepare_records
from service.errors import SettingsError
from service.pseudonyms import FILE, Pseudonyms
from service.settings import Settings


@pytest.fixture
def known(tmp_path: Path) -> Pseudonyms:
    return Pseudonyms(tmp_path / "data" / FILE)


def test_the_same_patient_has_the_same_pseudonym_also_in_another_process(known: Pseudonyms) -> None:
    assert known.patient("ehr", "1") == known.patient("ehr", "1") == Pseudonyms(known.file).patient("ehr", "1")
    assert len(known.patient("ehr", "1")) == 64


def test_others_have_others(known: Pseudonyms) -> None:
    given = [
        known.patient("ehr", "1"),
        known.patient("ehr", "2"),
        known.patient("other", "1"),
        known.user("ehr", "1"),
        known.told("ehr", "1"),
        known.patient("ehr1", ""),
        known.patient("e", "hr1"),
    ]
    assert len(set(given)) == len(given)


def test_a_pseudonym_is_no_hash_that_can_be_tried_out(known: Pseudonyms, tmp_path: Path) -> None:
    assert known.patient("ehr", "1") != Pseudonyms(tmp_path / "other").patient("ehr", "1")
    assert known.patient("ehr", "1") != hashlib.sha256(b"7:patient3:ehr1:1").hexdigest()


def test_the_key_is_made_for_its_user_only(known: Pseudonyms) -> None:
    known.prepare()
    assert known.file.stat().st_mode & 0o777 == 0o600
    assert len(known.file.read_bytes()) == 32
    assert list(known.file.parent.iterdir()) == [known.file]


def test_processes_that_start_together_have_one_key(tmp_path: Path) -> None:
    start, given = Barrier(8), set()

    def ask() -> None:
        own = Pseudonyms(tmp_path / FILE)
        start.wait()
        given.add(own.patient("ehr", "1"))

    threads = [Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(given) == 1


def test_a_key_of_another_length_is_none(known: Pseudonyms) -> None:
    known.file.parent.mkdir()
    known.file.write_bytes(b"short")
    with pytest.raises(OSError, match="no key"):
        known.patient("ehr", "1")


def test_a_service_does_not_start_with_a_key_that_it_cannot_read(site: Settings) -> None:
    (site.data_dir / FILE).mkdir(parents=True)
    with pytest.raises(SettingsError, match=f"the key {FILE} cannot be made or read"):
        prepare_records(site, lambda _: None)

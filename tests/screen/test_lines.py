from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.screen import lines as module
from service.screen.lines import Fault, lines
from service.screen.spill import Kept, Spill, read_share, share_of

TEXTS = st.lists(st.binary(max_size=12).map(lambda text: text.replace(b"\n", b"")), max_size=12)


@given(TEXTS, st.booleans(), st.integers(1, 40))
def test_adjoining_ranges_give_every_line_once_and_in_order(texts: list[bytes], ended: bool, size: int) -> None:
    written = b"\n".join(texts) + (b"\n" if ended else b"")
    starts = range(0, max(len(written), 1), size)
    found = [line for start in starts for line in lines(BytesIO(written), start, start + size)]
    assert found == list(lines(BytesIO(written)))
    told = b"\n".join(line for line in found if isinstance(line, bytes))
    assert told == written.removeprefix(b"\xef\xbb\xbf").removesuffix(b"\n")


def test_a_line_without_end_is_one_fault_and_never_held_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LONGEST_LINE", 50)
    monkeypatch.setattr(module, "_BLOCK", 16)
    written = b"{}\n" + b"x" * 1000 + b"\n[]"
    assert list(lines(BytesIO(written))) == [b"{}", Fault.TOO_LONG, b"[]"]
    assert list(lines(BytesIO(written), 3, 900)) == [Fault.TOO_LONG]
    assert list(lines(BytesIO(written), 900)) == [b"[]"]


def test_what_is_spilled_is_read_back_by_patient_in_its_order(tmp_path: Path) -> None:
    spill = Spill(tmp_path, "t", 5, limit=3_000)
    written = [Kept(f"p{number % 17}", "Condition", False, str(number), b"{}") for number in range(100)]
    for kept in written:
        spill.keep(kept)
        spill.seen(kept.patient)
    spill.seen("only seen")
    spill.flush()
    files = sorted(tmp_path.iterdir())
    assert len(files) == spill.files > 1
    for share in range(5):
        found = list(read_share(files, share))
        assert [item for item in found if item.kind] == [item for item in written if share_of(item.patient, 5) == share]
    seen = {item.patient for share in range(5) for item in read_share(files, share)}
    assert seen == {"only seen", *(item.patient for item in written)}

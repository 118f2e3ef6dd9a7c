import tracemalloc
from pathlib import Path

from service.screen.run import Screening, screen
from service.settings import Settings
from tests.screen.exports import ON, write_export


def _peak(export: Path) -> int:
    tracemalloc.start()
    try:
        screen(Screening((str(export),), Settings(), ON, ON, chunk_bytes=60_000))
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_is_that_of_a_chunk_and_not_that_of_the_export(tmp_path: Path) -> None:
    write_export(tmp_path / "small", 150, notes=2)
    write_export(tmp_path / "large", 750, notes=2)
    _peak(tmp_path / "small")  # what is made once, like the knowledge, is no part of the comparison
    small, large = _peak(tmp_path / "small"), _peak(tmp_path / "large")
    grown = sum(file.stat().st_size for file in (tmp_path / "large").iterdir())
    assert grown > 1_000_000
    assert large - small < 0.1 * grown

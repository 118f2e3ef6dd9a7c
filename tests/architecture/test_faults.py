"""Each fault of the table is shown by tests that say so, and the page says which."""

import re

from service.cases import case_names
from tests.faults.catalogue import FAULTS, ROOT, marked, table

PAGE = (ROOT / "tests" / "faults" / "README.md").read_text(encoding="utf-8")


def test_each_of_the_43_faults_is_shown_by_a_test_or_a_recorded_case_and_by_no_other_number() -> None:
    assert [fault.number for fault in FAULTS] == list(range(1, 44))
    assert set(marked()) <= set(range(1, 44))
    assert [fault.number for fault in FAULTS if fault.number not in marked()] == []


def test_each_named_case_is_recorded() -> None:
    assert {case for fault in FAULTS for case in fault.cases} <= set(case_names())


def test_the_page_is_that_of_the_marks() -> None:
    found = re.search(r"<!-- faults -->\n(.*)\n<!-- /faults -->", PAGE, flags=re.DOTALL)
    assert found
    assert found[1] == table(), "run python -m tests.generated"


def test_a_number_is_not_shown_by_tests_that_take_long_alone() -> None:
    """What runs by default shows every row, so that no change can break one unseen."""
    for fault in FAULTS:
        files = [test.split("::") for test in marked()[fault.number]]
        assert any(not _is_deep(*test) for test in files), fault.number


def _is_deep(file: str, name: str) -> bool:
    text = (ROOT / file).read_text(encoding="utf-8")
    before = text[: text.index(f"def {name}(")]
    return "pytest.mark.deep" in before.rpartition("\n\n\n")[2] or "pytestmark = pytest.mark.deep" in text

"""No count of a few patients can be read or worked out: held against an attacker who solves every equation."""

from collections import Counter
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from service.screen.result import cells_of, groups_of
from service.screen.suppress import MIN_CELL, Cell, Group, suppressed
from service.screen.totals import Pair, Totals
from tests.thorough import examples

TOTAL, A, B, C = ("all", ""), ("part", "a"), ("part", "b"), ("part", "c")
_PAIRS = [
    Pair(rule, "upadacitinib", partner, indicator)
    for rule, partner in (
        ("biologic", "infliximab"),
        ("biologic", "adalimumab"),
        ("jak", "tofacitinib"),
        ("is", "azathioprine"),
    )
    for indicator in ("info", "warning")
]


def hidden(total: int, *parts: int) -> set[str]:
    cells = {TOTAL: total, **dict(zip((A, B, C), parts, strict=False))}
    found = suppressed(cells, [Group(TOTAL, tuple(list(cells)[1:]))], MIN_CELL)
    return {cell[1] or "total" for cell in found}


def test_counts_that_are_not_small_and_zero_are_shown() -> None:
    assert hidden(61, 50, 11, 0) == set()


def test_a_small_count_takes_the_next_larger_one_with_it() -> None:
    assert hidden(85, 50, 30, 5) == {"b", "c"}


def test_two_small_counts_that_are_few_patients_together_take_a_third_with_them() -> None:
    assert hidden(57, 50, 3, 4) == {"a", "b", "c"}
    assert hidden(68, 50, 9, 9) == {"b", "c"}


def test_a_small_count_without_a_neighbour_takes_the_total_with_it() -> None:
    assert hidden(5, 5) == {"a", "total"}


def test_a_total_that_tells_how_few_are_in_two_parts_is_hidden() -> None:
    assert hidden(75, 50, 30) == {"total"}
    assert hidden(70, 50, 35) == set()


def test_a_part_that_nearly_all_of_the_whole_are_in_is_hidden() -> None:
    cells = {TOTAL: 100, A: 95, B: 80}
    assert suppressed(cells, [Group(TOTAL, (A, B), covering=False)], MIN_CELL) == {A}


def test_a_hidden_total_does_not_come_back_as_the_sum_of_its_parts() -> None:
    cells = {TOTAL: 23, A: 1, B: 22, C: 11, ("part", "d"): 11}
    groups = [Group(TOTAL, (A, B)), Group(B, (C, ("part", "d")))]
    assert suppressed(cells, groups, MIN_CELL) == {A, B, C}


def test_with_a_least_count_of_one_everything_is_shown() -> None:
    assert suppressed({TOTAL: 3, A: 1, B: 2}, [Group(TOTAL, (A, B))], 1) == frozenset()


@st.composite
def totals(draw: st.DrawFn) -> Totals:
    """Draw patients who are on one pair at most, so that every count of the table follows from its parts."""
    counts = draw(st.lists(st.integers(0, 40), min_size=len(_PAIRS), max_size=len(_PAIRS)))
    pairs = {str(pair): count for pair, count in zip(_PAIRS, counts, strict=True) if count}
    rules: Counter[str] = Counter()
    for key, count in pairs.items():
        rules[Pair.of(key).rule] += count
    met = rules.total()
    subject = met + draw(st.integers(0, 60))
    unknown, broken = draw(st.integers(0, 30)), draw(st.integers(0, 30))
    return Totals(
        patients=subject + unknown + broken + draw(st.integers(0, 3000)),
        on_any_subject=subject,
        on_subject={"upadacitinib": subject} if subject else {},
        with_combination=met,
        rules=dict(rules),
        pairs=pairs,
        incomplete=unknown + broken,
        doubts={key: count for key, count in (("unidentified", unknown), ("unreadable", broken)) if count},
    )


@settings(max_examples=examples(60))
@given(totals())
def test_no_small_count_follows_from_those_that_are_shown(drawn: Totals) -> None:
    cells, groups = cells_of(drawn), groups_of(drawn)
    unseen = suppressed(cells, groups, MIN_CELL)
    rest = {("rest", str(number)) for number in range(len(groups))}
    unknown = sorted(unseen | rest)
    rows = [
        [Fraction((name in group.members) - (name == group.total)) for name in unknown]
        if group.covering
        # What a part that leaves something out leaves out, is a number like the others.
        else [Fraction((name == member) + (name == ("rest", str(at))) - (name == group.total)) for name in unknown]
        for at, group in enumerate(groups)
        for member in (group.members if not group.covering else (None,))
        if group.covering or len(group.members) == 1
    ]
    for at, name in enumerate(unknown):
        if _follows(rows, at):
            assert name in rest or cells[name] >= MIN_CELL or cells[name] == 0, name
    for group in groups:
        for member in group.members:
            if group.total not in unseen and member not in unseen:
                assert not 0 < cells[group.total] - cells[member] < MIN_CELL


def _follows(rows: list[list[Fraction]], at: int) -> bool:
    """Say whether the equations determine one unknown: whether it alone is a combination of the rows."""
    wanted = [Fraction(column == at) for column in range(len(rows[0]))] if rows else []
    return bool(rows) and _rank([*rows, wanted]) == _rank(rows)


def _rank(rows: list[list[Fraction]]) -> int:
    left, rank = [list(row) for row in rows], 0
    for column in range(len(left[0])):
        pivot = next((row for row in left[rank:] if row[column]), None)
        if pivot is None:
            continue
        left.remove(pivot)
        left.insert(rank, pivot)
        for row in left[rank + 1 :]:
            factor = row[column] / pivot[column]
            row[:] = [value - factor * known for value, known in zip(row, pivot, strict=True)]
        rank += 1
    return rank


def test_the_attacker_of_these_tests_finds_a_lone_hidden_count() -> None:
    rows = [[Fraction(1), Fraction(0)], [Fraction(1), Fraction(1)]]
    assert _follows(rows, 0)
    assert not _follows(rows[1:], 0)


def test_the_cells_of_the_groups_are_cells_of_the_table() -> None:
    drawn = Totals(
        patients=9, on_any_subject=1, on_subject={"upadacitinib": 1}, doubts={"x": 1}, failed={"KeyError": 2}
    )
    cells: dict[Cell, int] = cells_of(drawn)
    assert cells["doubt", "failed"] == 2
    assert all({group.total, *group.members} <= cells.keys() for group in groups_of(drawn))

"""Small cells: which counts of a table must not be shown, so that no count of a few patients can be read or worked out.

The convention is that of the CMS cell size suppression policy (ResDAC, version of 26 January 2024,
https://resdac.org/node/1506): no cell of 1 to 10 is shown, none may be derived from other cells or percentages, which
holds for excluded cases too, and zero may be shown.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

MIN_CELL = 11
Cell = tuple[str, str]
"""The kind of a count and its key."""


@dataclass(frozen=True, slots=True)
class Group:
    """A count and those of its subsets, which may overlap but leave nothing of it out.

    `covering` is false where they may leave something out: then nothing follows from their sum.
    """

    total: Cell
    members: tuple[Cell, ...]
    covering: bool = True


def suppressed(cells: Mapping[Cell, int], groups: Sequence[Group], smallest: int) -> frozenset[Cell]:
    """Return the cells that must not be shown where 1 to `smallest` - 1 patients are too few.

    These are the small ones; those whose difference to a set that holds them is small; and as many others of a group as
    it takes until what is hidden of it is at least two counts that are not few patients together.
    """
    hidden = {cell for cell, count in cells.items() if 0 < count < smallest}
    while more := set(_further(cells, groups, smallest, frozenset(hidden))) - hidden:
        hidden |= more
    return frozenset(hidden)


def _further(
    cells: Mapping[Cell, int], groups: Sequence[Group], smallest: int, hidden: frozenset[Cell]
) -> Iterator[Cell]:
    for cell in cells.keys() - hidden:
        if any(0 < cells[above] - cells[cell] < smallest for above in _above(cell, groups) if above not in hidden):
            yield cell
    for group in groups:
        if group.covering:
            yield from _of_group(cells, group, smallest, hidden)


def _above(cell: Cell, groups: Iterable[Group]) -> set[Cell]:
    """Return every set that holds a set."""
    found = {group.total for group in groups if cell in group.members}
    return found.union(*(_above(item, groups) for item in found))


def _of_group(cells: Mapping[Cell, int], group: Group, smallest: int, hidden: frozenset[Cell]) -> Iterator[Cell]:
    """Hide one more cell of a group whose hidden counts follow from those that are shown."""
    present = [cell for cell in group.members if cells[cell]]
    unseen = [cell for cell in present if cell in hidden]
    excess = sum(cells[cell] for cell in present) - cells[group.total]
    if group.total in hidden:
        # A hidden total is the sum of parts that are all shown, unless somebody is in two of them.
        if present and not unseen and not excess:
            yield min(present, key=lambda cell: (cells[cell], cell))
        return
    # The patients who are in two of the sets are a number too.
    if 0 < excess < smallest:
        yield group.total
    elif unseen and (len(unseen) < _TWO or sum(cells[cell] for cell in unseen) < smallest):
        shown = [cell for cell in present if cell not in hidden]
        yield min(shown, key=lambda cell: (cells[cell], cell)) if shown else group.total


_TWO = 2

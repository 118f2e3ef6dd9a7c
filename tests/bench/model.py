"""What a run of the benchmark finds: costs of each contestant, and figures that goals are held against."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True)
class Spread:
    """A quantity over alternating rounds."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """Take the median and the ends of some values."""
        return cls(_short(median(values)), _short(min(values)), _short(max(values)))


@dataclass(frozen=True, slots=True)
class Cost:
    """What one contestant took: CPU of the server in ms per request, answers per second, and times in ms.

    `client` is the CPU of the load client in ms per request.
    """

    name: str
    cpu: Spread
    per_second: Spread
    p50: Spread
    p95: Spread
    p99: Spread
    client: Spread


@dataclass(frozen=True, slots=True)
class Figure:
    """A measured value beside its goal; `limit` is the most it may be, or with `at_least` the least.

    `section` is the number of the goal; `stretch` is what it may become.
    """

    section: int
    what: str
    unit: str
    value: Spread
    limit: float | None = None
    stretch: float | None = None
    at_least: bool = False

    @property
    def passed(self) -> bool | None:
        """Say whether the goal is met; None where there is none."""
        return None if self.limit is None else self.meets(self.limit)

    def meets(self, limit: float) -> bool:
        """Compare the median with a limit."""
        return self.value.median >= limit if self.at_least else self.value.median <= limit


def _short(value: float) -> float:
    """Keep four digits: more would be noise in the record."""
    return float(f"{value:.4g}")

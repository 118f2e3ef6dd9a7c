"""The Wilson score interval of a proportion: honest for the small denominators that the registry holds."""

from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist

CONFIDENCE = 0.95
_Z = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)


@dataclass(frozen=True, slots=True)
class Interval:
    """Two ends between 0 and 1."""

    low: float
    high: float

    def __str__(self) -> str:
        """Write the interval in whole per cent, "72-96%"."""
        return f"{self.low * 100:.0f}-{self.high * 100:.0f}%"


def wilson(events: int, of: int) -> Interval:
    """Return the 95% interval of `events` out of `of`, without continuity correction.

    Source: Wilson EB. J Am Stat Assoc 1927;22:209-212.

    Raises ValueError where the counts are no proportion.
    """
    if not 0 <= events <= of or of == 0:
        raise ValueError(f"{events} of {of} is no proportion")
    share, spread = events / of, _Z**2 / of
    centre = (share + spread / 2) / (1 + spread)
    half = _Z * sqrt(share * (1 - share) / of + spread / (4 * of)) / (1 + spread)
    # At 0 and at 1 an end is exact; rounding must not push it out.
    low = 0.0 if events == 0 else centre - half
    return Interval(low, 1.0 if events == of else centre + half)

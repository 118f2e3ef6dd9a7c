"""The plots of the report: small SVG pictures that need nothing from anywhere and follow the colours of the page."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

from markupsafe import Markup, escape

from service.replay.partial import bucket_end

_WIDTH, _ROW, _BAR, _LEFT, _RIGHT = 860, 46, 15, 330, 70
_PLOT = _WIDTH - _LEFT - _RIGHT
_HEIGHT = 260


@dataclass(frozen=True, slots=True)
class Bar:
    """One value with its interval, in the unit of the axis; None is no value."""

    value: float | None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a waterfall: a total, or a change from where the one before ended."""

    label: str
    value: float
    total: bool = False


def bars(title: str, rows: Sequence[tuple[str, Bar, Bar]], unit: str) -> Markup:
    """Draw for each row the old value above the new one, with its interval as a whisker."""
    ends = [end for _, *pair in rows for bar in pair for end in (bar.value, bar.high) if end is not None]
    top = _round_up(max(ends, default=0.0))
    height = _ROW * len(rows) + 34
    parts = [_axis(top, height, unit)]
    for index, (label, old, new) in enumerate(rows):
        y = 8 + index * _ROW
        parts.append(_text(_LEFT - 10, y + _BAR + 4, label, "end"))
        parts += [_bar(old, y, top, "old"), _bar(new, y + _BAR + 2, top, "new")]
    return _svg(title, height, parts)


def _bar(bar: Bar, y: float, top: float, side: str) -> str:
    if bar.value is None:
        return _text(_LEFT + 4, y + _BAR - 3, "no denominator", "start", "small")
    width, told = _x(bar.value, top) - _LEFT, f"{bar.value:.2f}"
    end = _x(bar.high if bar.high is not None else bar.value, top)
    drawn = f'<rect class="{side}" x="{_LEFT}" y="{y}" width="{width:.1f}" height="{_BAR}" rx="2"/>'
    if bar.low is not None and bar.high is not None:
        low, middle = _x(bar.low, top), y + _BAR / 2
        line = f"M{low:.1f} {middle}H{end:.1f}M{low:.1f} {middle - 4}v8M{end:.1f} {middle - 4}v8"
        drawn += f'<path class="whisker" d="{line}"/>'
    return drawn + _text(max(end, _LEFT + width) + 5, y + _BAR - 3, told, "start", "small")


def waterfall(title: str, steps: Sequence[Step], unit: str) -> Markup:
    """Draw how one total becomes another, step by step."""
    ends = list(accumulate(steps, lambda end, step: step.value if step.total else end + step.value, initial=0.0))[1:]
    top = _round_up(max(ends, default=0.0))
    height = 30 * len(steps) + 34
    parts, before = [_axis(top, height, unit)], 0.0
    for index, (step, end) in enumerate(zip(steps, ends, strict=True)):
        y, start = 8 + index * 30, 0.0 if step.total else before
        left, right = sorted((_x(start, top), _x(end, top)))
        kind = "total" if step.total else "more" if step.value > 0 else "less"
        told = f"{step.value:.2f}" if step.total else f"{step.value:+.2f}"
        parts.append(_text(_LEFT - 10, y + 14, step.label, "end"))
        parts.append(
            f'<rect class="{kind}" x="{left:.1f}" y="{y}" width="{max(right - left, 1.5):.1f}" height="20" rx="2"/>'
        )
        parts.append(_text(right + 5, y + 14, told, "start", "small"))
        if index + 1 < len(steps):
            parts.append(f'<path class="link" d="M{_x(end, top):.1f} {y + 20}v10"/>')
        before = end
    return _svg(title, height, parts)


def latency(title: str, sides: Mapping[str, Mapping[int, int]]) -> Markup:
    """Draw which share of the calls was answered within how many milliseconds (logarithmic)."""
    known = [number for buckets in sides.values() for number in buckets]
    if not known:
        return Markup("")
    low = math.floor(math.log10(bucket_end(min(known)) * 0.95))
    high = max(math.ceil(math.log10(bucket_end(max(known)))), low + 1)

    def x(ms: float) -> float:
        return 50 + (math.log10(ms) - low) / (high - low) * (_WIDTH - 90)

    def y(share: float) -> float:
        return 12 + (1 - share) * (_HEIGHT - 52)

    parts = []
    for share in (0, 0.25, 0.5, 0.75, 0.95, 1):
        parts.append(f'<path class="grid" d="M50 {y(share):.1f}H{_WIDTH - 40}"/>')
        parts.append(_text(44, y(share) + 4, f"{share:.0%}", "end", "small"))
    parts += [
        f'<path class="grid" d="M{x(10**power):.1f} 12V{_HEIGHT - 40}"/>'
        f"{_text(x(10**power), _HEIGHT - 24, f'{10.0**power:g} ms', 'middle', 'small')}"
        for power in range(low, high + 1)
    ]
    parts += [_curve(buckets, side, x, y) for side, buckets in sides.items() if buckets]
    return _svg(title, _HEIGHT, parts)


def _curve(buckets: Mapping[int, int], side: str, x: Callable[[float], float], y: Callable[[float], float]) -> str:
    whole, passed, points = sum(buckets.values()), 0, []
    for number, n in sorted(buckets.items()):
        passed += n
        points.append(f"{x(bucket_end(number)):.1f} {y(passed / whole):.1f}")
    return f'<polyline class="curve {side}" points="{" ".join(points)}"/>'


def _axis(top: float, height: float, unit: str) -> str:
    ticks = [top * part / 4 for part in range(5)]
    drawn = [f'<path class="grid" d="M{_x(tick, top):.1f} 4V{height - 26}"/>' for tick in ticks]
    drawn += [_text(_x(tick, top), height - 12, f"{tick:g}", "middle", "small") for tick in ticks]
    return "".join(drawn) + _text(_LEFT - 10, height - 12, unit, "end", "small")


def _x(value: float, top: float) -> float:
    return _LEFT + value / top * _PLOT


def _round_up(value: float) -> float:
    """Return the next of 1, 2, 4, 8 x 10^n, so that four ticks are round numbers."""
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next((step * power for step in (1, 2, 4, 8) if step * power >= value), 10 * power)


def _text(x: float, y: float, text: str, anchor: str, kind: str = "label") -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _svg(title: str, height: float, parts: Sequence[str]) -> Markup:
    head = f'<svg role="img" viewBox="0 0 {_WIDTH} {height}" xmlns="http://www.w3.org/2000/svg">'
    return Markup(f"{head}<title>{escape(title)}</title>{''.join(parts)}</svg>")  # noqa: S704 - every text is escaped

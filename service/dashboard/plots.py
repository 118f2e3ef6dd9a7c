"""The plots of the dashboard, as SVG pictures by pygal; each has a table beside it with the same numbers."""

import re
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from service.dashboard.figures import Calls, Figures
from service.rates import Tally
from service.tallies import BEYOND, BUCKETS

if TYPE_CHECKING:
    from pygal.graph.graph import Graph

WIDTH, HEIGHT = 720, 300
# Colours that differ for those who see few of them, on light and on dark.
COLOURS = ("#2a7ab8", "#c9772b", "#7d8894", "#5f9c52", "#a05ab5")
# A picture follows the system of the reader by itself: no style of the page reaches into it.
_INK = (
    "inline:text { fill: #525d6b !important; } .guide { stroke: rgb(128 138 148 / 40%) !important; } "
    "@media (prefers-color-scheme: dark) { text { fill: #a9b4c1 !important; } }"
)
_SCRIPT = re.compile(r"<script.*?</script>", re.DOTALL)


def alerts(found: Figures) -> str:
    """Draw the shown cards of each week by what became of them."""
    chart = _chart("StackedBar", "Cards shown by week")
    weeks = found.period.weeks
    chart.x_labels = weeks
    tallies = [found.rates.by["week"].get(week, Tally()) for week in weeks]
    chart.add("accepted", [tally.accepted for tally in tallies])
    chart.add("overridden", [tally.overridden for tally in tallies])
    chart.add("no outcome told", [tally.shown - tally.accepted - tally.overridden for tally in tallies])
    return _drawn(chart)


def overrides(found: Figures) -> str:
    """Draw for each rule how many of the cards with an outcome were overridden, in per cent."""
    chart = _chart("HorizontalBar", "Overridden, per cent of the cards with an outcome", range=(0, 100))
    shares = {rule: tally.override_rate for rule, tally in found.rates.by["rule"].items()}
    told = {rule: share for rule, share in shares.items() if share.of}
    chart.x_labels = tuple(told)
    chart.show_legend = False
    chart.add("overridden", [round(100 * share.events / share.of, 1) for share in told.values()])
    return _drawn(chart)


def not_checked(found: Figures) -> str:
    """Draw for each week how many of the calls in scope were not checked, in per cent."""
    chart = _chart("Line", "Not checked, per cent of the calls in scope", range=(0, None))
    weeks = found.period.weeks
    chart.x_labels = weeks
    chart.show_legend = False
    nothing = Calls({}, {})
    shares = [found.by["week"].get(week, nothing).not_checked for week in weeks]
    chart.add("not checked", [round(100 * share.events / share.of, 2) if share.of else None for share in shares])
    return _drawn(chart)


def latency(found: Figures) -> str:
    """Draw for each hook which share of its calls ended within each bucket, in per cent."""
    chart = _chart("Bar", "Calls by time to answer, per cent of each hook")
    ends = (*BUCKETS, BEYOND)
    chart.x_labels = tuple(f"≤ {end} ms" if end else f"> {BUCKETS[-1]} ms" for end in ends)
    for hook, group in found.by["hook"].items():
        chart.add(hook, [round(100 * group.buckets.get(end, 0) / group.total, 1) for end in ends])
    return _drawn(chart)


PLOTS: Mapping[str, Callable[[Figures], str]] = {
    "alerts": alerts,
    "overrides": overrides,
    "not-checked": not_checked,
    "latency": latency,
}


def _chart(kind: str, title: str, **others: Any) -> "Graph":
    # Some 0.2 s that a worker whose dashboard nobody opens need not spend.
    import pygal
    from pygal.style import Style

    # It adds a finder of old plug-ins to every later import of the process, which Python warns of.
    sys.meta_path[:] = [finder for finder in sys.meta_path if type(finder).__module__ != "pygal"]

    style = Style(
        background="transparent",
        plot_background="transparent",
        foreground="#525d6b",
        foreground_strong="#525d6b",
        foreground_subtle="#98a2ad",
        colors=COLOURS,
        font_family="system-ui, DejaVu Sans, sans-serif",
        label_font_size=12,
        legend_font_size=13,
        title_font_size=14,
        opacity=".9",
    )
    return getattr(pygal, kind)(
        css=("file://style.css", "file://graph.css", _INK),
        title=title,
        style=style,
        width=WIDTH,
        height=HEIGHT,
        js=(),
        legend_at_bottom=True,
        show_x_guides=False,
        x_label_rotation=35,
        truncate_label=28,
        no_data_text="nothing in this period",
        disable_xml_declaration=True,
        **others,
    )


def _drawn(chart: "Graph") -> str:
    # pygal leaves a line of script for its tooltips, which no picture runs.
    return _SCRIPT.sub("", chart.render(is_unicode=True))

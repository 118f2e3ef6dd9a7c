"""What the clinician gets of the decision: the cards, those that are not shown, and what was missing."""

from collections.abc import Iterator, Mapping
from typing import Any

from cards import Assessment
from service.explain.written import Section


def shown(assessment: Assessment) -> dict[str, Any]:
    """Say which cards there are, which are kept back, and whether the check was complete."""
    return {
        "cards": [
            {"key": item.key, "indicator": item.indicator.value, "summary": item.summary} for item in assessment.cards
        ],
        "hidden": [{"key": item.key, "indicator": item.indicator.value} for item in assessment.hidden],
        "gaps": {gap.value: count for gap, count in assessment.gaps.items()},
        "complete": assessment.complete,
    }


def shown_sections(said: Mapping[str, Any]) -> Iterator[Section]:
    """Write the cards and what is missing."""
    yield "Cards", [f"{item['indicator']}: {item['summary']}" for item in said.get("cards", ())]
    yield "Cards not shown", [f"{item['key']}: {item['indicator']}" for item in said.get("hidden", ())]
    yield "Missing", [f"{gap}: {count}" for gap, count in said.get("gaps", {}).items()]

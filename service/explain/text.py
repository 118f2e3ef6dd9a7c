"""The explanation as text for a terminal."""

from collections.abc import Iterator, Mapping
from typing import Any

from service.explain.call import call_sections, head_lines
from service.explain.decision import decision_sections
from service.explain.exposures import state_sections
from service.explain.record import record_sections
from service.explain.shown import shown_sections
from service.explain.written import Section, section_lines


def as_text(said: Mapping[str, Any]) -> str:
    """Return an explanation as text for a terminal."""
    lines = (*head_lines(said), *(line for section in _sections(said) for line in section_lines(section)))
    return "\n".join(lines) + "\n"


def _sections(said: Mapping[str, Any]) -> Iterator[Section]:
    yield from call_sections(said)
    yield from state_sections(said)
    yield from record_sections(said)
    yield from decision_sections(said)
    yield from shown_sections(said)
    yield "Deviations of the client", said["deviations"]

"""Which sentences a card needs, and which fields each of them is given."""

from collections.abc import Mapping

from cards.model import Gap

_NONE: frozenset[str] = frozenset()


def _fields(text: str) -> frozenset[str]:
    return frozenset(text.split())


SUMMARY: Mapping[str, frozenset[str]] = {
    "overlap": _fields("subject partner partner_plain more short verb advice partners_word"),
    "not-named": _fields("subject partner partner_plain more short verb advice partners_word"),
    "not-named-short": _fields("subject partner partner_plain more short verb advice partners_word"),
    "recent": _fields("ordered ended more date"),
    "recent-undated": _fields("ordered ended more date"),
    "sequential": _fields("first end second start more"),
    "more": _fields("count"),
    "incomplete": _NONE,
}
STATES: Mapping[str, frozenset[str]] = dict.fromkeys(
    _fields("ordered current current-on-hold current-unknown recent ordered-and-current"), _NONE
)
DATES: Mapping[str, frozenset[str]] = {
    **dict.fromkeys(
        _fields("starts active ends given partial dispensed run-out ended stopped until activity"), _fields("date")
    ),
    **dict.fromkeys(_fields("draft active-undated stopped-undated"), _NONE),
}
_OVERLAP = _fields("pairs label section strength advice partners_word partner warning action")
LINES: Mapping[str, frozenset[str]] = {
    "overlap": _OVERLAP,
    "overlap-not-named": _OVERLAP,
    "recent": _fields("pairs label section strength washout"),
    "sequential": _fields("pairs first end second start"),
    "incomplete": _fields("reasons subjects"),
    "why": _fields("sentence label section revision secondary"),
    "secondary": _NONE,
    "covered": _fields("partner partners_word"),
    "named": _fields("partner partners_word"),
    "not-named": _fields("partner partners_word"),
    "indication-order": _fields("indication"),
    "indication-record": _fields("indication provisional others"),
    "indication-none": _NONE,
    "indication-not-supplied": _NONE,
    "indication-failed": _NONE,
    "provisional": _NONE,
    "others": _fields("others"),
    "infection": _fields("infection undated"),
    "undated": _NONE,
    "partner-label": _fields("partner text"),
    "partner-label-none": _fields("partner text"),
    "action-keep-one": _fields("partner"),
    "action-existing": _fields("partner"),
    "action-transplant": _fields("partner"),
    "action-review": _fields("partner"),
    "no-abrupt-stop": _fields("partner"),
    "pitfalls": _NONE,
    "proceed": _NONE,
    "replaced": _fields("partner"),
    "quiet": _fields("partner"),
    "disagreement": _fields("ingredient named"),
    "doubt": _fields("ingredient doubt"),
    "convention": _fields("ingredient days"),
    "gaps": _fields("reasons"),
    "scope": _fields("subjects"),
    "version": _fields("version"),
    "not-approved": _NONE,
    "lowered": _fields("indicator"),
    "exception": _fields("date reason until"),
    "risks": _fields("risks"),
    "risk": _fields("risk text"),
    "age-65": _fields("age"),
}
_COURSE = _fields("subject levels intake indication reduced since maintenance needed")
HISTORY: Mapping[str, frozenset[str]] = {
    "level": _fields("mg days start"),
    "level-open": _fields("mg start"),
    "intake-verified": _NONE,
    "intake-partly": _fields("days"),
    "intake-unverified": _NONE,
    "completed": _COURSE,
    "reduced": _fields("reasons"),
    "maintenance": _fields("levels since"),
    "maintenance-none": _fields("since"),
    "not-shown": _COURSE,
    "dose-unknown": _fields("subject start"),
    "primary-non-response": _fields("outcome date days"),
    "loss-of-response": _fields("outcome date days"),
    "not-determinable": _NONE,
    "response": _fields("response"),
    "reasons": _fields("reasons"),
    "never": _fields("subject"),
    "biologics": _fields("biologics"),
    "biologics-none": _NONE,
    "in-force": _fields("name class first"),
    "in-force-undated": _fields("name class"),
    "ended": _fields("name class first last outcomes"),
    "coded": _fields("outcome"),
    "text": _fields("outcome"),
    "dated": _fields("outcome date"),
    "reason-unknown": _NONE,
    "stopped-for": _fields("outcomes"),
    "more": _fields("count"),
    "partial": _fields("lines"),
    "paragraph": _fields("lines"),
}
PARTS: Mapping[str, Mapping[str, frozenset[str]]] = {
    "summary": SUMMARY,
    "states": STATES,
    "dates": DATES,
    "lines": LINES,
    "history": HISTORY,
    "gaps": dict.fromkeys((gap.value for gap in Gap), _fields("count")),
    "suggestions": {"delete": _fields("ingredient")},
}

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
    "incomplete": _fields("reasons"),
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
    "scope": _NONE,
    "version": _fields("version"),
    "not-approved": _NONE,
    "lowered": _fields("indicator"),
}
OPTIONS: Mapping[str, frozenset[str]] = {
    "summary": _fields("drugs indication"),
    "opening": _fields("drugs indication"),
    "label-keep": _fields("name others"),
    "label-alone": _fields("name others"),
    "label-not-started": _fields("name others"),
    "label-monotherapy": _fields("name others"),
    "label-instead": _fields("name others"),
    "label-consider": _fields("name others"),
    "label-consider-new": _fields("name"),
    "action-delete": _fields("name"),
    "action-create": _fields("name others"),
    "action-update": _fields("name others"),
    "item": _fields("name how reason level record"),
    "item-alone": _fields("name others"),
    "how-instead": _fields("others"),
    "how-monotherapy": _fields("others"),
    "how-new": _NONE,
    "level": _fields("certainty secondary"),
    "level-label": _fields("secondary"),
    "secondary": _NONE,
    "no-exposure": _fields("names"),
    "no-failure": _fields("names"),
    "limited": _fields("count"),
    "on-record": _fields("problem"),
    "not-tried": _NONE,
    "tried": _fields("first last"),
    "tried-until": _fields("last"),
    "recommended": _fields("name"),
    "biologics": _fields("names"),
    "biologics-none": _NONE,
    "biologic": _fields("name drug_class state"),
    "in-force": _NONE,
    "failed": _NONE,
    "intolerant": _NONE,
    "until": _fields("date"),
    "held": _fields("reasons"),
    "held-under-age": _fields("years"),
    "held-age-unknown": _NONE,
    "held-pregnancy": _NONE,
    "text-no-single-order": _fields("others"),
    "text-draft-not-ours": _NONE,
    "text-other-disease": _NONE,
    "text-would-combine": _NONE,
    "more": _fields("names"),
}
MONITORING: Mapping[str, frozenset[str]] = {
    "summary": _fields("drugs"),
    "opening": _fields("drugs"),
    "item": _fields("order when secondary"),
    "secondary": _NONE,
    "on-record": _fields("warning problem"),
    "source": _NONE,
    "label": _fields("order"),
}
PARTS: Mapping[str, Mapping[str, frozenset[str]]] = {
    "summary": SUMMARY,
    "states": STATES,
    "dates": DATES,
    "lines": LINES,
    "gaps": dict.fromkeys((gap.value for gap in Gap), _fields("count")),
    "suggestions": {"delete": _fields("ingredient")},
    "options": OPTIONS,
    "monitoring": MONITORING,
}

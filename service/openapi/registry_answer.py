"""What /evidence emits as JSON: the registry, see service/registry.py."""

from cards.schema.evidence import Verdict
from cards.schema.part import Verification
from service.openapi.schema import (
    ADDRESS,
    DAY,
    FLAG,
    NUMBER,
    SHA256,
    TEXT,
    Json,
    any_number,
    one_of,
    or_none,
    whole,
)
from service.registry import VERDICT, VERIFICATION
from service.settings import Settings

_PERCENT: Json = {"type": "number", "minimum": 0, "maximum": 100}
_MAYBE = or_none(TEXT)
_STATE = {"verification": one_of(Verification), "verificationText": one_of(VERIFICATION.values())}


def evidence() -> Json:
    """Return the schema of the registry, of all rules or of one."""
    return whole(
        knowledge=whole(version=TEXT, sha256=SHA256),
        on=DAY,
        rule=_MAYBE,
        onlyUnverified=FLAG,
        counts=whole(evidence=_numbers(Verification), statements=_numbers(Verdict)),
        rules=any_number(_rule()),
        labels=any_number(_label()),
        evidence=any_number(_entry()),
        statements=any_number(_statement()),
    )


def _numbers(names: type[Verification] | type[Verdict]) -> Json:
    return whole(**{name.value: NUMBER for name in names})


def _approval() -> Json:
    return whole(approved=FLAG, role=_MAYBE, date=or_none(DAY), nextReview=or_none(DAY), text=TEXT)


def _rule() -> Json:
    jurisdictions = Settings.model_json_schema()["properties"]["jurisdiction"]["enum"]
    clauses = {"type": "object", "additionalProperties": whole(speaksOf=TEXT, strength=_MAYBE)}
    return whole(
        id=TEXT,
        title=TEXT,
        topic=TEXT,
        approval=_approval(),
        evidence=any_number(TEXT),
        clauses={**clauses, "propertyNames": {"enum": jurisdictions}},
    )


def _label() -> Json:
    sentence = whole(indication=TEXT, indicationName=TEXT, text=TEXT, **_STATE)
    return whole(
        jurisdiction=TEXT,
        jurisdictionName=TEXT,
        ingredient=TEXT,
        name=TEXT,
        section=TEXT,
        strength=TEXT,
        revision=TEXT,
        url=ADDRESS,
        sentences=any_number(sentence),
        **_STATE,
    )


def _entry() -> Json:
    return whole(
        id=TEXT,
        citation=TEXT,
        doi=_MAYBE,
        doiUrl=or_none(ADDRESS),
        pmid=_MAYBE,
        pmidUrl=or_none(ADDRESS),
        url=or_none(ADDRESS),
        population=_MAYBE,
        n=or_none(NUMBER),
        design=_MAYBE,
        figures=any_number(_figure()),
        finding=TEXT,
        certainty=TEXT,
        line=_MAYBE,
        linePartners=any_number(TEXT),
        cardPrints=TEXT,
        rules=any_number(TEXT),
        note=_MAYBE,
        approval=_approval(),
        **_STATE,
    )


def _figure() -> Json:
    return whole(
        what=TEXT,
        events=NUMBER,
        of=NUMBER,
        percent=_PERCENT,
        wilson95=whole(low=_PERCENT, high=_PERCENT),
        text=TEXT,
        countInferred=FLAG,
    )


def _statement() -> Json:
    return whole(
        id=TEXT,
        statement=TEXT,
        verdict=one_of(Verdict),
        verdictText=one_of(VERDICT.values()),
        reason=TEXT,
        printed=_MAYBE,
        evidence=any_number(TEXT),
    )

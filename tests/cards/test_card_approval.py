"""A card says that its content is not approved until a site has approved it."""

import dataclasses
from datetime import date

import pytest

from cards import Catalogue
from cards.schema.evidence import EvidenceEntry
from cards.schema.part import Approval, Verification
from tests.cards.records import BIOLOGIC, NOT_APPROVED, ON, with_upadacitinib
from tests.packaged import CATALOGUE

ROLE, DATE, REVIEW = "Chief pharmacist", date(2026, 10, 1), date(2027, 10, 1)
WHOLE = Approval(role=ROLE, date=DATE, next_review=REVIEW)
ALWAYS = Approval(role=ROLE, date=date(2026, 1, 1), next_review=date(2027, 12, 31))


def approved(catalogue: Catalogue, key: str, approval: Approval) -> Catalogue:
    """Return a copy of the knowledge in which a rule carries an approval, and its evidence a whole one."""
    rule = catalogue.rules[key].model_copy(update={"approval": approval})
    entries = {name: catalogue.evidence[name].model_copy(update={"approval": ALWAYS}) for name in rule.evidence}
    return dataclasses.replace(
        catalogue, rules={**catalogue.rules, key: rule}, evidence={**catalogue.evidence, **entries}
    )


def with_evidence(approval: Approval) -> Catalogue:
    """Return a copy of the knowledge in which the approved biologic rule uses one evidence entry."""
    entry = EvidenceEntry(
        citation="A series",
        finding="Response in some.",
        certainty="not rated",
        verification=Verification.PRIMARY,
        line="A series: response in some.",
        approval=approval,
    )
    rule = CATALOGUE.rules[BIOLOGIC].model_copy(update={"approval": WHOLE, "evidence": ("a-series",)})
    return dataclasses.replace(
        CATALOGUE, rules={**CATALOGUE.rules, BIOLOGIC: rule}, evidence={**CATALOGUE.evidence, "a-series": entry}
    )


@pytest.mark.parametrize("partner", ["adalimumab", "tofacitinib", "azathioprine"])
def test_the_shipped_knowledge_says_so_on_every_card(partner: str) -> None:
    assert with_upadacitinib(partner).detail.endswith(NOT_APPROVED)


def test_an_approval_with_role_date_and_review_takes_the_sentence_away() -> None:
    one = with_upadacitinib("adalimumab", catalogue=approved(CATALOGUE, BIOLOGIC, WHOLE))
    assert "approved" not in one.detail


@pytest.mark.parametrize(
    "approval",
    [
        Approval(),
        Approval(role=ROLE),
        Approval(date=DATE),
        Approval(next_review=REVIEW),
        Approval(role=ROLE, date=DATE),
        Approval(role=ROLE, next_review=REVIEW),
        Approval(date=DATE, next_review=REVIEW),
        Approval(role=ROLE, date=DATE, next_review=date(2026, 11, 22)),
        Approval(role=ROLE, date=date(2026, 11, 24), next_review=REVIEW),
    ],
    ids=["none", "role", "date", "review", "no review", "no date", "no role", "overdue", "of tomorrow"],
)
def test_a_part_of_an_approval_is_none(approval: Approval) -> None:
    one = with_upadacitinib("adalimumab", catalogue=approved(CATALOGUE, BIOLOGIC, approval))
    assert one.detail.endswith(NOT_APPROVED)


@pytest.mark.parametrize(("day", "review"), [(ON, REVIEW), (DATE, ON), (ON, ON)])
def test_an_approval_holds_from_its_day_to_the_day_of_the_review(day: date, review: date) -> None:
    approval = Approval(role=ROLE, date=day, next_review=review)
    one = with_upadacitinib("adalimumab", catalogue=approved(CATALOGUE, BIOLOGIC, approval))
    assert NOT_APPROVED not in one.detail


def test_the_approval_of_one_rule_is_not_that_of_another() -> None:
    catalogue = approved(CATALOGUE, BIOLOGIC, WHOLE)
    assert NOT_APPROVED in with_upadacitinib("tofacitinib", catalogue=catalogue).detail


@pytest.mark.parametrize("entry_approval", [Approval(), Approval(role=ROLE, date=DATE)], ids=["none", "a part"])
def test_an_approved_rule_that_uses_unapproved_evidence_still_says_so(entry_approval: Approval) -> None:
    one = with_upadacitinib("adalimumab", catalogue=with_evidence(entry_approval))
    assert one.detail.endswith(NOT_APPROVED)


def test_an_approved_rule_that_uses_approved_evidence_does_not() -> None:
    assert NOT_APPROVED not in with_upadacitinib("adalimumab", catalogue=with_evidence(WHOLE)).detail

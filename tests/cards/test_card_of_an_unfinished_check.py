"""The card that stands where nothing was found because something was missing."""

from cards.model import Gap, Indicator
from tests.cards.records import BIOLOGIC, card, cards, draft, with_upadacitinib


def test_it_is_a_warning_for_upadacitinib_and_says_that_it_is_no_all_clear() -> None:
    one = card([draft("upadacitinib")], gaps={Gap.MEDICATIONS_FAILED: 1})
    assert one.summary.startswith("Upadacitinib combination check not completed")
    assert one.indicator is Indicator.WARNING
    assert "the medication list could not be obtained" in one.detail
    assert "not an all-clear" in one.detail
    assert one.suggestions == ()


def test_it_is_an_info_for_a_partner() -> None:
    assert card([draft("adalimumab")], gaps={Gap.MEDICATIONS_FAILED: 1}).indicator is Indicator.INFO


def test_it_does_not_stand_beside_a_finding() -> None:
    one = with_upadacitinib("adalimumab", gaps={Gap.MEDICATION_UNREADABLE: 1})
    assert one.key == BIOLOGIC


def test_a_missing_problem_list_alone_does_not_raise_it() -> None:
    assert cards([draft("upadacitinib")], gaps={Gap.CONDITIONS_ABSENT: 1}) == ()


def test_it_fits_whatever_is_missing() -> None:
    one = card([draft("upadacitinib")], gaps=dict.fromkeys(Gap, 1_000_000))
    assert len(one.detail) <= 2_500
    assert len(one.summary) < 140

"""Some words are never printed, and no text of the record becomes markup."""

import itertools
from datetime import date
from typing import Any

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

from cards.model import Gap, Hook
from tests.cards.printed import NEVER_PRINTED, printed
from tests.cards.records import CROHN, card, cards, chart, draft, problem, rows
from tests.packaged import CATALOGUE

HOSTILE = "*[x](http://evil.example/)_`~!|#<img src=x onerror=alert(1)>www.evil.example\n# y"
RULED = sorted(CATALOGUE.in_scope("us") - {"upadacitinib"})


@pytest.mark.parametrize("indication", [None, *CATALOGUE.indication_order])
@pytest.mark.parametrize("hook", Hook)
def test_no_card_of_the_us_holds_one(hook: Hook, indication: str | None) -> None:
    problems = [problem(key) for key in (indication, "pneumonia", "transplant-status") if key]
    upadacitinib = chart if hook is Hook.PATIENT_VIEW else draft
    ended: dict[str, Any] = {"status": "stopped", "status_changed": date(2026, 11, 20)}
    seen = 0
    for partner, how in itertools.product(RULED, ({}, ended)):
        for one in cards([upadacitinib("upadacitinib"), chart(partner, **how)], *problems, hook=hook):
            seen += 1
            assert [word for word in NEVER_PRINTED if word in printed(one).casefold()] == []
    assert seen >= 50


def test_the_card_of_an_unfinished_check_holds_none() -> None:
    one = card([draft("upadacitinib")], gaps={Gap.MEDICATIONS_FAILED: 1})
    assert [word for word in NEVER_PRINTED if word in printed(one).casefold()] == []


def tokens(text: str) -> list[Token]:
    parser = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    return [child for token in parser.parse(text) for child in (token, *(token.children or []))]


@pytest.mark.fault(40)
def test_text_of_the_record_never_becomes_markup_of_a_card() -> None:
    hostile: dict[str, Any] = {"text": HOSTILE, "doubts": (HOSTILE,)}
    tame: dict[str, Any] = {"text": "written", "doubts": ("written",)}
    attacked, plain = (
        card([draft("upadacitinib", **texts), chart("adalimumab", **texts)], CROHN) for texts in (hostile, tame)
    )
    found = {token.type for token in tokens(attacked.detail)}
    assert not found & {"link_open", "image", "html_block", "html_inline", "heading_open", "code_inline", "fence"}
    assert found == {token.type for token in tokens(plain.detail)}
    assert len(rows(attacked)) == 2
    assert attacked.summary == plain.summary

"""Text from the record becomes text on the card, and nothing else.

The oracle is markdown-it: the tokens of an escaped text must be those of a harmless word in the same place.
"""

import re
import unicodedata
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from cards.text import capital, day, escape, listed, plain
from tests import markup
from tests.markup import COMMONMARK, HAS_LINKIFY, PAYLOADS, kinds

PARSERS = [pytest.param(parser, id=name) for name, parser in markup.PARSERS.items()]

PLACES = (
    "{}",
    "One entry for **adalimumab** is not fully understood ({}). It is shown.",
    "{} is not fully understood.",
    "**Label**: see {}",
    "| Drug | State |\n|---|---|\n| adalimumab ({}) | current |\n| upadacitinib | ordered |",
    "| Drug | State |\n|---|---|\n| adalimumab | {} |",
    "Before.\n\n{}\n\nAfter.",
    "Before\n{}\nafter.",
)


def rendered(parser: MarkdownIt, text: str) -> list[str]:
    return list(kinds(parser.parse(text)))


def shown(parser: MarkdownIt, text: str) -> str:
    """Return the text that a reader sees."""
    inline = (token for token in parser.parse(text) if token.type == "inline")
    return "".join(child.content for token in inline for child in token.children or [])


def expected(text: str, longest: int = 60) -> str:
    """Return what of a text is kept: one line, without invisible characters, cut."""
    visible = [" " if char.isspace() else char for char in text]
    kept = [char for char in visible if unicodedata.category(char) not in {"Cc", "Cf", "Cs", "Co", "Cn"}]
    line = " ".join("".join(kept).split())
    return line if len(line) <= longest else line[: longest - 1].rstrip() + "\u2026"


@pytest.mark.fault(40)
@pytest.mark.parametrize("parser", PARSERS)
@pytest.mark.parametrize("payload", PAYLOADS)
def test_a_payload_leaves_the_markup_around_it_as_a_plain_word_would(payload: str, parser: MarkdownIt) -> None:
    for template in PLACES:
        text = template.format(escape(PAYLOADS[payload]))
        assert rendered(parser, text) == rendered(parser, template.format("word"))


@pytest.mark.parametrize("parser", PARSERS)
@pytest.mark.parametrize("payload", PAYLOADS)
def test_a_payload_is_read_as_it_was_written_on_one_line(payload: str, parser: MarkdownIt) -> None:
    text = PAYLOADS[payload]
    assert shown(parser, escape(text)) == expected(text)


@pytest.mark.parametrize("parser", PARSERS)
@pytest.mark.parametrize("payload", PAYLOADS.values(), ids=PAYLOADS)
def test_where_no_markup_belongs_a_payload_becomes_a_plain_word(payload: str, parser: MarkdownIt) -> None:
    """An action says what is removed, and some clients render whatever they get."""
    words = "Remove the draft order for upadacitinib: {}"
    assert rendered(parser, words.format(plain(payload))) == rendered(parser, words.format("word"))


@pytest.mark.skipif(not HAS_LINKIFY, reason="needs linkify-it-py, which makes links of bare addresses")
@pytest.mark.parametrize(
    "payload", ["bare address", "bare domain", "bare mail address", "mailto", "internationalised domain"]
)
def test_the_oracle_makes_a_link_of_a_bare_address_that_is_not_escaped(payload: str) -> None:
    assert "link_open" in rendered(MarkdownIt("gfm-like"), PAYLOADS[payload])


@pytest.mark.parametrize("payload", ["link", "image", "autolink", "script", "heading", "table", "fence", "strong"])
def test_the_oracle_sees_the_markup_of_a_payload_that_is_not_escaped(payload: str) -> None:
    assert rendered(COMMONMARK, PAYLOADS[payload]) != rendered(COMMONMARK, "word")


@pytest.mark.parametrize("payload", PAYLOADS)
def test_every_punctuation_mark_of_ascii_is_escaped(payload: str) -> None:
    """A renderer that was not tried here finds no address either: no dot, colon, slash or at sign stands bare."""
    assert re.fullmatch(r"(\\[!-/:-@\[-`{-~]|[^!-/:-@\[-`{-~])*", escape(PAYLOADS[payload]))


FRAGMENTS = st.sampled_from(
    [
        *("[", "]", "(", ")", "<", ">", "!", "*", "_", "`", "~", "#", "|", "\\", "&", ";", "-", "=", "+", "."),
        *("\n", "\r", "\t", " ", "\u00a0", "\u2028", "\u200b", "\u202e", "\x00", "\ud800", "\ufffe"),
        *("1.", "www.", "http://", "a@b.com", ".com", "&#35;", "&amp;", "---", "```", "<b>", "]: ", "]("),
    ]
)
ANY_CHARACTER = st.characters(exclude_categories=())
ANY_TEXT = st.lists(FRAGMENTS | st.text(ANY_CHARACTER, max_size=5), max_size=20).map("".join)


@pytest.mark.parametrize("parser", PARSERS)
@given(text=ANY_TEXT, template=st.sampled_from(PLACES))
def test_no_text_at_all_changes_the_markup_around_it(parser: MarkdownIt, text: str, template: str) -> None:
    escaped = escape(text)
    word = "word" if escaped else ""
    assert rendered(parser, template.format(escaped)) == rendered(parser, template.format(word))
    assert shown(parser, escaped) == expected(text)


@pytest.mark.fault(40)
@given(ANY_TEXT, st.integers(min_value=1, max_value=200))
def test_a_text_is_one_line_of_visible_characters_and_never_longer_than_asked(text: str, longest: int) -> None:
    escaped = escape(text, longest)
    unescaped = re.sub(r"\\(.)", r"\1", escaped)
    assert len(unescaped) <= longest
    assert not any(unicodedata.category(char) in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"} for char in escaped)
    assert escaped.strip() == escaped
    escaped.encode("utf-8")


def test_a_text_of_the_longest_length_is_whole_and_a_longer_one_ends_with_an_ellipsis() -> None:
    assert escape("a" * 60) == "a" * 60
    assert escape("a" * 61) == "a" * 59 + "\u2026"
    assert escape("a" * 30, longest=10) == "a" * 9 + "\u2026"


def test_a_cut_never_leaves_a_backslash_alone() -> None:
    assert escape("*" * 100) == "\\*" * 59 + "\u2026"


def test_a_plain_name_stays_as_it_is() -> None:
    assert escape("Humira Pen 40 mg") == "Humira Pen 40 mg"
    assert escape("D\u00e9fitélio \u03b1 \u85ac") == "D\u00e9fitélio \u03b1 \u85ac"


@pytest.mark.parametrize("text", ["", " ", "\n\t", "\u200b", "\x00", "\u202e\u202c"])
def test_a_text_without_a_visible_character_becomes_empty(text: str) -> None:
    assert escape(text) == ""


@pytest.mark.parametrize(
    ("items", "said"),
    [([], ""), (["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c")],
)
def test_items_are_listed_as_a_sentence_does(items: list[str], said: str) -> None:
    assert listed(items) == said


@pytest.mark.parametrize(("text", "said"), [("", ""), ("a", "A"), ("aNTI-TNF", "ANTI-TNF"), ("6-mp", "6-mp")])
def test_a_capital_changes_the_first_letter_only(text: str, said: str) -> None:
    assert capital(text) == said


def test_a_day_is_printed_as_iso_8601_and_an_absent_one_is_said() -> None:
    assert day(date(2026, 3, 9)) == "2026-03-09"
    assert day(None) == "unknown date"

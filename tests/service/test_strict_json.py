"""The fast way through JSON and the strict one read the same values and refuse the same texts."""

import json
from typing import Any
from unittest import mock

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from service import strict_json
from service.errors import InvalidRequest


class _Members(tuple[tuple[str, Any], ...]):
    """The members of an object, of which some may have the same key."""


_NAMES = st.sampled_from(["a", "b", 'c"', '"', '":', "d:", "é", "\\", " ", "\ud83d\ude00"])
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | _NAMES | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.lists(st.tuples(_NAMES, inner), max_size=4).map(_Members),
    max_leaves=20,
)


def _written(value: Any, gap: str) -> str:
    if isinstance(value, _Members):
        members = (f"{json.dumps(key)}{gap}:{_written(part, gap)}" for key, part in value)
        return "{" + f",{gap}".join(members) + "}"
    if isinstance(value, list):
        return f"[{','.join(_written(part, gap) for part in value)}]"
    return json.dumps(value, ensure_ascii=False)


def _nested(levels: int, opening: str, closing: str) -> str:
    return opening * levels + ("1" if opening.endswith(":") else "") + closing * levels


def _read(text: str) -> str:
    try:
        return repr(strict_json.loads(text.encode("utf-8", "replace"), "It"))
    except InvalidRequest as refused:
        return refused.message


def _read_slowly(text: str) -> str:
    with mock.patch("service.strict_json._plain", return_value=None):
        return _read(text)


@given(_VALUES, st.sampled_from(["", " ", "\n", "\t"]))
@example(_Members((("a", 1), ("a", 2))), "")
@example(_Members((("a", 'b":'), ("c", 1), ("c", 2))), "")
@example(_Members((("a", _Members((("b", 1), ("b", 2)))), ("a", 1))), "")
@example([1.5, 10**400, -0.0], "")
def test_both_ways_give_the_same(value: Any, gap: str) -> None:
    for text in (_written(value, gap), _written(_Members((("x", value),)), gap)):
        assert _read(text) == _read_slowly(text)


@pytest.mark.parametrize(
    "text",
    [
        '{"a":NaN}',
        '{"a":-Infinity}',
        '{"a":1e400}',
        '{"a":"\\ud800"}',
        '{"a":"\\ud83d\\ude00"}',
        '{"a":"\x01"}',
        '{"a":01}',
        '{"a":1,}',
        '{"a":1}{',
        f'{{"a":{"9" * 5000}}}',
        *(_nested(levels, *marks) for levels in (64, 65, 5000) for marks in (("[", "]"), ('{"a":', "}"))),
        "",
        "null",
    ],
    ids=lambda text: text[:24],
)
def test_what_one_way_refuses_the_other_does_too(text: str) -> None:
    assert _read(text) == _read_slowly(text)


def test_sixty_four_levels_are_read_and_sixty_five_are_not() -> None:
    for marks in (("[", "]"), ('{"a":', "}")):
        assert "deeper than 64 levels" not in _read(_nested(64, *marks))
        assert "deeper than 64 levels" in _read(_nested(65, *marks))


def test_a_plain_object_takes_the_fast_way_and_one_with_a_repeated_key_does_not() -> None:
    assert strict_json._plain(b'{"a":{"b":[1,{"c":2}]}}') == {"a": {"b": [1, {"c": 2}]}}
    assert strict_json._plain(b'{"a":{"b":1,"b":1}}') is None
    assert strict_json._plain(b'{"a" : 1, "a" : 1}') is None
    assert strict_json._plain(b'{\n "a" :1\n}') == {"a": 1}


def test_a_quotation_mark_that_is_written_as_a_number_hides_no_repeated_key() -> None:
    assert strict_json._plain(b'{"a":1,"a":"\\u0022\\u0022"}') is None
    assert strict_json._plain(b'{"a":1,"a":"\\u0022:"}') is None


@pytest.mark.parametrize("text", ["", " ", "\n"])
def test_a_body_of_nothing_is_said_to_be_empty(text: str) -> None:
    assert _read(text) == "It is empty: send JSON."

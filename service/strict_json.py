"""JSON without the liberties of the standard library: what we read, we read in one way only.

Refused, since different readers disagree about them: a repeated key, NaN and Infinity, numbers too large for a float,
lone surrogates, a byte order mark, any encoding but UTF-8, and deep nesting.
"""

import codecs
import json
import math
import re
from typing import Any, NoReturn

import msgspec

from service.errors import Cause, InvalidRequest

DEEPEST = 64
_LONG = 50 * DEEPEST
_NESTED = frozenset({dict, list})
_NUMBERED = b"\\u0022"
# What is on the deepest level that is allowed; a container there may be empty, or one too deep.
_DEEP = b"\n" + b" " * DEEPEST
_ENCODER = msgspec.json.Encoder()
_PLAIN_KEY = re.compile(r"^[A-Za-z_][A-Za-z0-9_.-]{0,63}$")
_MARKS = (codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class _RepeatedKeyError(Exception):
    """A key occurs twice in one object."""


def decoded(data: bytes, where: str) -> str:
    """Return UTF-8 text, or raise InvalidRequest."""
    if data.startswith(_MARKS):
        raise InvalidRequest(f"{where} starts with a byte order mark: send plain UTF-8.", Cause.BODY_NOT_UTF8)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise InvalidRequest(f"{where} is not valid UTF-8: send UTF-8.", Cause.BODY_NOT_UTF8) from None


def check_encoding(data: bytes, where: str) -> None:
    """Raise InvalidRequest for what is not UTF-8; in nearly every body there is nothing but ASCII."""
    if not data.isascii():
        decoded(data, where)


def loads(data: bytes, where: str) -> Any:
    """Parse JSON strictly. Errors name the place and the key, never a value.

    `where` starts the error message ("The request", "prefetch").
    """
    if (plain := _plain(data)) is not None:
        return plain
    text = decoded(data, where)
    if not text.strip():
        raise InvalidRequest(f"{where} is empty: send JSON.", Cause.BODY_EMPTY)
    try:
        value = json.loads(text, object_pairs_hook=_unique, parse_constant=_refused, parse_float=_finite)
    except _RepeatedKeyError:
        raise InvalidRequest(
            f"{where} has the key {_repeated_key(text)} twice: send each key once.", Cause.KEY_REPEATED
        ) from None
    except RecursionError:
        raise too_deep(where) from None
    except json.JSONDecodeError as error:
        raise InvalidRequest(
            f"{where} is not valid JSON (character {error.pos}): send valid JSON.", Cause.BODY_NOT_JSON
        ) from None
    except ValueError:
        raise InvalidRequest(
            f"{where} has a number that is not allowed in JSON: send finite numbers.", Cause.BODY_NOT_JSON
        ) from None
    _check(value, text, where)
    return value


def _plain(data: bytes) -> dict[str, Any] | None:
    """Read an object with a faster decoder where that leaves no doubt, else return None.

    What msgspec accepts it reads as the standard library does, and it accepts nothing that is refused here but repeated
    keys and depth. A key that was repeated is missing when the value is written again, and with it two quotation marks;
    only one that was written as a number could make up for it. As a rule what is written is what was read, and there
    is nothing to count.
    """
    try:
        value = msgspec.json.decode(data)
        written = _ENCODER.encode(value)
        deep = _is_deep(written)
    except (msgspec.MsgspecError, ValueError, RecursionError, OverflowError):
        return None
    if deep or not isinstance(value, dict) or (written != data and _may_repeat_key(data, written)):
        return None
    return value


def _is_deep(written: bytes) -> bool:
    """Say whether a text may be nested deeper than allowed: laid out, it shows its depth as white space."""
    # A resource has too few brackets; in a longer text there are always enough, and to count them would be for nothing.
    if len(written) < _LONG and written.count(b"{") + written.count(b"[") <= DEEPEST:
        return False
    return _DEEP in msgspec.json.format(written, indent=1)


def _may_repeat_key(data: bytes, written: bytes) -> bool:
    return written.count(b'"') != data.count(b'"') or _NUMBERED in data


def too_deep(where: str) -> InvalidRequest:
    """Make the error for JSON that is nested too deep."""
    return InvalidRequest(f"{where} is nested deeper than {DEEPEST} levels: send a flatter structure.", Cause.TOO_DEEP)


def _check(value: Any, text: str, where: str) -> None:
    # Counting brackets is much cheaper than walking, and almost always enough.
    if text.count("{") + text.count("[") > DEEPEST and _is_too_deep(value):
        raise too_deep(where)
    if ("\\ud" in text or "\\uD" in text) and _lone_surrogate(value):
        raise InvalidRequest(f"{where} has half of a surrogate pair: send valid Unicode.", Cause.BODY_NOT_UTF8)


def _is_too_deep(value: Any) -> bool:
    """Say whether objects and lists are nested deeper than allowed."""
    level = [value]
    for _ in range(DEEPEST):
        nested = [item for item in level if type(item) in _NESTED]
        level = [part for item in nested for part in (item.values() if type(item) is dict else item)]
    return any(type(item) in _NESTED for item in level)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise _RepeatedKeyError
    return made


def _refused(_: str) -> NoReturn:
    raise ValueError


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError
    return number


def _lone_surrogate(value: Any) -> bool:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return True
    return False


class _Pairs(list[tuple[str, Any]]):
    """An object as the list of its members, so that a repeated key survives."""


def _repeated_key(text: str) -> str:
    try:
        found = _search(json.loads(text, object_pairs_hook=_Pairs), ())
    except (ValueError, RecursionError):
        # The rest of the text is broken too.
        found = None
    return ".".join(found) if found else "(unknown)"


def _search(value: Any, path: tuple[str, ...]) -> tuple[str, ...] | None:
    if len(path) > DEEPEST or not isinstance(value, list):
        return None
    if not isinstance(value, _Pairs):
        parts = ((f"[{index}]", part) for index, part in enumerate(value))
        return next((found for name, part in parts if (found := _search(part, (*path, name)))), None)
    seen: set[str] = set()
    for key, part in value:
        if key in seen:
            return (*path, shown(key))
        seen.add(key)
        if found := _search(part, (*path, shown(key))):
            return found
    return None


def shown(key: str) -> str:
    """Return a key for use in a message; a key that looks like data is not repeated."""
    return key if _PLAIN_KEY.match(key) else "(key)"

"""`expect.yaml`: the differences that somebody expects, each with its reason and the role of who reviewed it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from service import yaml_loaders
from service.errors import ServiceError
from service.nearest import nearest_hint
from service.replay.compare import Change, Kind

# Nothing makes these acceptable: a faulty card, and an answer that depends on something nobody knows.
NEVER = frozenset({Kind.INVALID, Kind.UNSTABLE})
_LOSSES = frozenset({Kind.REMOVED, Kind.DOWNGRADED, Kind.INCOMPLETE_REMOVED})
_ERRORS = frozenset({Kind.CARD_TO_ERROR, Kind.ERROR_TO_ERROR})


class ExpectError(ServiceError):
    """An `expect.yaml` that cannot be used."""

    exit_code = 64


def _several(value: object) -> object:
    return value if isinstance(value, list) else [value]


class Allowance(BaseModel):
    """One difference that is allowed. What is left out is any; `at_most` limits how often it may be found."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    change: Annotated[tuple[Kind, ...], BeforeValidator(_several), Field(min_length=1)]
    rule: str | None = None
    pair: tuple[str, str] | None = None
    before: str | None = None
    after: str | None = None
    at_most: int | None = Field(default=None, ge=0)
    reason: str = Field(min_length=1)
    reviewer: str = Field(min_length=1)

    def covers(self, change: Change, topics: Mapping[str, str]) -> bool:
        """Say whether it speaks of a change; `topics` leads from the id of a rule to its topic code."""
        return (
            change.kind in self.change
            and self.rule in (None, change.topic, *(rule for rule, topic in topics.items() if topic == change.topic))
            and (self.pair is None or set(self.pair) in [set(pair.split(" + ")) for pair in change.pair.split(", ")])
            and self.before in (None, change.before)
            and self.after in (None, change.after)
        )


class Expected(BaseModel):
    """The whole file."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    schema_: Literal[1] = Field(alias="schema")
    allow: tuple[Allowance, ...]


@dataclass(frozen=True, slots=True)
class Judged:
    """Some changes that are alike, and whether they may be. `by` is the allowance; `why` says what forbids them."""

    change: Change
    n: int
    by: Allowance | None = None
    why: str | None = None


def read_expected(file: Path) -> Expected:
    """Read an `expect.yaml`; raises ExpectError with every problem of it, one a line."""
    try:
        return Expected.model_validate(yaml.load(file.read_bytes(), Loader=yaml_loaders.SAFE))  # noqa: S506 - the safe one
    except OSError as error:
        raise ExpectError(f"{file}: cannot be read ({error.strerror}). Give a readable file.") from None
    except (yaml.YAMLError, UnicodeDecodeError):
        raise ExpectError(f"{file}: is not well-formed YAML. Mend the file.") from None
    except ValidationError as error:
        lines = (f"{file}: {_place(item['loc'])}: {_told(item)}" for item in error.errors(include_url=False))
        raise ExpectError("\n".join(lines)) from None


def _place(loc: Sequence[int | str]) -> str:
    return ".".join(map(str, loc)) or "the file"


def _told(problem: object) -> str:
    kind, loc, message = (problem[name] for name in ("type", "loc", "msg"))  # type: ignore[index]
    if kind == "extra_forbidden":
        return f"no such key.{nearest_hint(str(loc[-1]), Allowance.model_fields)}"
    return f"{message[:1].lower()}{message[1:]}."


def judge(
    groups: Iterable[tuple[Change, int]], expected: Expected | None, topics: Mapping[str, str]
) -> tuple[Judged, ...]:
    """Judge each group of changes that are alike.

    Without an `expect.yaml` a lost or quieter warning and any error is forbidden, the rest is allowed; with one,
    whatever it does not name is forbidden too.
    """
    every = list(groups)
    found: list[Judged] = []
    allowances = expected.allow if expected else ()
    matched = [(change, n, _first(allowances, change, topics)) for change, n in every]
    totals = {id(item): sum(n for _, n, by in matched if by is item) for item in allowances}
    for change, n, by in matched:
        over = by is not None and by.at_most is not None and totals[id(by)] > by.at_most
        if by and over:
            why: str | None = f"expected at most {by.at_most} times, found {totals[id(by)]} times"
        elif by:
            why = None
        else:
            why = forbidden(change) or ("not named in the expect file" if expected else None)
        found.append(Judged(change, n, None if over else by, why))
    return tuple(found)


def unused(judged: Sequence[Judged], expected: Expected | None) -> tuple[Allowance, ...]:
    """Return the allowances that met nothing: an edit that did not take effect, or a line to remove."""
    used = {id(item.by) for item in judged}
    return tuple(item for item in (expected.allow if expected else ()) if id(item) not in used)


def forbidden(change: Change) -> str | None:
    """Say why a change needs somebody's word, or None."""
    if change.kind in NEVER:
        return "never allowed"
    if change.kind in _ERRORS:
        return "an error"
    return f"a {change.before} is lost" if change.kind in _LOSSES and change.loud else None


def _first(allowances: Sequence[Allowance], change: Change, topics: Mapping[str, str]) -> Allowance | None:
    if change.kind in NEVER:
        return None
    return next((item for item in allowances if item.covers(change, topics)), None)

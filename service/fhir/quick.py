"""Dates and numbers as nearly everybody writes them, read without a step through Python.

The types of fhir.resources hold every date and every decimal against a pattern in Python, which is most of what a
narrow model costs. What a quick way accepts is a part of what they accept, and becomes the same value; all else is left
to them.
"""

import typing
from typing import Annotated, Any

from fhir_core import types as fhir
from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

_DAY = r"[12][0-9]{3}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
_TIME = r"T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,6})?(Z|[+-](0[0-9]|1[0-3]):[0-5][0-9])"


def _written(pattern: str, then: CoreSchema) -> CoreSchema:
    return core_schema.chain_schema([core_schema.str_schema(strict=True, pattern=f"^{pattern}$"), then])


_ON_A_DAY = _written(_DAY, core_schema.date_schema())
_AT_A_TIME = _written(_DAY + _TIME, core_schema.datetime_schema())
_WAYS: dict[type, list[CoreSchema]] = {
    fhir.Date: [_ON_A_DAY],
    fhir.DateTime: [_ON_A_DAY, _AT_A_TIME],
    fhir.Instant: [_AT_A_TIME],
    fhir.Decimal: [
        core_schema.chain_schema([core_schema.int_schema(strict=True), core_schema.decimal_schema()]),
        core_schema.chain_schema(
            [core_schema.float_schema(strict=True, allow_inf_nan=False), core_schema.decimal_schema()]
        ),
    ],
}


class Quick:
    """Tries the quick ways of a type before the type itself."""

    def __init__(self, ways: list[CoreSchema]) -> None:
        """Take the schemas to try, in their order."""
        self.ways = ways

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Make the schema for pydantic."""
        return core_schema.union_schema([*self.ways, handler(source)], mode="left_to_right")


def quickened(annotation: Any) -> Any:
    """Return the annotation of an element with the quick ways of its type."""
    for part in typing.get_args(annotation):
        for mark in getattr(part, "__metadata__", ()):
            if ways := _WAYS.get(type(mark)):
                return Annotated[part, Quick(ways)] | None
    return annotation

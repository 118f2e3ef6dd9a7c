"""A property that is worked out when it is first asked for."""

from collections.abc import Callable
from typing import Any, Generic, TypeVar

Made = TypeVar("Made")


class kept(Generic[Made]):  # noqa: N801 - it stands where `property` does
    """A property that an object of one thread works out once and then has as an attribute.

    `functools.cached_property` takes a lock each time, up to Python 3.11: of a decision that is a thirtieth.
    """

    def __init__(self, made: Callable[[Any], Made]) -> None:
        self._made, self.__doc__ = made, made.__doc__

    def __set_name__(self, _owner: type, name: str) -> None:
        self._name = name

    def __get__(self, of: object, _owner: type | None = None) -> Made:
        made = of.__dict__[self._name] = self._made(of)
        return made

"""Checks of the feedback page, which a service may have (CDS Hooks 2.0.1, Feedback)."""

from collections.abc import Iterable, Iterator
from typing import Any

from service.conformance.client import NOT_FOUND, Exchange, refused
from service.conformance.model import Check, Level, Observation, observe
from service.conformance.visit import Posted, Visit

SHALL, SHOULD = Level.SHALL, Level.SHOULD

# Nothing is there, or nobody was let in to see.
_NO_PAGE = frozenset({401, 403, 404, 405, 501})


def served(visit: Visit) -> frozenset[str]:
    """Name the services whose feedback page is there: not every post is answered as if there was none."""
    return frozenset(item.service for item in visit.feedback if item.exchange.status not in (*_NO_PAGE, None))


def _posts(visit: Visit, kind: str) -> Iterator[Posted]:
    pages = served(visit)
    return (item for item in visit.feedback if item.service in pages and item.kind == kind)


def _accepts(kind: str) -> Any:
    def look(visit: Visit) -> Iterable[Observation]:
        for item in _posts(visit, kind):
            yield observe(_where(item), "2xx", item.exchange.told, holds=_is_success(item.exchange))

    return look


def _refuses(visit: Visit) -> Iterable[Observation]:
    for item in _posts(visit, "malformed"):
        yield observe(_where(item), "4xx", item.exchange.told, holds=refused(item.exchange))


def _unknown(visit: Visit) -> Iterable[Observation]:
    for item in visit.feedback:
        if item.kind == "unknown service" and served(visit):
            yield observe(_where(item), "HTTP 404", item.exchange.told, holds=item.exchange.status == NOT_FOUND)


def _where(item: Posted) -> str:
    return f"{item.service}/feedback ({item.variant})"


def _is_success(exchange: Exchange) -> bool:
    return exchange.status is not None and 200 <= exchange.status < 300


_CARD = "a feedback page, and an answer with a card that has a uuid: give --request"

CHECKS = (
    Check(
        "feedback.accepted",
        "Feedback on an accepted suggestion is taken.",
        SHALL,
        (92, 94, 95, 99),
        _accepts("accepted"),
        (148,),
        needs="a feedback page, and an answer with a suggestion that has a uuid",
    ),
    Check(
        "feedback.overridden",
        "Feedback on an overridden card is taken.",
        SHALL,
        (92, 94, 96, 99),
        _accepts("overridden"),
        (148,),
        needs=_CARD,
    ),
    Check(
        "feedback.batch",
        "Several entries in one post are taken.",
        SHALL,
        (93, 97),
        _accepts("batch"),
        (148,),
        needs=_CARD,
    ),
    Check(
        "feedback.repeated",
        "Feedback that is sent again is taken again.",
        SHOULD,
        (97,),
        _accepts("sent again"),
        (148,),
        needs=_CARD,
    ),
    Check(
        "feedback.malformed",
        "Feedback that is no array of entries is refused.",
        SHALL,
        (93, 94),
        _refuses,
        (148,),
        needs="a feedback page",
    ),
    Check(
        "feedback.unknown-service",
        "There is no feedback page of a service that is not offered.",
        SHALL,
        (92,),
        _unknown,
        (148,),
        needs="a feedback page",
    ),
)

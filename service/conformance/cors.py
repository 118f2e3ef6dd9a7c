"""Checks of what a client in a browser needs (CDS Hooks 2.0.1, Cross-Origin Resource Sharing; Fetch, CORS protocol)."""

from collections.abc import Iterable, Iterator

from service.conformance.client import Exchange
from service.conformance.model import Check, Level, Observation, observe
from service.conformance.reading import shown
from service.conformance.visit import Crossed, Visit

SHALL, SHOULD = Level.SHALL, Level.SHOULD

_ALLOW = "access-control-allow-"


def _crossed(visit: Visit, kind: str) -> Iterator[Crossed]:
    return (item for item in visit.crossed if item.kind == kind)


def _preflight(visit: Visit) -> Iterable[Observation]:
    for item in _crossed(visit, "preflight"):
        status = item.exchange.status
        success = status is not None and 200 <= status < 300
        yield observe(f"OPTIONS {item.where}", "2xx without a token", item.exchange.told, holds=success)
        yield _allows_origin(item, visit.origin)


def _allowed(visit: Visit) -> Iterable[Observation]:
    for item in _crossed(visit, "preflight"):
        wanted = {"authorization"} if item.where == "discovery" else {"authorization", "content-type"}
        allowed = _names(item.exchange, "headers")
        # The wildcard covers every header but Authorization (Fetch).
        missing = (wanted & {"authorization"} if "*" in allowed else wanted) - allowed
        came = f"without {', '.join(sorted(missing))}"
        yield observe(f"OPTIONS {item.where}", "the headers of a call allowed", came, holds=not missing)
        if item.where != "discovery":
            methods = _names(item.exchange, "methods")
            # GET, HEAD and POST need no permission (Fetch), but a list that is sent has to be right.
            holds = not methods or bool({"post", "*"} & methods)
            yield observe(f"OPTIONS {item.where}", "POST allowed", ", ".join(sorted(methods)), holds=holds)


def _answers(visit: Visit) -> Iterable[Observation]:
    for item in _crossed(visit, "answer"):
        yield _allows_origin(item, visit.origin)


def _errors(visit: Visit) -> Iterable[Observation]:
    for item in _crossed(visit, "error"):
        yield _allows_origin(item, visit.origin)


def _credentials(visit: Visit) -> Iterable[Observation]:
    for item in visit.crossed:
        headers = item.exchange.headers
        both = headers.get(f"{_ALLOW}origin") == "*" and headers.get(f"{_ALLOW}credentials", "").lower() == "true"
        yield observe(item.where, "no credentials for any origin", "* with credentials", holds=not both)


def _allows_origin(item: Crossed, origin: str) -> Observation:
    came = item.exchange.headers.get(f"{_ALLOW}origin")
    told = (
        "no Access-Control-Allow-Origin; give --origin if another origin may call, or --skip cors if none may"
        if came is None
        else shown(came)
    )
    where = f"{item.where} ({item.kind})"
    return observe(where, f"Access-Control-Allow-Origin for {origin}", told, holds=came in ("*", origin))


def _names(exchange: Exchange, what: str) -> set[str]:
    return {name.strip().lower() for name in exchange.headers.get(_ALLOW + what, "").split(",") if name.strip()}


CHECKS = (
    Check(
        "cors.preflight",
        "A preflight is answered without a token and without a redirect.",
        SHALL,
        (112,),
        _preflight,
        (208,),
    ),
    Check("cors.allowed", "A preflight allows the method and the headers of a call.", SHALL, (112,), _allowed, (208,)),
    Check(
        "cors.answers",
        "Answers can be read by a page of the origin.",
        SHALL,
        (112,),
        _answers,
        (208,),
    ),
    Check("cors.errors", "Errors can be read by a page of the origin, too.", SHALL, (112,), _errors, (208,)),
    Check("cors.credentials", "Credentials are not allowed to any origin.", SHOULD, (112,), _credentials),
)

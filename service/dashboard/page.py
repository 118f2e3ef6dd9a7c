"""The dashboard over HTTP: the page, its plots, and its tables as CSV."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from threading import Lock
from time import monotonic
from urllib.parse import urlsplit

from flask import Blueprint, Response, request

from service.dashboard.figures import Figures, Period, figures
from service.dashboard.plots import PLOTS
from service.dashboard.tables import TABLES, as_csv, latency_text
from service.errors import InvalidRequest, TooManyAttempts, UnknownService
from service.pages import Pages
from service.pages.blueprint import page_response
from service.pages.page import FORMS
from service.password import Gate
from service.rates import Share
from service.settings import Settings
from service.site import Site
from service.trust import is_loopback

TEMPLATE = "dashboard/templates/dashboard.html"
REALM = 'Basic realm="upadacitinib-cds dashboard", charset="UTF-8"'
WEEKS, MOST_DAYS = 12, 800
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
# Days before and after these must be days, too.
_EARLIEST, _LATEST = date(2000, 1, 1), date(9998, 12, 31)
# The page asks for its plots right after itself: they are drawn from what it was made from.
KEPT_SECONDS, KEPT_PERIODS = 30.0, 8


def has_dashboard(settings: Settings) -> bool:
    """Tell whether a site has a dashboard: with a password, or where only people at this machine can see it."""
    return settings.dashboard_password_hash is not None or _only_here(settings)


def _only_here(settings: Settings) -> bool:
    public = urlsplit(settings.public_base_url).hostname if settings.public_base_url else None
    reached = (settings.host, public or "localhost")
    return all(is_loopback(host) for host in reached) and not any(client.has_keys for client in settings.clients)


def dashboard_blueprint(site: Site, frame: Pages) -> Blueprint:
    """Make /dashboard and what belongs to it; nothing of it is served to who may not see it."""
    pages = Blueprint("dashboard", __name__)
    pages.before_request(_door(site.settings))
    kept = _Kept(lambda period: _figures(period, site))

    @pages.get("/dashboard")
    def dashboard() -> Response:
        found = kept.of(_period(site.clock()))
        said = {
            "percent": percent,
            "time": latency_text,
            "query": _query(found.period),
            "policy": _policy(site.settings),
        }
        return page_response(frame, TEMPLATE, needs=(FORMS,), found=found, **said)

    @pages.get("/dashboard/<table>.csv")
    def table(table: str) -> Response:
        rows = TABLES.get(table)
        if rows is None:
            raise UnknownService(f"There is no such table. There are {', '.join(TABLES)}.")
        response = Response(as_csv(rows(kept.of(_period(site.clock())))), mimetype="text/csv")
        response.headers["Content-Disposition"] = f'attachment; filename="upadacitinib-cds-{table}.csv"'
        return response

    @pages.get("/dashboard/<plot>.svg")
    def plot(plot: str) -> Response:
        drawn = PLOTS.get(plot)
        if drawn is None:
            raise UnknownService(f"There is no such plot. There are {', '.join(PLOTS)}.")
        response = Response(drawn(kept.of(_period(site.clock()))), mimetype="image/svg+xml")
        # pygal writes its styles into the picture; nothing else is allowed there.
        response.headers["Content-Security-Policy"] = "default-src 'none'; style-src 'unsafe-inline'"
        return response

    return pages


def _door(settings: Settings) -> Callable[[], Response | None]:
    """Return what lets people in: a password, or, where only this machine can reach the page, a name of it."""
    hashed = settings.dashboard_password_hash
    if hashed is None:
        return _admit_this_machine
    gate = Gate(hashed.get_secret_value())

    def admit() -> Response | None:
        if gate.opens(request.headers.get("Authorization")):
            return None
        if gate.waits():
            raise TooManyAttempts("There were too many wrong passwords. Try again in a minute.")
        response = Response(status=401, headers={"WWW-Authenticate": REALM})
        del response.headers["Content-Type"]
        return response

    return admit


def _admit_this_machine() -> None:
    # A name of somebody else's making that points here is none of this machine.
    if not is_loopback(urlsplit(f"//{request.host}").hostname or ""):
        raise UnknownService("The dashboard is only shown under a name of this machine, say 127.0.0.1.")


@dataclass(slots=True)
class _Kept:
    """The figures of the last periods, for a moment."""

    make: Callable[[Period], Figures]
    _made: dict[Period, tuple[float, Figures]] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def of(self, period: Period) -> Figures:
        """Return the figures of a period. Raises StoreUnavailable."""
        with self._lock:
            at, found = self._made.get(period, (0.0, None))
            if found is None or monotonic() - at > KEPT_SECONDS:
                found = self.make(period)
                self._made.pop(period, None)
                self._made[period] = (monotonic(), found)
                while len(self._made) > KEPT_PERIODS:
                    self._made.pop(next(iter(self._made)))
            return found


def _figures(period: Period, site: Site) -> Figures:
    store = site.store()
    cards = store.outcomes(_midnight(period.since), _midnight(period.until + timedelta(days=1)))
    return figures(period, cards, store.calls(period.since, period.until), _enabled(site))


def _enabled(site: Site) -> Iterable[str]:
    rules = site.engine.catalogue.rules.items() if site.engine else ()
    applying = (name for name, rule in rules if site.settings.jurisdiction in rule.clauses)
    return tuple(name for name in applying if name not in site.settings.disabled_rules)


def _period(now: datetime) -> Period:
    """Read ?from= and ?to=, days in UTC; without them the last weeks up to today."""
    today = now.astimezone(UTC).date()
    until = _day("to", today)
    since = _day("from", until - timedelta(days=7 * WEEKS - 1))
    if since > until or (until - since).days > MOST_DAYS:
        raise InvalidRequest(f"from must be a day before to, at most {MOST_DAYS} days. Mend the dates in the address.")
    return Period(since, until, today)


def _day(name: str, default: date) -> date:
    text = request.args.get(name)
    if text is None:
        return default
    try:
        if _DAY.fullmatch(text) and _EARLIEST <= (day := date.fromisoformat(text)) <= _LATEST:
            return day
    except ValueError:
        pass
    raise InvalidRequest(f"{name} is no day from {_EARLIEST} to {_LATEST}. Write it as 2026-03-16.")


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, UTC)


def _query(period: Period) -> str:
    return f"from={period.since}&to={period.until}"


def _policy(settings: Settings) -> dict[str, tuple[str, ...]]:
    return {"disabled": settings.disabled_rules, "silent": settings.silent_rules}


def percent(share: Share) -> str:
    """Write a share for the page: "27% (24-31%)", or "none" where there is nothing to divide by."""
    return f"{100 * share.events / share.of:.0f}% ({share.interval})" if share.of else "none"

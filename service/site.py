"""What the pages of one site share: its settings, its knowledge, who may call, and where calls leave their traces."""

import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime

from cards import KnowledgeError
from service import telemetry
from service.answer import OVER_HTTP, Engine, build_engine
from service.audit.trail import Trail
from service.clients.auth import Authenticator
from service.documented import Memory
from service.errors import NotReady, StoreUnavailable
from service.fhir_access.breaker import Breaker
from service.fhir_access.fetch import FhirReader
from service.in_flight import InFlight
from service.ledger import Ledger
from service.pseudonyms import Pseudonyms
from service.recording.recorder import Recorder, taking
from service.settings import Settings, check_options, check_rules
from service.stopping import Stopping
from service.store import Opener, Place
from service.tallies import Tallies
from service.telemetry import Counts

Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """One site in one process. `clock` gives an aware time and is asked once per call; `fhir` reads from FHIR servers.

    Without usable knowledge there is no `engine`; `recorder` and `trail` are there where the settings want them.
    `stopping` says that the server is about to end.
    """

    settings: Settings
    clock: Clock
    engine: Engine | None
    trust: Authenticator
    fhir: Breaker
    counts: Counts
    store: Opener
    pseudonyms: Pseudonyms
    ledger: Ledger
    memory: Memory
    tallies: Tallies
    in_flight: InFlight
    recorder: Recorder | None = None
    trail: Trail | None = None
    stopping: Stopping | None = None

    def usable_engine(self) -> Engine:
        """Return the engine. Raises NotReady without knowledge."""
        if self.engine is None:
            raise NotReady("The knowledge could not be loaded. Ask the operator to look at /readyz and the log.")
        return self.engine

    def today(self) -> date:
        """Return the day of the site, in its own time zone."""
        return self.clock().astimezone(self.settings.zone).date()

    def begin(self) -> None:
        """Do in a new worker what no call shall wait for: look at the database, and fetch clients' keys.

        A worker that saw a usable database goes on with it when a later version migrates it.
        """
        # How the database stands is said at /readyz.
        with suppress(StoreUnavailable):
            self.store().check()
        self.trust.refresh()

    def close(self) -> None:
        """Write what is left of cards and counts, where no worker process ends by itself."""
        self.tallies.close()
        self.ledger.close()


def site_of(
    settings: Settings,
    trust: Authenticator,
    clock: Clock,
    *,
    ready: bool = False,
    fhir: FhirReader = OVER_HTTP,
    stopping: Stopping | None = None,
) -> Site:
    """Make what a site needs. Without usable knowledge it has no engine, or with `ready` raises KnowledgeError.

    Raises SettingsError if the settings name a rule or an option that the knowledge does not have, or recordings that
    cannot be made.
    """
    engine = _engine(settings, ready=ready)
    store, pseudonyms = Opener(Place.of(settings)), Pseudonyms.of_site(settings)
    return Site(
        settings=settings,
        clock=clock,
        engine=engine,
        trust=trust,
        fhir=Breaker(fhir),
        counts=Counts(),
        store=store,
        pseudonyms=pseudonyms,
        ledger=Ledger(store, pseudonyms, clock),
        memory=Memory.of_site(settings, store, pseudonyms),
        tallies=Tallies(store),
        in_flight=InFlight(settings.max_calls_at_once),
        recorder=_recorder(settings, engine),
        trail=Trail.of_site(settings, pseudonyms, clock),
        stopping=stopping,
    )


def _engine(settings: Settings, *, ready: bool) -> Engine | None:
    try:
        engine = build_engine(settings)
    except KnowledgeError as error:
        if ready:
            raise
        telemetry.write("knowledge-unusable", level=logging.ERROR, problems=list(error.problems))
        return None
    check_rules(settings, engine.catalogue.rules)
    check_options(settings, engine.catalogue.options.ingredients())
    return engine


def _recorder(settings: Settings, engine: Engine | None) -> Recorder | None:
    made_with = taking(settings, engine.catalogue) if engine is not None else None
    return None if made_with is None else Recorder(made_with)

"""SIGHUP in the process that `upa-cds serve` is: read the knowledge again, and replace the workers one by one.

The knowledge is read, checked and warmed here, so a worker never starts with any that cannot be used. Where it is
refused, nothing is replaced: the old workers go on, the log and /readyz say why. The settings are not read again.
"""

import logging
import mmap
import os
import signal
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from importlib import import_module
from time import sleep
from typing import Any

from cards import Catalogue, KnowledgeError
from service import telemetry
from service.errors import ServiceError
from service.in_force import Files, InForce, Knowledge, Outcome, Reload, now
from service.settings import Settings
from service.stopping import STOPPING

Application = Callable[..., Any]
Respond = Callable[..., Any]
POLL_SECONDS = 0.05


def application(settings: str, before: Any = None) -> Any:
    """Make the Flask application of these settings (JSON) and warm it; it may take the place of another."""
    from service.app import SITE, create_app, warm

    # Who may call is no matter of the knowledge: keys of clients that are known stay known.
    trust = before.extensions[SITE].trust if before else None
    app = create_app(Settings.model_validate_json(settings), ready=True, trust=trust, stopping=STOPPING)
    warm(app)
    # Once for all workers, which are forked, rather than in each with its first card.
    import_module("service.store.sql")
    return app


@dataclass
class Applications:
    """Gives each new worker the application of the newest knowledge that could be used; a fork inherits it warm.

    `settings` are JSON: where workers do not fork, they get these and make it themselves.
    """

    settings: str = field(repr=False)
    _made: Any = None
    _catalogue: Catalogue | None = None
    # Shared by the workers, so that one of an older generation knows that it is.
    _generation: mmap.mmap = field(default_factory=lambda: mmap.mmap(-1, 1))

    def __call__(self) -> Any:
        """Return the application, made if nobody made it yet. Raises KnowledgeError, SettingsError."""
        if self._made is None:
            self.renew()
        if self._made is None:
            raise AssertionError("an application was made")
        return self._made

    def __reduce__(self) -> tuple[type["Applications"], tuple[str]]:
        """Travel as the settings alone."""
        return Applications, (self.settings,)

    @property
    def knowledge(self) -> Knowledge:
        """Say which knowledge the application answers from."""
        if self._catalogue is None:
            raise AssertionError("an application was made")
        return Knowledge(self._catalogue.version, self._catalogue.sha256)

    def renew(self) -> None:
        """Make the application anew, from the knowledge as it is now; if that raises, the old one stays."""
        from service.app import SITE

        app = application(self.settings, self._made)
        number = (self._generation[0] + 1) % 256
        self._made, self._catalogue = app, app.extensions[SITE].engine.catalogue
        app.wsgi_app = _leaving(app.wsgi_app, self._generation, number)
        self._generation[0] = number


def _leaving(serve: Application, generation: mmap.mmap, own: int) -> Application:
    """Have a worker that is being replaced close each connection with its answer, so that no caller finds it cut."""

    def served(environ: Any, respond: Respond) -> Iterable[bytes]:
        if generation[0] == own:
            return serve(environ, respond)  # type: ignore[no-any-return]

        def last(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
            return respond(status, [*headers, ("Connection", "close")], *more)

        return serve(environ, last)  # type: ignore[no-any-return]

    return served


@dataclass
class Reloading:
    """What the serving process does with SIGHUP; `server` is granian's."""

    server: Any
    applications: Applications
    files: Files
    _process: int = field(default_factory=os.getpid)
    _number: int = 0

    def begin(self) -> None:
        """Say what is served, and answer SIGHUP from now on: granian calls this once it has handlers of its own."""
        self.files.write(InForce(self._process, self.applications.knowledge))
        signal.signal(signal.SIGHUP, self._hung_up)

    def end(self) -> None:
        """Say nothing more."""
        self.files.state.unlink(missing_ok=True)

    def _hung_up(self, *_: object) -> None:
        # A worker inherits the handler, and a terminal that closes tells all of them.
        if os.getpid() != self._process:
            return
        self._number += 1
        if problems := self._problems():
            telemetry.write("knowledge-refused", level=logging.ERROR, problems=problems)
            self._say(Outcome.REFUSED, tuple(problems))
            return
        self._say(Outcome.REPLACING)
        leaving = list(self.server.wrks)
        self.server.signal_handler_reload()
        threading.Thread(target=self._wait_for, args=(leaving, self._number), daemon=True).start()

    def _problems(self) -> list[str]:
        try:
            self.applications.renew()
        except KnowledgeError as error:
            return list(error.problems)
        except ServiceError as error:
            return error.message.splitlines()
        except Exception as error:
            # Whatever it is, the service goes on with what it has.
            said = telemetry.failure(error)
            return [f"the knowledge could not be loaded ({said['error']} at {said['at']}); report it"]
        return []

    def _wait_for(self, leaving: list[Any], number: int) -> None:
        while any(worker.is_alive() for worker in leaving):
            sleep(POLL_SECONDS)
        if number == self._number:
            said = self.applications.knowledge
            telemetry.write("knowledge-reloaded", knowledge=f"{said.version} {said.sha256}")
            self._say(Outcome.DONE)

    def _say(self, outcome: Outcome, problems: tuple[str, ...] = ()) -> None:
        reload = Reload(self._number, outcome, now(), problems)
        try:
            self.files.write(InForce(self._process, self.applications.knowledge, reload))
        except OSError as error:
            telemetry.write("reload-not-told", level=logging.ERROR, **telemetry.failure(error))

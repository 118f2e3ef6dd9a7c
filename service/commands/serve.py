"""Run the service on granian: checked first, in the foreground, settings handed to every worker process."""

import ctypes
import errno
import signal
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from granian import Granian
from granian.constants import Interfaces, SSLProtocols
from granian.log import LogLevels

from service.commands.reloading import Applications, Reloading
from service.commands.respawning import Respawns
from service.errors import SettingsError
from service.folders import prepared
from service.in_force import Files
from service.pseudonyms import FILE as KEY_FILE
from service.pseudonyms import Pseudonyms
from service.settings import Settings, share_metrics
from service.stopping import STOPPING
from service.store import Place, State
from service.store.own import own_migrated, state_at
from service.telemetry import configure_logging, logging_config
from service.tls import refuse_unusable_tls

# A stalled client holds one thread and nothing else; past the backpressure, connections wait in the backlog.
THREADS = 64
BACKPRESSURE = 128
FINISH_SECONDS = 10
# Measured (tests/soak): without the limit a worker grows to twice the memory under large bodies.
M_ARENA_MAX, HEAPS = -8, 2
METRICS_FOLDER = "metrics"
# How long an old worker and the new one in its place both take calls: connections that are in use move over.
HANDOVER_SECONDS = 1.0


def serve(settings: Settings, announce: Callable[[str], None]) -> None:
    """Serve until SIGINT or SIGTERM; calls under way are finished first. SIGHUP reads the knowledge again.

    Raises SettingsError if the address may not or cannot be used, or if the data folder cannot; KnowledgeError.
    """
    refuse_open_door(settings)
    refuse_taken_port(settings)
    prepare_data_dir(settings.data_dir)
    prepare_metrics(settings)
    refuse_unusable_tls(settings)
    share_heaps()
    # What the start has to say about clients' keys is a log line like any other.
    configure_logging(settings.log_level)
    applications = Applications(settings.model_dump_json())
    # Made here already, so that bad knowledge stops the start; forked workers inherit it warm.
    prepare_records(settings, announce, meanwhile=applications)
    announce(f"Serving {settings.address}/cds-services with {settings.workers} workers. Ctrl-C stops it.")
    if settings.shows_sandbox:
        announce(f"To try it in a browser: {settings.address}/sandbox")
    if not any(client.has_keys for client in settings.clients):
        announce("No client with keys is configured: anybody on this machine may call, and nobody else.")
    if settings.order_helper:
        announce("The order helper is offered beside the service: it is for testing and checks nothing.")
    server, files = granian_server(settings), Files.of(settings)
    with files.hold():
        reloading = Reloading(server, applications, files)
        server.on_startup(reloading.begin)
        if settings.drain_seconds:
            server.on_startup(lambda: _stop_late(server, settings.drain_seconds))
        server.on_shutdown(reloading.end)
        server.serve(target_loader=partial(in_worker, settings, applications), wrap_loader=False)


def in_worker(settings: Settings, load: Callable[[], Any]) -> Any:
    """Load the application in a worker, and begin what runs beside the calls there."""
    from service.app import METRICS, SITE

    app = load()
    # A worker that takes the place of another begins with keys as old as the service.
    threading.Thread(target=app.extensions[SITE].begin, name="begin", daemon=True).start()
    if settings.metrics_port is not None:
        from service.metrics.server import MetricsServer

        folder = settings.data_dir / METRICS_FOLDER
        MetricsServer(app.extensions[METRICS], folder, settings.metrics_host, settings.metrics_port).start()
    return app


def _stop_late(server: Any, seconds: float) -> None:
    """Answer on for a while after SIGTERM, as not ready; a second one, or SIGINT, stops at once."""

    def begin(*_: object) -> None:
        if STOPPING:
            server.signal_handler_interrupt()
            return
        STOPPING.begin()
        later = threading.Timer(seconds, server.signal_handler_interrupt)
        later.daemon = True
        later.start()

    # The server has set its own by now, and its workers set theirs.
    signal.signal(signal.SIGTERM, begin)


def share_heaps() -> None:
    """Let the threads of a worker share two heaps (glibc, mallopt): else many keep the largest bodies they read."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(M_ARENA_MAX, HEAPS)


def refuse_open_door(settings: Settings) -> None:
    """Refuse to listen beyond this machine unless every caller must prove who it is, for an address that we know."""
    if settings.loopback:
        return
    where = f"host {settings.host}: this address is reachable from other machines, and"
    open_ids = ", ".join(client.id for client in settings.clients if not client.has_keys)
    if not settings.clients:
        raise SettingsError(
            f"{where} no client is configured. "
            'Add one with "upa-cds client add" to the TOML file, or listen on 127.0.0.1.'
        )
    if open_ids:
        raise SettingsError(
            f"{where} there are no keys for: {open_ids}. "
            "Give each [[clients]] table its issuers and one of jwks_url, jwks_file, jwks, or listen on 127.0.0.1."
        )
    if settings.public_base_url is None:
        raise SettingsError(
            f"{where} public_base_url is not set. Set it to the address that clients call; their tokens name it."
        )


def refuse_taken_port(settings: Settings) -> None:
    """Refuse a port in use: granian would share it silently and get a part of the calls."""
    _refuse_taken(settings.host, settings.port, "port", "--port", "--host")


def _refuse_taken(host: str, port: int, name: str, port_choice: str, host_choice: str) -> None:
    place = f"{name} {port} on {host}"
    taken = SettingsError(f"{place}: another program uses it. Stop that program, or choose another {port_choice}.")
    family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, socket.SOCK_STREAM) as caller:
        caller.settimeout(0.5)
        if caller.connect_ex(address) == 0:
            raise taken
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        if hasattr(socket, "SO_REUSEPORT"):
            # Where a port can be shared, this only allows one whose last connections are still closing.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(address)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise taken from error
            reason = f"it cannot be used ({error.strerror})"
            raise SettingsError(f"{place}: {reason}. Choose another {host_choice} or {port_choice}.") from error


def prepare_metrics(settings: Settings) -> None:
    """Make ready what the metrics are counted with, before anything is counted.

    Raises SettingsError where it is not installed, or where the port cannot be used.
    """
    if settings.metrics_port is None:
        return
    if find_spec("prometheus_client") is None:
        raise SettingsError(
            "metrics_port: metrics need prometheus-client, which is not installed. "
            "Install it: pip install 'upadacitinib-cds[metrics]'."
        )
    if settings.metrics_port == settings.port:
        raise SettingsError(f"metrics_port {settings.port}: this is the port of the service. Choose another.")
    _refuse_taken(settings.metrics_host, settings.metrics_port, "metrics_port", "metrics_port", "metrics_host")
    folder = prepared("data_dir", settings.data_dir / METRICS_FOLDER)
    for left in folder.glob("*.db"):
        left.unlink()
    share_metrics(folder)


def prepare_data_dir(folder: Path) -> None:
    """Make the data folder, for its user only."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        reason = f"it cannot be made ({error.strerror})"
        raise SettingsError(f"data_dir {folder}: {reason}. Give another folder with --data-dir.") from error


def prepare_records(
    settings: Settings, announce: Callable[[str], None], *, meanwhile: Callable[[], object] = lambda: None
) -> None:
    """Make what issued cards and feedback are kept with: the key of the pseudonyms, and our own database.

    While the database is migrated, `meanwhile` is called.

    Raises SettingsError if the key cannot be made or read. A database that cannot be used is told, and stops nothing.
    """
    place = Place.of(settings)
    try:
        Pseudonyms.of_site(settings).prepare()
    except OSError as error:
        raise SettingsError(
            f"data_dir {settings.data_dir}: the key {KEY_FILE} cannot be made or read ({error.strerror or 'damaged'}). "
            "Mend the folder, or put the key back."
        ) from error
    with own_migrated(place):
        meanwhile()
    if (state := state_at(place)) is not State.USABLE:
        announce(f'Cards are served, but not recorded: {place} is {state}. See "upa-cds db status".')


def granian_server(settings: Settings) -> Any:
    """Make the server of these settings; what it serves is said when it starts."""
    server = Granian(
        "service",
        address="127.0.0.1" if settings.host == "localhost" else settings.host,
        port=settings.port,
        interface=Interfaces.WSGI,
        workers=settings.workers,
        blocking_threads=THREADS,
        backpressure=BACKPRESSURE,
        websockets=False,
        respawn_failed_workers=True,
        workers_kill_timeout=FINISH_SECONDS,
        respawn_interval=HANDOVER_SECONDS,
        log_level=LogLevels.error,
        log_dictconfig=logging_config(settings.log_level),
        log_access=False,
        ssl_cert=settings.tls_cert,
        ssl_key=settings.tls_key,
        ssl_protocol_min=SSLProtocols.tls12,
    )
    server.respawned_wrks = Respawns()
    return server

"""A site of two machines, as far as processes can be: PostgreSQL, haproxy, and clients that call all the time."""

import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Lock
from typing import Any, Self
from uuid import uuid4

import jwt
import pytest

import cards
import service
from service.store import Place
from tests.databases import new_database
from tests.fakes import SELECT
from tests.loopback import free_port
from tests.service.test_serve import ROOT, answers, recorded_request, wait_until
from tests.trust import ISSUER, Pair, jwks, pair

REQUIRED = "REQUIRE_PROXY"
CONFIG = Path(service.__file__).parent / "deploy" / "haproxy.cfg"
PACKAGED = Path(cards.__file__).parent / "knowledge"
SIGNER: Pair = pair("scale-out", algorithm="ES256")
HAPROXY = shutil.which("haproxy") or shutil.which("haproxy", path="/usr/sbin")


def need_proxy() -> str:
    """Give haproxy; skip without it, or fail where it is required."""
    if HAPROXY is None:
        reason = "haproxy is not installed (Debian: haproxy)"
        if os.environ.get(REQUIRED):
            pytest.fail(f"{REQUIRED} is set, but {reason}")
        pytest.skip(reason)
    return HAPROXY


@contextmanager
def proxy(listen: int, *behind: int) -> Iterator[None]:
    """Run haproxy with the configuration that is shipped, before two addresses of this machine."""
    first, second = (f"127.0.0.1:{port}" for port in behind)
    addresses = {"UPA_CDS_LISTEN": f"127.0.0.1:{listen}", "UPA_CDS_A": first, "UPA_CDS_B": second}
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(
        [need_proxy(), "-db", "-f", CONFIG], env=os.environ | addresses, stdout=quiet, stderr=quiet
    )
    try:
        yield
    finally:
        process.terminate()
        process.wait(timeout=30)


@dataclass
class Machine:
    """One `upa-cds serve` with a data folder of its own."""

    port: int
    folder: Path
    config: Path
    url: str
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it is ready."""
        command = [sys.executable, "-m", "service", "serve", "--port", str(self.port), "--data-dir", str(self.folder)]
        with (self.folder.parent / f"{self.folder.name}.log").open("ab") as log:
            self.process = subprocess.Popen(
                [*command, "--config", str(self.config)],
                cwd=ROOT,
                env=os.environ | {"UPA_CDS_DATABASE_URL": self.url},
                stderr=log,
                # So that it can be ended with all its workers at once.
                start_new_session=True,
            )
        wait_until(lambda: answers(self.port), 60)

    def stop(self) -> int:
        """End it as an orchestrator does."""
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(timeout=60)

    def kill(self) -> None:
        """End it as a power cut does: all of its processes, at once."""
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(timeout=30)

    def reload(self) -> None:
        """Have it read its knowledge again."""
        command = [sys.executable, "-m", "service", "reload", "--port", str(self.port), "--data-dir", str(self.folder)]
        subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL, timeout=120)


@dataclass
class Site:
    """Two machines behind one address, one database, and the client's own address for its tokens."""

    port: int
    machines: tuple[Machine, Machine]
    place: Place
    knowledge: Path

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def token(self) -> str:
        """Sign a token for one call."""
        now = int(time.time())
        said = {"iss": ISSUER, "aud": self.address + SELECT, "iat": now, "exp": now + 300, "jti": uuid4().hex}
        return jwt.encode(said, SIGNER.key, algorithm="ES256", headers={"kid": SIGNER.kid})

    def change_knowledge(self, version: str) -> None:
        """Write another version of the knowledge to where both machines read it."""
        file = self.knowledge / "knowledge.yaml"
        file.write_text(re.sub(r'(?m)^version: ".*"$', f'version: "{version}"', file.read_text(encoding="utf-8")))


@contextmanager
def two_machines(folder: Path, postgresql: str) -> Iterator[Site]:
    """Run a site, migrated, with one key of pseudonyms; ends all of its processes."""
    need_proxy()
    ports = [free_port() for _ in range(3)]
    place, knowledge = new_database(postgresql), shutil.copytree(PACKAGED, folder / "knowledge")
    assert place.url is not None
    config = _config(folder, ports[0], knowledge)
    machines = [Machine(port, folder / f"data-{port}", config, place.url.get_secret_value()) for port in ports[1:]]
    secret = os.urandom(32)
    try:
        for machine in machines:
            machine.folder.mkdir(mode=0o700)
            (machine.folder / "pseudonym.key").write_bytes(secret)
            machine.start()
        with proxy(*ports):
            wait_until(lambda: answers(ports[0]), 30)
            yield Site(ports[0], (machines[0], machines[1]), place, knowledge)
    finally:
        for machine in machines:
            if machine.process is not None and machine.process.poll() is None:
                machine.stop()


def _config(folder: Path, public: int, knowledge: Path) -> Path:
    keys = folder / "jwks.json"
    keys.write_text(json.dumps(jwks(SIGNER)))
    config = folder / "upa-cds.toml"
    config.write_text(f"""
public_base_url = "http://127.0.0.1:{public}"
knowledge = "{knowledge}"
used_tokens = "database"
drain_seconds = 2
log_level = "error"
[[clients]]
id = "ehr"
issuers = ["{ISSUER}"]
jwks_file = "{keys}"
algorithms = ["ES256"]
""")
    return config


@dataclass
class Traffic:
    """Callers that post an order and then feedback on its first card, each on a new connection with a new token."""

    site: Site
    stop: Event = field(default_factory=Event)
    faults: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    knowledge: set[str] = field(default_factory=set)
    calls: int = 0
    _lock: Lock = field(default_factory=Lock)
    _body: dict[str, Any] = field(default_factory=lambda: json.loads(recorded_request()))

    @classmethod
    @contextmanager
    def on(cls, site: Site, callers: int = 4) -> Iterator[Self]:
        """Call all through the block."""
        made = cls(site)
        with ThreadPoolExecutor(callers) as pool:
            runs = [pool.submit(made._run) for _ in range(callers)]
            try:
                made.goes_on(callers)
                yield made
                made.goes_on(callers)
            finally:
                made.stop.set()
        for run in runs:
            run.result()

    def goes_on(self, calls: int) -> None:
        """Wait until so many calls more were answered."""
        before = self.calls
        wait_until(lambda: self.calls >= before + calls, 60)

    def _run(self) -> None:
        while not self.stop.is_set():
            answered = self._post(SELECT, {**self._body, "hookInstance": str(uuid4())})
            if answered is not None and answered["cards"]:
                card = answered["cards"][0]["uuid"]
                self._tell(card)
            self.stop.wait(0.05)

    def _tell(self, card: str) -> None:
        """Tell of a card as clients do: again, until it is taken."""
        entry = {"card": card, "outcome": "overridden", "outcomeTimestamp": "2026-03-16T12:00:00Z"}
        for _ in range(3):
            if self._post(f"{SELECT}/feedback", {"feedback": [entry]}) is not None:
                with self._lock:
                    self.told.append(card)
                return

    def _post(self, path: str, body: dict[str, Any]) -> Any:
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self.site.token()}"}
        with closing(http.client.HTTPConnection("127.0.0.1", self.site.port, timeout=30)) as connection:
            try:
                connection.request("POST", path, json.dumps(body), headers)
                response = connection.getresponse()
                content = response.read()
            except OSError as error:
                return self._failed(type(error).__name__)
        if response.status != 200:
            return self._failed(str(response.status))
        with self._lock:
            self.calls += 1
            if named := response.headers["X-Knowledge"]:
                self.knowledge.add(named.partition("+")[0])
        return json.loads(content)

    def _failed(self, what: str) -> None:
        with self._lock:
            self.faults.append(what)

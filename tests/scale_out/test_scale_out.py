"""Two machines behind a proxy, under load: what an operator does to them, and what callers notice."""

import http.client
import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from threading import Thread

import pytest

from tests.databases import run_sql, store_at
from tests.fakes import SELECT, until
from tests.loopback import free_port
from tests.scale_out.site import Site, Traffic, proxy, two_machines
from tests.service.test_serve import answers, recorded_request, wait_until

pytestmark = pytest.mark.enable_socket
deep = pytest.mark.deep


@pytest.fixture
def site(tmp_path: Path, postgresql: str) -> Iterator[Site]:
    with two_machines(tmp_path, postgresql) as made:
        yield made


def counted(site: Site) -> dict[str, int]:
    with store_at(site.place) as store:
        return dict(store.counts())


def nothing_is_lost(site: Site, traffic: Traffic) -> None:
    """Every feedback that was answered 200 is in the database, with its card, once the queues are written."""
    assert traffic.told
    until(lambda: counted(site)["waiting"] == 0)
    assert counted(site)["feedback"] == len(traffic.told)


@deep
def test_one_machine_after_the_other_is_restarted_and_no_caller_notices(site: Site) -> None:
    with Traffic.on(site) as traffic:
        for machine in site.machines:
            assert machine.stop() == 0
            traffic.goes_on(8)
            machine.start()
            wait_until(lambda: answers(site.port))
            traffic.goes_on(8)
    assert traffic.faults == []
    nothing_is_lost(site, traffic)


@deep
def test_new_knowledge_reaches_both_machines_and_no_caller_notices(site: Site) -> None:
    with Traffic.on(site) as traffic:
        site.change_knowledge("9.9.9")
        for machine in site.machines:
            machine.reload()
        traffic.goes_on(4)
        traffic.knowledge.clear()
        traffic.goes_on(16)
        assert traffic.knowledge == {"9.9.9"}
    assert traffic.faults == []
    nothing_is_lost(site, traffic)


@deep
def test_the_database_is_migrated_by_a_later_version_and_no_caller_notices(site: Site) -> None:
    assert site.place.url is not None
    url = site.place.url.get_secret_value()
    with Traffic.on(site) as traffic:
        traffic.goes_on(16)
        # As a later version would: it adds, and says that it was there.
        run_sql(url, "ALTER TABLE issued_card ADD COLUMN later text; CREATE TABLE later (id int)")
        run_sql(url, "UPDATE alembic_version SET version_num = '9999'")
        traffic.goes_on(16)
    assert traffic.faults == []
    run_sql(url, "UPDATE alembic_version SET version_num = '0003'")
    nothing_is_lost(site, traffic)


@deep
def test_of_a_machine_that_dies_only_the_calls_under_way_are_lost_and_the_proxy_says_so(site: Site) -> None:
    first, _ = site.machines
    with Traffic.on(site) as traffic:
        first.kill()
        traffic.goes_on(16)
        lost = len(traffic.faults)
        traffic.goes_on(16)
        assert len(traffic.faults) == lost
        first.start()
        traffic.goes_on(8)
    # Four callers have four calls under way at most; each is told, and none is a refused token.
    assert lost <= 4
    assert set(traffic.faults) <= {"502"}
    told = set(traffic.told)
    with store_at(site.place) as store:
        # What the dead machine had not written of its cards is waited for; of the feedback nothing is missing.
        assert store.counts()["feedback"] == len(told)


@deep
def test_a_token_that_one_machine_has_seen_is_refused_by_the_other(site: Site) -> None:
    token = site.token()
    statuses = []
    for machine in (*site.machines, site.machines[0]):
        with closing(http.client.HTTPConnection("127.0.0.1", machine.port, timeout=20)) as connection:
            headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
            connection.request("POST", SELECT, recorded_request(), headers)
            statuses.append(connection.getresponse().status)
    assert statuses == [200, 401, 401]


@deep
def test_without_the_database_of_tokens_no_machine_is_ready(site: Site) -> None:
    assert site.place.url is not None
    run_sql(site.place.url.get_secret_value(), "DROP TABLE used_token")
    assert not any(answers(machine.port) for machine in site.machines)
    wait_until(lambda: not answers(site.port))


def test_a_call_that_stalls_reaches_no_worker() -> None:
    behind, seen = free_port(), list[bytes]()
    listener = socket.create_server(("127.0.0.1", behind))

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                seen.append(connection.recv(65536).split(b" ")[0])
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")

    server = Thread(target=serve, daemon=True)
    server.start()
    public = free_port()
    with ExitStack() as stack:
        stack.callback(listener.close)
        stack.callback(listener.shutdown, socket.SHUT_RDWR)
        stack.enter_context(proxy(public, behind, behind))
        wait_until(lambda: reaches(public))
        body = b"x" * 1000
        caller = stack.enter_context(socket.create_connection(("127.0.0.1", public), timeout=20))
        caller.sendall(f"POST {SELECT} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body[:10])
        asked = len(seen)
        # Its health is asked for again and again meanwhile; the call is not there.
        wait_until(lambda: len(seen) > asked + 3)
        assert b"POST" not in seen
        caller.sendall(body[10:])
        assert caller.recv(100).startswith(b"HTTP/1.1 200")
        assert b"POST" in seen


def reaches(port: int) -> bool:
    try:
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=5)) as connection:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
    except OSError:
        return False

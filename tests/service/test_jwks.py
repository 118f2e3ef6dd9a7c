"""The keys of a client over time: kept, rotated, served stale for a while, and never asked for too often."""

import json
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from service.clients.jwks import FRESH_SECONDS, REFETCH_SECONDS, STALE_SECONDS, CachedKeys, loader, read_key_set
from service.errors import KeysUnavailable
from tests.fakes import until
from tests.trust import Pair, jwks, pair

ALGORITHMS = ("ES384", "RS384")
OLD, NEW = Pair(pair("old").key, "old"), Pair(pair("new").key, "new")


@dataclass
class Publisher:
    """A client's JWK Set on a fake clock; `fails` makes it unreachable."""

    published: list[Pair]
    fails: bool = False
    asked: int = 0
    now: float = 1000.0
    keys: CachedKeys = field(init=False)

    def __post_init__(self) -> None:
        self.keys = CachedKeys("ehr", self.load, ALGORITHMS, lambda: self.now)

    def load(self) -> bytes:
        self.asked += 1
        if self.fails:
            raise KeysUnavailable("timeout")
        return json.dumps(jwks(*self.published)).encode()

    def knows(self, kid: str) -> bool:
        return bool(self.keys.find(kid, "ES384"))


def test_keys_are_asked_for_once_while_they_are_fresh() -> None:
    publisher = Publisher([OLD])
    assert publisher.knows("old")
    publisher.now += FRESH_SECONDS - 1
    assert publisher.knows("old")
    assert publisher.asked == 1


@pytest.mark.fault(25)
def test_a_new_key_is_found_at_its_first_use() -> None:
    publisher = Publisher([OLD])
    assert publisher.knows("old")
    publisher.published.append(NEW)
    publisher.now += REFETCH_SECONDS
    assert publisher.knows("new")
    assert publisher.knows("old")
    assert publisher.asked == 2


def test_a_withdrawn_key_is_forgotten_once_the_keys_are_no_longer_fresh() -> None:
    publisher = Publisher([OLD, NEW])
    assert publisher.knows("old")
    publisher.published.remove(OLD)
    publisher.now += FRESH_SECONDS
    assert not publisher.knows("old")
    assert publisher.knows("new")


@pytest.mark.fault(25)
def test_a_flood_of_unknown_key_ids_asks_once_an_interval() -> None:
    publisher = Publisher([OLD])
    publisher.keys.warm()
    for _ in range(100):
        assert not publisher.knows("unknown")
    assert publisher.asked == 1
    publisher.now += REFETCH_SECONDS
    for _ in range(100):
        assert not publisher.knows("unknown")
    assert publisher.asked == 2


def test_an_unreachable_publisher_is_asked_once_an_interval_too() -> None:
    publisher = Publisher([OLD], fails=True)
    for _ in range(10):
        with pytest.raises(KeysUnavailable):
            publisher.knows("old")
    assert publisher.asked == 1
    publisher.fails = False
    publisher.now += REFETCH_SECONDS
    assert publisher.knows("old")


@pytest.mark.fault(24)
def test_known_keys_serve_on_while_their_publisher_is_down_but_not_for_ever(caplog: pytest.LogCaptureFixture) -> None:
    publisher = Publisher([OLD])
    assert publisher.knows("old")
    publisher.fails = True
    publisher.now += STALE_SECONDS - 1
    with caplog.at_level(logging.WARNING):
        assert publisher.knows("old")
    assert "client-keys-unavailable" in caplog.text
    publisher.now += 1
    with pytest.raises(KeysUnavailable):
        publisher.knows("old")


@pytest.mark.parametrize("published", [b"", b"[]", b"{}", b'{"keys":[]}', b'{"keys":1}', b"\xff", b"[" * 5000])
def test_what_is_no_key_set_does_not_replace_the_one_that_is_known(published: bytes) -> None:
    publisher = Publisher([OLD])
    assert publisher.knows("old")
    publisher.keys.load = lambda: published
    publisher.now += FRESH_SECONDS
    assert publisher.knows("old")


def test_a_call_with_a_known_key_does_not_wait_for_a_fetch_under_way() -> None:
    publisher = Publisher([OLD])
    assert publisher.knows("old")
    publisher.now += FRESH_SECONDS
    released, publish = threading.Event(), publisher.keys.load
    publisher.keys.load = lambda: publish() if released.wait(60) else b""
    first = threading.Thread(target=lambda: publisher.knows("old"))
    first.start()
    until(lambda: publisher.keys._asked == publisher.now)
    assert publisher.knows("old")
    released.set()
    first.join()
    assert publisher.asked == 2


@pytest.mark.fault(24)
def test_a_call_waits_as_long_as_it_may_and_the_fetch_goes_on_behind_it() -> None:
    publisher = Publisher([OLD])
    assert publisher.knows("old")
    publisher.published.append(NEW)
    publisher.now += REFETCH_SECONDS
    released, publish = threading.Event(), publisher.keys.load
    publisher.keys.load = lambda: publish() if released.wait(60) else b""
    for _ in range(3):
        assert not publisher.keys.find("new", "ES384", seconds=0.01)
    released.set()
    until(lambda: publisher.knows("new"))
    assert publisher.asked == 2


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda jwk: jwk.pop("kid"), "it has no kid"),
        (lambda jwk: jwk.update(kid=7), "it has no kid"),
        (lambda jwk: jwk.update(use="enc"), "it is not for signatures"),
        (lambda jwk: jwk.update(d="AA"), "it holds the private key"),
        (lambda jwk: jwk.update(kty="oct"), "it is a shared secret"),
        (lambda jwk: jwk.update(kty="OKP", crv="Ed25519"), "fit none of the client's algorithms"),
        (lambda jwk: jwk.update(alg="ES256"), "fit none of the client's algorithms"),
        (lambda jwk: jwk.update(crv="P-256"), "fit none of the client's algorithms"),
        (lambda jwk: jwk.pop("x"), "its numbers make no public key"),
        (lambda jwk: jwk.update(x=5), "its numbers make no public key"),
        (lambda jwk: jwk.update(y=jwk["x"]), "its numbers make no public key"),
    ],
)
def test_a_key_that_cannot_be_used_is_left_out_and_told(change: Callable[[dict[str, Any]], Any], said: str) -> None:
    jwk = dict(OLD.jwk)
    change(jwk)
    found = read_key_set(json.dumps({"keys": [jwk, NEW.jwk]}).encode(), ALGORITHMS)
    assert found.algorithms_by_kid() == {"new": ("ES384",)}
    (problem,) = found.problems
    assert problem.startswith("keys[0]: ")
    assert said in problem


def test_a_weak_rsa_key_is_left_out() -> None:
    jwk = {"kty": "RSA", "kid": "weak", "e": "AQAB", "n": "_" * 170 + "8"}
    found = read_key_set(json.dumps({"keys": [jwk, 7]}).encode(), ALGORITHMS)
    assert not found.keys
    assert found.problems == ("keys[0]: its RSA modulus has fewer than 2048 bits", "keys[1]: it has no kid")


def test_an_rsa_key_serves_each_allowed_algorithm_unless_it_names_one() -> None:
    free, bound = (pair("RS384", kid=kid, algorithm="RS384").jwk for kid in ("free", "bound"))
    data = json.dumps({"keys": [free, {**bound, "alg": "RS384"}]}).encode()
    found = read_key_set(data, ("ES384", "RS384", "PS512"))
    assert found.algorithms_by_kid() == {"free": ("RS384", "PS512"), "bound": ("RS384",)}


def test_a_file_is_read_again_when_its_key_is_rotated(tmp_path: Path) -> None:
    file = tmp_path / "jwks.json"
    load = loader(lambda url: b"", address=None, file=file, inline=None)
    with pytest.raises(KeysUnavailable, match="file cannot be read"):
        load()
    file.write_text(json.dumps(jwks(OLD)))
    assert json.loads(load()) == jwks(OLD)
    file.write_text(json.dumps(jwks(NEW)))
    assert json.loads(load()) == jwks(NEW)

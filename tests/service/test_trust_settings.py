"""Clients in the settings: complete, told apart, and with keys before anybody else may reach the service."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from service.clients.auth import build_authenticator
from service.commands.serve import refuse_open_door, serve
from service.errors import SettingsError
from service.settings import Client, Settings, load_settings
from service.tls import refuse_unusable_authorities
from tests.trust import BASE, Missing, client, pair

PAGE = {"id": "page", "origins": ["https://ehr.example.org"]}
LOCAL = "http://127.0.0.1:9/jwks"


def refused(*clients: dict[str, Any]) -> str:
    with pytest.raises(ValidationError) as caught:
        Settings.model_validate({"clients": clients})
    return str(caught.value)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"jwks_url": "https://a.org/k"}, "keep one of jwks_url, jwks"),
        ({"jwks": Missing}, "it has issuers and no keys"),
        ({"issuers": []}, "it has keys and no issuers"),
        ({"issuers": [""]}, "at least 1 character"),
        ({"issuers": Missing, "jwks": Missing, "jku": "https://a.org/k"}, "jku and tenants mean nothing"),
        ({"jwks": {}}, "give a JWK Set, a table with the list keys"),
        ({"jwks": {"keys": [{**pair().jwk, "d": "canary"}]}}, "it holds a private key or a shared secret"),
        ({"jwks": {"keys": [{"kty": "oct", "kid": "a", "k": "canary"}]}}, "it holds a private key or a shared secret"),
        ({"jwks": Missing, "jwks_url": "http://a.org/k"}, "over https only"),
        ({"jwks": Missing, "jwks_url": "file:///etc/passwd"}, "give an absolute https address"),
        ({"jwks": Missing, "jwks_url": "https://me:pw@a.org/k"}, "leave user name and password out"),
        ({"algorithms": []}, "at least 1 item"),
        ({"algorithms": ["none"]}, "Input should be 'ES256'"),
        ({"algorithms": ["HS256"]}, "Input should be 'ES256'"),
        ({"leeway_seconds": 301}, "less than or equal to 300"),
        ({"max_lifetime_seconds": 86_401}, "less than or equal to 86400"),
        ({"issuers": Missing, "jwks": Missing, "profile": "epic"}, "profile means nothing without issuers and keys"),
        ({"profile": "cerner"}, "Input should be 'spec', 'epic' or 'sandbox'"),
    ],
    # By their names and not by a key, which is another one in each process that collects the tests.
    ids=lambda value: value if isinstance(value, str) else ",".join(value),
)
def test_a_client_that_is_not_complete_is_refused(changed: dict[str, Any], said: str) -> None:
    assert said in refused(client(**changed))


def test_two_clients_that_cannot_be_told_apart_are_refused() -> None:
    assert "the same id" in refused(client(), client(issuers=["https://b.org"]))
    assert "the same issuer" in refused(client(), client(id="b"))
    assert "the same issuer" in refused(client(tenants=["n"]), client(id="b"))
    assert "the same issuer" in refused(client(tenants=["n", "m"]), client(id="b", tenants=["m"]))
    Settings.model_validate({"clients": [client(tenants=["n"]), client(id="b", tenants=["m"])]})


def test_clients_with_keys_and_clients_without_do_not_mix() -> None:
    assert "give them to all clients, or to none" in refused(client(), PAGE)


def test_plain_http_is_for_keys_on_this_machine() -> None:
    made = Settings.model_validate({"clients": [client(jwks=Missing, jwks_url=LOCAL)]})
    assert made.clients[0].jwks_url == LOCAL


def test_the_defaults_are_those_that_real_clients_need() -> None:
    made = Client.model_validate(client())
    assert made.algorithms == ("ES384", "RS384")
    assert (made.leeway_seconds, made.max_lifetime_seconds, made.profile) == (60, 900, "spec")


def test_a_client_with_keys_survives_the_way_to_a_worker() -> None:
    settings = Settings.model_validate({"clients": [client(tenants=["n"], profile="epic")]})
    assert Settings.model_validate_json(settings.model_dump_json()) == settings


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({}, "no client is configured"),
        ({"clients": [PAGE]}, "there are no keys for: page"),
        ({"clients": [PAGE], "public_base_url": BASE}, "there are no keys for: page"),
        ({"clients": [client()]}, "public_base_url is not set"),
    ],
    ids=["nobody", "a page", "a page with an address", "no address"],
)
@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1"])
def test_beyond_this_machine_the_service_starts_only_for_clients_with_keys(
    changed: dict[str, Any], said: str, host: str
) -> None:
    with pytest.raises(SettingsError, match="reachable from other machines") as caught:
        refuse_open_door(Settings.model_validate({"host": host} | changed))
    assert said in caught.value.message


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_on_this_machine_it_starts_for_anybody(host: str) -> None:
    refuse_open_door(Settings.model_validate({"host": host, "clients": [PAGE]}))
    refuse_open_door(Settings(host=host))


def test_beyond_this_machine_it_starts_for_clients_with_keys_and_a_known_address() -> None:
    refuse_open_door(Settings.model_validate({"host": "0.0.0.0", "clients": [client()], "public_base_url": BASE}))


@pytest.mark.parametrize(
    ("clients", "said"), [([], True), ([PAGE], True), ([client()], False)], ids=["none", "page", "ehr"]
)
def test_without_keys_the_service_says_at_its_start_who_may_call(
    site: Settings, monkeypatch: pytest.MonkeyPatch, clients: list[dict[str, Any]], said: bool
) -> None:
    class Server:
        on_startup = on_shutdown = staticmethod(lambda hook: None)

        def serve(self, **_: Any) -> None:
            """Serve nothing."""

    monkeypatch.setattr("service.commands.serve.refuse_taken_port", lambda settings: None)
    monkeypatch.setattr("service.commands.serve.configure_logging", lambda level: None)
    monkeypatch.setattr("service.commands.serve.Applications", lambda text: lambda: None)
    monkeypatch.setattr("service.commands.serve.granian_server", lambda settings: Server())
    lines: list[str] = []
    serve(Settings.model_validate(site.model_dump() | {"clients": clients}), lines.append)
    assert lines[0].startswith("Serving http://127.0.0.1:8000/cds-services")
    warning = "No client with keys is configured: anybody on this machine may call, and nobody else."
    assert (warning in lines) is said


def test_keys_can_stand_in_the_toml_file_itself(tmp_path: Path, site: Settings) -> None:
    jwk = pair().jwk
    members = ", ".join(f'{name} = "{value}"' for name, value in jwk.items())
    file = tmp_path / "site.toml"
    file.write_text(f"[[clients]]\nid = 'ehr'\nissuers = ['https://a.org']\njwks = {{ keys = [{{ {members} }}] }}\n")
    settings = load_settings({"config": str(file), "data_dir": str(site.data_dir)}, {})
    assert build_authenticator(settings).keys["ehr"].find(jwk["kid"], "ES384")


def test_a_private_key_in_the_file_is_refused_and_not_repeated(tmp_path: Path) -> None:
    file = tmp_path / "site.toml"
    file.write_text("[[clients]]\nid = 'ehr'\nissuers = ['https://a.org']\njwks = { keys = [{ d = 'canary' }] }\n")
    with pytest.raises(SettingsError, match="give the public keys only") as caught:
        load_settings({"config": str(file)}, {})
    assert "canary" not in caught.value.message


@pytest.mark.parametrize("change", [{"jwks_private": True}, {"jwks_ca_file": "ca.pem"}])
def test_how_keys_are_fetched_needs_an_address_to_fetch_them_from(change: dict[str, object]) -> None:
    assert "mean nothing without jwks_url" in refused(client(**change))


def test_certificates_that_are_none_stop_the_start(tmp_path: Path) -> None:
    table = client(jwks=Missing, jwks_url="https://ehr.example.org/jwks", jwks_ca_file=str(tmp_path / "none.pem"))
    with pytest.raises(SettingsError, match=r"client ehr, jwks_ca_file .*none\.pem: it holds no certificates"):
        refuse_unusable_authorities(Settings.model_validate({"clients": [table]}))

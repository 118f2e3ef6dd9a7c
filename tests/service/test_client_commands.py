"""The commands about trust, as an administrator uses them."""

import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jwt
import pytest
import responses

from service.clients.token_signing import generate_pair
from tests.fakes import SELECT
from tests.trust import ISSUER, pair, rsa_key

Run = Callable[..., tuple[object, str, str]]
AUDIENCE = "https://cds.example.org/x"
SERVICE = SELECT.rpartition("/")[2]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "site.toml"


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    generate_pair(tmp_path / "keys")
    return tmp_path / "keys"


def add(upa_cds: Run, config: Path, *more: object, name: str = "ehr") -> tuple[object, str, str]:
    return upa_cds("client", "add", name, "--iss", f"{ISSUER}/{name}", "--config", config, *more)


def test_adding_a_client_keeps_every_byte_of_the_file(upa_cds: Run, config: Path) -> None:
    before = b'# ours\r\ntimezone = "UTC"   # said\n\n[indicator_ceiling]\nx = "info" # no end of line'
    config.write_bytes(before)
    code, _, err = add(
        upa_cds, config, "--jwks-url", "https://ehr.example.org/jwks", "--origin", "https://ehr.example.org"
    )
    assert code == 0
    assert f'Run "upa-cds client test ehr --config {config}"' in err
    after = config.read_bytes()
    assert after.startswith(before)
    assert tomllib.loads(after.decode())["clients"] == [
        {
            "id": "ehr",
            "issuers": [f"{ISSUER}/ehr"],
            "jwks_url": "https://ehr.example.org/jwks",
            "origins": ["https://ehr.example.org"],
        }
    ]


def test_a_second_client_joins_the_first_and_both_are_listed(upa_cds: Run, config: Path, keys: Path) -> None:
    assert add(upa_cds, config, "--jwks-url", "https://ehr.example.org/jwks")[0] == 0
    more = [
        "--jwks-file",
        keys / "jwks.json",
        "--alg",
        "ES384",
        "--tenant",
        "n",
        "--jku",
        "https://j",
        "--profile",
        "epic",
    ]
    assert add(upa_cds, config, *more, name="test")[0] == 0
    code, out, _ = upa_cds("client", "list", "--config", config)
    assert code == 0
    assert out.splitlines() == [
        "ehr",
        f"  issuers: {ISSUER}/ehr",
        "  jwks_url: https://ehr.example.org/jwks",
        "  algorithms: ES384, RS384",
        "  leeway_seconds: 60",
        "  max_lifetime_seconds: 900",
        "  profile: spec",
        "test",
        f"  issuers: {ISSUER}/test",
        "  tenants: n",
        f"  jwks_file: {keys}/jwks.json",
        "  jku: https://j",
        "  algorithms: ES384",
        "  leeway_seconds: 60",
        "  max_lifetime_seconds: 900",
        "  profile: epic",
    ]


@pytest.mark.parametrize(
    ("before", "more", "said"),
    [
        ("", [], "it has issuers and no keys"),
        ("", ["--jwks-url", "http://a.org/k"], "over https only"),
        ("", ["--jwks-url", "https://a.org/k", "--alg", "HS256"], "clients.0.algorithms.0: the value 'HS256'"),
        ("", ["--jwks-url", "https://a.org/k", "--jwks-file", "k"], "keep one of jwks_url, jwks_file"),
        ("clients = []\n", ["--jwks-url", "https://a.org/k"], "Write the clients as [[clients]] tables"),
        ("port = [", ["--jwks-url", "https://a.org/k"], "cannot be added"),
        ("prot = 1\n", ["--jwks-url", "https://a.org/k"], "key prot: no setting has this name"),
        ("[[clients]]\nid = 'ehr'\n", ["--jwks-url", "https://a.org/k"], "the same id"),
    ],
)
def test_what_would_not_be_valid_is_not_written(
    upa_cds: Run, config: Path, before: str, more: list[str], said: str
) -> None:
    config.write_text(before)
    code, out, err = add(upa_cds, config, *more)
    assert (code, out) == (2, "")
    assert said in err
    assert str(config) in err
    assert config.read_text() == before


def test_a_file_of_clients_is_made_if_there_is_none(upa_cds: Run, config: Path) -> None:
    assert add(upa_cds, config, "--jwks-url", "https://a.org/k")[0] == 0
    assert len(tomllib.loads(config.read_text())["clients"]) == 1


def test_testing_a_client_names_its_usable_keys(upa_cds: Run, config: Path, keys: Path) -> None:
    add(upa_cds, config, "--jwks-file", keys / "jwks.json")
    kid = json.loads((keys / "jwks.json").read_text())["keys"][0]["kid"]
    assert upa_cds("client", "test", "ehr", "--config", config) == (0, f"kid {kid}: ES384\n", "")


def resolving_to(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: [(2, 1, 6, "", (address, 443))])


def test_testing_a_client_says_what_is_wrong_with_its_keys(
    upa_cds: Run, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolving_to(monkeypatch, "93.184.215.14")
    add(upa_cds, config, "--jwks-url", "https://ehr.example.org/jwks")
    listed: list[Any] = [pair("cli").jwk, {"kty": "oct", "kid": "s", "k": "c2VjcmV0"}, {**pair("cli").jwk, "d": "AA"}]
    with responses.RequestsMock() as web:
        web.get("https://ehr.example.org/jwks", json={"keys": listed})
        code, out, err = upa_cds("client", "test", "ehr", "--config", config)
        assert code == 0
        assert out.startswith("kid ")
        assert "keys[1]: it is a shared secret" in err
        assert "keys[2]: it holds the private key" in err
        assert "c2VjcmV0" not in err
    with responses.RequestsMock() as web:
        web.get("https://ehr.example.org/jwks", json={"keys": listed[1:]})
        code, out, err = upa_cds("client", "test", "ehr", "--config", config)
        assert (code, out) == (1, "")
        assert "ehr: no usable key. Its algorithms are ES384, RS384." in err
    with responses.RequestsMock() as web:
        web.get("https://ehr.example.org/jwks", status=503)
        code, _, err = upa_cds("client", "test", "ehr", "--config", config)
        assert (code, err) == (1, "ehr: The JWK Set cannot be used: status 503.\n")


@pytest.mark.parametrize(
    ("address", "more", "said"),
    [
        ("10.0.0.1", [], "to a private network: set jwks_private = true if that is meant."),
        ("169.254.169.254", ["--jwks-private"], "to an address that is never called."),
    ],
)
def test_testing_a_client_says_where_the_name_of_its_keys_leads(
    upa_cds: Run, config: Path, monkeypatch: pytest.MonkeyPatch, address: str, more: list[str], said: str
) -> None:
    resolving_to(monkeypatch, address)
    add(upa_cds, config, "--jwks-url", "https://ehr.example.org/jwks", *more)
    code, _, err = upa_cds("client", "test", "ehr", "--config", config)
    assert code == 1
    assert err == f"ehr: The JWK Set cannot be used: address-refused. The name in jwks_url leads {said}\n"


def test_a_client_that_is_not_there_is_an_error_that_names_the_nearest(upa_cds: Run, config: Path) -> None:
    add(upa_cds, config, "--jwks-url", "https://a.org/k")
    code, _, err = upa_cds("client", "test", "her", "--config", config)
    assert (code, err) == (2, "upa-cds: client her: the settings have no client of this id. Did you mean ehr?\n")


def test_a_client_without_keys_cannot_be_tested(upa_cds: Run, config: Path) -> None:
    config.write_text("[[clients]]\nid = 'page'\n")
    code, _, err = upa_cds("client", "test", "page", "--config", config)
    assert code == 2
    assert "it has no keys. Add issuers and one of" in err


def test_a_generated_key_is_for_its_user_only_and_signs_what_its_jwks_verifies(upa_cds: Run, tmp_path: Path) -> None:
    code, out, _ = upa_cds("token", "--generate-key", tmp_path / "keys")
    assert code == 0
    private = tmp_path / "keys" / "client-key.pem"
    assert private.stat().st_mode & 0o777 == 0o600
    code, out, _ = upa_cds("token", "--key", private, "--iss", ISSUER, "--aud", AUDIENCE, "--tenant", "n")
    assert code == 0
    (jwk,) = json.loads((tmp_path / "keys" / "jwks.json").read_text())["keys"]
    assert not {"d"} & jwk.keys()
    header = jwt.get_unverified_header(out.strip())
    assert (header["alg"], header["kid"], header["typ"]) == ("ES384", jwk["kid"], "JWT")
    claims = jwt.decode(out.strip(), jwt.PyJWK(jwk), algorithms=["ES384"], audience=AUDIENCE)
    assert (claims["iss"], claims["tenant"], claims["exp"] - claims["iat"]) == (ISSUER, "n", 300)


def test_a_key_is_never_overwritten(upa_cds: Run, keys: Path) -> None:
    before = (keys / "client-key.pem").read_bytes()
    code, _, err = upa_cds("token", "--generate-key", keys)
    assert code == 2
    assert "it has a key already. Give another folder." in err
    assert (keys / "client-key.pem").read_bytes() == before


def test_an_rsa_key_signs_with_rs384_and_the_id_that_is_given(upa_cds: Run, tmp_path: Path) -> None:
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    file = tmp_path / "rsa.pem"
    file.write_bytes(rsa_key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    file.chmod(0o600)
    code, out, _ = upa_cds(
        "token", "--key", file, "--iss", ISSUER, "--aud", "https://a", "--kid", "a+b=", "--jku", "https://j"
    )
    assert code == 0
    header = jwt.get_unverified_header(out.strip())
    assert (header["alg"], header["kid"], header["jku"]) == ("RS384", "a+b=", "https://j")


def test_the_audience_of_a_service_is_its_configured_address(upa_cds: Run, config: Path, keys: Path) -> None:
    config.write_text('public_base_url = "https://cds.example.org/x/"')
    key = keys / "client-key.pem"
    _, out, _ = upa_cds("token", "--key", key, "--iss", ISSUER, "--service", SERVICE, "--config", config)
    claims = jwt.decode(out.strip(), options={"verify_signature": False})
    assert claims["aud"] == f"https://cds.example.org/x{SELECT}"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ([], 2, "give --key, --iss, and one of --aud and --service"),
        (["--key", "KEY", "--iss", ISSUER], 2, "one of --aud and --service"),
        (["--key", "KEY", "--iss", ISSUER, "--aud", "a", "--service", SERVICE], 2, "one of --aud and --service"),
        (
            ["--key", "KEY", "--iss", ISSUER, "--service", "other"],
            65,
            f"there is no such service. Give one of {SERVICE}",
        ),
        (["--key", "nowhere", "--iss", ISSUER, "--aud", "a"], 2, "--key nowhere: it cannot be read"),
        (["--key", "JWKS", "--iss", ISSUER, "--aud", "a"], 2, "this is no private key in PEM without a password"),
        (["--key", "KEY", "--iss", ISSUER, "--aud", "a", "--alg", "HS256"], 2, "--alg HS256: give one of ES256"),
        (["--key", "KEY", "--iss", ISSUER, "--aud", "a", "--alg", "RS384"], 2, "this key cannot sign so"),
        (["--key", "KEY", "--iss", ISSUER, "--aud", "a", "--call", "nowhere"], 65, "nowhere: cannot be read"),
    ],
)
def test_a_token_that_cannot_be_made_says_why(
    upa_cds: Run, keys: Path, arguments: list[str], code: int, said: str
) -> None:
    files = {"KEY": str(keys / "client-key.pem"), "JWKS": str(keys / "jwks.json")}
    (keys / "jwks.json").chmod(0o600)
    found, out, err = upa_cds("token", *(files.get(one, one) for one in arguments))
    assert (found, out) == (code, "")
    assert said in err


def test_a_private_key_that_everybody_can_read_is_refused(upa_cds: Run, keys: Path) -> None:
    (keys / "client-key.pem").chmod(0o644)
    code, _, err = upa_cds("token", "--key", keys / "client-key.pem", "--iss", ISSUER, "--aud", "a")
    assert code == 2
    assert "Run chmod 600 on it." in err


@pytest.mark.parametrize(("status", "code"), [(200, 0), (401, 1)])
def test_a_test_call_posts_the_request_with_its_token(
    upa_cds: Run, keys: Path, tmp_path: Path, status: int, code: int
) -> None:
    request = tmp_path / "request.json"
    request.write_text('{"hook": "order-select"}')
    with responses.RequestsMock() as web:
        web.post(AUDIENCE, status=status, body='{"cards":[]}')
        given = ["--key", keys / "client-key.pem", "--iss", ISSUER, "--aud", AUDIENCE]
        assert upa_cds("token", *given, "--call", request) == (code, '{"cards":[]}\n', f"HTTP {status}\n")
        sent = web.calls[0].request
    assert sent.body == b'{"hook": "order-select"}'
    claims = jwt.decode(sent.headers["Authorization"].removeprefix("Bearer "), options={"verify_signature": False})
    assert claims["aud"] == AUDIENCE


def test_a_test_call_that_nobody_answers_says_so(upa_cds: Run, keys: Path) -> None:
    with responses.RequestsMock():
        given = ["--key", keys / "client-key.pem", "--iss", ISSUER, "--aud", AUDIENCE]
        code, out, err = upa_cds("token", *given, "--call", keys / "jwks.json")
    assert (code, out) == (69, "")
    assert "no answer (ConnectionError). Is the service running there?" in err


def test_that_there_is_no_client_to_list_is_said(upa_cds: Run, config: Path) -> None:
    config.write_text("port = 8000\n", encoding="utf-8")
    code, out, err = upa_cds("client", "list", "--config", config)
    assert (code, out) == (0, "")
    assert err == "No client is configured: anybody on this machine may call, and nobody else.\n"


@pytest.mark.parametrize("command", [["client"], ["client", "add"], ["client", "list"], ["client", "test"], ["token"]])
def test_every_command_of_trust_explains_itself(upa_cds: Run, command: list[str]) -> None:
    code, out, _ = upa_cds(*command, "--help")
    assert code == 0
    assert out.startswith("Usage: ")


def test_the_fhir_servers_of_a_client_are_added_and_listed(upa_cds: Run, config: Path) -> None:
    more = ["--jwks-url", "https://ehr.example.org/jwks", "--fhir-server", "https://ehr.example.org/fhir"]
    assert add(upa_cds, config, *more)[0] == 0
    table = '[[clients.fhir_servers]]\nbase = "https://10.0.0.1/fhir"\nprivate = true\nunsupported = ["Patient"]\n'
    config.write_text(config.read_text().replace('fhir_servers = ["https://ehr.example.org/fhir"]\n', "") + table)
    code, out, _ = upa_cds("client", "list", "--config", config)
    assert code == 0
    assert "  reads https://10.0.0.1/fhir, private, without Patient" in out.splitlines()

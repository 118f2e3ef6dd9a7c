"""The tokens of the suite: what is in a good one, what is wrong with a forged one, and which keys can sign."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from service.conformance.command import credentials
from service.conformance.tokens import Credentials, PrivateKey, given_token, read_key
from service.errors import ServiceError
from tests.conformance.reference_service import KEY

BASE = "https://reference.example.org/cds"
URL = f"{BASE}/cds-services/reference-sign"
NOW = datetime(2026, 3, 16, 12, tzinfo=UTC)
LATE = {"verify_exp": False, "verify_iat": False}


def pem(key: PrivateKey | ed25519.Ed25519PrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def made(tmp_path: Path, **options: str | None) -> Credentials:
    file = tmp_path / "key.pem"
    file.write_bytes(pem(KEY))
    given = {"issuer": "https://ehr.example.org", "kid": "key-1", "jku": None, "audience": None} | options
    found = credentials(BASE, token=None, key=file, now=lambda: NOW, **given)
    assert found
    return found


def test_a_good_token_is_for_the_address_that_is_called_and_for_once(tmp_path: Path) -> None:
    signer = made(tmp_path, jku="https://ehr.example.org/jwks.json")
    one, two = signer.token(URL), signer.token(URL)
    claims = jwt.decode(one, KEY.public_key(), algorithms=["ES256"], audience=URL, options=LATE)  # type: ignore[arg-type]
    assert claims["iss"] == "https://ehr.example.org"
    assert claims["exp"] - claims["iat"] == timedelta(minutes=5).total_seconds()
    assert jwt.get_unverified_header(one) == {
        "alg": "ES256",
        "typ": "JWT",
        "kid": "key-1",
        "jku": "https://ehr.example.org/jwks.json",
    }
    assert claims["jti"] != jwt.decode(two, options={"verify_signature": False})["jti"]


def test_behind_a_proxy_the_audience_is_the_public_address(tmp_path: Path) -> None:
    signer = made(tmp_path, audience="https://public.example.org/")
    claims = jwt.decode(signer.token(URL), options={"verify_signature": False})
    assert claims["aud"] == "https://public.example.org/cds-services/reference-sign"


def test_each_forged_token_differs_from_a_good_one_in_one_thing(tmp_path: Path) -> None:
    forged = made(tmp_path).forged(URL)
    claims = {kind: jwt.decode(token, options={"verify_signature": False}) for kind, token in forged.items()}
    headers = {kind: jwt.get_unverified_header(token) for kind, token in forged.items()}
    good = {"iss": "https://ehr.example.org", "aud": URL, "exp": int((NOW + timedelta(minutes=5)).timestamp())}
    wrong = {kind: {name for name in good if found.get(name) != good[name]} for kind, found in claims.items()}
    assert wrong == {
        "none": set(),
        "symmetric": set(),
        "other-key": set(),
        "wrong-audience": {"aud"},
        "expired": {"exp"},
        "no-expiry": {"exp"},
        "other-issuer": {"iss"},
    }
    assert {kind: header["alg"] for kind, header in headers.items() if header["alg"] != "ES256"} == {
        "none": "none",
        "symmetric": "HS256",
    }
    assert forged["none"].endswith(".")
    for kind in ("wrong-audience", "expired", "no-expiry", "other-issuer"):
        jwt.decode(forged[kind], KEY.public_key(), algorithms=["ES256"], options=LATE | {"verify_aud": False})  # type: ignore[arg-type]
    with pytest.raises(jwt.InvalidSignatureError):
        jwt.decode(forged["other-key"], KEY.public_key(), algorithms=["ES256"], audience=URL)


def test_from_a_given_token_only_what_needs_no_key_is_forged(tmp_path: Path) -> None:
    token = made(tmp_path).token(URL)
    given = given_token(token)
    assert given.token("https://any.example.org") == token
    assert set(given.forged(URL)) == {"none", "symmetric", "other-key"}


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [
        (ec.generate_private_key(ec.SECP256R1()), "ES256"),
        (ec.generate_private_key(ec.SECP384R1()), "ES384"),
        (ec.generate_private_key(ec.SECP521R1()), "ES512"),
        (rsa.generate_private_key(65537, 2048), "RS384"),
    ],
    ids=["P-256", "P-384", "P-521", "RSA"],
)
def test_the_kind_of_the_key_chooses_the_algorithm(key: PrivateKey, algorithm: str, tmp_path: Path) -> None:
    file = tmp_path / "key.pem"
    file.write_bytes(pem(key))
    assert read_key(file)[1:] == (algorithm, None)


def test_a_jwk_or_a_set_of_them_brings_its_kid(tmp_path: Path) -> None:
    algorithm = jwt.get_algorithm_by_name("ES256")
    private = algorithm.to_jwk(KEY, as_dict=True) | {"kid": "from-jwk"}
    public = algorithm.to_jwk(KEY.public_key(), as_dict=True) | {"kid": "public"}
    for content in (private, {"keys": [public, private]}):
        file = tmp_path / "key.json"
        file.write_text(json.dumps(content))
        assert read_key(file)[1:] == ("ES256", "from-jwk")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no key",
        b"{}",
        b'{"keys": []}',
        b'{"keys": 1}',
        b'{"kty": "oct", "k": "c2VjcmV0LXNlY3JldA"}',
        KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        pem(ed25519.Ed25519PrivateKey.generate()),
    ],
)
def test_a_file_that_holds_no_usable_key_is_an_error_without_its_content(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_bytes(content)
    with pytest.raises(ServiceError) as refused:
        read_key(file)
    assert refused.value.exit_code == 65
    assert "c2VjcmV0" not in refused.value.message
    assert refused.value.message.startswith(f"{file}: ")


@pytest.mark.parametrize("missing", ["issuer", "kid"])
def test_a_key_without_issuer_or_id_is_wrong_usage(missing: str, tmp_path: Path) -> None:
    with pytest.raises(ServiceError) as refused:
        made(tmp_path, **{missing: None})
    assert refused.value.exit_code == 2


def test_a_token_can_come_from_a_file(tmp_path: Path) -> None:
    token = made(tmp_path).token(URL)
    file = tmp_path / "token"
    file.write_text(f"{token}\n")
    options = dict.fromkeys(("issuer", "kid", "jku", "audience"))
    found = credentials(BASE, token=f"@{file}", key=None, now=lambda: NOW, **options)
    assert found
    assert found.token(URL) == token


@pytest.mark.parametrize("token", ["secret", "a.b.c", "@no-such-file", ""])
def test_what_is_no_token_is_refused_without_repeating_it(token: str, tmp_path: Path) -> None:
    options = dict.fromkeys(("issuer", "kid", "jku", "audience"))
    with pytest.raises(ServiceError) as refused:
        credentials(BASE, token=token, key=None, now=lambda: NOW, **options)
    assert refused.value.exit_code == 65
    assert "secret" not in refused.value.message

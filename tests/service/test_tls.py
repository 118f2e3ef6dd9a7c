"""Certificates, and a whole call over https to the real server with a client's token."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from service.clients.token_signing import Subject, generate_pair, read_signer, sign
from service.errors import SettingsError
from service.settings import Settings
from service.tls import refuse_unusable_tls
from tests.fakes import SELECT
from tests.service.test_serve import recorded_request, running, wait_until
from tests.trust import ISSUER

Files = tuple[Path, Path]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Files:
    return write_certificate(tmp_path_factory.mktemp("tls"))


def write_certificate(folder: Path, *names: x509.GeneralName) -> Files:
    """Make a certificate that is its own authority, for these names, or for this machine."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "upa-cds test")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName(names or [x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    cert, private = folder / "cert.pem", folder / "key.pem"
    cert.write_bytes(made.public_bytes(Encoding.PEM))
    private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    private.chmod(0o600)
    return cert, private


def refused(cert: Path | None, key: Path | None) -> str:
    with pytest.raises(SettingsError) as caught:
        refuse_unusable_tls(Settings(tls_cert=cert, tls_key=key))
    return caught.value.message


def test_a_pair_or_nothing_is_accepted(certificate: Files) -> None:
    cert, key = certificate
    refuse_unusable_tls(Settings(tls_cert=cert, tls_key=key))
    refuse_unusable_tls(Settings())


def test_one_of_the_two_is_refused(certificate: Files) -> None:
    cert, key = certificate
    assert refused(cert, None) == "tls_cert is set and tls_key is not. Give both, or none."
    assert refused(None, key) == "tls_key is set and tls_cert is not. Give both, or none."


def test_files_that_cannot_be_read_are_refused_by_name(certificate: Files, tmp_path: Path) -> None:
    cert, key = certificate
    assert refused(tmp_path / "no.pem", key).startswith(f"tls_cert {tmp_path}/no.pem: it cannot be read (No such file")
    assert refused(cert, tmp_path).startswith(f"tls_key {tmp_path}: it cannot be read")


def test_a_key_that_is_open_to_everybody_is_refused(certificate: Files, tmp_path: Path) -> None:
    cert, key = certificate
    shared = tmp_path / "key.pem"
    shared.write_bytes(key.read_bytes())
    shared.chmod(0o604)
    assert "everybody here can reach this private key" in refused(cert, shared)
    # A group for certificates is a common arrangement.
    shared.chmod(0o640)
    refuse_unusable_tls(Settings(tls_cert=cert, tls_key=shared))


def test_a_key_in_another_form_is_refused_with_the_way_out(certificate: Files, tmp_path: Path) -> None:
    cert, _ = certificate
    made = ec.generate_private_key(ec.SECP256R1())
    forms = [
        made.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()),
        made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")),
        cert.read_bytes(),
    ]
    for number, form in enumerate(forms):
        file = tmp_path / f"{number}.pem"
        file.write_bytes(form)
        file.chmod(0o600)
        assert "openssl pkcs8" in refused(cert, file)


def test_a_certificate_of_another_key_is_refused(certificate: Files, tmp_path: Path) -> None:
    _, key = write_certificate(tmp_path)
    assert "this is no certificate of the key" in refused(certificate[0], key)


@pytest.fixture
def call(certificate: Files) -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.trust_env = False
        session.verify = str(certificate[0])
        session.headers["Content-Type"] = "application/json"
        yield session


@pytest.mark.enable_socket
def test_a_client_calls_over_https_and_no_worker_takes_its_token_twice(
    tmp_path: Path, certificate: Files, call: requests.Session
) -> None:
    generate_pair(tmp_path / "keys")
    file = tmp_path / "site.toml"
    file.write_text(f"[[clients]]\nid = 'ehr'\nissuers = ['{ISSUER}']\njwks_file = '{tmp_path}/keys/jwks.json'\n")
    signer = read_signer(tmp_path / "keys" / "client-key.pem", kid=None, algorithm=None, jku=None)
    cert, key = (str(path) for path in certificate)
    with running(tmp_path, "--config", str(file), "--tls-cert", cert, "--tls-key", key) as (process, port):
        base = f"https://127.0.0.1:{port}"

        def up() -> bool:
            try:
                return call.get(f"{base}/readyz", timeout=5).ok
            except requests.ConnectionError:
                return False

        wait_until(up)

        def post(authorization: str | None) -> requests.Response:
            headers = {"Authorization": authorization} if authorization else {}
            # A connection of its own, so that both workers get some.
            headers["Connection"] = "close"
            return call.post(base + SELECT, data=recorded_request(), headers=headers, timeout=10)

        sent = [f"Bearer {sign(signer, Subject(ISSUER, base + SELECT), datetime.now(UTC))}" for _ in range(3)]
        answers = [post(authorization) for authorization in sent for _ in range(4)]
        assert [answer.status_code for answer in answers] == [200, 401, 401, 401] * 3
        assert json.loads(answers[0].content)["cards"]
        bare = post(None)
        same = {name: value for name, value in bare.headers.items() if name not in ("x-request-id", "date")}
        assert bare.content == b""
        assert all(
            (answer.content, same | dict(answer.headers)) == (b"", dict(answer.headers))
            for answer in answers
            if answer.status_code == 401
        )
        process.terminate()
        _, written = process.communicate(timeout=20)
    assert not any(part in written for one in sent for part in one.removeprefix("Bearer ").split("."))
    with closing(sqlite3.connect(tmp_path / "data" / "used-tokens.sqlite3")) as connection:
        assert connection.execute("SELECT count(*) FROM used").fetchone() == (3,)

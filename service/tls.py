"""Certificates and private key files, ours and those of whom we read: checked before anybody can call."""

import ssl
from pathlib import Path
from stat import S_IRWXO

from service.errors import SettingsError
from service.settings import Settings, every_fhir_server

PKCS8 = "-----BEGIN PRIVATE KEY-----"


def refuse_unusable_tls(settings: Settings) -> None:
    """Raise SettingsError unless certificate and key are both absent, or both there, readable and of one pair."""
    cert, key = settings.tls_cert, settings.tls_key
    if cert is None and key is None:
        return
    if cert is None or key is None:
        given, missing = ("tls_cert", "tls_key") if cert else ("tls_key", "tls_cert")
        raise SettingsError(f"{given} is set and {missing} is not. Give both, or none.")
    _read(cert, "tls_cert", "a certificate chain in PEM")
    text = read_private_file(key, "tls_key")
    if PKCS8 not in text:
        raise SettingsError(
            f"tls_key {key}: this is no private key in PKCS#8 without a password. "
            "Convert it: openssl pkcs8 -topk8 -nocrypt -in KEY -out NEW."
        )
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(cert, key)
    except (ssl.SSLError, OSError):
        raise SettingsError(f"tls_cert {cert}: this is no certificate of the key {key}. Give a pair in PEM.") from None


def refuse_unusable_authorities(settings: Settings) -> None:
    """Raise SettingsError with every `ca_file` of a FHIR server or of a client's keys that holds no certificate."""
    named = [(f"fhir_servers {one.base}, ca_file", one.ca_file) for one in every_fhir_server(settings)]
    named += [(f"client {one.id}, jwks_ca_file", one.jwks_ca_file) for one in settings.clients]
    problems = []
    for where, file in named:
        try:
            if file is not None:
                ssl.create_default_context(cafile=file)
        except (ssl.SSLError, OSError):
            problems.append(f"{where} {file}: it holds no certificates. Give a file in PEM.")
    if problems:
        raise SettingsError(*problems)


def read_private_file(path: Path, name: str) -> str:
    """Read a file that is not open to everybody. Raises SettingsError; `name` is where the path was written."""
    text = _read(path, name, "a private key in PEM")
    if path.stat().st_mode & S_IRWXO:
        raise SettingsError(f"{name} {path}: everybody here can reach this private key. Run chmod 600 on it.")
    return text


def _read(path: Path, name: str, wanted: str) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace")
    except OSError as error:
        raise SettingsError(f"{name} {path}: it cannot be read ({error.strerror}). Give {wanted}.") from None

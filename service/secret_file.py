"""A secret of this installation in a file of its own: 32 random bytes, made when they are first needed."""

import hmac
import os
import secrets
import tempfile
from contextlib import suppress
from pathlib import Path

_BYTES = 32


def secret_in(file: Path) -> bytes:
    """Return the secret in a file, which is made with mode 0600 if there is none. Raises OSError."""
    return _read(file) or _made(file)


def keyed_digest(secret: bytes, *parts: str) -> bytes:
    """Return HMAC-SHA256 of texts with a secret (FIPS 198-1), 32 bytes; what is in one part cannot pass for two."""
    text = "".join(f"{len(part)}:{part}" for part in parts)
    return hmac.digest(secret, text.encode("utf-8", "surrogatepass"), "sha256")


def _read(file: Path) -> bytes | None:
    try:
        secret = file.read_bytes()
    except FileNotFoundError:
        return None
    if len(secret) != _BYTES:
        raise OSError(f"{file}: this is no key of {_BYTES} bytes")
    return secret


def _made(file: Path) -> bytes:
    """Make the secret whole before it has its name: of two processes one makes it, and both read that one."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Made with mode 0600.
    handle, draft = tempfile.mkstemp(dir=file.parent)
    try:
        with os.fdopen(handle, "wb") as written:
            written.write(secrets.token_bytes(_BYTES))
            written.flush()
            os.fsync(written.fileno())
        with suppress(FileExistsError):
            os.link(draft, file)
    finally:
        Path(draft).unlink()
    return file.read_bytes()

"""Patients and users by pseudonym: HMAC-SHA256 with a key of this installation (FIPS 198-1).

Without the key nobody can tell whether a pseudonym is of a certain patient, and the clients' patients cannot be joined.
"""

import hmac
import os
import secrets
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from service.settings import Settings

FILE = "pseudonym.key"
_BYTES = 32


@dataclass(slots=True)
class Pseudonyms:
    """Gives pseudonyms with the key in `file`, which is made when it is first needed."""

    file: Path
    _key: bytes | None = None

    @classmethod
    def of_site(cls, settings: Settings) -> "Pseudonyms":
        """Use the key in the data folder."""
        return cls(settings.data_dir / FILE)

    def patient(self, client: str, patient: str) -> str:
        """Return the pseudonym of a client's patient, 64 hexadecimal digits. Raises OSError without a key."""
        return self._pseudonym("patient", client, patient)

    def user(self, client: str, user: str) -> str:
        """Return the pseudonym of a client's user. Raises OSError without a key."""
        return self._pseudonym("user", client, user)

    def told(self, *parts: str) -> str:
        """Return the digest by which something that was told is known again. Raises OSError without a key."""
        return self._pseudonym("told", *parts)

    def prepare(self) -> None:
        """Make the key if there is none, and read it. Raises OSError."""
        if self._key is None:
            self._key = _read(self.file) or _made(self.file)

    def _pseudonym(self, *parts: str) -> str:
        self.prepare()
        assert self._key is not None  # noqa: S101 - prepared
        # Lengths keep apart what would else run into each other.
        text = "".join(f"{len(part)}:{part}" for part in parts)
        return hmac.digest(self._key, text.encode("utf-8", "surrogatepass"), "sha256").hex()


def _read(file: Path) -> bytes | None:
    try:
        key = file.read_bytes()
    except FileNotFoundError:
        return None
    if len(key) != _BYTES:
        raise OSError(f"{file}: this is no key of {_BYTES} bytes")
    return key


def _made(file: Path) -> bytes:
    """Make the key whole before it has its name: of two processes one makes it, and both read that one."""
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

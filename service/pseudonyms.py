"""Patients and users by pseudonym: HMAC-SHA256 with a key of this installation (FIPS 198-1).

Without the key nobody can tell whether a pseudonym is of a certain patient, and the clients' patients cannot be joined.
"""

from dataclasses import dataclass
from pathlib import Path

from service.secret_file import keyed_digest, secret_in
from service.settings import Settings

FILE = "pseudonym.key"


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
            self._key = secret_in(self.file)

    def _pseudonym(self, *parts: str) -> str:
        self.prepare()
        assert self._key is not None  # noqa: S101 - prepared
        return keyed_digest(self._key, *parts).hex()

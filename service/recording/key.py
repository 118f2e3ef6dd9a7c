"""The key of a site's recordings: hashes of ids, the offset of a patient's dates, and who is sampled.

HMAC-SHA256 (FIPS 198-1) with a key that never leaves the data folder. Without it nobody can tell whether a hash is of a
certain id, or by how many days the dates of a patient were moved.
"""

import hmac
import re
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Protocol

from service.errors import ServiceError
from service.secret_file import keyed_digest, secret_in

FILE = "recording.key"
LONGEST_OFFSET = 730
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
# Letters alone: a hash must not hold what looks like a record number.
_LETTERS = "abcdefghijklmnop"
_HASH = re.compile(r"[a-p]{20}")
_HASHED_UUID = re.compile(r"[a-f]{8}(-[a-f]{4}){3}-[a-f]{12}")


class KeyUnusable(ServiceError):
    """The key of the recordings can be neither read nor made."""

    exit_code = 2


class Pseudonyms(Protocol):
    """What replaces an id, and by how much dates are moved."""

    def hashed(self, value: str) -> str:
        """Return what stands for an id."""

    @property
    def days(self) -> timedelta:
        """Return the offset of the dates."""


@dataclass(frozen=True, slots=True)
class RecordingKey:
    """The key; it is not shown."""

    secret: bytes = field(repr=False)

    @property
    def id(self) -> str:
        """Tell one key from another, saying nothing of it."""
        return _letters(hmac.digest(self.secret, b"key id", "sha256"))[:10]

    def of_patient(self, scope: str, patient: str) -> "PatientPseudonyms":
        """Give what replaces ids and dates in the calls of one patient of a client."""
        # Whole days, never none, and into the past: a recording must not look as if it came from the future.
        number = int.from_bytes(self._digest("offset", scope, patient)[:8])
        return PatientPseudonyms(self, scope, timedelta(days=-(1 + number % LONGEST_OFFSET)))

    def hashed(self, scope: str, value: str) -> str:
        """Hash an id: 20 letters; a UUID stays a UUID, of letters alone."""
        digest = self._digest("id", scope, value)
        if not _UUID.fullmatch(value):
            return _letters(digest)[:20]
        text = "".join("abcdef"[byte % 6] for byte in digest)
        return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:32]))

    def samples(self, scope: str, patient: str, share: float) -> bool:
        """Say whether a patient's calls are among the share (0 to 1) that is recorded: all of them or none."""
        return int.from_bytes(self._digest("sample", scope, patient)[:8]) < share * 2**64

    def _digest(self, *parts: str) -> bytes:
        return keyed_digest(self.secret, *parts)


@dataclass(frozen=True, slots=True)
class PatientPseudonyms:
    """Hashes of one client's ids, and the one offset of a patient."""

    key: RecordingKey
    scope: str
    days: timedelta

    def hashed(self, value: str) -> str:
        """Hash an id; see RecordingKey."""
        return self.key.hashed(self.scope, value)


def is_hash(value: str) -> bool:
    """Say whether a text has the form of a hash."""
    return bool(_HASH.fullmatch(value) or _HASHED_UUID.fullmatch(value))


def recording_key(data_dir: Path) -> RecordingKey:
    """Read the key in the data folder, or make it, for its user only. Raises KeyUnusable."""
    file = data_dir / FILE
    try:
        return RecordingKey(secret_in(file))
    except OSError as error:
        raise KeyUnusable(
            f"{file}: the key of the recordings cannot be used ({error.strerror or error}). Make the folder writable."
        ) from None


def _letters(digest: bytes) -> str:
    return "".join(_LETTERS[byte >> 4] + _LETTERS[byte & 15] for byte in digest)

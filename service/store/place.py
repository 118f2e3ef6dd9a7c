"""Where the database of a site is."""

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Self

from pydantic import SecretStr

from service.errors import SettingsError
from service.settings import Settings

FILE = "feedback.sqlite3"


@dataclass(frozen=True, slots=True)
class Place:
    """The file of the site's own SQLite, or the URL of its PostgreSQL, which may hold a password."""

    file: Path
    url: SecretStr | None = None

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Name the database that the settings choose. Raises SettingsError if its driver is not installed."""
        if settings.database_url is not None and find_spec("psycopg") is None:
            raise SettingsError(
                "database_url: PostgreSQL needs psycopg, which is not installed. "
                "Install it with pip install 'upadacitinib-cds[postgresql]'."
            )
        return cls(settings.data_dir / FILE, settings.database_url)

    @property
    def is_own(self) -> bool:
        """Tell whether the database is a file of the service, which it may migrate by itself."""
        return self.url is None

    def __str__(self) -> str:
        """Name it for a reader, without user and password."""
        return f"SQLite {self.file}" if self.url is None else "PostgreSQL (database_url)"

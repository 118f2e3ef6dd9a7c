"""A connection to SQLite that closes itself once nobody holds it: Python 3.13 warns of one that is dropped open."""

import sqlite3
from contextlib import suppress


class SelfClosing(sqlite3.Connection):
    """A connection for those whose owner lives as long as the process, or as the engine whose pool it is in."""

    def __del__(self) -> None:
        with suppress(sqlite3.Error):
            self.close()

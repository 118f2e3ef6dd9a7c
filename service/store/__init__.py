"""Where issued cards and feedback are kept: SQLite in the data folder, or PostgreSQL by URL.

SQLAlchemy is imported when a store is opened, Alembic only to migrate (`service.store.migrate`).
"""

from service.store.model import CallKind, CardOutcome, FeedbackEntry, FeedbackStore, IssuedCard, Override, State, Taken
from service.store.opening import Opener, opened
from service.store.place import FILE, Place

__all__ = [
    "FILE",
    "CallKind",
    "CardOutcome",
    "FeedbackEntry",
    "FeedbackStore",
    "IssuedCard",
    "Opener",
    "Override",
    "Place",
    "State",
    "Taken",
    "opened",
]

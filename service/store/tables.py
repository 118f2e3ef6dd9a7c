"""The tables, and the revisions that led to them. `migrations/versions` makes them; a test holds the two together."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    Dialect,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
)

# In their order; the last one is what this program reads and writes.
REVISIONS = ("0001", "0002", "0003")


class UtcTime(TypeDecorator[datetime]):
    """An aware time, kept in UTC: SQLite has no zones."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """Write a time in UTC."""
        if value is None:
            return None
        there = value.astimezone(UTC)
        return there.replace(tzinfo=None) if dialect.name == "sqlite" else there

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Read an aware time."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


METADATA = MetaData()

ISSUED = Table(
    "issued_card",
    METADATA,
    Column("client", Text, primary_key=True),
    Column("card", String(36), primary_key=True),
    Column("rule", Text, nullable=False),
    Column("indicator", String(10), nullable=False),
    Column("hook", Text, nullable=False),
    Column("service", Text, nullable=False),
    Column("shown", Boolean, nullable=False),
    # Slugs in their order with a space between: compared as a whole.
    Column("ingredients", Text, nullable=False),
    # The same uuid was issued for other ingredients: a client used a hookInstance twice.
    Column("ambiguous", Boolean, nullable=False),
    Column("suggestions", JSON, nullable=False),
    Column("knowledge_version", Text, nullable=False),
    Column("knowledge_sha256", String(64), nullable=False),
    Column("patient_hmac", String(64), nullable=False),
    Column("user_hmac", String(64)),
    Column("issued_at", UtcTime, nullable=False),
    Index("issued_card_patient", "client", "patient_hmac"),
    Index("issued_card_issued_at", "issued_at"),
    Index("issued_card_card", "card"),
)

FEEDBACK = Table(
    "feedback",
    METADATA,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("client", Text, nullable=False),
    Column("card", String(36), nullable=False),
    Column("outcome", String(10), nullable=False),
    Column("outcome_at", UtcTime, nullable=False),
    Column("received_at", UtcTime, nullable=False),
    Column("accepted", JSON, nullable=False),
    Column("reason_system", String(300)),
    Column("reason_code", String(100)),
    Column("commented", Boolean, nullable=False),
    Column("comment", Text),
    Column("digest", String(64), nullable=False),
    UniqueConstraint("client", "card", "digest", name="feedback_once"),
    Index("feedback_received_at", "received_at"),
)

CALLS = Table(
    "call_count",
    METADATA,
    # In UTC, as the times of the other tables.
    Column("day", Date, primary_key=True),
    Column("client", Text, primary_key=True),
    Column("hook", Text, primary_key=True),
    Column("outcome", String(20), primary_key=True),
    # The upper end of a bucket of the histogram of latency; 0 is beyond the last one.
    Column("up_to_ms", Integer, primary_key=True),
    Column("calls", BigInteger, nullable=False),
)

# The hash of client and jti, and when the token has expired (seconds of the epoch); see `service.clients.shared_jti`.
USED = Table(
    "used_token",
    METADATA,
    Column("token", LargeBinary(32), primary_key=True),
    Column("expires", BigInteger, nullable=False),
    Index("used_token_expires", "expires"),
)

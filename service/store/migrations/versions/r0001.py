"""Issued cards and feedback."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make both tables."""
    op.create_table(
        "issued_card",
        sa.Column("client", sa.Text, primary_key=True),
        sa.Column("card", sa.String(36), primary_key=True),
        sa.Column("rule", sa.Text, nullable=False),
        sa.Column("indicator", sa.String(10), nullable=False),
        sa.Column("hook", sa.Text, nullable=False),
        sa.Column("service", sa.Text, nullable=False),
        sa.Column("shown", sa.Boolean, nullable=False),
        sa.Column("ingredients", sa.Text, nullable=False),
        sa.Column("ambiguous", sa.Boolean, nullable=False),
        sa.Column("suggestions", sa.JSON, nullable=False),
        sa.Column("knowledge_version", sa.Text, nullable=False),
        sa.Column("knowledge_sha256", sa.String(64), nullable=False),
        sa.Column("patient_hmac", sa.String(64), nullable=False),
        sa.Column("user_hmac", sa.String(64)),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("issued_card_patient", "issued_card", ["client", "patient_hmac"])
    op.create_index("issued_card_issued_at", "issued_card", ["issued_at"])
    op.create_index("issued_card_card", "issued_card", ["card"])
    op.create_table(
        "feedback",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
        sa.Column("client", sa.Text, nullable=False),
        sa.Column("card", sa.String(36), nullable=False),
        sa.Column("outcome", sa.String(10), nullable=False),
        sa.Column("outcome_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("accepted", sa.JSON, nullable=False),
        sa.Column("reason_system", sa.String(300)),
        sa.Column("reason_code", sa.String(100)),
        sa.Column("commented", sa.Boolean, nullable=False),
        sa.Column("comment", sa.Text),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.UniqueConstraint("client", "card", "digest", name="feedback_once"),
    )
    op.create_index("feedback_received_at", "feedback", ["received_at"])


def downgrade() -> None:
    """Take both tables away, with what is in them."""
    op.drop_table("feedback")
    op.drop_table("issued_card")

"""How many calls were answered, how, and how fast: numbers by day, which name nobody."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the table of counted calls."""
    op.create_table(
        "call_count",
        sa.Column("day", sa.Date, primary_key=True),
        sa.Column("client", sa.Text, primary_key=True),
        sa.Column("hook", sa.Text, primary_key=True),
        sa.Column("outcome", sa.String(20), primary_key=True),
        sa.Column("up_to_ms", sa.Integer, primary_key=True),
        sa.Column("calls", sa.BigInteger, nullable=False),
    )


def downgrade() -> None:
    """Take the table away."""
    op.drop_table("call_count")

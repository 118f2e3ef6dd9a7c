"""Tokens that were used, for several machines behind one address."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make the table of used tokens."""
    op.create_table(
        "used_token",
        sa.Column("token", sa.LargeBinary(32), primary_key=True),
        sa.Column("expires", sa.BigInteger, nullable=False),
    )
    op.create_index("used_token_expires", "used_token", ["expires"])


def downgrade() -> None:
    """Take the table away: tokens that were used and have not expired could then be used again."""
    op.drop_table("used_token")

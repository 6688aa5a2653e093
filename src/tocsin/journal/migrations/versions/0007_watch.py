"""What a watch remembers through a restart."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "watch_memory",
        sa.Column("realm", sa.String(60), nullable=False),
        sa.Column("view", sa.String(80), nullable=False),
        sa.Column("topic", sa.String(48), nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("sealed_at", sa.BigInteger, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("realm", "view", "topic", name="pk_watch_memory"),
    )

"""What a watch remembers through a restart, in parts: see `warning/tables.py`. What was kept before is the first part."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.rename_table("watch_memory", "watch_memory_whole")
    op.create_table(
        "watch_memory",
        sa.Column("realm", sa.String(60), nullable=False),
        sa.Column("view", sa.String(80), nullable=False),
        sa.Column("topic", sa.String(48), nullable=False),
        sa.Column("part", sa.Integer, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("sealed_at", sa.BigInteger, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("realm", "view", "topic", "part", name="pk_watch_memory"),
    )
    op.execute(
        "INSERT INTO watch_memory (realm, view, topic, part, at, sealed_at, sealed)"
        " SELECT realm, view, topic, 0, at, sealed_at, sealed FROM watch_memory_whole"
    )
    op.drop_table("watch_memory_whole")

"""Tokens of receivers that fetch what they are told, and what each was told."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("receivers", sa.Column("prefix", sa.String(16)))
    op.add_column("receivers", sa.Column("digest", sa.LargeBinary(32)))
    op.add_column("receivers", sa.Column("expires", sa.BigInteger))
    op.add_column("receivers", sa.Column("used_at", sa.BigInteger))
    op.create_index("ix_receivers_prefix", "receivers", ["prefix"], unique=True)
    op.create_table(
        "tellings",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), nullable=False),
        sa.Column("receiver", sa.String(120), nullable=False),
        sa.Column("since", sa.BigInteger, nullable=False),
        sa.Column("partner", sa.String(32), nullable=False),
        sa.Column("realm", sa.String(64), nullable=False),
        sa.Column("cursor", sa.String(80), nullable=False),
        sa.Column("record", sa.String(80), nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_tellings"),
        sa.UniqueConstraint("receiver", "since", "cursor", name="uq_tellings_receiver_since_cursor"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_tellings_record", "tellings", ["record"])

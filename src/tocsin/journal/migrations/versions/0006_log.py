"""Tiles, checkpoints and cosignatures of the log."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "log_batches",
        sa.Column("realm", sa.String(60), nullable=False),
        sa.Column("position", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("leaves", sa.Integer, nullable=False),
        sa.Column("idx", sa.BigInteger),
        sa.Column("records", sa.Integer, nullable=False),
        sa.Column("padding", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("realm", "position", name="pk_log_batches"),
    )
    op.create_index("ix_log_batches_realm_idx", "log_batches", ["realm", "idx"])
    op.create_table(
        "log_tiles",
        sa.Column("realm", sa.String(60), nullable=False),
        sa.Column("level", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("n", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("hashes", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("realm", "level", "n", name="pk_log_tiles"),
    )
    op.create_table(
        "log_origins",
        sa.Column("realm", sa.String(60), nullable=False),
        sa.Column("number", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("origin", sa.String(120), nullable=False),
        sa.Column("began", sa.BigInteger, nullable=False),
        sa.Column("by", sa.String(120), nullable=False),
        sa.Column("why", sa.String(200), nullable=False),
        sa.Column("unsure", sa.Boolean, nullable=False),
        sa.Column("stopped", sa.String(200), nullable=False),
        sa.PrimaryKeyConstraint("realm", "number", name="pk_log_origins"),
        sa.UniqueConstraint("origin", name="uq_log_origins_origin"),
    )
    op.create_table(
        "log_checkpoints",
        sa.Column("origin", sa.String(120), nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("realm", sa.String(60), nullable=False),
        sa.Column("root", sa.LargeBinary(32), nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("key", sa.LargeBinary(32), nullable=False),
        sa.Column("confirmed", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("origin", "size", name="pk_log_checkpoints"),
    )
    op.create_index("ix_log_checkpoints_realm_at", "log_checkpoints", ["realm", "at"])
    op.create_table(
        "log_cosignatures",
        sa.Column("origin", sa.String(120), nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("witness", sa.String(32), nullable=False),
        sa.Column("line", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("origin", "size", "witness", name="pk_log_cosignatures"),
    )
    op.create_table(
        "log_witnessed",
        sa.Column("partner", sa.String(32), nullable=False),
        sa.Column("origin", sa.String(120), nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("root", sa.LargeBinary(32), nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("against", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("partner", "origin", name="pk_log_witnessed"),
    )

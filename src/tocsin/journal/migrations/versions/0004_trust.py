"""Rotated, recovered, revoked and excluded partners; every card that was ever pinned; who knows which of this node's cards."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("partners", sa.Column("state", sa.String(16), nullable=False, server_default="pinned"))
    op.add_column("partners", sa.Column("changed_at", sa.BigInteger))
    op.add_column("partners", sa.Column("reason", sa.String(200), nullable=False, server_default=""))
    op.add_column("partners", sa.Column("compared_at", sa.BigInteger))
    op.add_column("partners", sa.Column("compared_by", sa.String(120), nullable=False, server_default=""))
    op.create_table(
        "partner_cards",
        sa.Column("partner", sa.String(32), nullable=False),
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.Column("since", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("until", sa.BigInteger),
        sa.Column("how", sa.String(16), nullable=False),
        sa.Column("card", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("partner", "digest", "since", name="pk_partner_cards"),
    )
    op.create_table(
        "told",
        sa.Column("partner", sa.String(32), nullable=False),
        sa.Column("card", sa.LargeBinary(32), nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("partner", name="pk_told"),
    )

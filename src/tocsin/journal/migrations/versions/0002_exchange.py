"""Partners, outbox, and the chains to and from partners."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "partners",
        sa.Column("partner", sa.String(32), nullable=False),
        sa.Column("card", sa.Text, nullable=False),
        sa.Column("clearance", sa.Text, nullable=False),
        sa.Column("added_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("partner", name="pk_partners"),
    )
    op.create_table(
        "outbox",
        sa.Column("record_id", sa.String(80), nullable=False),
        sa.Column("partner", sa.String(32), nullable=False),
        sa.Column("realm", sa.String(60), nullable=False),
        sa.Column("seq", sa.BigInteger),
        sa.Column("item", sa.LargeBinary(32)),
        sa.Column("after", sa.LargeBinary(32)),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("reason", sa.String(200), nullable=False),
        sa.Column("at", sa.BigInteger),
        sa.PrimaryKeyConstraint("record_id", "partner", name="pk_outbox"),
    )
    op.create_index("ix_outbox_partner_realm_seq", "outbox", ["partner", "realm", "seq"], unique=True)
    op.create_index("ix_outbox_state_partner", "outbox", ["state", "partner"])
    op.create_table(
        "chains_out",
        sa.Column("partner", sa.String(32), nullable=False),
        sa.Column("realm", sa.String(60), nullable=False),
        sa.Column("next", sa.BigInteger, nullable=False),
        sa.Column("hash", sa.LargeBinary(32), nullable=False),
        sa.Column("received", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("partner", "realm", name="pk_chains_out"),
    )
    op.create_table(
        "chains_in",
        sa.Column("sender", sa.String(32), nullable=False),
        sa.Column("tag", sa.String(16), nullable=False),
        sa.Column("klass", sa.String(16), nullable=False),
        sa.Column("realm", sa.String(60), nullable=False),
        sa.Column("next", sa.BigInteger, nullable=False),
        sa.Column("hash", sa.LargeBinary(32), nullable=False),
        sa.Column("sent_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("sender", "tag", "klass", name="pk_chains_in"),
    )

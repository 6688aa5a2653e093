"""What was said, read, recalled, offered later, and brought as a file."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


QUEUED = sa.text("state = 'queued'")
URGENT = sa.text(
    "seq IS NOT NULL AND state IN ('queued', 'sent') AND (record_id >= 'recall--' AND record_id < 'recall-.'"
    " OR record_id >= 'warning--' AND record_id < 'warning-.')"
)


def upgrade() -> None:
    for name in ("offered_at", "sent_at", "delivered_at"):
        op.add_column("outbox", sa.Column(name, sa.BigInteger))
    op.drop_index("ix_outbox_state_partner", "outbox")
    op.create_index("ix_outbox_queued", "outbox", ["partner", "realm", "seq"], sqlite_where=QUEUED, postgresql_where=QUEUED)
    op.create_index("ix_outbox_urgent", "outbox", ["partner", "offered_at", "seq"], sqlite_where=URGENT, postgresql_where=URGENT)
    op.add_column("chains_out", sa.Column("start", sa.LargeBinary(16)))
    op.create_table(
        "said",
        sa.Column("realm", sa.String(60), nullable=False),
        sa.Column("idx", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("record_id", sa.String(80), nullable=False),
        sa.PrimaryKeyConstraint("realm", "idx", name="pk_said"),
        sa.UniqueConstraint("record_id", name="uq_said_record_id"),
    )
    op.execute(
        "INSERT INTO said (realm, idx, record_id) SELECT r.realm, r.idx, r.record_id FROM records r "
        "WHERE r.record_id IN (SELECT record_id FROM outbox)"
    )
    op.execute("UPDATE outbox SET delivered_at = at WHERE state = 'delivered'")
    op.execute("UPDATE outbox SET sent_at = at WHERE state = 'sent'")
    op.create_table(
        "receipts",
        sa.Column("record_id", sa.String(80), nullable=False),
        sa.Column("partner", sa.String(32), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("receipt_id", sa.String(80), nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("record_id", "partner", "state", name="pk_receipts"),
    )
    op.create_table(
        "catalogue",
        sa.Column("partner", sa.String(32), nullable=False),
        sa.Column("realm", sa.String(60), nullable=False),
        sa.Column("next", sa.BigInteger, nullable=False),
        sa.Column("basis", sa.LargeBinary(32), nullable=False),
        sa.PrimaryKeyConstraint("partner", "realm", name="pk_catalogue"),
    )
    op.create_table(
        "waiting",
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.Column("sender", sa.String(32), nullable=False),
        sa.Column("data", sa.LargeBinary, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_waiting"),
    )
    op.create_table(
        "readings",
        sa.Column("reader", sa.String(120), nullable=False),
        sa.Column("record_id", sa.String(80), nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("reader", "record_id", name="pk_readings"),
    )

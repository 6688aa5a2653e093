"""Second factors, invitations, machine clients, identities of an organisation's own login."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("users", sa.Column("person", sa.String(200), nullable=False, server_default=""))
    for name in ("opened_at", "seen_at", "factor_at"):
        op.add_column("sessions", sa.Column(name, sa.BigInteger, nullable=False, server_default="0"))
    op.add_column("sessions", sa.Column("factor", sa.String(16), nullable=False, server_default=""))
    op.create_table(
        "factors",
        sa.Column("id", sa.String(48), nullable=False),
        sa.Column("user_key", sa.String(120), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("secret", sa.LargeBinary, nullable=False),
        sa.Column("credential", sa.LargeBinary),
        sa.Column("counter", sa.BigInteger, nullable=False),
        sa.Column("added_at", sa.BigInteger, nullable=False),
        sa.Column("used_at", sa.BigInteger),
        sa.PrimaryKeyConstraint("id", name="pk_factors"),
        sa.ForeignKeyConstraint(["user_key"], ["users.key"], name="fk_factors_user_key", ondelete="CASCADE"),
        sa.UniqueConstraint("credential", name="uq_factors_credential"),
    )
    op.create_index("ix_factors_user_key", "factors", ["user_key"])
    op.create_table(
        "recovery_codes",
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.Column("user_key", sa.String(120), nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_recovery_codes"),
        sa.ForeignKeyConstraint(["user_key"], ["users.key"], name="fk_recovery_codes_user_key", ondelete="CASCADE"),
    )
    op.create_index("ix_recovery_codes_user_key", "recovery_codes", ["user_key"])
    op.create_table(
        "invitations",
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.Column("id", sa.String(48), nullable=False),
        sa.Column("user_key", sa.String(120), nullable=False),
        sa.Column("name", sa.String(120), nullable=False),
        sa.Column("roles", sa.String(400), nullable=False),
        sa.Column("clearance", sa.Text, nullable=False),
        sa.Column("invited_by", sa.String(120), nullable=False),
        sa.Column("added_at", sa.BigInteger, nullable=False),
        sa.Column("expires", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_invitations"),
        sa.UniqueConstraint("id", name="uq_invitations_id"),
        sa.UniqueConstraint("user_key", name="uq_invitations_user_key"),
    )
    op.create_table(
        "clients",
        sa.Column("key", sa.String(120), nullable=False),
        sa.Column("name", sa.String(120), nullable=False),
        sa.Column("owner", sa.String(120)),
        sa.Column("roles", sa.String(400), nullable=False),
        sa.Column("clearance", sa.Text, nullable=False),
        sa.Column("prefix", sa.String(16)),
        sa.Column("digest", sa.LargeBinary(32)),
        sa.Column("certificate", sa.String(64)),
        sa.Column("added_at", sa.BigInteger, nullable=False),
        sa.Column("expires", sa.BigInteger, nullable=False),
        sa.Column("used_at", sa.BigInteger),
        sa.PrimaryKeyConstraint("key", name="pk_clients"),
        sa.ForeignKeyConstraint(["owner"], ["users.key"], name="fk_clients_owner", ondelete="CASCADE"),
        sa.UniqueConstraint("prefix", name="uq_clients_prefix"),
        sa.UniqueConstraint("certificate", name="uq_clients_certificate"),
    )
    op.create_index("ix_clients_owner", "clients", ["owner"])
    op.create_table(
        "receivers",
        sa.Column("key", sa.String(120), nullable=False),
        sa.Column("name", sa.String(120), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("address", sa.LargeBinary, nullable=False),
        sa.Column("clearance", sa.Text, nullable=False),
        sa.Column("added_by", sa.String(120), nullable=False),
        sa.Column("added_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_receivers"),
    )
    op.create_table(
        "identities",
        sa.Column("issuer", sa.String(400), nullable=False),
        sa.Column("subject", sa.String(255), nullable=False),
        sa.Column("user_key", sa.String(120)),
        sa.Column("added_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("issuer", "subject", name="pk_identities"),
        sa.ForeignKeyConstraint(["user_key"], ["users.key"], name="fk_identities_user_key", ondelete="SET NULL"),
    )
    op.create_index("ix_identities_user_key", "identities", ["user_key"])
    op.create_table(
        "proposals",
        sa.Column("id", sa.String(48), nullable=False),
        sa.Column("act", sa.String(80), nullable=False),
        sa.Column("what", sa.String(200), nullable=False),
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.Column("content", sa.LargeBinary),
        sa.Column("proposed_by", sa.String(120), nullable=False),
        sa.Column("person", sa.String(200), nullable=False),
        sa.Column("proposed_at", sa.BigInteger, nullable=False),
        sa.Column("expires", sa.BigInteger, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("approved_by", sa.String(200), nullable=False, server_default=""),
        sa.Column("approved_at", sa.BigInteger),
        sa.Column("mode", sa.String(16), nullable=False, server_default=""),
        sa.Column("record_id", sa.String(80), nullable=False, server_default=""),
        sa.PrimaryKeyConstraint("id", name="pk_proposals"),
    )
    op.create_index("ix_proposals_state", "proposals", ["state"])

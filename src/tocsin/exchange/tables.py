"""The exchange's tables, in the journal's database: partners, what is owed to whom, and how far each chain has come.

Nothing here is labelled text: records stand in the journal, and these rows name them by id.
"""

from sqlalchemy import BigInteger, Column, Index, LargeBinary, String, Table, Text, text

from tocsin.journal.tables import metadata

# As the migration writes them: a query that says the same words finds the index of just these rows.
QUEUED = "state = 'queued'"
URGENT = (
    "seq IS NOT NULL AND state IN ('queued', 'sent') AND (record_id >= 'recall--' AND record_id < 'recall-.'"
    " OR record_id >= 'warning--' AND record_id < 'warning-.')"
)

partners = Table(
    "partners",
    metadata,
    Column("partner", String(32), primary_key=True),
    Column("card", Text, nullable=False),
    Column("clearance", Text, nullable=False),
    Column("added_at", BigInteger, nullable=False),
    Column("state", String(16), nullable=False, server_default="pinned"),  # pinned, rotated, recovered, revoked, excluded
    Column("changed_at", BigInteger),  # protocol time of the state
    Column("reason", String(200), nullable=False, server_default=""),
    Column("compared_at", BigInteger),  # when a person read the fingerprint back
    Column("compared_by", String(120), nullable=False, server_default=""),
)

partner_cards = Table(
    "partner_cards",
    metadata,
    Column("partner", String(32), primary_key=True),
    Column("digest", LargeBinary(32), primary_key=True),
    Column("since", BigInteger, primary_key=True, autoincrement=False),
    Column("until", BigInteger),
    Column("how", String(16), nullable=False),
    Column("card", Text, nullable=False),
)

told = Table(
    "told",
    metadata,
    Column("partner", String(32), primary_key=True),
    Column("card", LargeBinary(32), nullable=False),  # the digest of this node's card that the partner holds
    Column("at", BigInteger, nullable=False),
)

outbox = Table(
    "outbox",
    metadata,
    Column("record_id", String(80), primary_key=True),
    Column("partner", String(32), primary_key=True),
    Column("realm", String(60), nullable=False),
    Column("seq", BigInteger),  # its place in the chain to that partner; NULL: withheld, or in a chain that has ended
    Column("item", LargeBinary(32)),  # SHA-256 of the signed bytes
    Column("after", LargeBinary(32)),  # the chain's hash after it
    Column("state", String(16), nullable=False),  # withheld, queued, sent, delivered, refused, withdrawn
    Column("reason", String(200), nullable=False),
    Column("at", BigInteger),  # protocol time of the state
    Column("offered_at", BigInteger),  # protocol times, the first of each
    Column("sent_at", BigInteger),
    Column("delivered_at", BigInteger),
    Index(None, "partner", "realm", "seq", unique=True),
    # Small ones, of what is still to go alone.
    Index("ix_outbox_queued", "partner", "realm", "seq", sqlite_where=text(QUEUED), postgresql_where=text(QUEUED)),
    Index("ix_outbox_urgent", "partner", "offered_at", "seq", sqlite_where=text(URGENT), postgresql_where=text(URGENT)),
)

chains_out = Table(
    "chains_out",
    metadata,
    Column("partner", String(32), primary_key=True),
    Column("realm", String(60), primary_key=True),
    Column("next", BigInteger, nullable=False),
    Column("hash", LargeBinary(32), nullable=False),
    Column("received", BigInteger, nullable=False),  # the partner's receipts cover everything before this
    Column("start", LargeBinary(16)),  # random, of a chain that replaced one; NULL: a realm's first
)

chains_in = Table(
    "chains_in",
    metadata,
    Column("sender", String(32), primary_key=True),
    Column("tag", String(16), primary_key=True),
    Column("klass", String(16), primary_key=True),
    Column("realm", String(60), nullable=False),
    Column("next", BigInteger, nullable=False),
    Column("hash", LargeBinary(32), nullable=False),
    Column("sent_at", BigInteger, nullable=False),  # the latest that was taken in: whatever is older is a replay
)

said = Table(
    "said",
    metadata,
    Column("realm", String(60), primary_key=True),
    Column("idx", BigInteger, primary_key=True, autoincrement=False),  # the journal's
    Column("record_id", String(80), nullable=False, unique=True),
)
"""What this node has said to whoever may have it, in the journal's order: the back-catalogue and the ledger go by it."""

receipts = Table(
    "receipts",
    metadata,
    Column("record_id", String(80), primary_key=True),  # what was read or recalled
    Column("partner", String(32), primary_key=True),
    Column("state", String(16), primary_key=True),  # read, recalled
    Column("receipt_id", String(80), nullable=False),  # the partner's record that says so
    Column("at", BigInteger, nullable=False),  # the partner's protocol time
)

signed_receipts = Table(
    "signed_receipts",
    metadata,
    Column("partner", String(32), primary_key=True),
    Column("at", BigInteger, primary_key=True, autoincrement=False),  # when it came
    Column("digest", LargeBinary(32), primary_key=True),  # SHA-256 of the message
    Column("message", LargeBinary, nullable=False),  # the partner's signed message, as it came
)
"""What partners signed that they keep, each row many records: `receipts.py`."""

catalogue = Table(
    "catalogue",
    metadata,
    Column("partner", String(32), primary_key=True),
    Column("realm", String(60), primary_key=True),
    Column("next", BigInteger, nullable=False),  # everything said before this index was decided for the partner
    Column("basis", LargeBinary(32), nullable=False),  # digest of what the decisions rested on
)

waiting = Table(
    "waiting",
    metadata,
    Column("digest", LargeBinary(32), primary_key=True),  # SHA-256 of the file
    Column("sender", String(32), nullable=False),
    Column("data", LargeBinary, nullable=False),  # a bundle that came before its turn, as it came
    Column("at", BigInteger, nullable=False),
)

readings = Table(
    "readings",
    metadata,
    Column("reader", String(120), primary_key=True),  # a user's name
    Column("record_id", String(80), primary_key=True),
    Column("at", BigInteger, nullable=False),
)

"""The journal's tables, and `metadata`, which every room's `tables.py` joins.

Columns that queries use carry no labelled text. Bodies, salts and proofs are inside `sealed`.
"""

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, LargeBinary, MetaData, String, Table, Text

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)

records = Table(
    "records",
    metadata,
    Column("realm", String(60), primary_key=True),
    Column("idx", BigInteger, primary_key=True, autoincrement=False),  # per realm, from 0, without holes
    Column("kind", String(40), nullable=False),
    Column("record_id", String(80), nullable=False, unique=True),
    Column("leaf", LargeBinary(32), nullable=False),  # SHA-256(salt ‖ signed bytes)
    Column("key_id", BigInteger, nullable=False),  # of data_keys, whose row may be erased
    Column("sealed", LargeBinary),  # see `seals.seal_row`; NULL: this record alone was erased
    # Pages of one kind.
    Index(None, "realm", "kind", "idx"),
)

data_keys = Table(
    "data_keys",
    metadata,
    # On SQLite an id must never come back after its row was deleted.
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("day", Integer, nullable=False),  # days since 1970-01-01 UTC
    Column("klass", String(40), nullable=False),
    Column("wrapped", LargeBinary, nullable=False),
    Index(None, "day", "klass"),
    sqlite_autoincrement=True,
)

settings = Table(
    "settings",
    metadata,
    Column("name", String(80), primary_key=True),
    Column("value", LargeBinary, nullable=False),
)

# The log: see docs/audit.md. Everything here may be shown to whoever may see a checkpoint.

log_batches = Table(
    "log_batches",
    metadata,
    Column("realm", String(60), primary_key=True),
    Column("position", BigInteger, primary_key=True, autoincrement=False),  # in the log, of its first leaf
    Column("leaves", Integer, nullable=False),  # padding among them
    Column("idx", BigInteger),  # of its first record; NULL: padding alone
    Column("records", Integer, nullable=False),
    Column("padding", LargeBinary, nullable=False),  # the padding's entries, 32 bytes each
    Index(None, "realm", "idx"),
)

log_tiles = Table(
    "log_tiles",
    metadata,
    Column("realm", String(60), primary_key=True),
    Column("level", Integer, primary_key=True, autoincrement=False),
    Column("n", BigInteger, primary_key=True, autoincrement=False),
    Column("hashes", LargeBinary, nullable=False),  # 1 to 256 of them; of an earlier tree: its beginning
)

log_origins = Table(
    "log_origins",
    metadata,
    Column("realm", String(60), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("origin", String(120), nullable=False, unique=True),
    Column("began", BigInteger, nullable=False),
    Column("by", String(120), nullable=False),
    Column("why", String(200), nullable=False),
    Column("unsure", Boolean, nullable=False),  # restored: to be shown consistent with what witnesses saw
    Column("stopped", String(200), nullable=False),  # why it signs no more; empty: it does
)

log_checkpoints = Table(
    "log_checkpoints",
    metadata,
    Column("origin", String(120), primary_key=True),
    Column("size", BigInteger, primary_key=True, autoincrement=False),
    Column("realm", String(60), nullable=False),
    Column("root", LargeBinary(32), nullable=False),
    Column("note", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("key", LargeBinary(32), nullable=False),  # that signed it: keys are changed now and then
    Column("confirmed", Integer, nullable=False),  # how many witnesses have cosigned it
    Index(None, "realm", "at"),
)

log_cosignatures = Table(
    "log_cosignatures",
    metadata,
    Column("origin", String(120), primary_key=True),
    Column("size", BigInteger, primary_key=True, autoincrement=False),
    Column("witness", String(32), primary_key=True),
    Column("line", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
)

# What this node saw, as a witness, of the logs of its partners.
log_witnessed = Table(
    "log_witnessed",
    metadata,
    Column("partner", String(32), primary_key=True),
    Column("origin", String(120), primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("root", LargeBinary(32), nullable=False),
    Column("note", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("against", Text, nullable=False),  # a note that cannot be together with `note`; empty: none
)

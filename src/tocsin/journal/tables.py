"""The journal's tables, and `metadata`, which every room's `tables.py` joins.

Columns that queries use carry no labelled text. Bodies, salts and proofs are inside `sealed`.
"""

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, MetaData, String, Table

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
    # Covers what the index in memory is built from at each start.
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

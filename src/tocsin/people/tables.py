"""The tables of people: who may log in, who is logged in, and what was done."""

from sqlalchemy import BigInteger, Column, ForeignKey, Integer, LargeBinary, String, Table, Text

from tocsin.journal.tables import metadata

users = Table(
    "users",
    metadata,
    Column("key", String(120), primary_key=True),  # the name as it is compared
    Column("name", String(120), nullable=False),
    Column("password", String(400), nullable=False),  # argon2id, with its parameters
    Column("roles", String(400), nullable=False),  # JSON
    Column("clearance", Text, nullable=False),  # JSON
    Column("added_at", BigInteger, nullable=False),
)

sessions = Table(
    "sessions",
    metadata,
    Column("digest", LargeBinary(32), primary_key=True),  # SHA-256 of the token
    Column("user_key", String(120), ForeignKey("users.key", ondelete="CASCADE"), nullable=False, index=True),
    Column("expires", BigInteger, nullable=False),
)

acts = Table(
    "acts",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("time", BigInteger, nullable=False),
    Column("who", String(120), nullable=False),
    Column("act", String(80), nullable=False),
    Column("what", String(200), nullable=False),
    sqlite_autoincrement=True,
)

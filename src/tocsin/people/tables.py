"""The tables of people: who may log in and how, who is logged in, machines and receivers, proposals, and what was done."""

from sqlalchemy import BigInteger, Column, ForeignKey, Integer, LargeBinary, String, Table, Text, UniqueConstraint

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
    Column("person", String(200), nullable=False, server_default=""),  # empty: the key. The same for two accounts of one human being
)

sessions = Table(
    "sessions",
    metadata,
    Column("digest", LargeBinary(32), primary_key=True),  # SHA-256 of the token
    Column("user_key", String(120), ForeignKey("users.key", ondelete="CASCADE"), nullable=False, index=True),
    Column("expires", BigInteger, nullable=False),
    Column("opened_at", BigInteger, nullable=False, server_default="0"),
    Column("seen_at", BigInteger, nullable=False, server_default="0"),  # coarse
    Column("factor", String(16), nullable=False, server_default=""),
    Column("factor_at", BigInteger, nullable=False, server_default="0"),
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

factors = Table(
    "factors",
    metadata,
    Column("id", String(48), primary_key=True),
    Column("user_key", String(120), ForeignKey("users.key", ondelete="CASCADE"), nullable=False, index=True),
    Column("kind", String(16), nullable=False),
    Column("name", String(64), nullable=False),
    Column("secret", LargeBinary, nullable=False),  # TOTP: sealed by the vault; passkey: the public key
    Column("credential", LargeBinary, unique=True),  # a passkey's id
    Column("counter", BigInteger, nullable=False),  # TOTP: the last step that was used; passkey: its signature counter
    Column("added_at", BigInteger, nullable=False),
    Column("used_at", BigInteger),
)

recovery_codes = Table(
    "recovery_codes",
    metadata,
    Column("digest", LargeBinary(32), primary_key=True),
    Column("user_key", String(120), ForeignKey("users.key", ondelete="CASCADE"), nullable=False, index=True),
)

invitations = Table(
    "invitations",
    metadata,
    Column("digest", LargeBinary(32), primary_key=True),  # SHA-256 of the token
    Column("id", String(48), nullable=False, unique=True),
    Column("user_key", String(120), nullable=False, unique=True),  # of the user there will be
    Column("name", String(120), nullable=False),
    Column("roles", String(400), nullable=False),
    Column("clearance", Text, nullable=False),
    Column("invited_by", String(120), nullable=False),
    Column("added_at", BigInteger, nullable=False),
    Column("expires", BigInteger, nullable=False),
)

clients = Table(
    "clients",
    metadata,
    Column("key", String(120), primary_key=True),
    Column("name", String(120), nullable=False),
    Column("owner", String(120), ForeignKey("users.key", ondelete="CASCADE"), index=True),  # empty: the operator's
    Column("roles", String(400), nullable=False),
    Column("clearance", Text, nullable=False),
    Column("prefix", String(16), unique=True),  # of the token, to know it by
    Column("digest", LargeBinary(32)),
    Column("certificate", String(64), unique=True),  # SHA-256 of the pinned certificate, in hex
    Column("added_at", BigInteger, nullable=False),
    Column("expires", BigInteger, nullable=False),
    Column("used_at", BigInteger),  # coarse
)

receivers = Table(
    "receivers",
    metadata,
    Column("key", String(120), primary_key=True),
    Column("name", String(120), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("address", LargeBinary, nullable=False),  # sealed by the vault
    Column("clearance", Text, nullable=False),
    Column("added_by", String(120), nullable=False),
    Column("added_at", BigInteger, nullable=False),
    Column("prefix", String(16), index=True, unique=True),  # of the token, to know it by; a feed's alone, as what follows
    Column("digest", LargeBinary(32)),
    Column("expires", BigInteger),
    Column("used_at", BigInteger),  # coarse
)

tellings = Table(
    "tellings",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),  # what was told first comes first
    Column("receiver", String(120), nullable=False),
    Column("since", BigInteger, nullable=False),  # when it was added: another of the same name later is somebody else
    Column("partner", String(32), nullable=False),  # whose it counted as
    Column("realm", String(64), nullable=False),
    Column("cursor", String(80), nullable=False),  # what was said: the record itself, or what recalled it
    Column("record", String(80), nullable=False, index=True),  # what it is about
    Column("at", BigInteger, nullable=False),
    UniqueConstraint("receiver", "since", "cursor"),
    sqlite_autoincrement=True,
)

identities = Table(
    "identities",
    metadata,
    Column("issuer", String(400), primary_key=True),
    Column("subject", String(255), primary_key=True),
    # NULL: that account was removed here, and does not come back by itself.
    Column("user_key", String(120), ForeignKey("users.key", ondelete="SET NULL"), index=True),
    Column("added_at", BigInteger, nullable=False),
)

proposals = Table(
    "proposals",
    metadata,
    Column("id", String(48), primary_key=True),
    Column("act", String(80), nullable=False),
    Column("what", String(200), nullable=False),
    Column("digest", LargeBinary(32), nullable=False),  # SHA-256 of exactly what is to be done
    Column("content", LargeBinary),  # that, sealed by the journal
    Column("proposed_by", String(120), nullable=False),
    Column("person", String(200), nullable=False),
    Column("proposed_at", BigInteger, nullable=False),
    Column("expires", BigInteger, nullable=False),
    Column("state", String(16), nullable=False, index=True),
    Column("approved_by", String(200), nullable=False, server_default=""),
    Column("approved_at", BigInteger),
    Column("mode", String(16), nullable=False, server_default=""),
    Column("record_id", String(80), nullable=False, server_default=""),  # a partner's approval
)

"""What each watch remembers through a restart, sealed."""

from sqlalchemy import BigInteger, Column, Integer, LargeBinary, String, Table

from tocsin.journal.tables import metadata

watch_memory = Table(
    "watch_memory",
    metadata,
    Column("realm", String(60), primary_key=True),
    Column("view", String(80), primary_key=True),
    Column("topic", String(48), primary_key=True),
    Column("part", Integer, primary_key=True, autoincrement=False),  # from 0; what was sealed is all parts in this order
    Column("at", BigInteger, nullable=False),  # realm time of its last look
    Column("sealed_at", BigInteger, nullable=False),  # protocol time: the day of the data key
    Column("sealed", LargeBinary, nullable=False),  # a part of it: `keeping.pack` in a zstd frame, sealed
)

"""A node that says records and signs checkpoints without a relay, and marks in a file what it has answered for.

python -m tests.faults.speaker FOLDER COUNT full|off
"""

import asyncio
import os
import sys
from pathlib import Path

from tests.faults.member import Clock, Teller, report
from tocsin.core import Clearance, SeededEntropy
from tocsin.exchange import Book, Card, Exchange, NatsTransport, NodeKeys, measure
from tocsin.exchange.model import Parts
from tocsin.journal import Journal, Log, Vault, schema

TEXT = "What was said before the power went. " * 40


async def run(folder, count, synchronous):
    # The negative control: a database that does not wait for the disk.
    schema._WRITER = tuple(pragma.replace("FULL", synchronous.upper()) for pragma in schema._WRITER)
    marks = os.open(folder / "marks", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    clock, entropy = Clock(0), SeededEntropy("speaker")
    journal = await Journal.open(folder, Vault.open(folder, measure.SECRET), clock, entropy)
    keys, book = NodeKeys.load(Vault.open(folder, measure.SECRET), folder), Book(journal, clock)
    card = Card.from_toml((folder.parent / "BIRCH" / "card.toml").read_text())
    await book.add(card, Clearance(measure.POLICY, "BIRCH", 0))
    transport = NatsTransport("nats://127.0.0.1:1", keys, entropy)
    exchange = Exchange(Parts(keys, book, journal, transport, clock, entropy, Teller(), Clearance(measure.POLICY, keys.partner, 0)))
    log = Log(journal, keys, clock, entropy)
    for first in range(0, count, 5):
        said = await asyncio.gather(*(exchange.say(report(keys.partner, n, ["BIRCH"], TEXT)) for n in range(first, first + 5)))
        for number, (kept, _) in enumerate(said, first):
            os.write(marks, f"said {number} {kept.record.id}\n".encode())
        if first % 20 == 15 and (signed := await log.checkpoint(measure.REALM)):
            point = signed.checkpoint
            os.write(marks, f"signed {point.size} {point.root.hex()}\n".encode())
    os.write(marks, b"end\n")
    # Gone without a good-bye: a polite end would write everything back.
    os._exit(0)


if __name__ == "__main__":
    asyncio.run(run(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]))

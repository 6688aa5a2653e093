"""Makes tests/journal/first_release.*: a node's folder as the first release wrote it, for the tests of upgrading.

Run it with the first release's own code, not today's (its database stands at version 0002):

    git archive <first release> src | tar -x -C /tmp/first
    PYTHONPATH=/tmp/first/src python scripts/make_first_release.py tests/journal/first_release
"""

import asyncio
import base64
import contextlib
import json
import sqlite3
import sys
import tempfile
from pathlib import Path

from tocsin.core import LIVE, Clearance, Finding, LogEntry, Report
from tocsin.core.labels import originate
from tocsin.exchange import NodeKeys
from tocsin.node import secrets
from tocsin.node.founding import Wishes, found
from tocsin.node.service import Node
from tocsin.node.system import SystemClock, SystemEntropy

FILES = ("vault.json", "node.toml", "node.keys", "master.key")


async def make(folder: Path) -> list[str]:
    """A node in `folder` with a person, a partner and 42 records, one of them erased; the records' ids."""
    wishes = Wishes(
        id="ASTER", name="Aster watch floor", user="mara", password="correct horse battery", levels=("OPEN", "CLOSED"), clearance="CLOSED"
    )
    await found(folder, wishes)
    node = await Node.open(folder, secrets.find(folder), SystemClock(), SystemEntropy())
    kept = []
    try:
        birch = NodeKeys.make("BIRCH").card("Birch coast guard", node.clock)
        await node.book.add(birch, Clearance(node.config.policy.name, "BIRCH", 0, frozenset()))
        label = originate(node.config.policy, "OPEN", "ASTER", ["BIRCH"])
        for realm in (LIVE, "exercise:first"):
            for number in range(20):
                body = Report(title=f"Report {number}", text=f"Text {number} in {realm}.", source="s")
                kept.append((await node.keep(node.new_record(body, realm, "mara", label))).record.id)
        body = Finding(
            episode="e", state="opened", indicator="i", detector="d", topic="airborne-rapid-deployment", text="seen", since=0, until=1
        )
        kept.append((await node.keep(node.new_record(body, LIVE, "node", node.own_label()))).record.id)
        kept.append((await node.keep(node.new_record(LogEntry(text="Calm."), LIVE, "mara", node.own_label()))).record.id)
        await node.journal.erase(kept[3])
    finally:
        await node.close()
    return kept


def main(out: str) -> None:
    """Write `out`.sql and `out`.json."""
    with tempfile.TemporaryDirectory() as aside:
        folder = Path(aside) / "node"
        kept = asyncio.run(make(folder))
        with contextlib.closing(sqlite3.connect(folder / "journal.db")) as connection:
            Path(f"{out}.sql").write_text("\n".join(connection.iterdump()) + "\n")
        files = {name: base64.b64encode((folder / name).read_bytes()).decode() for name in FILES}
        Path(f"{out}.json").write_text(json.dumps({"records": kept, "erased": kept[3], "files": files}, indent=1) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])

"""`tocsin search`: the running node's search, as one of its people."""

from __future__ import annotations

from pathlib import Path

from tocsin.core import iso

from .calls import Console
from .output import give, give_rows
from .watch import User

COLUMNS = {"kind": "kind", "at": "said", "origin": "by", "snippet": "where", "record": "record"}


def search(
    folder: Path,
    query: str,
    *,
    user: User,
    realm: str = "live",
    limit: int = 50,
    json: bool = False,
) -> None:
    """Find texts by their words, out of those that a person may read."""
    found = Console(folder, user).get("/search", q=query, realm=realm, limit=limit)
    if json:
        give(found, json=True)
        return
    rows = [{**hit, "at": iso(hit["protocol_time"])} for hit in found["hits"]]
    empty = f"nothing among the newest {found['of']:,} texts that {user} may read"
    give_rows(rows, COLUMNS, json=False, empty=empty, tall=True)

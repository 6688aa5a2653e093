"""How answers come out: one JSON document, or a table for a person; logs go to stderr."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text


def give(value: Any, *, json: bool, text: str | None = None) -> None:
    """Print `value` as one JSON document, or `text` for a person."""
    sys.stdout.write((msgspec.json.format(msgspec.json.encode(value), indent=2).decode() if json or text is None else text) + "\n")


def give_rows(rows: Sequence[dict[str, Any]], columns: dict[str, str], *, json: bool, empty: str, tall: bool = False) -> None:
    """Print `rows` as JSON, or as a table of `columns` (key to heading); `empty` stands where there is none.

    `tall`: a block for each row in place of a line, for rows with sentences and ids that somebody will copy.
    """
    if json:
        give(list(rows), json=True)
    elif not rows:
        give(None, json=False, text=empty)
    elif tall:
        wide = max(map(len, columns.values()))
        blocks = ["\n".join(f"{heading:{wide}}  {_cell(row.get(key))}" for key, heading in columns.items()) for row in rows]
        give(None, json=False, text="\n\n".join(blocks))
    else:
        table = Table(box=None, header_style="bold", pad_edge=False)
        for heading in columns.values():
            table.add_column(heading, overflow="fold")
        for row in rows:
            table.add_row(*(Text(_cell(row.get(key))) for key in columns))
        Console().print(table)


def log_to_stderr(level: int = logging.INFO) -> None:
    """Send the program's log to stderr, one line an event."""
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("tocsin").setLevel(level)


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, list | tuple | set | frozenset):
        return ", ".join(map(str, value))
    return str(value)

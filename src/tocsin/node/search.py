"""Full-text search in memory, over what one view may read in one realm. Nothing of it is ever on disk.

Words, ranking and counts are of this view's texts alone. Nothing can be found by an aircraft's registration or address:
such words are left out of the index, and a search for one is refused.
"""

from __future__ import annotations

import re
import sqlite3
from collections import deque
from typing import Any, NamedTuple

from tocsin.core import Claim, Finding, InputError, LogEntry, Record, Report, WarningRecord

MOST_TEXTS = 20_000
MOST_BYTES = 4 * 1024 * 1024
"""Of one view in one realm; the oldest texts make room, and a search says how many it looked through."""
LONGEST_QUERY = 200
MOST_WORDS = 12
# Nationality mark, hyphen and letters or figures; marks without a hyphen; a 24-bit address. Types (Il-76, C-130) are none of these.
_AIRCRAFT = re.compile(
    r"\b(?:[A-Z][A-Z0-9]?|[0-9][A-Z])-(?:[A-Z]{3,4}|[0-9]{4,5}|[A-Z0-9]*[0-9][A-Z][A-Z0-9]*)\b"
    r"|\bN[1-9][0-9]{0,4}[A-Z]{0,2}\b|\b(?:JA|HL)[0-9]{3,4}[A-Z]{0,2}\b|\b(?=[A-F]*[0-9])[0-9A-F]{6}\b",
    re.IGNORECASE,
)
_WORD = re.compile(r"\w+", re.UNICODE)


class Hit(NamedTuple):
    """One text that was found: its row in the journal, and where the words stand."""

    row: int
    snippet: str


class Found(NamedTuple):
    """What was found, the best first: at most `limit` of `matches`, out of the newest `of` texts."""

    hits: list[Hit]
    matches: int
    of: int


class Texts:
    """The texts of one view in one realm; its database is opened with the first."""

    def __init__(self, most: int = MOST_TEXTS, most_bytes: int = MOST_BYTES) -> None:
        self._most, self._room = most, most_bytes
        self._database: sqlite3.Connection | None = None
        self._held: deque[tuple[int, int]] = deque()
        self._bytes = self._removed = 0

    def add(self, row: int, record: Record, body: Any) -> None:
        """Take in what `record` says in words, if it says anything."""
        if text := text_of(record, body):
            database = self._open()
            database.execute("insert into texts (rowid, words) values (?, ?)", (row, text))
            self._held.append((row, len(text)))
            self._bytes += len(text)
            while len(self._held) > self._most or self._bytes > self._room:
                oldest, size = self._held.popleft()
                database.execute("delete from texts where rowid = ?", (oldest,))
                self._bytes -= size
                self._removed += 1
            if self._removed > len(self._held) // 4:
                # Removing a text adds to the index, until what it says of the text is merged: left to itself it grows to twice as much.
                database.execute("insert into texts (texts) values ('optimize')")
                self._removed = 0

    def find(self, query: str, limit: int = 50) -> Found:
        """Texts that hold every word of `query`, the last word's beginnings too; raises `InputError`."""
        words = words_of(query)
        if self._database is None:
            return Found([], 0, 0)
        match = " ".join(f'"{word}"' for word in words) + "*"
        (count,) = self._database.execute("select count(*) from texts where texts match ?", (match,)).fetchone()
        statement = "select rowid, snippet(texts, 0, '', '', '…', 24) from texts where texts match ? order by rank, rowid desc limit ?"
        hits = [Hit(row, snippet) for row, snippet in self._database.execute(statement, (match, limit))]
        return Found(hits, count, len(self._held))

    def _open(self) -> sqlite3.Connection:
        if self._database is None:
            self._database = sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None)
            self._database.execute("create virtual table texts using fts5(words, tokenize='unicode61 remove_diacritics 2')")
        return self._database


def words_of(query: str) -> list[str]:
    """The words of a query; raises `InputError` for none, too many, or an aircraft's registration or address."""
    if len(query) > LONGEST_QUERY or _AIRCRAFT.search(query):
        raise InputError("search for up to 200 characters of words: aircraft registrations and addresses are not searched for")
    words = _WORD.findall(query)
    if not words or len(words) > MOST_WORDS:
        raise InputError(f"search for 1 to {MOST_WORDS} words")
    return words


def text_of(record: Record, body: Any) -> str:
    """What of a record can be found: its own words, never who wrote it, an aircraft's identity, or another record."""
    del record
    match body:
        case Report():
            text = f"{body.title}\n{body.text}\n{body.source}"
        case Claim():
            text = f"{body.text}\n{body.source}"
        case Finding() | LogEntry():
            text = body.text
        case WarningRecord():
            text = "\n".join([body.sentence, body.would_change, *(e.text for e in body.evidence)])
        case _:
            return ""
    return _AIRCRAFT.sub(" ", text)

"""The register: what the journal holds, by what people ask for. Built at start, kept up with every record."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from msgspec import structs

from tocsin.core import (
    Acknowledgement,
    Finding,
    Gap,
    LogEntry,
    Realm,
    Record,
    Refusal,
    Report,
    Rule,
    WarningRecord,
    body_of,
)
from tocsin.journal import Journal, Kept


class Version(NamedTuple):
    """One version of a warning, in the record that said it."""

    record: Record
    body: WarningRecord


class Answer(NamedTuple):
    """One acknowledgement, in the record that said it."""

    record: Record
    body: Acknowledgement


class Standing(NamedTuple):
    """A rule with who stands behind it: in force with two persons and not withdrawn."""

    record: Record
    body: Rule
    agreed_by: tuple[str, ...]
    withdrawn: bool

    def in_force(self, now: int) -> bool:
        """Whether it holds at `now` (protocol time)."""
        return not self.withdrawn and len(set(self.agreed_by)) >= 2 and self.body.valid_from <= now < self.body.valid_until


class Register:
    """Warnings by their versions, their acknowledgements, reports, findings by episode, log lines and refusals.

    In the order in which they came, whoever said them: what a reader is shown of it is `Filtered`'s matter.
    """

    def __init__(self) -> None:
        self.warnings: dict[tuple[Realm, str], list[Version]] = {}
        self.answers: dict[str, list[Answer]] = defaultdict(list)
        self.reports: dict[Realm, list[tuple[Record, Report]]] = defaultdict(list)
        self.episodes: dict[str, list[tuple[Record, Finding]]] = defaultdict(list)
        self.log: dict[Realm, list[tuple[Record, LogEntry]]] = defaultdict(list)
        self.rules: dict[str, list[tuple[Record, Rule]]] = {}
        self.gaps: list[tuple[Record, Gap]] = []
        self.refusals: list[tuple[Record, Refusal]] = []

    def fill(self, journal: Journal) -> None:
        """Take in everything that the journal holds."""
        for realm in journal.realms():
            after = -1
            while page := journal.records(realm, after=after):
                self.add(page)
                after = page[-1].index

    def add(self, kept: Iterable[Kept]) -> None:
        """Take in records that were just kept."""
        for one in kept:
            self._add(one.record)

    def _add(self, record: Record) -> None:
        match body_of(record):
            case WarningRecord() as body:
                self.warnings.setdefault((record.realm, body.warning), []).append(Version(record, body))
            case Acknowledgement() as body:
                self.answers[body.warning].append(Answer(record, body))
            case Report() as body:
                self.reports[record.realm].append((record, body))
            case Finding() as body:
                self.episodes[body.episode].append((record, body))
            case Rule() as body:
                self._rule(record, body)
            case LogEntry() as body:
                self.log[record.realm].append((record, body))
            case Gap() as body:
                self.gaps.append((record, body))
            case Refusal() as body:
                self.refusals.append((record, body))
            case _:
                pass  # Kept and listed in the journal; no page asks for it by kind.

    def _rule(self, record: Record, body: Rule) -> None:
        about = next((ref.id for ref in record.refs if ref.rel in {"approves", "cancels"}), None)
        if body.state == "proposed" and about is None:
            self.rules[record.id] = [(record, body)]
        elif said := self.rules.get(about or ""):
            said.append((record, body))


def standing_of(said: Sequence[tuple[Record, Rule]]) -> Standing:
    """How a rule stands by its proposal, which comes first, and what was said of it afterwards."""
    record, body = said[0]
    agreed, withdrawn = [record.author], False
    for later, words in said[1:]:
        if later.origin != record.origin:
            continue
        withdrawn = withdrawn or words.state == "withdrawn"
        if words.state == "agreed" and words == structs.replace(body, state="agreed"):
            agreed.append(later.author)
    return Standing(record, body, tuple(agreed), withdrawn=withdrawn)

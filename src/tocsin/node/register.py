"""The register: what the journal holds, by what people ask for. Built at start, kept up with every record."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from msgspec import structs

from tocsin.core import (
    Acknowledgement,
    Clearance,
    Finding,
    Gap,
    Label,
    LogEntry,
    Realm,
    Record,
    Refusal,
    Report,
    Rule,
    WarningRecord,
    body_of,
    join,
    may_read,
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
    """Warnings by their versions, their acknowledgements, reports, findings by episode, log lines and refusals."""

    def __init__(self) -> None:
        self.warnings: dict[tuple[Realm, str], list[Version]] = {}
        self.answers: dict[str, list[Answer]] = defaultdict(list)
        self.reports: dict[Realm, list[tuple[Record, Report]]] = defaultdict(list)
        self.episodes: dict[str, list[tuple[Record, Finding]]] = defaultdict(list)
        self.log: dict[Realm, list[tuple[Record, LogEntry]]] = defaultdict(list)
        self.rules: dict[str, Standing] = {}
        self.gaps: list[tuple[Record, Gap]] = []
        self.refusals: list[tuple[Record, Refusal]] = []

    def fill(self, journal: Journal) -> None:
        """Take in everything that the journal holds."""
        for realm in journal.realms():
            after = -1
            while page := journal.records(realm, after=after):
                self.add(page)
                after = page[-1].index

    def said_of(self, version: Version, by: str) -> list[str]:
        """What the node `by` has said of a version: read, held, acknowledged."""
        answers = self.answers[version.body.warning]
        return [a.body.state for a in answers if a.record.origin == by and any(ref.id == version.record.id for ref in a.record.refs)]

    def add(self, kept: Iterable[Kept]) -> None:
        """Take in records that were just kept."""
        for one in kept:
            self._add(one.record)

    def _add(self, record: Record) -> None:
        match body_of(record):
            case WarningRecord() as body:
                versions = self.warnings.setdefault((record.realm, body.warning), [])
                # Whoever said the first version owns the warning: nobody else's record can change it.
                if not versions or versions[0].record.origin == record.origin:
                    versions.append(Version(record, body))
                    versions.sort(key=lambda v: v.body.version)
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
            self.rules[record.id] = Standing(record, body, (record.author,), withdrawn=False)
            return
        standing = self.rules.get(about or "")
        if standing is None or standing.record.origin != record.origin:
            return
        if body.state == "withdrawn":
            self.rules[standing.record.id] = standing._replace(withdrawn=True)
        elif body.state == "agreed" and body == structs.replace(standing.body, state="agreed"):
            self.rules[standing.record.id] = standing._replace(agreed_by=(*standing.agreed_by, record.author))

    def evidence_label(self, warning: Record, reader: Clearance) -> Label | None:
        """The join of what a warning rests on: every record of each episode that is its evidence.

        None if any of it is not there, or above `reader`.
        """
        episodes = [self.episodes.get(ref.id, []) for ref in warning.refs if ref.rel == "evidence"]
        labels = [record.label for records in episodes for record, _ in records]
        whole = bool(labels) and all(episodes) and all(may_read(label, reader) for label in labels)
        return join(labels) if whole else None

"""The register: what the journal holds, by what people ask for. Built at start, kept up with every record."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from tocsin.core import Acknowledgement, Finding, LogEntry, Realm, Record, Refusal, Report, WarningRecord, body_of
from tocsin.journal import Journal, Kept


class Version(NamedTuple):
    """One version of a warning, in the record that said it."""

    record: Record
    body: WarningRecord


class Answer(NamedTuple):
    """One acknowledgement, in the record that said it."""

    record: Record
    body: Acknowledgement


class Register:
    """Warnings by their versions, their acknowledgements, reports, findings by episode, log lines and refusals."""

    def __init__(self) -> None:
        self.warnings: dict[tuple[Realm, str], list[Version]] = {}
        self.answers: dict[str, list[Answer]] = defaultdict(list)
        self.reports: dict[Realm, list[tuple[Record, Report]]] = defaultdict(list)
        self.episodes: dict[str, list[tuple[Record, Finding]]] = defaultdict(list)
        self.log: dict[Realm, list[tuple[Record, LogEntry]]] = defaultdict(list)
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
            case LogEntry() as body:
                self.log[record.realm].append((record, body))
            case Refusal() as body:
                self.refusals.append((record, body))
            case _:
                pass  # Kept and listed in the journal; no page asks for it by kind.

"""What one reader may see of what the node holds: the only way from a page or an act to the register and the journal.

Nothing here depends on a record that the reader may not see: not which warning an id means, nor who owns it, nor
whether a rule holds, nor how many rows there are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tocsin.core import (
    LIVE,
    Acknowledgement,
    Claim,
    Consent,
    Finding,
    Gap,
    Label,
    LogEntry,
    Realm,
    Record,
    Ref,
    Refusal,
    Report,
    Request,
    Requirement,
    Rule,
    Subscription,
    WarningRecord,
    join,
)  # fmt: skip
from tocsin.journal import Kept
from tocsin.people import Done, User
from tocsin.warning.series import Series

from .errors import NotFound
from .readers import SYSTEM, Reader
from .register import Answer, Read, Standing, Version, standing_of
from .search import Found
from .shelves import Shelf

if TYPE_CHECKING:
    from .service import Node

HIDDEN = Report(title="", text="", source="")
"""What is shown of a report that its origin recalled."""
OF_PEOPLE = frozenset({"session", "user", "factor", "client", "receiver", "invitation", "partner", "node"})
"""Subjects of acts that say nothing of records."""


def reader_of_all(node: Node) -> Reader:
    """The node's own view as a reader without a role: for what the node does by itself."""
    own = node.views.of(node.config.own)
    return Reader(User(SYSTEM + own.id, frozenset(), own.clearance), own, "")


def whole(node: Node) -> Filtered:
    """What the node's own view sees: for what the node does by itself, never to be shown to a person."""
    return Filtered(node, reader_of_all(node))


class Filtered:
    """One node's records, as one reader may see them."""

    def __init__(self, node: Node, reader: Reader) -> None:
        self._node, self._reader, self._register = node, reader, node.register

    def may_see(self, record: Record) -> bool:
        """Whether the reader may be shown `record`."""
        return self._reader.may_see(record, self._node.config.id)

    def refs(self, record: Record) -> list[Ref]:
        """The refs of `record` that lead to something the reader may see: one to what is hidden is as one to what never was."""
        found = ((ref, self._node.journal.get(ref.id)) for ref in record.refs)
        return [ref for ref, kept in found if kept is not None and self.may_see(kept.record)]

    def get(self, record_id: str) -> Kept:
        """One record by its id; raises `NotFound`."""
        if (kept := self.find(record_id)) is None:
            raise NotFound
        return kept

    def may_know(self, what: str) -> bool:
        """Whether the reader may be told of something that was done or proposed about `what`: not of a record that is hidden."""
        kept = self._node.journal.get(what)
        return kept is None or self.may_see(kept.record)

    def find(self, record_id: str) -> Kept | None:
        """One record by its id; None if there is none for this reader."""
        kept = self._node.journal.get(record_id)
        return kept if kept is not None and self.may_see(kept.record) else None

    @property
    def reads_all(self) -> bool:
        """Whether the reader may read all that the node itself may: what counts every label is for such readers alone."""
        return self._reader.view.clearance == self._node.gate.widened(self._node.config.own)

    def acts(self, after: int, limit: int) -> list[Done]:
        """The audit past the reader's own count `after`, oldest first; what was done with records only for who reads all."""
        if self.reads_all:
            return self._node.people.acts(after=after, limit=limit)
        found: list[Done] = []
        at = 0
        while len(found) < after + limit and (page := self._node.people.acts(after=at, limit=1000)):
            found += [one for one in page if one.act.partition(":")[0] in OF_PEOPLE]
            at += len(page)
        return found[after : after + limit]

    def referring(self, rel: str, record: Record) -> list[Record]:
        """What refers to `record` by `rel` in its realm, the oldest first."""
        found = self._register.read(record.realm, self._shelf(record.realm).places.of(f"{rel} {record.id}"))
        mine = (one.record for one in found if any((ref.rel, ref.id) == (rel, record.id) for ref in one.record.refs))
        return [one for one in mine if self.may_see(one)]

    def consents(self, record: Record) -> list[tuple[Record, Consent]]:
        """The consents that `record` goes on, the oldest first."""
        found = self._register.read(record.realm, self._shelf(record.realm).places.of(f"consent {record.id}"))
        return [(one.record, one.body) for one in found if isinstance(one.body, Consent) and self.may_see(one.record)]

    def recall_of(self, record: Record) -> Record | None:
        """What recalled `record`: only its own origin can."""
        if "recall" not in self._shelf(record.realm).kinds:
            return None
        return next((found for found in self.referring("recalls", record) if found.origin == record.origin), None)

    def hides(self, record: Record) -> bool:
        """Whether a partner recalled `record`, so that only that it was there is shown; what this node recalled its people still see."""
        return record.origin != self._node.config.id and self.recall_of(record) is not None

    def correction_of(self, record: Record) -> Record | None:
        """The newest record by which its own origin corrected `record`."""
        return next((found for found in reversed(self.referring("corrects", record)) if found.origin == record.origin), None)

    def closed(self, record: Record) -> bool:
        """Whether its own origin closed or ended `record`."""
        return any(found.origin == record.origin for found in self.referring("cancels", record))

    def requests(self, realm: Realm, limit: int = 200) -> list[tuple[Record, Request]]:
        """The newest requests, without those that only close one."""
        return [(record, body) for record, body in self._newest(realm, "request", limit) if body.state == "open"]

    def requirements(self, realm: Realm, limit: int = 200) -> list[tuple[Record, Requirement]]:
        """The newest requirements, without those that only end one."""
        return [(record, body) for record, body in self._newest(realm, "requirement", limit) if body.state == "standing"]

    def reviewed(self, realm: Realm) -> list[Record]:
        """Records whose label names a time at which it is to be looked at again, as it was said or lowered."""
        kinds = self._shelf(realm).kinds
        return [one.record for one in self._read(realm, list(kinds["label review"].backwards()))] if "label review" in kinds else []

    def subscriptions(self, limit: int = 1000) -> list[tuple[Record, Subscription]]:
        """The newest subscriptions, of whoever it is, the oldest first."""
        return self._newest(LIVE, "subscription", limit)[::-1]

    # --- realms ---------------------------------------------------------------------------------------------

    def realms(self) -> list[Realm]:
        """The realms that the reader sees anything in, `live` first and always."""
        return sorted(filter(self.sees, self._node.worlds), key=lambda r: (r != "live", r))

    def sees(self, realm: Realm) -> bool:
        """Whether the reader sees anything in `realm`: if not, it is as if there were none."""
        return realm in self._node.worlds and (realm == "live" or bool(self.labels(realm)))

    def labels(self, realm: Realm) -> set[Label]:
        """Labels whose join is that of all that the reader sees in `realm`."""
        world = self._node.worlds[realm]
        found = set(world.sight(self._reader.view).labels)
        if world.conducted_under is not None and self._reader.may(world.conducted_under):
            found.add(world.conducted_under)
        label = self._shelf(realm).label
        return found if label is None else found | {label}

    def _label(self, record: Record) -> Label:
        # As it stands now, and under our own policy, so that it joins with others.
        return self._reader.view.ours(self._node.gate.label_of(record))

    def _shelf(self, realm: Realm) -> Shelf:
        return self._register.shelf(self._reader.view, realm)

    def _read(self, realm: Realm, rows: Sequence[int]) -> list[Read]:
        # Asked once more: what a view may see is decided when a record comes, and a label may end.
        found = [one for one in self._register.read(realm, rows) if self.may_see(one.record)]
        return [one._replace(body=HIDDEN if one.record.kind == "report" else None) if self.hides(one.record) else one for one in found]

    # --- warnings -------------------------------------------------------------------------------------------

    def warnings(self, realm: Realm, limit: int = 200) -> list[list[Version]]:
        """Every open warning of `realm`, and the newest `limit` besides, each by its versions as `versions` gives them."""
        shelf = self._shelf(realm)
        names = dict.fromkeys(shelf.open_warnings())
        newest = shelf.kinds["warning"].newest(5 * limit) if "warning" in shelf.kinds else []
        for one in self._read(realm, newest):
            if len(names) >= max(limit, len(shelf.open_warnings())):
                break
            if one.body is not None:
                names[one.body.warning] = None
        found = (self._seen(realm, warning) for warning in names)
        return [versions for versions in found if versions]

    def open_warnings(self, realm: Realm) -> int:
        """How many warnings nobody has cancelled."""
        return len(self._shelf(realm).open_warnings())

    def versions(self, realm: Realm, warning: str) -> list[Version]:
        """The versions of one warning, the oldest first; raises `NotFound` if the reader sees none."""
        if seen := self._seen(realm, warning):
            return seen
        raise NotFound

    def _seen(self, realm: Realm, warning: str) -> list[Version]:
        found = self._read(realm, self._shelf(realm).places.of(f"warning {warning}"))
        seen = [Version(one.record, one.body) for one in found if isinstance(one.body, WarningRecord) and one.body.warning == warning]
        # Whoever said the first version, of those that this reader sees, owns the warning: nobody else's record can change it.
        return sorted((v for v in seen if v.record.origin == seen[0].record.origin), key=lambda v: v.body.version)

    def answers(self, realm: Realm, warning: str) -> list[Answer]:
        """What was answered to a warning, the oldest first."""
        found = self._read(realm, self._shelf(realm).places.of(f"answer {warning}"))
        return [Answer(one.record, one.body) for one in found if isinstance(one.body, Acknowledgement) and one.body.warning == warning]

    def said_of(self, version: Version, by: str) -> list[str]:
        """What the node `by` has said of a version: read, held, acknowledged."""
        answers = self.answers(version.record.realm, version.body.warning)
        return [a.body.state for a in answers if a.record.origin == by and any(ref.id == version.record.id for ref in a.record.refs)]

    def findings(self, realm: Realm, episode: str, origin: str) -> list[tuple[Record, Finding]]:
        """The records of an episode that `origin` watched, the oldest first."""
        found = self._read(realm, self._shelf(realm).places.of(f"episode {episode}"))
        ours = (one for one in found if isinstance(one.body, Finding) and one.body.episode == episode)
        return [(one.record, one.body) for one in ours if one.record.origin == origin]

    def episodes(self, realm: Realm) -> set[str]:
        """The episodes of every finding that the reader sees in `realm`."""
        rows = self._shelf(realm).kinds["finding"].backwards() if self.has_findings(realm) else []
        return {one.body.episode for one in self._read(realm, list(rows)) if one.body is not None}

    def has_findings(self, realm: Realm) -> bool:
        """Whether the reader sees any finding in `realm`."""
        return "finding" in self._shelf(realm).kinds

    def evidence_label(self, warning: Record) -> Label | None:
        """The join of what a warning rests on: every record, by the warning's own origin, of each episode that is its evidence.

        None if any of it is not there. What others say under an episode's id is not part of it.
        """
        episodes = [self.findings(warning.realm, ref.id, warning.origin) for ref in warning.refs if ref.rel == "evidence"]
        labels = [self._label(record) for records in episodes for record, _ in records]
        return join(labels) if labels and all(episodes) else None

    # --- the rest -------------------------------------------------------------------------------------------

    def reports(self, realm: Realm, limit: int = 200, before: int | None = None) -> list[tuple[Record, Report]]:
        """The newest reports, or those below the reader's own count `before`; the newest first."""
        return self._newest(realm, "report", limit, before)

    def claims(self, realm: Realm, limit: int = 200, before: int | None = None) -> list[tuple[Record, Claim]]:
        """The newest claims and sightings, or those below the reader's own count `before`; the newest first."""
        return self._newest(realm, "claim", limit, before)

    def daily(self, realm: Realm) -> dict[str, Series]:
        """Every daily series that the reader has been told of, by name."""
        return dict(self._node.hearing.of(self._reader.view, realm).series)

    def log(self, realm: Realm, limit: int = 200, before: int | None = None) -> list[tuple[Record, LogEntry]]:
        """The newest lines of the watch log, or those below the reader's own count `before`; the newest first."""
        return self._newest(realm, "log", limit, before)

    def refusals(self, limit: int = 200) -> list[tuple[Record, Refusal]]:
        """The newest refusals, the newest first."""
        return self._newest_anywhere("refusal", limit)

    def gaps(self, limit: int = 200) -> list[tuple[Record, Gap]]:
        """The newest gaps, the newest first."""
        return self._newest_anywhere("gap", limit)

    def place_in(self, realm: Realm, kind: str, record_id: str) -> int | None:
        """The reader's own count of a record among those of its kind, None for an empty id; raises `NotFound` if there is none for them."""
        if not record_id:
            return None
        kept, kinds = self.get(record_id), self._shelf(realm).kinds
        place = kinds[kind].place(kept.index) if kind in kinds and kept.record.realm == realm else None
        if place is None:
            raise NotFound
        return place

    def _newest(self, realm: Realm, kind: str, limit: int, before: int | None = None) -> list[Any]:
        shelf = self._shelf(realm)
        rows = shelf.kinds[kind].newest(limit, before) if kind in shelf.kinds else []
        return [(one.record, one.body) for one in self._read(realm, rows) if one.body is not None]

    def _newest_anywhere(self, kind: str, limit: int) -> list[Any]:
        found = [pair for realm in sorted(self._register.shelves(self._reader.view)) for pair in self._newest(realm, kind, limit)]
        return sorted(found, key=lambda pair: pair[0].protocol_time, reverse=True)[:limit]

    def rules(self, limit: int = 200) -> list[Standing]:
        """The node's own rules and the newest of partners', with who stands behind each as far as the reader sees who does."""
        shelf = self._shelf("live")
        rows = shelf.kinds["rule proposed"].newest(limit) if "rule proposed" in shelf.kinds else []
        names = dict.fromkeys([one.record.id for one in self._read("live", rows)] + shelf.own_rules[::-1])
        return [standing for standing in map(self._standing, names) if standing is not None]

    def rule(self, rule: str) -> Standing:
        """One rule; raises `NotFound`."""
        if (found := self._standing(rule)) is None:
            raise NotFound
        return found

    def _standing(self, rule: str) -> Standing | None:
        found = self._read("live", self._shelf("live").places.of(f"rule {rule}"))
        said = [(one.record, one.body) for one in found if isinstance(one.body, Rule)]
        first = next((n for n, (record, _) in enumerate(said) if record.id == rule), None)
        return None if first is None or said[first][1].state != "proposed" else standing_of(said[first:])

    def size(self, realm: Realm) -> int:
        """How many records the reader may see in `realm`."""
        return len(self._shelf(realm).every)

    def place(self, kept: Kept) -> int | None:
        """The reader's own count of a record, None if it has none."""
        return self._shelf(kept.record.realm).every.place(kept.index)

    def page(self, realm: Realm, after: int | None, limit: int) -> list[tuple[int, Kept]]:
        """Records past the reader's own count `after`, or the newest without one, each with its place in that count."""
        every = self._shelf(realm).every
        first = max(0, len(every) - limit) if after is None else after + 1
        place = {row: first + n for n, row in enumerate(every.slice(first, first + limit))}
        return [(place[one.row], one.kept) for one in self._read(realm, list(place))]

    def counts(self, realm: Realm) -> dict[str, int]:
        """How many records of each kind the reader may see in `realm`."""
        return {kind: len(rows) for kind, rows in sorted(self._shelf(realm).kinds.items()) if " " not in kind}

    def search(self, realm: Realm, query: str, limit: int) -> tuple[Found, list[tuple[Read, str]]]:
        """What is found in the texts that the reader may read in `realm`, each with its snippet; raises `InputError`."""
        found = self._shelf(realm).texts.find(query, limit)
        snippets = {hit.row: hit.snippet for hit in found.hits}
        return found, [(one, snippets[one.row]) for one in self._read(realm, list(snippets)) if not self.hides(one.record)]

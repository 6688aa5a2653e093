"""What one reader may see of what the node holds: the only way from a page or an act to the register and the journal.

Nothing here depends on a record that the reader may not see: not which warning an id means, nor who owns it, nor
whether a rule holds, nor how many rows there are.
"""

from __future__ import annotations

from tocsin.core import Gap, Label, LogEntry, Realm, Record, Refusal, Report, join
from tocsin.journal import Kept

from .errors import NotFound
from .readers import Reader
from .register import Answer, Standing, Version, standing_of
from .service import Node


class Filtered:
    """One node's records, as one reader may see them."""

    def __init__(self, node: Node, reader: Reader) -> None:
        self._node, self._reader, self._register = node, reader, node.register

    def may_see(self, record: Record) -> bool:
        """Whether the reader may be shown `record`."""
        return self._reader.may_see(record, self._node.config.id)

    # --- realms ---------------------------------------------------------------------------------------------

    def realms(self) -> list[Realm]:
        """The realms that the reader sees anything in, `live` first and always."""
        return sorted(filter(self.sees, self._node.worlds), key=lambda r: (r != "live", r))

    def sees(self, realm: Realm) -> bool:
        """Whether the reader sees anything in `realm`: if not, it is as if there were none."""
        return realm in self._node.worlds and (realm == "live" or bool(self.labels(realm)))

    def labels(self, realm: Realm) -> set[Label]:
        """The labels of what the reader sees in `realm`."""
        world = self._node.worlds[realm]
        found = set(world.sight(self._reader.view).labels)
        if world.conducted_under is not None and self._reader.may(world.conducted_under):
            found.add(world.conducted_under)
        said = [v.record for (r, _), versions in self._register.warnings.items() if r == realm for v in versions]
        said += [record for record, _ in self._register.reports[realm]]
        return found | {self._label(r) for r in said if self.may_see(r)}

    # --- warnings -------------------------------------------------------------------------------------------

    def warnings(self, realm: Realm) -> list[list[Version]]:
        """Every warning of `realm` by its versions, each list as `versions` gives it."""
        found = (self._seen(realm, warning) for at, warning in list(self._register.warnings) if at == realm)
        return [versions for versions in found if versions]

    def versions(self, realm: Realm, warning: str) -> list[Version]:
        """The versions of one warning, the oldest first; raises `NotFound` if the reader sees none."""
        if seen := self._seen(realm, warning):
            return seen
        raise NotFound

    def _seen(self, realm: Realm, warning: str) -> list[Version]:
        seen = [v for v in self._register.warnings.get((realm, warning), ()) if self.may_see(v.record)]
        # Whoever said the first version, of those that this reader sees, owns the warning: nobody else's record can change it.
        return sorted((v for v in seen if v.record.origin == seen[0].record.origin), key=lambda v: v.body.version)

    def answers(self, warning: str) -> list[Answer]:
        """What was answered to a warning, the oldest first."""
        return [a for a in self._register.answers.get(warning, ()) if self.may_see(a.record)]

    def said_of(self, version: Version, by: str) -> list[str]:
        """What the node `by` has said of a version: read, held, acknowledged."""
        answers = self.answers(version.body.warning)
        return [a.body.state for a in answers if a.record.origin == by and any(ref.id == version.record.id for ref in a.record.refs)]

    def findings(self, episode: str, origin: str) -> list[tuple[Record, tuple[str, ...]]]:
        """The records of an episode that `origin` watched, each with its identities, the oldest first."""
        found = self._register.episodes.get(episode, ())
        return [(record, body.identities) for record, body in found if record.origin == origin and self.may_see(record)]

    def has_findings(self, realm: Realm) -> bool:
        """Whether the reader sees any finding in `realm`."""
        return any(r.realm == realm and self.may_see(r) for found in self._register.episodes.values() for r, _ in found)

    def evidence_label(self, warning: Record) -> Label | None:
        """The join of what a warning rests on: every record, by the warning's own origin, of each episode that is its evidence.

        None if any of it is not there. What others say under an episode's id is not part of it.
        """
        episodes = [self.findings(ref.id, warning.origin) for ref in warning.refs if ref.rel == "evidence"]
        labels = [self._label(record) for records in episodes for record, _ in records]
        return join(labels) if labels and all(episodes) else None

    def _label(self, record: Record) -> Label:
        # As it stands now, and under our own policy, so that it joins with others.
        return self._reader.view.ours(self._node.gate.label_of(record))

    # --- the rest -------------------------------------------------------------------------------------------

    def reports(self, realm: Realm) -> list[tuple[Record, Report]]:
        """Reports, the newest first."""
        return [(record, body) for record, body in reversed(self._register.reports[realm]) if self.may_see(record)]

    def log(self, realm: Realm) -> list[tuple[Record, LogEntry]]:
        """The lines of the watch log, the newest first."""
        return [(record, body) for record, body in reversed(self._register.log[realm]) if self.may_see(record)]

    def refusals(self, limit: int = 200) -> list[tuple[Record, Refusal]]:
        """The newest refusals, the newest first."""
        return [(record, body) for record, body in reversed(self._register.refusals) if self.may_see(record)][:limit]

    def gaps(self, limit: int = 200) -> list[tuple[Record, Gap]]:
        """The newest gaps, the newest first."""
        return [(record, body) for record, body in reversed(self._register.gaps) if self.may_see(record)][:limit]

    def rules(self) -> list[Standing]:
        """Rules with who stands behind each, as far as the reader sees who does; the newest first."""
        found = (self._standing(rule) for rule in reversed(self._register.rules))
        return [standing for standing in found if standing is not None]

    def rule(self, rule: str) -> Standing:
        """One rule; raises `NotFound`."""
        if (found := self._standing(rule)) is None:
            raise NotFound
        return found

    def _standing(self, rule: str) -> Standing | None:
        said = self._register.rules.get(rule, [])
        return standing_of([(r, body) for r, body in said if self.may_see(r)]) if said and self.may_see(said[0][0]) else None

    def page(self, realm: Realm, after: int | None, limit: int) -> list[tuple[int, Kept]]:
        """Records past the reader's own count `after`, or the newest without one, each with its place in that count."""
        indices = self._node.shelf(self._reader, realm)
        first = max(0, len(indices) - limit) if after is None else after + 1
        wanted = {index: first + n for n, index in enumerate(indices[first : first + limit])}
        rows: list[tuple[int, Kept]] = []
        at, last = min(wanted, default=0) - 1, max(wanted, default=-1)
        while at < last and (page := self._node.journal.records(realm, after=at, limit=min(500, last - at))):
            # Looked at again: what expired since it was put on the shelf is given to nobody any more.
            rows += [(wanted[kept.index], kept) for kept in page if kept.index in wanted and self.may_see(kept.record)]
            at = page[-1].index
        return rows

"""The gate: the one place that decides who may have what. Both keys must allow, the lattice and the site's policies.

The lattice is asked first and every time, with the time; the site's answer is remembered for as long as nothing that
it was asked about changes. Whatever the site says, what the lattice denies stays denied.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from tocsin.core import BadLabel, Label, Record, banner, body_of, may_read
from tocsin.core.labels import ORCON

from . import tlp
from .release import Decision, Release, refusal
from .site import Asked, SitePolicies
from .standing import Standing

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tocsin.core import Clearance, Clock, LabelPolicy, Realm
    from tocsin.core.times import Micros

    from .community import Community

RELEASE, TELL, READ, RECEIVE = "release", "tell", "read", "receive"
MINUTE = 60_000_000
HOUR = 60 * MINUTE
REMEMBERED = 65_536
ALLOWED = "It is among those this is released to, and cleared for it."


class Matter(NamedTuple):
    """What is asked about beside its label: the kind of record, a warning's topic, the record's id."""

    kind: str = ""
    topic: str = ""
    record: str = ""


NOTHING_SAID = Matter()
OBSERVATIONS = Matter("observations")
_OF_TOPIC = frozenset({"warning", "finding", "report", "rule"})


def matter_of(record: Record) -> Matter:
    """What the gate is asked about `record` beside its label."""
    topic = getattr(body_of(record), "topic", "") if record.kind in _OF_TOPIC else ""
    return Matter(record.kind, topic, record.id)


class Gate:
    """Two keys for one node. `clock` is protocol time, `node` the partner whose gate this is, `accepted` the feed terms that it keeps."""

    def __init__(
        self,
        site: SitePolicies,
        policy: LabelPolicy | None,
        clock: Clock,
        *,
        node: str = "",
        community: Community | None = None,
        accepted: Iterable[str] = (),
        standing: Standing | None = None,
    ) -> None:
        self.site, self.policy, self.clock, self.node, self.community = site, policy, clock, node, community
        self.standing = standing or Standing()
        self._accepted = frozenset(accepted)
        self._site_said: dict[tuple[object, ...], bool] = {}
        self._wide: dict[Clearance, Clearance] = {}

    @property
    def by_time(self) -> bool:
        """Whether the site's answers depend on the time of day, so that a decision holds for a minute at most."""
        return self.site.uses_time

    def basis(self) -> bytes:
        """32 bytes for what decisions rest on beside labels: what was decided under others is to be decided anew."""
        community = self.community.digest() if self.community is not None else ""
        # What the hour keeps back is to be offered when the hour is over.
        hour = self.clock.now() // HOUR if self.site.uses_time else 0
        return hashlib.sha256(self.site.digest + f"{community} {hour}".encode()).digest()

    def widened(self, reader: Clearance) -> Clearance:
        """`reader` with the communities and feed terms that the community's file gives its partner."""
        if self.community is None and not self._accepted:
            return reader
        if (found := self._wide.get(reader)) is None:
            who = reader.partner
            terms = {*reader.terms, *(self._accepted if who == self.node else ())}
            circles = reader.communities
            if self.community is not None:
                circles, terms = self.community.communities_of(who), terms | set(self.community.terms_of(who))
            found = msgspec.structs.replace(reader, communities=circles, terms=tuple(sorted(terms)))
            if len(self._wide) >= REMEMBERED:
                self._wide.clear()
            self._wide[reader] = found
        return found

    def ours(self, label: Label) -> Label | None:
        """`label` under this node's policy, mapped if it follows another; None if it has no equal here."""
        return label if self.community is None else self.community.ours(label)

    def label_of(self, record: Record) -> Label:
        """The label that `record` bears now, lowered if all its originators said so."""
        return self.standing.label_of(record)

    def banner(self, label: Label) -> str:
        """The line for the strips of a page; of a label that is not understood it says no more than that."""
        try:
            mine = self.ours(label)
            return banner(mine, self.policy) if mine is not None and self.policy is not None else "LABEL NOT UNDERSTOOD"
        except BadLabel:
            return "LABEL NOT UNDERSTOOD"

    def may(self, label: Label | None, reader: Clearance, *, realm: Realm = "", action: str = READ, matter: Matter = NOTHING_SAID) -> bool:
        """Whether both keys allow this node's own `reader` to be shown what bears `label`, or the node to take it in."""
        try:
            mine = self.ours(label) if label is not None else None
            wide = self.widened(reader)
            now = self.clock.now()
            return mine is not None and may_read(mine, wide, now) and self._site(action, mine, [wide], realm, matter, now)[0]
        except (TypeError, AttributeError):
            return False

    def decide(
        self, label: Label | None, realm: Realm, partners: Iterable[Clearance], *, matter: Matter = NOTHING_SAID, action: str = RELEASE
    ) -> Release:
        """Which of `partners` may have what bears `label` in `realm`, each with the reason and the key that said no.

        A partner that is named twice is in the audience only if both its clearances may read.
        """
        given = list(partners)
        decisions = [self._by_label(label, realm, reader, matter, action) for reader in given]
        left = [at for at, decision in enumerate(decisions) if decision.allowed]
        if left and isinstance(label, Label) and (mine := self.ours(label)) is not None:
            wide = [self.widened(given[at]) for at in left]
            for at, allowed in zip(left, self._site(action, mine, wide, realm, matter, self.clock.now()), strict=True):
                if not allowed:
                    decisions[at] = Decision(decisions[at].partner, False, self._site_refusal(), "site")
        out = {decision.partner for decision in decisions if not decision.allowed}
        return Release(frozenset(decision.partner for decision in decisions) - out, tuple(decisions))

    def explain(
        self, label: Label | None, realm: Realm, partners: Iterable[Clearance], *, matter: Matter = NOTHING_SAID, action: str = RELEASE
    ) -> Release:
        """As `decide`, but each reason says what both keys say, also where the first has denied already."""
        given = list(partners)
        decisions = [self._by_label(label, realm, reader, matter, action) for reader in given]
        mine = self.ours(label) if isinstance(label, Label) else None
        said = [False] * len(given)
        if mine is not None:
            said = self._site(action, mine, [self.widened(reader) for reader in given], realm, matter, self.clock.now())
        for at, (decision, permitted) in enumerate(zip(decisions, said, strict=True)):
            if not decision.allowed and mine is not None:
                also = "The site's policies would permit it." if permitted else self._site_refusal()
                decisions[at] = decision._replace(reason=f"{decision.reason} {also}")
            elif decision.allowed and not permitted:
                decisions[at] = Decision(decision.partner, False, f"The label allows it. {self._site_refusal()}", "site")
        out = {decision.partner for decision in decisions if not decision.allowed}
        return Release(frozenset(decision.partner for decision in decisions) - out, tuple(decisions))

    def _by_label(self, label: Label | None, realm: Realm, reader: Clearance, matter: Matter, action: str) -> Decision:
        name = getattr(reader, "partner", "?")
        now = self.clock.now()
        try:
            wide = self.widened(reader)
            mine = self.ours(label) if isinstance(label, Label) else label
            if isinstance(label, Label) and mine is None:
                return Decision(name, False, f"Policy {label.policy} has no equal here for this label, so nobody may have it.", "label")
            no = refusal(mine, realm, wide, self.policy, now)
            if not no and mine is not None and action == TELL:
                no = tlp.keeps_from_receivers(mine)
            if not no and mine is not None:
                no = self._no_consent(mine, name, matter, now)
        except (TypeError, AttributeError):
            no = "The label or the clearance is malformed, so nobody may have it."
        return Decision(name, False, no, "label") if no else Decision(name, True, ALLOWED)

    def _no_consent(self, label: Label, partner: str, matter: Matter, now: Micros) -> str:
        """Why ORCON keeps it here: whoever originated it, but this node and the one who asks, has to consent."""
        if ORCON not in label.caveats:
            return ""
        others = sorted(label.originators - {self.node, partner})
        missing = [name for name in others if not self.standing.consents(matter.record, name, partner, now)]
        return f"It is ORCON, and {' and '.join(missing)} has not consented." if missing else ""

    def _site(self, action: str, label: Label, readers: Sequence[Clearance], realm: Realm, matter: Matter, now: Micros) -> list[bool]:
        bucket = now // MINUTE if self.site.uses_time or label.expires is not None else 0
        keys = [(label, reader, action, realm, matter.kind, matter.topic, bucket) for reader in readers]
        known = self._site_said
        if len(known) + len(keys) > REMEMBERED:
            known.clear()
        cold = [at for at, key in enumerate(keys) if key not in known]
        if cold:
            level = self._level(label)
            asked = [Asked(action, label, readers[at], level, realm, matter.kind, matter.topic, now) for at in cold]
            for at, allowed in zip(cold, self.site.allow(asked), strict=True):
                known[keys[at]] = allowed
        return [known[key] for key in keys]

    def _level(self, label: Label) -> str:
        if self.policy is None or not 0 <= label.classification < len(self.policy.levels):
            return ""
        return self.policy.levels[label.classification]

    def _site_refusal(self) -> str:
        if self.site.fault:
            return "The site's policies cannot be read, so nobody may have it."
        names = ", ".join(self.site.names[:4]) + (", ..." if len(self.site.names) > 4 else "")
        return f"The site's policies do not permit it ({names})."

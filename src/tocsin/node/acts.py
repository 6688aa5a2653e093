"""What people do: approve, acknowledge, hold, cancel, report, log. Each is checked, kept, and said where it may go."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from typing import NamedTuple

from msgspec import structs

from tocsin.core import (
    Acknowledgement,
    BadLabel,
    Claim,
    Count,
    InputError,
    Label,
    LogEntry,
    Realm,
    Ref,
    Report,
    WarningRecord,
    realms,
)
from tocsin.core.labels import originate
from tocsin.people import Act
from tocsin.policy import Decision, Matter
from tocsin.warning import lifecycle
from tocsin.warning.series import DAY

from .errors import Conflict, NotFound
from .filtered import Filtered
from .readers import Reader
from .register import Version
from .service import Node

MAX_TEXT = 20_000
BIDI = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Marks that make text read as something else than its characters say."""
RANKS = {"read": 0, "held": 1, "acknowledged": 2}


class Conditions(NamedTuple):
    """What a label says beside level, partners and caveats: communities; when it expires and is reviewed (µs UTC); feed terms."""

    communities: tuple[tuple[str, ...], ...] = ()
    expires: int | None = None
    review: int | None = None
    terms: tuple[str, ...] = ()


PLAIN = Conditions()


class Acts:
    """The acts of people on one node."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def versions(self, reader: Reader, realm: Realm, warning: str) -> list[Version]:
        """The versions of a warning that `reader` may see, the oldest first; raises `NotFound` if there is none."""
        return Filtered(self._node, reader).versions(realm, warning)

    async def approve(self, reader: Reader, realm: Realm, warning: str, note: str = "") -> None:
        """Issue a draft to everyone who may have its evidence, in `reader`'s name; of several who do at once, one does."""
        reader.must(Act.WARNING_APPROVE)
        async with self._node.issuing:
            await self._approve(reader, realm, warning, note)

    async def _approve(self, reader: Reader, realm: Realm, warning: str, note: str) -> None:
        current = self._own(reader, realm, warning)
        if current.body.state not in {"drafted", "updated"}:
            raise Conflict(f"this warning is {current.body.state} already")
        if realms.is_replay(realm):
            raise Conflict("a replay's warning stays in the node: it is a test")
        label = Filtered(self._node, reader).evidence_label(current.record)
        if label is None:
            raise NotFound
        topic = next((t for t in self._node.topics if t.id == current.body.topic), None)
        body = lifecycle.approve(current.body, by=reader.user.name, now=self._now(reader, realm), topic=topic)
        await self._say_version(reader, realm, current, body, label, "approves", Act.WARNING_APPROVE, note)

    async def cancel(self, reader: Reader, realm: Realm, warning: str, note: str) -> None:
        """Cancel an issued warning, for everyone who was told."""
        reader.must(Act.WARNING_CANCEL)
        async with self._node.issuing:
            await self._cancel(reader, realm, warning, note)

    async def _cancel(self, reader: Reader, realm: Realm, warning: str, note: str) -> None:
        current = self._own(reader, realm, warning)
        issued = [v for v in self.versions(reader, realm, warning) if v.body.state == "issued"]
        if current.body.state == "cancelled":
            raise Conflict("this warning is cancelled already")
        label = issued[-1].record.label if issued else current.record.label
        base = issued[-1].body if issued else current.body
        body = lifecycle.cancel(base, by=reader.user.name, now=self._now(reader, realm), note=note, version=current.body.version + 1)
        await self._say_version(reader, realm, current, body, label, "cancels", Act.WARNING_CANCEL, note)

    async def answer(self, reader: Reader, realm: Realm, warning: str, state: str, note: str = "") -> None:
        """Say to the warning's origin, and to this node's floor, that it was read, acknowledged or held."""
        reader.must(Act.WARNING_HOLD if state == "held" else Act.WARNING_ANSWER)
        current = self.versions(reader, realm, warning)[-1]
        node = self._node
        said = Filtered(node, reader).said_of(current, node.config.id)
        if any(RANKS[one] >= RANKS[state] for one in said) and not note:
            return  # Said of this version already; saying it again would tell nobody anything.
        above = current.record.label
        audience = frozenset({node.config.id, current.record.origin})
        label = structs.replace(above, originators=frozenset({node.config.id}), releasable_to=audience)
        body = Acknowledgement(warning=warning, state=state, note=plain_text(note, "note", empty=True))
        await node.say(node.new_record(body, realm, reader.user.name, label, [Ref("acknowledges", current.record.id)], view=reader.view))
        await node.people.act(reader.user.name, Act.WARNING_HOLD if state == "held" else Act.WARNING_ANSWER, f"{state} {warning}")

    async def report(
        self,
        reader: Reader,
        realm: Realm,
        fields: Report,
        classification: str,
        releasable_to: Iterable[str],
        caveats: Iterable[str],
        conditions: Conditions = PLAIN,
        refs: Iterable[tuple[str, str]] = (),
    ) -> str:
        """Say a report under a label of the writer's; gives its record id. `refs`: what it corrects (this node's own) or serves."""
        reader.must(Act.REPORT_SAY)
        label = self.new_label(reader, classification, releasable_to, caveats, conditions)
        return await self._state(reader, realm, fields, ("title", "text", "source"), label, Act.REPORT_SAY, refs)

    async def claim(self, reader: Reader, realm: Realm, fields: Claim, label: Label) -> str:
        """Say a claim, or what an officer saw or was told; gives its record id. Raises `InputError` if it is of a time to come."""
        reader.must(Act.CLAIM_SAY)
        if (fields.claimed_at or 0) > self._now(reader, realm):
            raise InputError("what is still to come cannot have been seen")
        return await self._state(reader, realm, fields, ("text", "source"), label, Act.CLAIM_SAY)

    async def count(self, reader: Reader, realm: Realm, fields: Count, label: Label) -> str:
        """Say daily counts; gives their record's id. Raises `InputError` for a day to come."""
        reader.must(Act.COUNT_SAY)
        if max(fields.days, default=0) > self._now(reader, realm) // DAY + 1:
            raise InputError("a day that is still to come has no count")
        return await self._state(reader, realm, fields, ("series", "source"), label, Act.COUNT_SAY)

    async def _state(
        self,
        reader: Reader,
        realm: Realm,
        body: Report | Claim | Count,
        texts: Iterable[str],
        label: Label,
        act: Act,
        refs: Iterable[tuple[str, str]] = (),
    ) -> str:
        if not Filtered(self._node, reader).sees(realm):
            raise NotFound
        for name in texts:
            plain_text(getattr(body, name), name)
        to = [self._ref(reader, realm, rel, record) for rel, record in refs]
        kept = await self._node.say(self._node.new_record(body, realm, reader.user.name, label, to, view=reader.view))
        await self._node.people.act(reader.user.name, act, kept.record.id)
        return kept.record.id

    def _ref(self, reader: Reader, realm: Realm, rel: str, record: str) -> Ref:
        kept, kind = Filtered(self._node, reader).find(record), {"corrects": "report", "serves": "requirement"}[rel]
        if kept is None or (kept.record.kind, kept.record.realm) != (kind, realm):
            raise NotFound
        if rel == "corrects" and kept.record.origin != self._node.config.id:
            raise Conflict("only the partner that said this report can correct it")
        return Ref(rel, record)

    async def write_log(self, reader: Reader, realm: Realm, text: str, handed_to: str = "") -> None:
        """Add a line to this node's watch log; with `handed_to`, one that hands the watch over to somebody here."""
        reader.must(Act.LOG_WRITE)
        body = LogEntry(text=plain_text(text, "text"), handed_to=plain_text(handed_to, "handed_to", empty=True))
        if handed_to == reader.user.name:
            raise InputError("a watch is handed over to somebody else")
        if not Filtered(self._node, reader).sees(realm):
            raise NotFound
        kept = await self._node.keep(self._node.new_record(body, realm, reader.user.name, self._node.own_label(reader), view=reader.view))
        await self._node.people.act(reader.user.name, Act.LOG_WRITE, kept.record.id)

    def new_label(
        self,
        reader: Reader,
        classification: str,
        releasable_to: Iterable[str],
        caveats: Iterable[str],
        conditions: Conditions = PLAIN,
    ) -> Label:
        """A label of this node's own; raises `BadLabel` for an unknown partner or level, or one above the writer."""
        node = self._node
        wanted = frozenset(releasable_to)
        known = {p.card.partner for p in node.book.partners()} | {node.config.id}
        if unknown := wanted - known:
            raise BadLabel(f"{min(unknown)[:40]!r} is no partner of this node")
        more = conditions._asdict()
        if node.gate.community is not None and (
            strange := {name for clause in conditions.communities for name in clause} - set(node.gate.community.communities)
        ):
            raise BadLabel(f"{min(strange)[:40]!r} is no community here: use {', '.join(node.gate.community.communities) or 'none'}")
        if strange := set(conditions.terms) - set(self.terms()):
            raise BadLabel(f"{min(strange)[:40]!r} is no feed term here: use {', '.join(self.terms()) or 'none'}")
        label = originate(node.config.policy, classification, node.config.id, wanted, caveats, **more)
        if not reader.may(label):
            raise BadLabel("you may not read what would bear this label, so you cannot write it")
        return label

    def terms(self) -> list[str]:
        """The feed terms that a label may bear here: the community's, and those of this node's own feeds."""
        community = self._node.gate.community
        return sorted({*self._node.config.own.terms, *(community.policy.terms if community is not None else ())})

    def preview(self, realm: Realm, label: Label) -> tuple[Decision, ...]:
        """What release would decide about `label`, partner by partner."""
        return self._node.gate.explain(label, realm, self._node.book.clearances(), matter=Matter("report")).decisions

    def _now(self, reader: Reader, realm: Realm) -> int:
        return self._node.world(realm).time(reader.view)

    def _own(self, reader: Reader, realm: Realm, warning: str) -> Version:
        current = self.versions(reader, realm, warning)[-1]
        if current.record.origin != self._node.config.id:
            raise Conflict("only the partner that said this warning can change it")
        return current

    async def _say_version(
        self, reader: Reader, realm: Realm, current: Version, body: WarningRecord, label: Label, rel: str, act: Act, note: str
    ) -> None:
        evidence = [ref for ref in current.record.refs if ref.rel == "evidence"]
        node = self._node
        await node.say(node.new_record(body, realm, reader.user.name, label, [Ref(rel, current.record.id), *evidence], view=reader.view))
        if (watch := node.world(realm).sight(reader.view).watches.get(body.topic)) is not None:
            watch.note(body)
        await node.people.act(reader.user.name, act, current.body.warning)
        if note:
            await self.write_log(reader, realm, note)


def plain_text(text: str, what: str, *, empty: bool = False) -> str:
    """`text` as somebody wrote it; raises `InputError` if it is empty, too long, or holds characters that mislead."""
    if not text.strip() and not empty:
        raise InputError(f"{what} is empty")
    if any(c in BIDI or (unicodedata.category(c) == "Cc" and c not in "\n\t") for c in text):
        raise InputError(f"{what} holds a control character, or one that turns the direction of writing")
    if len(text) > MAX_TEXT:
        raise InputError(f"{what} is longer than {MAX_TEXT:,} characters")
    return text

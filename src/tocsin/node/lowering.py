"""Lowering a label: one person of an originator proposes it, another approves it; until then the old label holds.

What is said is a record of its own, which goes to whoever may read the record under the lower label. A record of several
originators bears the lower label when each of them has said the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec import structs

from tocsin.core import BadLabel, Label, Record, Ref, Relabel, body_of
from tocsin.core.labels import NO_RESHARE, narrowed
from tocsin.journal import Kept
from tocsin.people import Act
from tocsin.people.approvals import Proposal

from .errors import Conflict, NotFound
from .filtered import Filtered
from .readers import Reader
from .service import Node

Json = dict[str, Any]
PAGE = 500


class Lowering:
    """The lowered labels of one node."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def every(self, reader: Reader) -> list[Json]:
        """What was proposed and approved, as far as this reader may read it, the newest first."""
        shown = Filtered(self._node, reader)
        found = [kept.record for realm in shown.realms() for kept in self._said(realm) if shown.may_see(kept.record)]
        done = {ref.id for record in found for ref in record.refs if ref.rel == "approves"}
        open_ = {one.what: one for one in self._node.people.approvals.every()}
        rows = [self._row(reader, record, open_.get(record.id), done) for record in found]
        return sorted((row for row in rows if row["state"] != "done"), key=lambda row: row["protocol_time"], reverse=True)

    async def propose(
        self, reader: Reader, record: str, classification: str, releasable_to: Iterable[str], caveats: Iterable[str], reason: str,
        review: int | None = None,
    ) -> Json:  # fmt: skip
        """Propose that a record of this node's bears a lower label: more partners, a lower level, fewer caveats; or is reviewed later."""
        reader.must(Act.LABEL_LOWER)
        node = self._node
        kept = self._kept(reader, record)
        if node.config.id not in kept.record.label.originators:
            raise Conflict("only those who originated a record lower its label")
        current = node.gate.label_of(kept.record)
        label = self._lower(current, classification, frozenset(releasable_to), frozenset(caveats), review)
        body = Relabel(
            record=record,
            digest=hashlib.sha256(kept.data).hexdigest(),
            label=label,
            state="proposed",
            proposed_by=reader.user.name,
            reason=reason,
        )
        own = narrowed(current, {node.config.id})
        said = node.new_record(body, kept.record.realm, reader.user.name, own, [Ref("about", record)])
        await node.keep(said)
        proposal = await node.people.approvals.propose(reader.user, Act.LABEL_LOWER, said.id, _content(body))
        if proposal.state == "approved":
            await self.carry_out(proposal)
        return self._one(reader, said.id)

    async def approve(self, reader: Reader, proposed: str) -> Json:
        """Approve what another person proposed: from now on the record bears the lower label."""
        reader.must(Act.PROPOSAL_APPROVE)
        said = self._kept(reader, proposed).record
        body = body_of(said)
        if not isinstance(body, Relabel) or body.state != "proposed" or said.origin != self._node.config.id:
            raise NotFound
        approvals = self._node.people.approvals
        waiting = next((one for one in approvals.every() if one.act == Act.LABEL_LOWER and one.what == proposed), None)
        if waiting is None:
            raise NotFound
        await self.carry_out(await approvals.approve(waiting.id, reader.user, hashlib.sha256(_content(body)).hexdigest()))
        return self._one(reader, proposed)

    async def carry_out(self, proposal: Proposal) -> None:
        """Say a lower label that was approved."""
        node = self._node
        kept = node.journal.get(proposal.what)
        body = body_of(kept.record) if kept is not None else None
        if kept is None or not isinstance(body, Relabel):
            raise NotFound
        proposed, by = kept.record, proposal.approved_by[:120]
        await node.people.approvals.taken(Act.LABEL_LOWER, proposed.id, _content(body))
        approved = structs.replace(body, state="approved", mode=proposal.mode)
        refs = [Ref("about", body.record), Ref("approves", proposed.id)]
        await node.say(node.new_record(approved, proposed.realm, by, body.label, refs))
        await node.people.act(by, Act.LABEL_LOWER, body.record)

    def _lower(self, current: Label, classification: str, wanted: frozenset[str], caveats: frozenset[str], review: int | None) -> Label:
        node = self._node
        if unknown := wanted - {p.card.partner for p in node.book.partners()} - {node.config.id}:
            raise BadLabel(f"{min(unknown)[:40]!r} is no partner of this node")
        rank = node.config.policy.rank(classification)
        if current.policy != node.config.policy.name:
            raise Conflict("this label follows another policy: its originators lower it under theirs")
        if NO_RESHARE in current.terms and wanted - current.releasable_to:
            raise Conflict("the feed's terms keep this in the organisation that took it in")
        if rank > current.classification or not caveats <= current.caveats:
            raise Conflict("this would raise the label: recall the record, or say it anew under the higher one")
        lower = structs.replace(current, classification=rank, caveats=caveats, releasable_to=current.releasable_to | wanted)
        if review is not None:
            lower = structs.replace(lower, review=review)
        if lower == current:
            raise Conflict("the record bears this label already")
        return lower

    def _kept(self, reader: Reader, record: str) -> Kept:
        kept = self._node.journal.get(record)
        if kept is None or not Filtered(self._node, reader).may_see(kept.record):
            raise NotFound
        return kept

    def _one(self, reader: Reader, proposed: str) -> Json:
        return next(row for row in self.every(reader) if row["lowering"] == proposed or proposed in row["approves"])

    def _said(self, realm: str) -> list[Kept]:
        found: list[Kept] = []
        after = -1
        while page := self._node.journal.records(realm, kind="relabel", after=after, limit=PAGE):
            found += page
            after = page[-1].index
        return found

    def _row(self, reader: Reader, record: Record, proposal: Proposal | None, done: set[str]) -> Json:
        body = body_of(record)
        if not isinstance(body, Relabel):
            return {"lowering": record.id, "state": "not understood", "protocol_time": record.protocol_time, "approves": []}
        state = "done" if record.id in done else body.state if body.state != "proposed" or proposal is None else proposal.state
        waits = state == "open" and proposal is not None and proposal.proposed_by != reader.user.name
        return {
            "lowering": record.id,
            "record": body.record,
            "realm": record.realm,
            "origin": record.origin,
            "state": state,
            "banner": self._node.gate.banner(body.label),
            "reason": body.reason,
            "proposed_by": body.proposed_by,
            "approved_by": record.author if body.state == "approved" else "",
            "mode": body.mode,
            "approves": [ref.id for ref in record.refs if ref.rel == "approves"],
            "protocol_time": record.protocol_time,
            "may": {"approve": waits and record.origin == self._node.config.id},
        }


def _content(body: Relabel) -> bytes:
    return msgspec.json.encode(body, order="deterministic")

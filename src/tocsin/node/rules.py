"""Rules: what two persons agreed beforehand may leave the node without a person at the time.

A rule is proposed by one approver and agreed by another; both records go, sealed and signed, to the partners
whom it names, so that they know of it before it is used. It applies to what the node's own view drafts.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import structs

from tocsin.core import BadRealm, InputError, Label, Realm, Record, Ref, Rule, WarningRecord, iso, realms
from tocsin.people import Act, Proposal
from tocsin.people.approvals import SINGLE, TWO
from tocsin.policy import View
from tocsin.warning import NotAgreed, StaysHere, lifecycle

from .errors import Conflict, NotFound
from .filtered import Filtered, whole
from .readers import SYSTEM, Reader
from .register import Standing
from .service import Node

Json = dict[str, Any]
LONGEST = 366 * 24 * 3600 * 1_000_000


class Rules:
    """The rules of one node."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def every(self, reader: Reader) -> list[Json]:
        """The rules that this reader may read, the newest first, with who stands behind each."""
        return [self._row(standing) for standing in Filtered(self._node, reader).rules()]

    async def propose(self, reader: Reader, rule: Rule) -> Json:
        """Propose a rule in this approver's name; it holds when another approver agrees."""
        reader.must(Act.RULE_PROPOSE)
        rule = structs.replace(rule, state="proposed")
        self._check(rule)
        own = self._node.own_label(reader)
        label = Label(own.policy, 0, own.originators, own.releasable_to | set(rule.audience))
        kept = await self._node.say(self._node.new_record(rule, realms.LIVE, reader.user.name, label))
        await self._node.people.act(reader.user.name, Act.RULE_PROPOSE, kept.record.id)
        proposal = await self._node.people.approvals.propose(reader.user, Act.RULE_AGREE, kept.record.id, content_of(rule))
        if proposal.state == "approved":
            await self.carry_out(proposal)
        return self._row(Filtered(self._node, reader).rule(kept.record.id))

    async def agree(self, reader: Reader, rule: str) -> Json:
        """Agree to a rule that another approver proposed; from now on it is in force."""
        reader.must(Act.RULE_AGREE)
        standing = self._standing(reader, rule)
        if any(self._node.people.same_person(reader.user, name) for name in standing.agreed_by):
            raise Conflict("a rule needs two persons: another approver has to agree")
        if any(self._node.people.user(name) is None for name in standing.agreed_by):
            raise Conflict("who proposed this rule has left: propose it anew")
        if standing.withdrawn:
            raise Conflict("this rule is withdrawn already")
        approvals = self._node.people.approvals
        if (waiting := approvals.waiting(Act.RULE_AGREE, rule)) is None:
            raise Conflict("this rule was agreed to already, or proposed too long ago: propose it anew")
        await self.carry_out(await approvals.approve(waiting.id, reader.user, waiting.digest))
        return self._row(Filtered(self._node, reader).rule(rule))

    async def carry_out(self, proposal: Proposal) -> None:
        """Put a rule that was approved in force."""
        standing = whole(self._node).rule(proposal.what)
        await self._node.people.approvals.taken(Act.RULE_AGREE, proposal.what, content_of(standing.body))
        body = structs.replace(standing.body, state="agreed", mode="" if proposal.mode == TWO else proposal.mode)
        by, label = proposal.approved_by[:120], standing.record.label
        await self._node.say(self._node.new_record(body, realms.LIVE, by, label, [Ref("approves", standing.record.id)]))
        await self._node.people.act(by, Act.RULE_AGREE, standing.record.id)

    async def withdraw(self, reader: Reader, rule: str) -> Json:
        """End a rule at once; one approver is enough."""
        reader.must(Act.RULE_WITHDRAW)
        return await self._say(reader, self._standing(reader, rule), "withdrawn", "cancels", Act.RULE_WITHDRAW)

    async def apply(self, realm: Realm, draft: Record, body: WarningRecord) -> bool:
        """Issue a draft of the node's own view if a rule in force covers it and nobody was faster; whether one did."""
        node = self._node
        own = node.views.of(node.config.own)
        if draft.author != SYSTEM + own.id or body.state not in {"drafted", "updated"}:
            return False
        async with node.issuing:
            if any(later.body.version > body.version for later in whole(node).versions(realm, body.warning)):
                return False
            return await self._issue(realm, draft, body, own)

    async def _issue(self, realm: Realm, draft: Record, body: WarningRecord, own: View) -> bool:
        node = self._node
        topic = next((t for t in node.topics if t.id == body.topic), None)
        everything = whole(node)
        label = everything.evidence_label(draft)
        for standing in everything.rules():
            if label is None or standing.record.origin != node.config.id or not standing.in_force(node.clock.now()):
                continue
            rule = _agreed(standing)
            try:
                lifecycle.check(rule, body, realm, node.clock.now(), topic)
                released = lifecycle.release_label(label, rule.audience, node=node.config.id)
                issued = lifecycle.approve(body, by=rule.name_of_approval, now=node.world(realm).clock.now(), topic=topic)
            except (NotAgreed, StaysHere):
                continue
            refs = [Ref("approves", draft.id), Ref("about", standing.record.id), *(r for r in draft.refs if r.rel == "evidence")]
            await node.say(node.new_record(issued, realm, f"rule {rule.name}", released, refs))
            node.world(realm).sight(own).watches[body.topic].note(issued)
            await node.people.act(f"rule {rule.name}", Act.WARNING_APPROVE, body.warning)
            return True
        return False

    async def _say(self, reader: Reader, standing: Standing, state: str, rel: str, act: Act) -> Json:
        if standing.withdrawn:
            raise Conflict("this rule is withdrawn already")
        body = structs.replace(standing.body, state=state)
        ref = Ref(rel, standing.record.id)
        await self._node.say(self._node.new_record(body, realms.LIVE, reader.user.name, standing.record.label, [ref]))
        await self._node.people.act(reader.user.name, act, standing.record.id)
        return self._row(Filtered(self._node, reader).rule(standing.record.id))

    def _standing(self, reader: Reader, rule: str) -> Standing:
        standing = Filtered(self._node, reader).rule(rule)
        if standing.record.origin != self._node.config.id:
            raise NotFound
        return standing

    def _check(self, rule: Rule) -> None:
        node = self._node
        topic = next((t for t in node.topics if t.id == rule.topic), None)
        if topic is None:
            raise InputError(f"no topic {rule.topic[:48]!r} here")
        if rule.level not in topic.level_names[topic.rank(topic.warn_at) :]:
            raise InputError(f"a rule begins at {' or '.join(topic.level_names[topic.rank(topic.warn_at) :])}")
        if unknown := set(rule.audience) - {p.card.partner for p in node.book.partners()}:
            raise InputError(f"{min(unknown)[:40]!r} is no partner of this node")
        if not rule.audience or not rule.realms:
            raise InputError("a rule names its audience and its realms")
        for realm in rule.realms:
            if realms.is_replay(realms.parse(realm)):
                raise BadRealm(realm)
        if not rule.valid_from < rule.valid_until <= rule.valid_from + LONGEST:
            raise InputError("a rule ends after it begins, and within a year")

    def _row(self, standing: Standing) -> Json:
        body = standing.body
        state = "withdrawn" if standing.withdrawn else "in force" if standing.in_force(self._node.clock.now()) else "not in force"
        row: Json = {"rule": standing.record.id, "origin": standing.record.origin, "state": state, "agreed_by": list(standing.agreed_by)}
        row |= {"mode": standing.mode, "says": standing.says}
        row |= {"name": body.name, "topic": body.topic, "level": body.level, "audience": list(body.audience), "realms": list(body.realms)}
        return row | {"valid_from": body.valid_from, "valid_until": body.valid_until, "until": iso(body.valid_until)}


def content_of(rule: Rule) -> bytes:
    """What is proposed and approved: the rule as it was proposed."""
    return msgspec.json.encode(rule, order="deterministic")


def _agreed(standing: Standing) -> lifecycle.Rule:
    body = standing.body
    return lifecycle.Rule(
        name=body.name,
        topic=body.topic,
        level=body.level,
        audience=frozenset(body.audience),
        realms=frozenset(body.realms),
        valid_from=body.valid_from,
        valid_until=body.valid_until,
        agreed_by=tuple(dict.fromkeys(standing.agreed_by)),
        single=standing.mode == SINGLE,
    )

"""What two persons decide: one proposes exactly this, another approves exactly that, and the node then does it, once.

Erasing a record, excluding a partner and changing a setting are proposed here; lowered labels and rules in rooms of their own. However
one of them is approved, by a colleague, by a partner's person or in single-approver mode, `carry_out` does it.
"""

from __future__ import annotations

import hashlib
import logging
from typing import Any, TypeVar

import msgspec
from msgspec import structs

from tocsin.core import LIVE, Approval, InputError, Label, Recall, Record, Ref, TocsinError, body_of, realms
from tocsin.core.labels import narrowed
from tocsin.exchange import BadProof
from tocsin.journal import Kept
from tocsin.people import Act, NotByMachine, Proposal
from tocsin.people.approvals import SINGLE, may_second
from tocsin.people.errors import AlreadyDecided, NotApproved, NotYours
from tocsin.people.roles import SECONDS
from tocsin.policy import matter_of

from . import config as configuration
from . import partnership
from .errors import Conflict, NotFound
from .filtered import Filtered
from .lowering import Lowering
from .partnership import Revoked
from .personnel import proposal_row
from .readers import Reader
from .rules import Rules
from .service import Node
from .tearing import Tearing

log = logging.getLogger("tocsin")
Json = dict[str, Any]
S = TypeVar("S", bound=msgspec.Struct)
LAWFUL = "required by law"
KIND = "approval"


class Erase(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Delete the body and salt of `record`, whose leaf is `leaf` (hex), and recall it from whoever had it."""

    record: str
    leaf: str
    reason: str


class Exclude(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Put a partner out, whose card has the digest `card` (hex); the other partners are told `reason`."""

    partner: str
    card: str
    reason: str


class Set(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Change a setting from one value to another."""

    name: str
    before: str | bool | float
    value: str | bool | float


SETTINGS = ("second_factor", "step_up", "single_approver", "session_hours", "idle_minutes", "invitation_hours")
"""What of `[people]` in node.toml can be changed while the node runs; everything else is the operator's."""


class Seconding:
    """What needs two persons at one node."""

    def __init__(self, node: Node) -> None:
        self._node = node

    # --- proposing ------------------------------------------------------------------------------------------

    async def erase(self, reader: Reader, record: str, reason: str) -> Json:
        """Propose that a record's body is erased here for good; its leaf stays in the log, and partners who had it are asked to hide it."""
        reader.must(Act.JOURNAL_ERASE)
        kept = Filtered(self._node, reader).get(record)
        return await self._propose(reader, Act.JOURNAL_ERASE, record, Erase(record, kept.leaf.hex(), _said(reason)))

    async def exclude(self, reader: Reader, partner: str, reason: str) -> Json:
        """Propose that a partner is put out."""
        reader.must(Act.PARTNER_EXCLUDE)
        if (held := self._node.book.get(partner)) is None:
            raise NotFound
        body = Exclude(partner, held.card.digest().hex(), _said(reason))
        return await self._propose(reader, Act.PARTNER_EXCLUDE, partner, body)

    def settings(self, reader: Reader) -> list[Json]:
        """The settings that two persons change, as they are."""
        reader.must(Act.SETTING_CHANGE)
        return [{"name": name, "value": getattr(self._node.config.people, name)} for name in SETTINGS]

    async def set(self, reader: Reader, name: str, value: str | bool | float) -> Json:
        """Propose another value for a setting."""
        reader.must(Act.SETTING_CHANGE)
        if name not in SETTINGS:
            raise InputError(f"no setting {name[:40]!r} to change here: use {', '.join(SETTINGS)}")
        before = getattr(self._node.config.people, name)
        if before == value and type(before) is type(value):
            raise Conflict("it has this value already")
        configuration.changed(self._node.config, "people", name, value)
        return await self._propose(reader, Act.SETTING_CHANGE, name, Set(name, before, value))

    async def _propose(self, reader: Reader, act: Act, what: str, body: msgspec.Struct) -> Json:
        proposal = await self._node.people.approvals.propose(reader.user, act, what, _bytes(body))
        if proposal.state == "approved":
            proposal = await self.carry_out(proposal)
        return proposal_row(proposal)

    # --- deciding -------------------------------------------------------------------------------------------

    async def approve(self, reader: Reader, proposal: str, digest: str) -> Json:
        """Approve what another person proposed, and have it done."""
        return proposal_row(await self.carry_out(await self._node.people.approvals.approve(proposal, reader.user, digest)))

    def content(self, proposal: Proposal) -> Json | None:
        """Exactly what would be done, as whoever may approve it is shown it."""
        try:
            found: Json = msgspec.json.decode(self._node.people.approvals.content(proposal.id))
        except (msgspec.DecodeError, NotApproved, InputError):
            return None
        return found

    async def carry_out(self, proposal: Proposal) -> Proposal:
        """Do what was approved; its approval is used up with that."""
        done = {
            Act.JOURNAL_ERASE: self._erase,
            Act.PARTNER_EXCLUDE: self._exclude,
            Act.SETTING_CHANGE: self._set,
            Act.LABEL_LOWER: Lowering(self._node).carry_out,
            Act.LABEL_TEAR: Tearing(self._node).carry_out,
            Act.RULE_AGREE: Rules(self._node).carry_out,
        }
        await done[proposal.act](proposal)
        return self._node.people.approvals.get(proposal.id)

    async def resume(self) -> None:
        """Do what was approved and not done because the node stopped in between; what does not fit any more stays as it is."""
        for one in self._node.people.approvals.every(state="approved"):
            try:
                await self.carry_out(one)
            except TocsinError as error:
                log.warning("%s, which was approved, was not done: %s", one.id, error)

    async def _erase(self, proposal: Proposal) -> None:
        node, content = self._node, self._node.people.approvals.content(proposal.id)
        wanted = _read(content, Erase)
        kept = node.journal.get(wanted.record)
        if kept is None or kept.leaf.hex() != wanted.leaf:
            raise NotFound
        await self._recall(kept.record, proposal)
        approvals = node.people.approvals
        await node.journal.erase(wanted.record, lambda connection: approvals.take(connection, proposal.act, proposal.what, content))
        await node.people.act(_by(proposal), Act.JOURNAL_ERASE, wanted.record)
        node.register.forget()
        node.changed("journal", kept.record.realm, node.own_label())

    async def _recall(self, record: Record, proposal: Proposal) -> None:
        # Before the body goes: who had it is told while it is known who.
        node = self._node
        holders = node.exchange_or_idle().holders(record.id)
        told = holders or node.telling.told(record.id)
        if record.origin != node.config.id or not told or realms.is_replay(record.realm):
            return
        label = Label(record.label.policy, 0, frozenset({node.config.id}), frozenset({node.config.id}) | holders)
        said = node.new_record(Recall(why=LAWFUL), record.realm, _by(proposal), label, [Ref("recalls", record.id)])
        kept, _ = await node.exchange_or_idle().say(said)
        await node.on_records([kept])

    async def _exclude(self, proposal: Proposal) -> None:
        node, content = self._node, self._node.people.approvals.content(proposal.id)
        wanted = _read(content, Exclude)
        held = node.book.get(wanted.partner)
        if held is None or held.card.digest().hex() != wanted.card:
            raise Conflict("this partner is out already, or has other keys now: propose it anew")
        await node.people.approvals.taken(proposal.act, proposal.what, content)
        reason = wanted.reason + (" (one person's decision: single-approver mode)" if proposal.mode == SINGLE else "")
        await partnership.revoke(node, Revoked(wanted.partner, reason[:200], _by(proposal)), Act.PARTNER_EXCLUDE)

    async def _set(self, proposal: Proposal) -> None:
        node, content = self._node, self._node.people.approvals.content(proposal.id)
        wanted = _read(content, Set)
        if getattr(node.config.people, wanted.name) != wanted.before:
            raise Conflict("this setting was changed since: propose it anew")
        after = configuration.changed(node.config, "people", wanted.name, wanted.value)
        await node.people.approvals.taken(proposal.act, proposal.what, content)
        configuration.write(node.folder, after)
        node.config = after
        node.people.become(after.security)
        await node.people.act(_by(proposal), Act.SETTING_CHANGE, f"{wanted.name} {wanted.value}"[:200])

    # --- a partner as the second ----------------------------------------------------------------------------

    async def ask(self, reader: Reader, proposal: str, partner: str) -> Json:
        """Ask a partner's people to be the second; they are told exactly what would be done."""
        reader.must(Act.PROPOSAL_MAKE)
        node, approvals = self._node, self._node.people.approvals
        found = approvals.get(proposal)
        if found.proposed_by != reader.user.name and not may_second(reader.user, found.act):
            raise NotFound
        if found.state != "open":
            raise AlreadyDecided(found.state)
        if node.book.get(partner) is None or (found.act == Act.PARTNER_EXCLUDE and found.what == partner):
            raise Conflict(f"{partner[:40]!r} is no partner that could be asked")
        own = node.config.own
        label = Label(own.policy, 0, frozenset({node.config.id}), frozenset({node.config.id, partner}))
        if (kept := node.journal.get(found.what)) is not None:
            label = self._label_for(kept.record, partner)
        content = approvals.content(proposal)
        body = Approval(
            proposal=proposal, act=found.act.value, what=found.what, digest=found.digest, state="asked", content=content.decode(),
            proposed_by=found.proposed_by, expires=found.expires,
        )  # fmt: skip
        said = await node.say(node.new_record(body, LIVE, reader.user.name, label, view=reader.view))
        await node.people.act(reader.user.name, Act.PROPOSAL_MAKE, f"{proposal} asked of {partner}")
        return proposal_row(found) | {"asked": partner, "record": said.record.id}

    def _label_for(self, record: Record, partner: str) -> Label:
        # Whoever is asked about a record learns of it: it has to be one that they may have.
        node = self._node
        held, current = node.book.get(partner), node.gate.label_of(record)
        clearances = [held.clearance] if held is not None else []
        if partner not in node.gate.decide(current, record.realm, clearances, matter=matter_of(record)).audience:
            raise Conflict("this partner may not have the record that this is about, so it cannot be the second")
        return narrowed(current, {node.config.id, partner})

    async def answer(self, reader: Reader, asked: str, digest: str, *, agree: bool, note: str = "") -> Json:
        """Answer, as the second person, what a partner's node proposes; `digest` is of what the reader was shown."""
        node = self._node
        kept = Filtered(node, reader).get(asked)
        body = body_of(kept.record)
        if not isinstance(body, Approval) or body.state != "asked" or kept.record.origin == node.config.id:
            raise NotFound
        if reader.user.machine:
            raise NotByMachine
        act = next((one for one in SECONDS if one.value == body.act), None)
        if act is None or not may_second(reader.user, act):
            raise NotYours(" or ".join(sorted(SECONDS.get(act, frozenset()))) if act else "of nobody here")
        if hashlib.sha256(body.content.encode()).hexdigest() != body.digest or digest != body.digest:
            raise NotApproved
        if node.clock.now() >= body.expires:
            raise AlreadyDecided("expired")
        if any(one.origin == node.config.id for one in Filtered(node, reader).referring("answers", kept.record)):
            raise AlreadyDecided("answered")
        said = structs.replace(body, state="approved" if agree else "declined", content="", note=note)
        label = structs.replace(kept.record.label, releasable_to=frozenset({node.config.id, kept.record.origin}))
        record = node.new_record(said, kept.record.realm, reader.user.name, label, [Ref("answers", asked)], view=reader.view)
        await node.say(record)
        await node.people.act(reader.user.name, Act.PROPOSAL_APPROVE if agree else Act.PROPOSAL_WITHDRAW, asked)
        return {"asked": asked, "state": said.state, "record": record.id, "act": body.act, "what": body.what}

    async def heard(self, kept: Kept) -> Proposal | None:
        """Take a partner's answer: what it approved is done, if this node asked exactly that of exactly that partner."""
        node, record, body = self._node, kept.record, body_of(kept.record)
        asked = next((node.journal.get(ref.id) for ref in record.refs if ref.rel == "answers"), None)
        question = body_of(asked.record) if asked is not None else None
        if asked is None or not isinstance(body, Approval) or not isinstance(question, Approval) or body.state != "approved":
            return None
        same = (body.proposal, body.act, body.what, body.digest) == (question.proposal, question.act, question.what, question.digest)
        to = asked.record.label.releasable_to - {node.config.id}
        if not same or question.state != "asked" or asked.record.origin != node.config.id or to != {record.origin}:
            await node.people.act(f"partner {record.origin}", Act.PROPOSAL_REFUSE, record.id)
            return None
        try:
            node.book.verify(kept)
        except BadProof:
            await node.people.act(f"partner {record.origin}", Act.PROPOSAL_REFUSE, record.id)
            return None
        approvals = node.people.approvals
        proposal = await approvals.approve_as_partner(body.proposal, record.origin, record.author, record.id, body.digest)
        return await self.carry_out(proposal)


def _read(content: bytes, shape: type[S]) -> S:
    try:
        return msgspec.json.decode(content, type=shape)
    except msgspec.DecodeError:
        raise Conflict("what was proposed is not what this version does: withdraw it, and propose it anew") from None


def _by(proposal: Proposal) -> str:
    return proposal.approved_by[:120]


def _bytes(body: msgspec.Struct) -> bytes:
    return msgspec.json.encode(body, order="deterministic")


def _said(reason: str) -> str:
    if not reason.strip() or len(reason) > 140 or not reason.isprintable():
        raise InputError("say why in one line of at most 140 characters")
    return reason.strip()

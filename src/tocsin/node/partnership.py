"""What people do about partners: pin, compare, rotate, recover, revoke, test. Each by name, with typed arguments, in the audit."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any

import msgspec

from tocsin.core import LIVE, Clearance, Label, NotReachable, Revocation
from tocsin.core.times import HOUR
from tocsin.exchange import Card, NodeKeys, RecoveryKey, chain_from_text, chain_to_text
from tocsin.people import Act

from .errors import BadConfig, NodeError, NotFound
from .revocations import community_of
from .service import Node

OPERATOR = "operator"
Json = dict[str, Any]


class Nothing(msgspec.Struct, forbid_unknown_fields=True):
    """No arguments."""


class Named(msgspec.Struct, forbid_unknown_fields=True):
    """One thing by its name."""

    name: str


class NewPartner(msgspec.Struct, forbid_unknown_fields=True):
    """A partner's card, and what this node clears the partner for; `again`: it was put out, and is a partner again."""

    card: Annotated[str, msgspec.Meta(max_length=65_536)]
    clearance: str
    caveats: list[str] = []
    again: bool = False


class Compared(msgspec.Struct, forbid_unknown_fields=True):
    """The words of a partner's fingerprint, as they were read over a telephone; `by` is whoever heard them."""

    name: str
    words: Annotated[str, msgspec.Meta(max_length=400)]
    by: Annotated[str, msgspec.Meta(max_length=120)] = OPERATOR


class Rotation(msgspec.Struct, forbid_unknown_fields=True):
    """How long the old keys go on opening grants and logging in."""

    grace_hours: Annotated[float, msgspec.Meta(ge=0, le=168)] = 24


class Recovery(msgspec.Struct, forbid_unknown_fields=True):
    """The recovery key's words; the node's last card if its keys are lost; where the next recovery key is written."""

    words: Annotated[str, msgspec.Meta(max_length=2000)]
    card: Annotated[str, msgspec.Meta(max_length=65_536)] = ""
    next_file: str = ""


class Chain(msgspec.Struct, forbid_unknown_fields=True):
    """A partner's chain of cards, as `partner chain` printed it."""

    name: str
    chain: Annotated[str, msgspec.Meta(max_length=2_000_000)]


class Revoked(msgspec.Struct, forbid_unknown_fields=True):
    """Whose keys are trusted no more, and why: the other partners read it."""

    name: str
    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    by: Annotated[str, msgspec.Meta(max_length=120)] = OPERATOR


async def show_card(node: Node, _: Nothing) -> Json:
    """This node's own card, for partners to add by hand."""
    card = node.card()
    return {"partner": card.partner, "fingerprint": card.fingerprint(), "card": card.to_toml()}


async def add_partner(node: Node, new: NewPartner) -> Json:
    """Pin a partner's card."""
    card = Card.from_toml(new.card)
    if card.partner == node.config.id:
        raise BadConfig("this is the node's own card")
    policy = node.config.policy
    clearance = Clearance(policy.name, card.partner, policy.rank(new.clearance), frozenset(new.caveats))
    await node.book.add(card, clearance, again=new.again)
    await node.hosting.tell()
    await node.people.act(OPERATOR, Act.PARTNER_ADD, card.partner)
    return {"partner": card.partner, "name": card.name, "fingerprint": card.fingerprint()}


async def list_partners(node: Node, _: Nothing) -> list[Json]:
    """Every partner with what it is cleared for, how its keys came here, and whether a person compared them; those put out too."""
    levels = node.config.policy.levels
    rows = []
    for p in [*node.book.partners(), *node.book.put_out()]:
        standing = node.book.standing(p.id)
        row: Json = {"partner": p.card.partner, "name": p.card.name, "fingerprint": p.card.fingerprint()}
        row |= {"clearance": levels[p.clearance.classification], "caveats": sorted(p.clearance.caveats)}
        if standing is not None:
            row |= {"state": standing.state, "since": standing.since, "reason": standing.reason}
            row |= {"compared": standing.compared_at is not None, "compared_at": standing.compared_at, "compared_by": standing.compared_by}
        rows.append(row)
    return rows


def uncompared(node: Node) -> list[str]:
    """The partners whose fingerprint nobody here has compared yet."""
    found = [(partner.id, node.book.standing(partner.id)) for partner in node.book.partners()]
    return [name for name, standing in found if standing is None or standing.compared_at is None]


async def remove_partner(node: Node, who: Named) -> Json:
    """Remove a partner: nothing is sealed for it from now on."""
    if node.book.get(who.name) is None:
        raise NotFound
    await node.book.remove(who.name)
    await node.hosting.tell()
    await node.people.act(OPERATOR, Act.PARTNER_REMOVE, who.name)
    return {"removed": who.name}


async def confirm(node: Node, said: Compared) -> Json:
    """Note that a partner's fingerprint was read back over another channel; `NotThatCard` if the words are another card's."""
    if node.book.get(said.name) is None:
        raise NotFound
    standing = await node.book.confirm(said.name, said.words, said.by)
    await node.people.act(said.by, Act.PARTNER_CONFIRM, said.name)
    node.changed("exchange", None, node.own_label())
    return {"partner": said.name, "compared": True, "compared_at": standing.compared_at, "compared_by": standing.compared_by}


async def rotate(node: Node, how: Rotation) -> Json:
    """New keys for this node, signed by the old: partners follow by themselves. The old ones serve until the grace is over."""
    grace = int(how.grace_hours * HOUR)
    after = node.keys.rotated(node.config.name, node.clock, grace, node.config.relay.addresses)
    return await _take_up(node, after, Act.PARTNER_ROTATE)


async def recover(node: Node, by: Recovery) -> Json:
    """New keys for this node by its recovery key, after loss or theft; nothing of the old ones serves any more.

    `card` is the node's last card where its keys are lost too. The next recovery key is written to `next_file`.
    """
    key = RecoveryKey.from_text(by.words)
    next_ = RecoveryKey.make(node.entropy)
    if by.card:
        lost = Card.from_toml(by.card)
        if lost.partner != node.config.id:
            raise BadConfig(f"this is {lost.partner}'s card, not {node.config.id}'s")
        after = NodeKeys.from_recovery(lost, key, next_, node.clock)
    else:
        after = node.keys.recovered(key, next_, node.config.name, node.clock, node.config.relay.addresses)
    path = Path(by.next_file) if by.next_file else node.folder / "recovery.key"
    if by.next_file == "" and path.exists():
        raise BadConfig(f"{path} is there already: keep it in a safe and delete it, or say where the next recovery key goes")
    next_.write(path, node.config.id)
    return await _take_up(node, after, Act.PARTNER_RECOVER) | {"recovery": str(path)}


async def _take_up(node: Node, after: NodeKeys, act: Act) -> Json:
    # The file is what counts: from here on these are the node's keys, and the link in it can always be told again.
    after.save(node.vault, node.folder)
    node.keys.become(after)
    await node.people.act(OPERATOR, act, node.config.id)
    says = await _relay_says(node, node.config.id)
    if node.exchange is not None:
        await node.exchange.introduce()
    card = node.card()
    return {"partner": card.partner, "fingerprint": card.fingerprint(), "era": card.era, "serial": card.serial, "relay": says}


async def show_chain(node: Node, _: Nothing) -> Json:
    """How this node's cards followed each other, as text for partners that no relay reaches."""
    if not node.keys.links:
        raise NodeError("this node still has its first keys: there is no chain to show")
    return {"partner": node.config.id, "chain": chain_to_text(node.keys.links)}


async def follow(node: Node, told: Chain) -> Json:
    """Follow a partner's chain of cards that came by hand; it proves itself."""
    if node.book.get(told.name) is None:
        raise NotFound
    card = await node.book.follow(told.name, chain_from_text(told.chain))
    await _relay_says(node, told.name)
    return {"partner": card.partner, "fingerprint": card.fingerprint(), "era": card.era, "serial": card.serial}


async def revoke(node: Node, who: Revoked, act: Act = Act.PARTNER_REVOKE) -> Json:
    """Put a partner out: nothing is sealed for it from now on, and the other partners are told why."""
    partner = node.book.get(who.name)
    if partner is None:
        raise NotFound
    body = Revocation(partner=who.name, card=partner.card.digest().hex(), state="revoked", reason=who.reason)
    record = node.new_record(body, LIVE, who.by, community_label(node, without=who.name))
    kept = await node.exchange_or_idle().put_out(who.name, record, "revoked", who.reason)
    await node.on_records([kept])
    await node.people.act(who.by, act, who.name)
    return {"revoked": who.name, "record": record.id, "relay": await _relay_says(node, who.name)}


async def exclude_if_agreed(node: Node, name: str) -> bool:
    """Put a partner out because as many members of the community as it asks for have revoked it; whether that was so."""
    partner, community = node.book.get(name), community_of(node.folder)
    if partner is None or community is None or name not in community.partners:
        return False
    agreed = node.revocations.agreed(partner.card, node.book, community)
    if len(agreed) < max(2, community.exclusion_quorum):
        return False
    reason = f"{', '.join(agreed)} revoked it."
    body = Revocation(partner=name, card=partner.card.digest().hex(), state="excluded", reason=reason, agreed=agreed)
    record = node.new_record(body, LIVE, "node", node.own_label())
    kept = await node.exchange_or_idle().put_out(name, record, "excluded", reason)
    await node.on_records([kept])
    await node.people.act("node", Act.PARTNER_EXCLUDE, name)
    await _relay_says(node, name)
    return True


async def test(node: Node, who: Named) -> Json:
    """Try the whole way to a partner and back: steps up to the first that fails, whose side it is, and one line."""
    if node.exchange is None:
        raise NotReachable("this node does not run, so there is nobody to try it: start it with `tocsin up FOLDER`")
    if node.transport is None:
        raise NodeError("this node has no relay: set relay.url in its node.toml, or let it run one with relay.supervise")
    steps = await node.exchange.test(who.name)
    await node.people.act(OPERATOR, Act.PARTNER_TEST, who.name)
    failed = steps[-1] if not steps[-1].well else None
    return {
        "partner": who.name,
        "well": failed is None,
        "side": failed.side if failed else "",
        "says": f"{failed.what}, {_SIDES[failed.side]}: {failed.says}" if failed else "all is well, both ways",
        "steps": [step._asdict() for step in steps],
    }


_SIDES = {"here": "this side", "there": "their side", "relay": "the relay"}


def community_label(node: Node, *, without: str) -> Label:
    """The label of what is said to every partner but one: the lowest level there is."""
    me = node.config.id
    reach = frozenset({me, *(p.id for p in node.book.partners())}) - {without}
    return Label(node.config.policy.name, 0, frozenset({me}), reach)


async def _relay_says(node: Node, name: str) -> str:
    """Have the relay here know of a change; for a relay elsewhere, what its operator has to do."""
    if node.hosting.is_here:
        await node.hosting.tell()
        return "the relay here knows"
    if not node.config.relay.url:
        return ""
    where = node.config.relay.url
    return f"the relay at {where} is not this node's: tell its operator, who has to take {name}'s log-in in or out"


OPERATIONS: dict[str, tuple[type[msgspec.Struct], Callable[[Node, Any], Awaitable[Any]], Act | None]] = {
    "card": (Nothing, show_card, None),
    "add": (NewPartner, add_partner, Act.PARTNER_ADD),
    "list": (Nothing, list_partners, None),
    "remove": (Named, remove_partner, Act.PARTNER_REMOVE),
    "confirm": (Compared, confirm, Act.PARTNER_CONFIRM),
    "rotate": (Rotation, rotate, Act.PARTNER_ROTATE),
    "recover": (Recovery, recover, Act.PARTNER_RECOVER),
    "chain": (Nothing, show_chain, None),
    "follow": (Chain, follow, Act.PARTNER_CONFIRM),
    "revoke": (Revoked, revoke, Act.PARTNER_REVOKE),
    "test": (Named, test, Act.PARTNER_TEST),
}

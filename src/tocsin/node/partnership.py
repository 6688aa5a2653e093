"""What people do about partners: pin, compare, rotate, recover, revoke, test. Each by name, with typed arguments, in the audit."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import msgspec

from tocsin.core import Clearance, Label
from tocsin.exchange import Card
from tocsin.people import Act

from .errors import BadConfig, NotFound
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
    await node.tell_relay()
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


async def remove_partner(node: Node, who: Named) -> Json:
    """Remove a partner: nothing is sealed for it from now on."""
    if node.book.get(who.name) is None:
        raise NotFound
    await node.book.remove(who.name)
    await node.tell_relay()
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


def community_label(node: Node, *, without: str) -> Label:
    """The label of what is said to every partner but one: the lowest level there is."""
    me = node.config.id
    reach = frozenset({me, *(p.id for p in node.book.partners())}) - {without}
    return Label(node.config.policy.name, 0, frozenset({me}), reach)


OPERATIONS: dict[str, tuple[type[msgspec.Struct], Callable[[Node, Any], Awaitable[Any]], Act | None]] = {
    "card": (Nothing, show_card, None),
    "add": (NewPartner, add_partner, Act.PARTNER_ADD),
    "list": (Nothing, list_partners, None),
    "remove": (Named, remove_partner, Act.PARTNER_REMOVE),
    "confirm": (Compared, confirm, Act.PARTNER_CONFIRM),
}

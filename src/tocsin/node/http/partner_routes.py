"""Partners, for those who answer for them: fingerprints to compare, the pairing test, revocation."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from litestar import Controller, get, post
from litestar.params import Body, FromPath

from tocsin.node import partnership
from tocsin.people import Act, Role

from .given import TheNode, TheReader

Json = dict[str, Any]
# Whoever answers for the node's keys, whatever the organisation calls them.
KEEPERS = tuple(role for role in Role if role.value in {"administrator", "security-officer"})


class Heard(msgspec.Struct, forbid_unknown_fields=True):
    """The words that a partner read over another channel."""

    words: Annotated[str, msgspec.Meta(min_length=1, max_length=400)]


class Reason(msgspec.Struct, forbid_unknown_fields=True):
    """Why a partner's keys are trusted no more; every other partner reads it."""

    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class PartnerController(Controller):
    """Whom this node shares with, and how sure it is of them."""

    path = "/partners"

    @get("/")
    async def every(self, reader: TheReader, node: TheNode) -> Json:
        """This node's own fingerprint words, and every partner's with what is known of its keys."""
        reader.needs(*KEEPERS)
        own = await partnership.show_card(node, partnership.Nothing())
        partners = await partnership.list_partners(node, partnership.Nothing())
        return {"own": own, "partners": partners, "revocations": node.revocations.rows()}

    @post("/{partner:str}/confirm", status_code=200, act=Act.PARTNER_CONFIRM)
    async def confirm(self, reader: TheReader, node: TheNode, partner: FromPath[str], data: Annotated[Heard, Body()]) -> Json:
        """Note that the partner read its fingerprint back: 403 if the words are another card's."""
        reader.needs(*KEEPERS)
        return await partnership.confirm(node, partnership.Compared(partner, data.words, reader.user.name))

    @post("/{partner:str}/test", status_code=200, act=Act.PARTNER_TEST)
    async def test(self, reader: TheReader, node: TheNode, partner: FromPath[str]) -> Json:
        """Try the whole way to a partner and back; the first step that fails, whose side it is, and why."""
        reader.must(Act.PARTNER_TEST)
        return await partnership.test(node, partnership.Named(partner))

    @post("/{partner:str}/revoke", status_code=200, act=Act.PARTNER_REVOKE)
    async def revoke(self, reader: TheReader, node: TheNode, partner: FromPath[str], data: Annotated[Reason, Body()]) -> Json:
        """Trust a partner's keys no more, from now on; the other partners are told the reason."""
        reader.must(Act.PARTNER_REVOKE)
        return await partnership.revoke(node, partnership.Revoked(partner, data.reason, reader.user.name))

"""One's own second factors and sessions."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from litestar import Controller, delete, get, post
from litestar.params import Body

from tocsin.node.errors import NotAllowed
from tocsin.node.readers import Reader
from tocsin.node.service import Node
from tocsin.people import Act, NotByMachine, Session
from tocsin.people.factors import Added

from .given import ById, TheNode, TheReader

Json = dict[str, Any]
Label = Annotated[str, msgspec.Meta(max_length=64)]


class Code(msgspec.Struct, forbid_unknown_fields=True):
    """A one-time or recovery code, with a name for what is added by it."""

    code: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    name: Label = ""


class Passkey(msgspec.Struct, forbid_unknown_fields=True):
    """A passkey's answer as the browser gives it, with a name for what is added by it."""

    credential: Json
    name: Label = ""


class FactorController(Controller):
    """Second factors: what there is, adding, removing, proving again."""

    path = "/factors"

    @get("/", sync_to_thread=False)
    def every(self, reader: TheReader, node: TheNode) -> Json:
        """This person's factors, and how many recovery codes are left."""
        name = _session(reader).user.name
        found = node.people.factors
        fresh = node.people.logins.is_fresh(_session(reader))
        return {"factors": [one._asdict() for one in found.of(name)], "recovery_left": found.recovery_left(name), "fresh": fresh}

    @post("/totp/options", status_code=200, act=Act.FACTOR_ADD)
    async def offer_totp(self, reader: TheReader, node: TheNode) -> Json:
        """A secret for one-time codes; a first code then adds them."""
        session = _fresh(node, reader)
        return node.people.factors.offer_totp(session.user.name, node.people.logins.secret(session, new=True))._asdict()

    @post("/totp", act=Act.FACTOR_ADD)
    async def add_totp(self, reader: TheReader, node: TheNode, data: Annotated[Code, Body()]) -> Json:
        """Add them with a first code; recovery codes come with the first factor, this once."""
        session = _fresh(node, reader)
        secret = node.people.logins.secret(session, new=False)
        return _added(await node.people.factors.add_totp(session.user.name, secret, data.code, data.name))

    @post("/passkey/options", status_code=200, act=Act.FACTOR_ADD)
    async def offer_passkey(self, reader: TheReader, node: TheNode) -> Json:
        """What `navigator.credentials.create` is asked."""
        session = _fresh(node, reader)
        return dict(node.people.factors.options_to_add(session.user.name, node.people.logins.challenge(session)))

    @post("/passkey", act=Act.FACTOR_ADD)
    async def add_passkey(self, reader: TheReader, node: TheNode, data: Annotated[Passkey, Body()]) -> Json:
        """Add the passkey; recovery codes come with the first factor, this once."""
        session = _fresh(node, reader)
        challenge = node.people.logins.take_challenge(session)
        return _added(await node.people.factors.add_passkey(session.user.name, data.credential, challenge, data.name))

    @post("/recovery", act=Act.FACTOR_RECOVER)
    async def recovery(self, reader: TheReader, node: TheNode) -> Json:
        """New recovery codes in place of the old."""
        return {"recovery": list(await node.people.factors.new_recovery_codes(_fresh(node, reader).user.name))}

    @delete("/{factor:str}", act=Act.FACTOR_REMOVE)
    async def remove(self, reader: TheReader, node: TheNode, factor: ById) -> None:
        """Remove a factor; the last one stays where the node wants one."""
        session = _fresh(node, reader)
        if node.people.logins.demands(session.user) and len(node.people.factors.of(session.user.name)) < 2:
            raise NotAllowed("of somebody who needs no second factor: add another one first")
        await node.people.factors.remove(session.user.name, factor)

    @post("/prove/totp", status_code=200, act=Act.SESSION_PROVE)
    async def prove_code(self, reader: TheReader, node: TheNode, data: Annotated[Code, Body()]) -> Json:
        """Prove the second factor again, by a code: sensitive acts are open for some minutes."""
        await node.people.logins.prove_code(_session(reader), data.code)
        return {"fresh": True}

    @post("/prove/passkey/options", status_code=200, act=Act.SESSION_PROVE)
    async def ask_passkey(self, reader: TheReader, node: TheNode) -> Json:
        """What `navigator.credentials.get` is asked to prove it again."""
        session = _session(reader)
        return dict(node.people.factors.options_to_prove(session.user.name, node.people.logins.challenge(session)))

    @post("/prove/passkey", status_code=200, act=Act.SESSION_PROVE)
    async def prove_passkey(self, reader: TheReader, node: TheNode, data: Annotated[Passkey, Body()]) -> Json:
        """Prove the second factor again, by a passkey."""
        await node.people.logins.prove_passkey(_session(reader), data.credential)
        return {"fresh": True}


class OwnSessionController(Controller):
    """One's own open sessions."""

    path = "/sessions"

    @get("/", sync_to_thread=False)
    def every(self, reader: TheReader, node: TheNode) -> list[Json]:
        """Where else this person is logged in."""
        session = _session(reader)
        return [one._asdict() | {"this": one.id == session.id} for one in node.people.sessions.of(session.user.name)]

    @delete("/{session:str}", act=Act.SESSION_CLOSE)
    async def end(self, reader: TheReader, node: TheNode, session: ById) -> None:
        """End one of them."""
        await node.people.sessions.end(session, by=_session(reader).user.name, own=True)


def _session(reader: Reader) -> Session:
    if reader.session is None:
        raise NotByMachine
    return reader.session


def _fresh(node: Node, reader: Reader) -> Session:
    session = _session(reader)
    node.people.logins.must_be_fresh(session)
    return session


def _added(added: Added) -> Json:
    return {"factor": added.factor._asdict(), "recovery": list(added.recovery)}

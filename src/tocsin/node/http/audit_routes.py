"""The log: its latest checkpoint, a proof for each record that the reader may read, and the acts that were written down."""

from __future__ import annotations

import base64
from typing import Annotated, Any

from litestar import Controller, get
from litestar.params import FromPath, QueryParameter

from tocsin.core import realms
from tocsin.journal import NotInLog
from tocsin.node.auditing import log_key, proof_of
from tocsin.node.errors import NotFound
from tocsin.node.filtered import Filtered
from tocsin.people import Role

from .given import OfRealm, TheNode, TheReader, TheScreens

Json = dict[str, Any]


class AuditController(Controller):
    """What shows that the journal is what it was."""

    path = "/audit"

    @get("/checkpoint", sync_to_thread=False)
    def checkpoint(self, reader: TheReader, node: TheNode, screens: TheScreens, realm: OfRealm) -> Json:
        """The latest checkpoint of a realm's log, with its cosignatures; null before the first. Its size is padded to a class."""
        name = realms.parse(realm)
        if not screens.sees(reader, name):
            raise NotFound
        signed = node.notary.log.latest(name)
        if signed is None:
            return {"realm": name, "note": None, "size": 0, "at": None, "witnesses": []}
        return {
            "realm": name,
            "note": signed.note,
            "size": signed.checkpoint.size,
            "at": signed.at,
            "witnesses": list(signed.witnesses),
        }

    @get("/proof/{record:str}", sync_to_thread=False)
    def proof(self, reader: TheReader, node: TheNode, realm: OfRealm, record: FromPath[str]) -> Json:
        """What a browser needs to see for itself that a record stands in the log: salt, signed bytes, index, path, checkpoint, key.

        404 for a record that is not there for this reader; `pending` where no checkpoint holds it yet.
        """
        kept = Filtered(node, reader).get(record)
        if kept.record.realm != realm:
            raise NotFound
        row: Json = {"record": record, "realm": realm, "leaf": kept.leaf.hex(), "pending": True}
        try:
            found = node.notary.log.prove(record)
        except NotInLog:
            return row
        row |= proof_of(node, record) | {"pending": False, "key": log_key(node, record)}
        row |= {"salt": _base64(kept.salt), "bytes": _base64(kept.data), "path": [_base64(one) for one in found.path]}
        row |= {"root": _base64(found.signed.checkpoint.root), "note": found.signed.note, "public": _base64(found.signed.key)}
        return row

    @get("/acts", sync_to_thread=False)
    def acts(
        self,
        reader: TheReader,
        node: TheNode,
        after: Annotated[int, QueryParameter(ge=0, le=10**12)] = 0,
        limit: Annotated[int, QueryParameter(ge=1, le=1000)] = 200,
    ) -> list[Json]:
        """Who did what, the oldest first: for the security officer and the administrator. `id` is the next page's `after`.

        What was done with records is for those who may read all that the node may; `id` counts the reader's own lines.
        """
        reader.needs(Role.SECURITY_OFFICER, Role.ADMINISTRATOR)
        done = Filtered(node, reader).acts(after, limit)
        return [{"id": after + n, "time": one.time, "who": one.who, "act": one.act, "what": one.what} for n, one in enumerate(done, 1)]


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()

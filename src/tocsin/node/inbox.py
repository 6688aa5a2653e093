"""The inbox: what partners said, unread first for each user; and what users and this node subscribe to."""

from __future__ import annotations

from typing import Any

from msgspec import structs
from sqlalchemy import insert, select

from tocsin.core import LIVE, Approval, Consent, Label, Realm, Recall, Receipt, Record, Ref, Subscription, body_of, iso
from tocsin.core.labels import ORCON
from tocsin.exchange import check_subscription, fits, readings
from tocsin.people import Act, Role
from tocsin.people.roles import may

from .errors import Conflict, NotAllowed, NotFound
from .filtered import Filtered
from .ledger import headline
from .readers import Reader
from .screens import recalled
from .service import Node

Json = dict[str, Any]
KINDS = frozenset(
    {"report", "claim", "finding", "warning", "request", "requirement", "recall", "rule", "subscription", "approval", "consent"}
)
_MOST = 200


class Inbox:
    """What came from partners, for one node's people."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def page(
        self, reader: Reader, realm: Realm, *, before: int | None = None, limit: int = 100, unread: bool = False, kind: str = "",
        origin: str = "", subscribed: bool = False,
    ) -> list[Json]:  # fmt: skip
        """What partners said, the newest first, older than the reader's own count `before`, as far as it fits the filters."""
        shown, read = Filtered(self._node, reader), self._read(reader)
        if not shown.sees(realm):
            return []
        mine = self._mine(reader)
        at = shown.size(realm) if before is None else min(before, shown.size(realm))
        rows: list[Json] = []
        while at > 0 and len(rows) < limit:
            first = max(0, at - _MOST)
            for index, kept in reversed(shown.page(realm, first - 1, at - first)):
                record = kept.record
                if record.origin == self._node.config.id or record.kind not in KINDS:
                    continue
                wanted = [one.name for one in mine if fits(one, record.kind, body_of(record))]
                left_out = (unread and record.id in read) or (subscribed and not wanted)
                if left_out or (kind and record.kind != kind) or (origin and record.origin != origin):
                    continue
                rows.append(self._row(shown, record, index, read.get(record.id)) | {"fits": wanted})
            at = first
        return rows[:limit]

    async def read(self, reader: Reader, record: str) -> Json:
        """Mark a partner's record as read by this user; the first of this floor's people to read it tells its origin."""
        reader.must(Act.RECORD_READ)
        node, shown = self._node, Filtered(self._node, reader)
        kept = shown.find(record)
        if kept is None or kept.record.origin == node.config.id:
            raise NotFound
        said, now = kept.record, node.clock.now()
        if record not in self._read(reader):
            row = {"reader": reader.user.name, "record_id": record, "at": now}
            await node.journal.write(lambda connection: connection.execute(insert(readings).prefix_with("OR IGNORE"), [row]))
        floor = may(reader.user.roles, Act.WARNING_ANSWER) and not reader.user.machine
        told = any(found.origin == node.config.id and found.author != "node" for found in shown.referring("receipt-of", said))
        if floor and not told:
            label = structs.replace(
                said.label, originators=frozenset({node.config.id}), releasable_to=frozenset({node.config.id, said.origin})
            )
            refs = [Ref("receipt-of", record)]
            await node.say(node.new_record(Receipt(state="read"), said.realm, reader.user.name, label, refs, view=reader.view))
            await node.people.act(reader.user.name, Act.RECORD_READ, record)
        return self._row(shown, said, None, now)

    # --- subscriptions --------------------------------------------------------------------------------------

    def subscriptions(self, reader: Reader) -> Json:
        """This user's own, what this node wants of partners, and what partners want of this node."""
        me, found = self._node.config.id, Filtered(self._node, reader).subscriptions()
        ours: dict[str, dict[str, Json]] = {}
        theirs: dict[str, dict[str, Json]] = {}
        for record, body in found:
            parties = record.label.releasable_to - {me} if record.origin == me else {record.origin}
            into = ours if record.origin == me else theirs
            for partner in parties:
                into.setdefault(partner, {})[body.name] = _asked(record, body)
        return {
            "mine": [structs.asdict(one) for one in self._mine(reader)],
            "ours": _flat(ours),
            "theirs": _flat(theirs),
        }

    async def subscribe(self, reader: Reader, wanted: Subscription, to: list[str]) -> Json:
        """Change a subscription: the user's own, or with `to` what this node wants of those partners."""
        reader.must(Act.SUBSCRIPTION_CHANGE)
        check_subscription(wanted)
        node = self._node
        if to and not reader.user.roles & {Role.WATCH_OFFICER, Role.ANALYST, Role.APPROVER}:
            raise NotAllowed("analyst or approver or watch-officer")
        if unknown := [name for name in to if node.book.get(name) is None]:
            raise Conflict(f"{unknown[0][:40]!r} is no partner of this node")
        if to:
            own = node.config.own
            label = Label(own.policy, 0, frozenset({node.config.id}), frozenset({node.config.id, *to}))
            await node.say(node.new_record(wanted, LIVE, reader.user.name, label, view=reader.view))
        else:
            await node.keep(node.new_record(wanted, LIVE, reader.user.name, node.own_label(reader), view=reader.view))
        await node.people.act(reader.user.name, Act.SUBSCRIPTION_CHANGE, wanted.name)
        return self.subscriptions(reader)

    def _mine(self, reader: Reader) -> list[Subscription]:
        me = self._node.config.id
        held: dict[str, Subscription] = {}
        for record, body in Filtered(self._node, reader).subscriptions():
            mine = record.author == reader.user.name and record.protocol_time >= reader.user.since
            if record.origin == me and mine and record.label.releasable_to == {me}:
                held[body.name] = body
        return [body for body in held.values() if body.state == "in force"]

    def _read(self, reader: Reader) -> dict[str, int]:
        rows = self._node.journal.read_rows(select(readings).where(readings.c.reader == reader.user.name))
        return {row.record_id: row.at for row in rows}

    def _row(self, shown: Filtered, record: Record, index: int | None, read_at: int | None) -> Json:
        row: Json = {"index": index, "record": record.id, "kind": record.kind, "realm": record.realm, "origin": record.origin}
        row |= {"author": record.author, "protocol_time": record.protocol_time, "realm_time": record.realm_time}
        row |= {"banner": self._node.gate.banner(self._node.gate.label_of(record)), "read_at": read_at}
        body = body_of(record)
        if isinstance(body, Approval) and body.state == "asked":
            # What somebody is asked to be the second for, whole: they approve what they were shown.
            row["asks"] = structs.asdict(body) | {
                "answered": any(a.origin == self._node.config.id for a in shown.referring("answers", record))
            }
        label = self._node.gate.label_of(record)
        if ORCON in label.caveats and self._node.config.id in label.originators:
            row["wants_consent"] = True  # made from what this node said: it goes on to others only if this node consents
            mine = [(one, given) for one, given in shown.consents(record) if one.origin == self._node.config.id]
            row["consents"] = [_consented(one, given) for one, given in mine]
        title = "" if shown.hides(record) else _recalling(shown, record, body) if isinstance(body, Recall) else headline(record)
        return row | {"title": title, "recalled": recalled(shown, record)}


def _recalling(shown: Filtered, record: Record, body: Recall) -> str:
    # What was recalled is not shown any more: its kind and time tell which it was.
    found = next((kept.record for ref in record.refs if ref.rel == "recalls" and (kept := shown.find(ref.id))), None)
    return f"Recalled, {body.why}" + (f": the {found.kind} of {iso(found.protocol_time)}" if found is not None else "")


def _consented(record: Record, body: Consent) -> Json:
    return {"consent": record.id, "audience": list(body.audience), "until": body.until, "by": record.author, "at": record.protocol_time}


def _asked(record: Record, body: Subscription) -> Json:
    return structs.asdict(body) | {"record": record.id, "by": record.author, "at": record.protocol_time}


def _flat(found: dict[str, dict[str, Json]]) -> list[Json]:
    return [{"partner": name, **row} for name, rows in sorted(found.items()) for row in rows.values() if row["state"] == "in force"]

"""Tear-lines, consents and reviews: what is made of a label beside lowering it.

A tear-line is a report of a lower label, built from a report by naming what it holds; two persons decide on exactly its words. A consent
lets an ORCON record that was made from what this node said go on to others. A label that is due for review is one to look at again.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec import structs

from tocsin.core import BadLabel, Consent, Label, Record, Ref, Report, body_of
from tocsin.core.labels import NO_RESHARE, ORCON
from tocsin.people import Act, Proposal
from tocsin.people.approvals import SINGLE
from tocsin.policy.tearline import paragraphs, tear

from .acts import PLAIN, Acts, Conditions, plain_text
from .errors import Conflict, NotFound
from .filtered import Filtered
from .ledger import headline
from .personnel import proposal_row
from .readers import Reader
from .service import Node

Json = dict[str, Any]
REVIEWED = frozenset({"report", "claim", "count", "finding", "warning", "request", "requirement"})
"""Kinds whose labels people review; what was said about such a record follows it."""


class Tear(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Say `report` under `label`, made from `record`, of which nothing but these words goes into it."""

    record: str
    report: Report
    label: Label


class Tearing:
    """What is done with the labels of one node's records."""

    def __init__(self, node: Node) -> None:
        self._node = node

    # --- tear-lines -----------------------------------------------------------------------------------------

    def parts(self, reader: Reader, record: str) -> Json:
        """A report's paragraphs by number and its fields, to choose from."""
        said, report = self._report(reader, record)
        fields = {name: getattr(report, name) for name in ("title", "source", "grade", "graded_by")}
        rows = [{"number": number, "text": text} for number, text in enumerate(paragraphs(report), 1)]
        return {"record": record, "banner": self._node.gate.banner(self._node.gate.label_of(said)), "fields": fields, "paragraphs": rows}

    async def propose(
        self, reader: Reader, record: str, chosen: tuple[Iterable[str], Iterable[int]], own: tuple[str, str],
        marked: tuple[str, Iterable[str], Iterable[str]], conditions: Conditions = PLAIN,
    ) -> Json:  # fmt: skip
        """Propose a tear-line of the `chosen` fields and paragraphs, with a title and source of its `own`, under the label `marked`."""
        reader.must(Act.LABEL_TEAR)
        said, report = self._report(reader, record)
        current = self._node.gate.label_of(said)
        if said.origin != self._node.config.id or current.originators != {self._node.config.id}:
            raise Conflict("others originated this too: ask them for a tear-line, or for a lower label")
        fields, numbers = chosen
        made = tear(report, fields=fields, numbers=numbers, title=own[0], source=own[1])
        for name in ("title", "text", "source"):
            plain_text(getattr(made, name), name)
        label = self._label(reader, current, marked, conditions)
        content = msgspec.json.encode(Tear(record, made, label), order="deterministic")
        proposal = await self._node.people.approvals.propose(reader.user, Act.LABEL_TEAR, record, content)
        if proposal.state == "approved":
            await self.carry_out(proposal)
            proposal = self._node.people.approvals.get(proposal.id)
        return proposal_row(proposal) | {"report": structs.asdict(made), "banner": self._node.gate.banner(label)}

    async def carry_out(self, proposal: Proposal) -> None:
        """Say a tear-line that was approved. Nothing in it leads to the report that it was made from."""
        node = self._node
        content = node.people.approvals.content(proposal.id)
        wanted = msgspec.json.decode(content, type=Tear)
        kept = node.journal.get(wanted.record)
        if kept is None:
            raise NotFound
        await node.people.approvals.taken(proposal.act, proposal.what, content)
        by = proposal.proposed_by + (" (one person: single-approver mode)" if proposal.mode == SINGLE else "")
        said = await node.say(node.new_record(wanted.report, kept.record.realm, by[:120], wanted.label))
        await node.people.act(proposal.approved_by, Act.LABEL_TEAR, f"{said.record.id} from {wanted.record}")

    def _report(self, reader: Reader, record: str) -> tuple[Record, Report]:
        shown = Filtered(self._node, reader)
        said = shown.get(record).record
        body = body_of(said)
        if not isinstance(body, Report) or shown.hides(said):
            raise NotFound
        return said, body

    def _label(self, reader: Reader, current: Label, marked: tuple[str, Iterable[str], Iterable[str]], conditions: Conditions) -> Label:
        label = Acts(self._node).new_label(reader, *marked, conditions)
        if label.classification > current.classification:
            raise Conflict("a tear-line is of no higher level than its report")
        if NO_RESHARE in current.terms and label.releasable_to - current.releasable_to:
            raise Conflict("the feed's terms keep this in the organisation that took it in")
        kept = {"terms": (*current.terms, *label.terms), "expires": current.expires if label.expires is None else label.expires}
        return structs.replace(label, **kept)

    # --- consents -------------------------------------------------------------------------------------------

    async def consent(self, reader: Reader, record: str, audience: Iterable[str], until: int, note: str = "") -> Json:
        """Consent that a partner's ORCON record, made from what this node said, goes on to `audience` until `until` (protocol time, µs)."""
        reader.must(Act.LABEL_CONSENT)
        node = self._node
        said = Filtered(node, reader).get(record).record
        label = node.gate.label_of(said)
        if said.origin == node.config.id or node.config.id not in label.originators or ORCON not in label.caveats:
            raise Conflict("only those who originated part of a partner's ORCON record consent to it")
        to = tuple(sorted(set(audience) - {node.config.id, said.origin}))
        if unknown := set(to) - {p.card.partner for p in node.book.partners()}:
            raise BadLabel(f"{min(unknown)[:40]!r} is no partner of this node")
        if not to or until <= node.clock.now():
            raise Conflict("a consent names to whom, and a time that is to come")
        body = Consent(record=record, audience=to, until=until, note=plain_text(note, "note", empty=True))
        parties = frozenset({node.config.id, said.origin})
        under = structs.replace(label, originators=frozenset({node.config.id}), releasable_to=parties)
        kept = await node.say(node.new_record(body, said.realm, reader.user.name, under, [Ref("about", record)], view=reader.view))
        node.gate.standing.learn(kept.record)
        await node.people.act(reader.user.name, Act.LABEL_CONSENT, record)
        return {"consent": kept.record.id, "record": record, "origin": said.origin, "audience": list(to), "until": until}

    # --- reviews --------------------------------------------------------------------------------------------

    def due(self, reader: Reader, by: int) -> list[Json]:
        """This node's records whose label is to be looked at again by `by` (protocol time, µs UTC), the earliest first."""
        shown, node = Filtered(self._node, reader), self._node
        rows = []
        for realm in shown.realms():
            for record in shown.reviewed(realm):
                label = node.gate.label_of(record)
                if record.kind not in REVIEWED:
                    continue
                if label.review is None or label.review > by or node.config.id not in label.originators or shown.recall_of(record):
                    continue
                row: Json = {"record": record.id, "kind": record.kind, "realm": realm, "origin": record.origin, "title": headline(record)}
                own = label.policy == node.config.policy.name
                row |= {"classification": node.config.policy.levels[label.classification] if own else "", "caveats": sorted(label.caveats)}
                rows.append(row | {"banner": node.gate.banner(label), "review": label.review, "overdue": label.review <= node.clock.now()})
        return sorted(rows, key=lambda row: (row["review"], row["record"]))

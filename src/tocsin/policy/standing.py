"""What has been said about labels since: consents to pass something on, and labels that their originators lowered.

It learns from records as they are kept or come in, in any order and more than once; it forgets nothing, so that the
same records always give the same answer.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from tocsin.core import Consent, Relabel, body_of

if TYPE_CHECKING:
    from tocsin.core import Label, Record
    from tocsin.core.times import Micros


_LEARNED = frozenset({"consent", "relabel"})


class Standing:
    """Consents and lowered labels, by the record that they are about. `version` is another number after each that was learned."""

    def __init__(self) -> None:
        self.version = 0
        self._consents: dict[tuple[str, str], dict[str, Consent]] = defaultdict(dict)
        self._lowered: dict[str, dict[str, tuple[Micros, str, Label]]] = defaultdict(dict)

    def learn(self, record: Record) -> bool:
        """Take note of a consent or a relabelling that is in force; whether `record` was one."""
        if record.kind not in _LEARNED:
            return False
        body = body_of(record)
        self.version += 1
        if isinstance(body, Consent):
            self._consents[body.record, record.origin][record.id] = body
            return True
        if isinstance(body, Relabel) and body.state == "approved" and (body.mode == "single" or body.proposed_by != record.author):
            held = self._lowered[body.record].get(record.origin)
            said = (record.protocol_time, record.id, body.label)
            if held is None or held[:2] < said[:2]:
                self._lowered[body.record][record.origin] = said
            return True
        return False

    def consents(self, record: str, originator: str, partner: str, now: Micros) -> bool:
        """Whether `originator` said that `record` may go on to `partner`."""
        said = self._consents.get((record, originator), {}).values()
        return bool(record) and any(partner in one.audience and now < one.until for one in said)

    def label_of(self, record: Record) -> Label:
        """The label that `record` bears now: its own, or the lower one that every one of its originators has said."""
        lowered = self._lowered.get(record.id)
        if not lowered:
            return record.label
        said = {lowered[name][2] for name in record.label.originators if name in lowered}
        agreed = len(said) == 1 and record.label.originators <= lowered.keys()
        label = next(iter(said)) if agreed else record.label
        return label if label.originators == record.label.originators else record.label

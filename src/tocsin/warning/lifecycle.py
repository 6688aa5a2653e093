"""The life of a warning, as pure functions over its versions.

    drafted ──approve──> issued ──(the watch drafts an update)──> updated ──approve──> issued
       └── withdrawn by the watch: cancelled        └──────────── cancel ────────────> cancelled

A version is never changed; each step gives a new one. A draft holds its CAP 1.2 message and the cancellation
of it from the beginning, so both can be read before anything is issued. Only a named person, or a rule that
named persons agreed beforehand, takes a step that others see.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from tocsin.core import Label, WarningRecord, realms
from tocsin.core.labels import narrowed

from . import alerts
from .errors import BadStep, NotAgreed, StaysHere

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tocsin.core import Realm
    from tocsin.core.times import Micros
    from tocsin.formats.cap import CapMessage

    from .model import Topic


class Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What was agreed beforehand may leave without a person at the time.

    Warnings of `topic` at `level` or above, to `audience`, in `realms`, from `valid_from` until before `valid_until` (µs UTC).
    `agreed_by`: at least two persons, whose signatures on the rule's record were checked by whoever hands it in; one is enough only where
    its node is set to a `single` approver, which whatever it issues then says.
    """

    name: str
    topic: str
    level: str
    audience: frozenset[str]
    realms: frozenset[str]
    valid_from: int
    valid_until: int
    agreed_by: tuple[str, ...]
    single: bool = False

    @property
    def name_of_approval(self) -> str:
        """What a warning that it issues says of who approved it."""
        return f"rule {self.name}, agreed by {' and '.join(self.agreed_by)}" + (" alone: single-approver mode" if self.single else "")


def approve(
    warning: WarningRecord, *, by: str, now: Micros, version: int | None = None, rule: Rule | None = None, topic: Topic | None = None
) -> WarningRecord:
    """The issued version of a draft, approved by the person `by`, or by `rule`, whose ladder `topic` gives.

    Its CAP message and cancellation are those of the draft at the time of issue. Raises `BadStep` if it is no draft or
    nobody is named, `NotAgreed` if the rule does not cover it, `StaysHere` if it belongs to a replay.
    """
    if warning.state not in {"drafted", "updated"}:
        raise BadStep(f"a warning that is {warning.state} cannot be approved: only a draft can")
    if not by.strip() and rule is None:
        raise BadStep("a warning is approved by a named person or by a rule, and here is neither")
    realm = alerts.realm_of(warning)
    if realms.is_replay(realm):
        raise StaysHere("a replay's warning is a test and stays in the node")
    if rule is not None:
        check(rule, warning, realm, now, topic)
        by = rule.name_of_approval
    issued = replace(warning, version=version or warning.version + 1, state="issued", approved_by=by, issued_at=now)
    return alerts.at_issue(issued, sent=now, languages=topic.languages if topic is not None else ())


def cancel(warning: WarningRecord, *, by: str, now: Micros, note: str = "", version: int | None = None) -> WarningRecord:
    """The cancelled version of a warning, by the person `by`. Its CAP message is the cancellation of what was issued.

    Of a draft, which nobody was sent, there is none. Raises `BadStep` if it is cancelled already, only the draft of an
    update, or if nobody is named.
    """
    if warning.state == "cancelled":
        raise BadStep("this warning is cancelled already")
    if not by.strip():
        raise BadStep("a warning is cancelled by a named person")
    if warning.state == "updated":
        raise BadStep("cancel the version that was issued, not an update that was only drafted")
    gone = replace(warning, version=version or warning.version + 1, state="cancelled", was=warning.level, approved_by=by)
    if warning.state == "drafted":
        # Nobody was told, so there is nothing to take back.
        return replace(gone, cap="", cancellation="")
    return alerts.at_cancel(gone, sent=now, note=note)


def check(rule: Rule, warning: WarningRecord, realm: Realm, now: Micros, topic: Topic | None) -> None:
    """Raise `NotAgreed` unless `rule` covers this warning now; whatever is unknown is not covered."""
    if topic is None or topic.id != warning.topic or rule.topic != warning.topic:
        raise NotAgreed(f"rule {rule.name} is not about topic {warning.topic}")
    if realm not in rule.realms:
        raise NotAgreed(f"rule {rule.name} does not cover this realm")
    if len(set(rule.agreed_by)) < (1 if rule.single else 2):
        raise NotAgreed(f"rule {rule.name} was not agreed by two persons")
    if not rule.valid_from <= now < rule.valid_until:
        raise NotAgreed(f"rule {rule.name} is not valid at this time")
    names = topic.level_names
    if rule.level not in names or warning.level not in names or names.index(warning.level) < names.index(rule.level):
        raise NotAgreed(f"rule {rule.name} begins at level {rule.level[:24]}")


def prepare(warning: WarningRecord, *, topic: Topic, realm: Realm, sender: str, sent: Micros, earlier: str = "") -> WarningRecord:
    """A draft with its CAP message and cancellation as if issued at `sent`; `earlier` is the CAP text issued before, if it is an update."""
    return alerts.prepare(warning, topic=topic, realm=realm, sender=sender, sent=sent, earlier=earlier)


def to_cap(warning: WarningRecord, *, topic: Topic, realm: Realm, sender: str, sent: Micros, earlier: str = "") -> CapMessage:
    """The CAP 1.2 message that `warning` is if sent at `sent`, as a value."""
    return alerts.to_cap(warning, topic=topic, realm=realm, sender=sender, sent=sent, earlier=earlier)


def release_label(release: Label, audience: Iterable[str] | None = None, *, node: str) -> Label:
    """The label of an approved warning: the join of its evidence, and for a rule no more than the `audience` it names and `node`.

    Raises `StaysHere` if `node` itself may not say it.
    """
    if node not in release.releasable_to or node not in release.originators:
        raise StaysHere("this node is not among those who may say this")
    if audience is None:
        return release
    return narrowed(release, {*audience, node})

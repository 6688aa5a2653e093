"""The first of the two keys to release: the lattice decides, partner by partner, and says why."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tocsin.core import BadRealm, Clearance, Label, iso, may_read, realms
from tocsin.core.labels import NO_RESHARE, accepts, belongs

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tocsin.core import LabelPolicy, Realm
    from tocsin.core.times import Micros


class Decision(NamedTuple):
    """What was decided for one partner. `reason` is one sentence that the originator's own people may see.

    `key` is the one that said no: `label` (the lattice) or `site` (the site's policies), empty if both allow.
    """

    partner: str
    allowed: bool
    reason: str
    key: str = ""


class Release(NamedTuple):
    """The audience of something, and every partner's decision, those left out included."""

    audience: frozenset[str]
    decisions: tuple[Decision, ...]


def decide(
    label: Label | None, realm: Realm, partners: Iterable[Clearance], *, policy: LabelPolicy | None = None, now: Micros | None = None
) -> Release:
    """Which of `partners` may have what bears `label` in `realm`, in the order given.

    Allows exactly those whom `may_read` allows, outside replay realms, which never leave the node. A partner
    that is named twice is in the audience only if both its clearances may read. `policy` gives the levels
    their names in the reasons; without it they go by rank.
    """
    decisions = tuple(_decide_one(label, realm, partner, policy, now) for partner in partners)
    left_out = {decision.partner for decision in decisions if not decision.allowed}
    return Release(frozenset(decision.partner for decision in decisions) - left_out, decisions)


def refusal(label: Label | None, realm: Realm, reader: Clearance, policy: LabelPolicy | None = None, now: Micros | None = None) -> str:
    """Why the lattice keeps what bears `label` in `realm` from `reader`, in one sentence; empty if it does not."""
    try:
        if realms.is_replay(realms.parse(realm)):
            return "A replay stays in the node."
        return "" if may_read(label, reader, now) else _why_not(label, reader, policy, now)
    except BadRealm:
        return "The realm is unknown, so nobody may have it."
    except (TypeError, AttributeError):
        # A label or clearance whose fields are not what they should be says nothing that could allow.
        return "The label or the clearance is malformed, so nobody may have it."


def _decide_one(label: Label | None, realm: Realm, reader: Clearance, policy: LabelPolicy | None, now: Micros | None) -> Decision:
    name = reader.partner if isinstance(reader, Clearance) else "?"
    if no := refusal(label, realm, reader, policy, now):
        return Decision(name, False, no, "label")
    return Decision(name, True, "It is among those this is released to, and cleared for it.")


def _why_not(label: Label | None, reader: Clearance, policy: LabelPolicy | None, now: Micros | None) -> str:
    if not isinstance(label, Label):
        return "It bears no label, so nobody may have it."
    if not isinstance(reader, Clearance):
        return "There is no clearance for this reader."
    if reader.policy != label.policy:
        return f"It is cleared under policy {reader.policy}, this follows {label.policy}."
    if reader.partner not in label.releasable_to:
        return "It is not among those this is released to."
    if label.classification < 0:
        return "The classification is unknown, so nobody may have it."
    if reader.classification < label.classification:
        return f"It is cleared to {_level(reader.classification, policy)}, this is {_level(label.classification, policy)}."
    if missing := sorted(label.caveats - reader.caveats):
        return f"It lacks caveat {missing[0]}." if len(missing) == 1 else f"It lacks caveats {', '.join(missing)}."
    if unmet := [clause for clause in label.communities if not belongs((clause,), reader.communities)]:
        return f"It does not belong to {' or '.join(unmet[0])}." if unmet[0] else "This is for a community without members."
    if not accepts(label.terms, reader.terms):
        return f"It has not accepted the feed term {min(set(label.terms) - {NO_RESHARE, *reader.terms})}."
    return (
        f"This expired at {iso(label.expires)}."
        if now is not None and label.expires is not None
        else "This expires, and the time is unknown."
    )


def _level(rank: int, policy: LabelPolicy | None) -> str:
    known = policy is not None and 0 <= rank < len(policy.levels)
    return policy.levels[rank] if policy is not None and known else f"level {rank}"

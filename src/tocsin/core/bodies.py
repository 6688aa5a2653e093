"""What records say: the body of each kind, which only readers of that kind understand."""

from __future__ import annotations

import msgspec

from .labels import Label


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """One item under a warning. `weight`: how many times likelier it makes the leading hypothesis, leave-one-out."""

    indicator: str
    finding: str
    text: str
    weight: float
    since: int
    feeds: tuple[str, ...] = ()
    latitude: float | None = None
    longitude: float | None = None


class Report(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A document taken in. `source` is who says it; `grade` AJP-2.1 (`B2`), empty: not graded.

    `topic`, `indicator` and `area` ((latitude, longitude) points) say what and where it is about, as far as it says.
    """

    title: str
    text: str
    source: str
    grade: str = ""
    graded_by: str = ""
    topic: str = ""
    indicator: str = ""
    area: tuple[tuple[float, float], ...] = ()


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """One statement, with source and grade: out of a report, or by an officer who saw or was told something.

    `indicator`: the topic's indicator that it asserts; `root`: who said it first, empty if nobody knows, which counts as
    dependent on every other such. `channel`: document, sighting or telephone. Where it was, in degrees, if it says so.
    """

    text: str
    source: str
    grade: str = ""
    claimed_at: int | None = None
    topic: str = ""
    indicator: str = ""
    root: str = ""
    channel: str = "document"
    graded_by: str = ""
    latitude: float | None = None
    longitude: float | None = None


class Count(msgspec.Struct, frozen=True, kw_only=True):
    """Daily counts that somebody publishes. `days`: days since 1970-01-01, each with its count in `counts`; `series`: what is counted."""

    series: str
    source: str
    days: tuple[int, ...]
    counts: tuple[float, ...]
    grade: str = ""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """An episode in which a detector saw an indicator. `state`: opened, updated, closed.

    `episode` stays the same through all records of one episode. `area` is (latitude, longitude) points.
    `measures` are the detector's figures by name (count, spacing_m, ...).
    """

    episode: str
    state: str
    indicator: str
    detector: str
    topic: str
    text: str
    since: int
    until: int
    strength: float = 1.0
    area: tuple[tuple[float, float], ...] = ()
    identities: tuple[str, ...] = ()
    feeds: tuple[str, ...] = ()
    measures: dict[str, float] = {}


class WarningRecord(msgspec.Struct, frozen=True, kw_only=True):
    """An assessment that crossed a level. `state`: drafted, updated, approved, issued, cancelled.

    `warning` stays the same through all versions. `probabilities` by hypothesis; `words` their ICD 203
    terms; `confidence` low, moderate or high, apart from likelihood. `cap` and `cancellation` are the
    CAP 1.2 documents, the cancellation prepared before the issue.
    """

    warning: str
    version: int
    state: str
    topic: str
    level: str
    was: str
    sentence: str
    probabilities: dict[str, float]
    words: dict[str, str]
    confidence: str
    innocent: tuple[str, ...]
    base_rate: str
    evidence: tuple[Evidence, ...]
    cannot_see: tuple[str, ...]
    would_change: str
    drafted_at: int
    eta: int | None = None
    eta_place: str = ""
    area: tuple[tuple[float, float], ...] = ()
    approved_by: str = ""
    issued_at: int | None = None
    cap: str = ""
    cancellation: str = ""


class Acknowledgement(msgspec.Struct, frozen=True, kw_only=True):
    """A person at some node has seen a warning. `state`: read, acknowledged, held."""

    warning: str
    state: str
    note: str = ""


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """What is agreed beforehand to leave without a person at the time. `state`: proposed, agreed, withdrawn.

    Warnings of `topic` at `level` or above, in `realms`, to `audience`, from `valid_from` until `valid_until` (protocol time).
    It is in force when two persons have said it: one proposed, another agreed. `mode`: single where its node is set to one approver,
    partner where another node's person was the second.
    """

    name: str
    topic: str
    level: str
    audience: tuple[str, ...]
    realms: tuple[str, ...]
    valid_from: int
    valid_until: int
    state: str
    mode: str = ""


class Relabel(msgspec.Struct, frozen=True, kw_only=True):
    """An originator's word that `record` bears `label` from now on. `state`: proposed, approved, withdrawn.

    `digest` is the SHA-256 (hex) of the record's signed bytes. One person proposes (`proposed_by`), another approves;
    it holds when every originator of the record has approved the same label, and until then the old one does. `mode`: two-person, or
    single where a node is set to one approver.
    """

    record: str
    digest: str
    label: Label
    state: str
    proposed_by: str
    reason: str = ""
    mode: str = ""


class Consent(msgspec.Struct, frozen=True, kw_only=True):
    """An originator's consent that `record`, which is ORCON and made from what it said, goes on to `audience` until `until`."""

    record: str
    audience: tuple[str, ...]
    until: int
    note: str = ""


class Approval(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A partner is asked to be the second of two persons, or answers. `state`: asked, approved, declined.

    `proposal` is the asker's id; `act` and `what` say what is to be done to what, `content` is exactly that, as text, and `digest` its
    SHA-256 in hex, which the answer repeats. `expires` in protocol time, µs UTC.
    """

    proposal: str
    act: str
    what: str
    digest: str
    state: str
    content: str = ""
    proposed_by: str = ""
    expires: int = 0
    note: str = ""


class LogEntry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A line in the watch log, by the officer on duty. `handed_to`: who takes over the watch, if this line hands it over."""

    text: str
    handed_to: str = ""


class Gap(msgspec.Struct, frozen=True, kw_only=True):
    """Observations of `sender` that never came: batches `first` to `last` of its chain in this realm."""

    sender: str
    first: int
    last: int
    reason: str


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """Something that arrived and was refused: kept so that it can be seen. `reason` names the check that failed."""

    sender: str
    reason: str
    digest: str


class Recall(msgspec.Struct, frozen=True, kw_only=True):
    """What the record that it `recalls` says is no longer to be shown.

    `why` is one of `RECALL_REASONS`: it goes further than the record's own label may, and words of one's own might tell too much.
    """

    why: str


RECALL_REASONS = ("mistaken", "released in error", "withdrawn by its source", "superseded", "required by law")


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """A record reached somebody. `state`: read (by the author, a person), recalled (its body is hidden here now)."""

    state: str


class Request(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A request for information, answered by records that refer to it with `answers`. `state`: open, closed.

    `priority`: routine, priority, immediate. `wanted_by` in realm time, µs UTC. It may serve requirements (`serves`).
    """

    question: str
    state: str
    why: str = ""
    topic: str = ""
    indicator: str = ""
    area: tuple[tuple[float, float], ...] = ()
    wanted_by: int | None = None
    priority: str = "routine"
    note: str = ""


class Requirement(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A priority intelligence requirement: a standing question with a number. `state`: standing, ended."""

    number: str
    text: str
    state: str
    valid_from: int
    valid_until: int
    topic: str = ""


class Subscription(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a partner or a user wants, under a name of theirs. `state`: in force, ended.

    Of each list that is not empty one has to fit; what does not say its topic, indicator or place fits any. `kinds` are
    record kinds, and `observation`; `area` is (latitude, longitude) points.
    """

    name: str
    state: str
    kinds: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()
    indicators: tuple[str, ...] = ()
    area: tuple[tuple[float, float], ...] = ()


class Restart(msgspec.Struct, frozen=True, kw_only=True):
    """A chain of records was begun anew, because sender and recipient no longer knew the same one.

    `partner` is the other side. `held` records of the earlier chain are held by the recipient, `known` of them by the sender.
    """

    partner: str
    held: int
    known: int
    reason: str


class Revocation(msgspec.Struct, frozen=True, kw_only=True):
    """A node trusts a partner's keys no more. `card`: the digest of the partner's card, in hex.

    `state`: revoked (its own people's decision, told to the other partners) or excluded (because those in `agreed` had
    revoked it, noted for itself).
    """

    partner: str
    card: str
    state: str
    reason: str
    agreed: tuple[str, ...] = ()


# Every kind of record there is, by its name in ids and headers.
BODIES: dict[str, type[msgspec.Struct]] = {
    "report": Report,
    "claim": Claim,
    "count": Count,
    "finding": Finding,
    "warning": WarningRecord,
    "acknowledgement": Acknowledgement,
    "log": LogEntry,
    "relabel": Relabel,
    "consent": Consent,
    "approval": Approval,
    "rule": Rule,
    "gap": Gap,
    "refusal": Refusal,
    "recall": Recall,
    "receipt": Receipt,
    "request": Request,
    "requirement": Requirement,
    "subscription": Subscription,
    "restart": Restart,
    "revocation": Revocation,
}

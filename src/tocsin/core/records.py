"""Records: facts that were said, immutable, signed as the very bytes that were written.

A record is one JSON object: a header and label that any version can read, and a `body` that only readers
of its kind understand. An unknown kind is kept, labelled, forwarded and shown as "not understood"; an
unknown field in the label denies, because the label's reader refuses it. A change is a new record that
refers to the old one.
"""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, Any

import msgspec

from . import realms
from .bodies import BODIES
from .errors import BadLabel, BadRecord
from .ids import kind_of_id, new_id
from .labels import MAX_CLAUSES, Label
from .strict import read_json
from .times import LAST

if TYPE_CHECKING:
    from .chance import Entropy

VERSION = 1


class Ref(msgspec.Struct, frozen=True, omit_defaults=True):
    """A pointer to another record. `rel`: about, evidence, replaces, approves, acknowledges, cancels, answers,
    receipt-of, recalls, corrects, serves.
    """

    rel: str
    id: str


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """The header that every record has at every version, with its body unread.

    `protocol_time` is the system clock's, `realm_time` the watched world's; both in µs UTC. `origin` is
    the partner whose node said it, `author` a user's name there, or `node` for what it said by itself.
    """

    v: int = VERSION
    id: str
    kind: str
    realm: str
    origin: str
    author: str
    protocol_time: int
    realm_time: int
    label: Label
    refs: tuple[Ref, ...] = ()
    body: msgspec.Raw = msgspec.Raw(b"{}")


_KINDS = {body: kind for kind, body in BODIES.items()}
# What stands in banners and lists: one plain line, without a comma that would make two names of one.
LONGEST_NAME = 64
_REMEMBERED_BYTES = 16_384  # of records whose label is remembered, so that what is remembered stays small
_BAD_NAME = "a record's origin or label holds a name that is not 1 to 64 plain characters"
_NAME = re.compile(r"\w[\w .:+'()/-]{0,63}")
_ENCODER = msgspec.json.Encoder(order="deterministic")
_HEADER = msgspec.json.Decoder(Record)


def make(
    body: msgspec.Struct,
    *,
    realm: str,
    origin: str,
    author: str,
    label: Label,
    protocol_time: int,
    realm_time: int,
    entropy: Entropy,
    refs: tuple[Ref, ...] = (),
) -> Record:
    """A new record that says `body`.

    Raises `BadLabel` if its origin is not among the label's originators and readers, `BadRealm`, and `BadRecord`
    for a header that `decode` would refuse.
    """
    if not _is_among(origin, label):
        raise BadLabel("a record's origin belongs among its label's originators and readers")
    kind = _KINDS[type(body)]
    record = Record(
        id=new_id(kind, entropy, protocol_time),
        kind=kind,
        realm=realms.parse(realm),
        origin=origin,
        author=author,
        protocol_time=protocol_time,
        realm_time=realm_time,
        label=label,
        refs=refs,
        body=msgspec.Raw(_ENCODER.encode(body)),
    )
    _check_header(record)
    return record


def encode(record: Record) -> bytes:
    """The bytes to sign and to keep for ever: deterministic JSON."""
    return _ENCODER.encode(record)


def decode(data: bytes) -> Record:
    """The record that signed bytes hold, its body unread; raises `BadRecord`, `BadRealm` or `TooLarge`."""
    read_json(data)
    try:
        record = _HEADER.decode(data)
    except msgspec.ValidationError as error:
        raise BadRecord(f"a record's header does not fit: {_path_of(error)}") from None
    except msgspec.DecodeError:
        raise BadRecord("a record's header cannot be read") from None
    realms.parse(record.realm)
    if kind_of_id(record.id) != record.kind:
        raise BadRecord("a record's id is of another kind than the record")
    _check_header(record, remember=len(data) <= _REMEMBERED_BYTES)
    return record


def body_of(record: Record) -> Any | None:
    """The body as its kind's struct, or None if this version does not understand it (kind, version or shape)."""
    if record.v > VERSION or (kind := BODIES.get(record.kind)) is None:
        return None
    try:
        return msgspec.json.decode(record.body, type=kind)
    except msgspec.DecodeError:
        return None


def _check_header(record: Record, *, remember: bool = True) -> None:
    label = record.label
    if record.v < 1 or not (0 <= record.protocol_time <= LAST and 0 <= record.realm_time <= LAST):
        raise BadRecord("a record's version or times are out of range")
    if wrong := _known_wrong(label) if remember else _wrong_with(label):
        raise BadRecord(wrong)
    if len(record.origin) > LONGEST_NAME or not _is_name(record.origin):
        raise BadRecord(_BAD_NAME)
    if not 0 < len(record.author) <= 120 or not record.author.isprintable():
        raise BadRecord("a record's author is not 1 to 120 printable characters")
    if not _is_among(record.origin, label):
        raise BadRecord("a record's origin is not among its label's originators and readers")


def _wrong_with(label: Label) -> str:
    """What no record's label may have; empty if there is none of it."""
    if label.classification < 0:
        return "a record's classification is below the lowest"
    names = [label.policy, *label.originators, *label.releasable_to, *label.caveats, *label.terms]
    names += [name for clause in label.communities for name in clause]
    if len(label.communities) > MAX_CLAUSES:
        return f"a record's label has more than {MAX_CLAUSES} clauses of communities"
    if not all(0 <= time <= LAST for time in (label.expires, label.review) if time is not None):
        return "a record's label expires, or is to be reviewed, at a time out of range"
    return "" if all(len(name) <= LONGEST_NAME and _is_name(name) for name in names) else _BAD_NAME


# A partner's records bear few labels, and each names every reader.
_known_wrong = functools.lru_cache(maxsize=1024)(_wrong_with)


@functools.lru_cache(maxsize=4096)  # the same few partners stand in every label
def _is_name(text: str) -> bool:
    return _NAME.fullmatch(text) is not None


def _is_among(origin: str, label: Label) -> bool:
    return origin in label.originators and (not label.releasable_to or origin in label.releasable_to)


def _path_of(error: msgspec.ValidationError) -> str:
    # The message may quote a value out of a labelled body; the path after the last backquote never does.
    return str(error).rpartition(" - at ")[2].strip("`")[:60] if " - at " in str(error) else "at its top"

"""`.tlog-proof` files: all that a stranger needs, beside a key, to see that a log holds a record. Format: C2SP tlog-proof.

The file's extra data is a JSON object: `salt` and `record` (the signed bytes), both base64, from which the entry comes
as SHA-256(salt ‖ record); or `entry` alone where the record was erased.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from tocsin.core import Denied, InputError

from . import notes, tree

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .log import Inclusion
    from .model import Kept
    from .notes import Checkpoint, Key, Note

HEAD = "c2sp.org/tlog-proof@v1"
SUFFIX = ".tlog-proof"
MAX_BYTES = 8_000_000


class NotProven(Denied):
    """Raised if a proof does not hold; its text names the step that fails."""


class Extra(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What the entry is made of; `entry` where the record was erased."""

    salt: bytes = b""
    record: bytes = b""
    entry: bytes = b""

    def commitment(self) -> bytes:
        """The log's entry: SHA-256(salt ‖ record)."""
        return self.entry or hashlib.sha256(self.salt + self.record).digest()


class ProofFile(NamedTuple):
    """What a proof file says, unchecked."""

    extra: Extra
    position: int
    path: tuple[bytes, ...]
    note: Note

    def text(self) -> str:
        """The file."""
        lines = [HEAD, "extra " + base64.b64encode(msgspec.json.encode(self.extra)).decode(), f"index {self.position}"]
        lines += [base64.b64encode(one).decode() for one in self.path]
        return "\n".join(lines) + "\n\n" + self.note.whole()


class Proven(NamedTuple):
    """What a proof shows: the log's checkpoint, the place in it, the record's signed bytes (empty: erased), who cosigned and when (s)."""

    checkpoint: Checkpoint
    position: int
    record: bytes
    witnesses: dict[str, int]


def make(found: Inclusion, kept: Kept | None) -> ProofFile:
    """The proof file of a record; `kept` None where it was erased."""
    extra = Extra(salt=kept.salt, record=kept.data) if kept is not None else Extra(entry=found.entry)
    return ProofFile(extra, found.position, found.path, notes.parse(found.signed.note))


def parse(data: bytes) -> ProofFile:
    """The proof file in `data`; raises `InputError`."""
    if len(data) > MAX_BYTES:
        raise InputError(f"a proof file has at most {MAX_BYTES:,} bytes")
    try:
        head, _, note = data.decode().partition("\n\n")
    except UnicodeDecodeError:
        raise InputError("this is no proof file: it is not text") from None
    lines = head.split("\n")
    if lines.pop(0) != HEAD:
        raise InputError(f"this is no proof file: its first line is not {HEAD}")
    extra = Extra()
    if lines and lines[0].startswith("extra "):
        try:
            extra = msgspec.json.decode(_bytes(lines.pop(0).removeprefix("extra ")), type=Extra)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise InputError("this proof file's extra data is not Tocsin's") from None
    index = lines.pop(0).removeprefix("index ") if lines and lines[0].startswith("index ") else ""
    if not index.isascii() or not index.isdecimal() or len(index) > 19 or (index[0] == "0" and index != "0"):
        raise InputError("this proof file has no index")
    path = tuple(map(_bytes, lines))
    if len(path) > tree.MOST_PATH or any(len(one) != 32 for one in path):
        raise InputError("this proof file's path is not one of hashes")
    return ProofFile(extra, int(index), path, notes.parse(note))


def check(proof: ProofFile, keys: Sequence[Key], *, witnesses: Iterable[Key] = (), needed: int = 0) -> Proven:
    """What `proof` shows to whoever trusts one of `keys` (of logs) and `witnesses`; raises `NotProven`, `BadNote`.

    `needed`: how many of `witnesses` must have cosigned.
    """
    checkpoint = notes.parse_checkpoint(proof.note.text)
    if not any(key.name == checkpoint.origin and notes.is_signed(proof.note, key) for key in keys):
        raise NotProven(f"not proven: the checkpoint of {checkpoint.origin[:120]} is not signed by the key given")
    entry = proof.extra.commitment()
    if len(entry) != 32 or not (proof.extra.salt or proof.extra.entry):
        raise NotProven("not proven: the file does not say what was entered in the log")
    if proof.extra.entry and (proof.extra.salt or proof.extra.record):
        raise NotProven("not proven: the file says two things of what was entered in the log")
    if tree.leads_to(tree.leaf_hash(entry), proof.position, checkpoint.size, proof.path) != checkpoint.root:
        raise NotProven("not proven: the record, its path and the checkpoint do not belong together")
    cosigned = {key.name: at for key in witnesses if (at := notes.cosigned_at(proof.note, key)) is not None}
    if len(cosigned) < needed:
        raise NotProven(f"not proven: {len(cosigned)} of the witnesses given have cosigned, {needed} are needed")
    return Proven(checkpoint, proof.position, proof.extra.record, cosigned)


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text.encode(), validate=True)
    except (binascii.Error, ValueError):
        raise InputError("this proof file holds a line that is not base64") from None

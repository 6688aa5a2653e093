"""Signed notes, checkpoints and cosignatures as C2SP writes them: signed-note, tlog-checkpoint, tlog-cosignature. No I/O.

A note is text and signature lines. A checkpoint is a note of three lines: the log's origin, its size, its root. A
witness adds a line that says when it saw that the log had only grown.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from typing import NamedTuple, Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from tocsin.core import InputError

LOG, WITNESS = 0x01, 0x04  # the types of a key: it signs notes, or cosigns checkpoints with a time
MAX_BYTES, MAX_LINES = 65_536, 100
DASH = "\u2014 "
_LAST = 2**63 - 1


class BadNote(InputError):
    """Raised for what is no well-formed note, checkpoint or key."""


class Signer(Protocol):
    """Who signs: the node's keys. It signs no other thing under the same bytes."""

    @property
    def partner(self) -> str:
        """The node's name among partners."""
        ...

    def note_public(self) -> bytes:
        """The Ed25519 public key (32 bytes)."""
        ...

    def sign_note(self, text: bytes) -> bytes:
        """An Ed25519 signature over `text`, which holds no byte 0."""
        ...


class Key(NamedTuple):
    """A public key that notes name: `kind` is `LOG` or `WITNESS`."""

    name: str
    kind: int
    public: bytes

    def id(self) -> bytes:
        """Four bytes that stand before each signature by it."""
        return hashlib.sha256(f"{self.name}\n".encode() + bytes([self.kind]) + self.public).digest()[:4]

    def text(self) -> str:
        """As a verifier key: name+id+base64."""
        return f"{self.name}+{self.id().hex()}+{_base64(bytes([self.kind]) + self.public)}"


class Line(NamedTuple):
    """One signature line of a note."""

    name: str
    key_id: bytes
    signature: bytes

    def text(self) -> str:
        """With its dash and its end."""
        return f"{DASH}{self.name} {_base64(self.key_id + self.signature)}\n"


class Note(NamedTuple):
    """Text that ends in a newline, and the lines that sign it."""

    text: str
    lines: tuple[Line, ...]

    def whole(self) -> str:
        """As it travels."""
        return f"{self.text}\n" + "".join(line.text() for line in self.lines)


class Checkpoint(NamedTuple):
    """What a log says of itself: its name, how many leaves it has, and the root over them."""

    origin: str
    size: int
    root: bytes

    def text(self) -> str:
        """The text of its note."""
        return f"{self.origin}\n{self.size}\n{_base64(self.root)}\n"


def parse_key(text: str) -> Key:
    """The key that a verifier key's text holds; raises `BadNote`."""
    name, _, rest = text.strip().partition("+")
    key_id, _, coded = rest.partition("+")
    data = _from_base64(coded)
    if not _is_name(name) or data[:1] not in {bytes([LOG]), bytes([WITNESS])} or len(data) != 33:
        raise BadNote("this is no verifier key: use name+id+base64 of an Ed25519 key")
    key = Key(name, data[0], data[1:])
    if key.id().hex() != key_id:
        raise BadNote("this verifier key's id does not belong to its name and key")
    return key


def parse(data: bytes | str) -> Note:
    """The note in `data`; raises `BadNote`."""
    try:
        text = data.decode() if isinstance(data, bytes) else data
    except UnicodeDecodeError:
        raise BadNote("a note is UTF-8 text") from None
    if len(text) > MAX_BYTES:
        raise BadNote(f"a note has at most {MAX_BYTES:,} characters here")
    body, found, signed = text.rpartition("\n\n")
    lines = signed.split("\n")
    if not found or not body or lines.pop() or not lines or len(lines) > MAX_LINES or any(c < " " and c != "\n" for c in text):
        raise BadNote("this is no signed note: text, an empty line, and signature lines are needed")
    return Note(body + "\n", tuple(map(_line, lines)))


def parse_line(text: str) -> Line:
    """One signature line, with its end or without; raises `BadNote`."""
    return _line(text.removesuffix("\n"))


def parse_checkpoint(text: str) -> Checkpoint:
    """The checkpoint that a note's text holds; lines after the third are let stand. Raises `BadNote`."""
    lines = text.split("\n")
    if len(lines) < 4 or lines[-1] or not all(lines[:-1]):
        raise BadNote("this is no checkpoint: origin, size and root are needed")
    origin, size, coded = lines[:3]
    if not size.isascii() or not size.isdecimal() or (size[0] == "0" and size != "0") or len(size) > 19 or int(size) > _LAST:
        raise BadNote("a checkpoint's size is a whole number")
    root = _from_base64(coded)
    if len(root) != 32:
        raise BadNote("a checkpoint's root is 32 bytes in base64")
    return Checkpoint(origin, int(size), root)


def sign(text: str, name: str, signer: Signer) -> Line:
    """The log's own signature over a note's text."""
    return Line(name, Key(name, LOG, signer.note_public()).id(), signer.sign_note(text.encode()))


def cosign(text: str, name: str, signer: Signer, time_s: int) -> Line:
    """A witness's signature over a checkpoint's text at `time_s` (seconds since 1970)."""
    signature = signer.sign_note(_cosigned(text, time_s))
    return Line(name, Key(name, WITNESS, signer.note_public()).id(), time_s.to_bytes(8, "big") + signature)


def is_signed(note: Note, key: Key) -> bool:
    """Whether `key`, a log's, signed `note`; one bad line under that key spoils it."""
    mine = [line for line in note.lines if line.name == key.name and line.key_id == key.id()]
    return bool(mine) and all(_holds(key.public, line.signature, note.text.encode()) for line in mine)


def cosigned_at(note: Note, key: Key) -> int | None:
    """When `key`, a witness's, cosigned `note` (seconds since 1970); None if it did not, or if a line under it is bad."""
    times = []
    for line in note.lines:
        if line.name == key.name and line.key_id == key.id():
            time_s = int.from_bytes(line.signature[:8], "big")
            if len(line.signature) != 72 or time_s > _LAST or not _holds(key.public, line.signature[8:], _cosigned(note.text, time_s)):
                return None
            times.append(time_s)
    return max(times, default=None)


def _cosigned(text: str, time_s: int) -> bytes:
    return f"cosignature/v1\ntime {time_s}\n{text}".encode()


def _holds(public: bytes, signature: bytes, text: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, text)
    except (InvalidSignature, ValueError):
        return False
    return True


def _line(text: str) -> Line:
    name, _, coded = text.removeprefix(DASH).partition(" ")
    data = _from_base64(coded)
    if not text.startswith(DASH) or not _is_name(name) or len(data) < 5:
        raise BadNote("a signature line is a dash, a name and base64")
    return Line(name, data[:4], data[4:])


def _is_name(name: str) -> bool:
    return bool(name) and "+" not in name and not any(c.isspace() for c in name)


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _from_base64(text: str) -> bytes:
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, ValueError):
        raise BadNote("this is not base64") from None
    if _base64(data) != text:
        raise BadNote("this is not base64 in its one form")
    return data

"""What a watch remembers, as bytes that hold nothing but plain values and arrays, and back into a watch made anew from its topic.

Nothing that is read can make a thing that is not named here: values are put into a watch that is already there, attribute by
attribute, and whatever does not fit refuses the whole. What follows from the topic (places, parameters, rates) is not kept.
"""

from __future__ import annotations

import dataclasses
import hashlib
import sys
from collections import deque
from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np

from tocsin.core import Evidence, InputError, Label, WarningRecord

from .absence import Absent
from .assess import FeedState
from .desk import Offer, _Stand
from .episodes import Episode, Sighting
from .model import Announcement, Place
from .news import Standing

if TYPE_CHECKING:
    from tocsin.core import Entropy

    from .model import Indicator, Topic

VERSION: Final = 3
_MOST_DRAWN: Final = 1 << 20
_KEPT: Final = (Label, Evidence, WarningRecord, FeedState, Absent, Offer, _Stand, Standing, Sighting)
_MADE: Final[dict[str, Any]] = {kind.__name__: kind for kind in _KEPT}
_PLAIN: Final = (bool, int, float, str, bytes)
_ROOM: Final = __name__.rpartition(".")[0]
_FIXED: Final = frozenset(
    {*("_topic", "_p", "_like", "_rates", "_view", "_specs", "_levels", "_indicator", "places", "_nulls", "place", "_entropy"), "_standing"}
)
"""Attributes that the topic gives, or that the series of counts gives again at the first look."""
_SETS: Final[dict[type, str]] = {set: "s", frozenset: "f"}
_LISTS: Final[dict[type, str]] = {tuple: "t", list: "l", deque: "q"}
_ENCODER: Final = msgspec.msgpack.Encoder()

Tree = Any


class NotKeepable(InputError):
    """Raised if something that a watch holds cannot be kept, or what was kept does not fit the watch that it is put into."""


class Drawn:
    """An entropy that counts what was drawn, so that one made anew can go on where this one was."""

    def __init__(self, entropy: Entropy) -> None:
        self._entropy = entropy
        self.count = 0

    def take(self, size: int) -> bytes:
        """The next `size` bytes."""
        self.count += size
        return self._entropy.take(size)

    def child(self, name: str) -> Entropy:
        """An independent stream of that name."""
        return Drawn(self._entropy.child(name))

    def go_to(self, count: int) -> None:
        """Pass over what was drawn before."""
        if not self.count <= count <= _MOST_DRAWN:
            raise NotKeepable("the entropy has gone too far to follow")
        self.take(count - self.count)


def digest_of(topic: Topic) -> str:
    """What a topic says, as 16 hexadecimal digits: memory of another topic, or of the same one changed, is not taken up."""
    return hashlib.sha256(bytes([VERSION]) + msgspec.json.encode(topic, order="deterministic")).hexdigest()[:16]


class Keeper:
    """Turns the state of things into a tree of plain values. Episodes are shared between things: each is kept once."""

    def __init__(self) -> None:
        self.episodes: dict[str, Tree] = {}

    def state(self, thing: object) -> Tree:
        """The attributes of `thing` that are its own to remember; raises `NotKeepable`."""
        own = {**{name: getattr(thing, name) for name in _slots(thing)}, **getattr(thing, "__dict__", {})}
        return {name: self.value(value) for name, value in own.items() if name not in _FIXED and not _follows(value)}

    def value(self, value: Any) -> Tree:
        """One value as a tree."""
        if value is None or type(value) in _PLAIN:
            return value
        if isinstance(value, np.generic):
            return self.value(value.item())
        if isinstance(value, np.ndarray):
            if value.dtype.kind not in "biufS":
                raise NotKeepable(f"an array of {value.dtype} cannot be kept")
            return ["a", value.dtype.str, list(value.shape), np.ascontiguousarray(value).tobytes()]
        if isinstance(value, Episode):
            self._keep(value)
            return ["e", value.id]
        if (name := type(value).__name__) in _MADE and type(value) is _MADE[name]:
            return ["o", name, [self.value(getattr(value, field)) for field in _fields(type(value))]]
        if isinstance(value, tuple) and hasattr(value, "_fields"):
            if not type(value).__module__.startswith(_ROOM):
                raise NotKeepable(f"{name} cannot be kept")
            return ["n", name, [self.value(one) for one in value]]
        if isinstance(value, dict):
            return ["d", [[self.value(k), self.value(v)] for k, v in value.items()]]
        if type(value) in _SETS:
            # In an order of their own: the same set must be kept as the same bytes.
            return [_SETS[type(value)], sorted((self.value(one) for one in value), key=_ENCODER.encode)]
        if type(value) in _LISTS:
            return [_LISTS[type(value)], [self.value(one) for one in value]]
        if type(value).__module__.startswith(_ROOM):
            return ["m", name, self.state(value)]
        raise NotKeepable(f"{name} cannot be kept")

    def _keep(self, episode: Episode) -> None:
        if episode.id not in self.episodes:
            self.episodes[episode.id] = None
            fields = [f.name for f in dataclasses.fields(episode) if f.name != "indicator"]
            self.episodes[episode.id] = [episode.indicator.id, {name: self.value(getattr(episode, name)) for name in fields}]


class Restorer:
    """Puts kept state back into things that are there."""

    def __init__(self, topic: Topic, episodes: dict[str, Tree]) -> None:
        self._topic = topic
        self._trees = episodes
        self._made: dict[str, Episode] = {}

    def put(self, thing: object, state: Tree) -> None:
        """Give `thing` the attributes of `state`; raises `NotKeepable` if it has no such attribute or of another kind."""
        for name, tree in state.items():
            if name in _FIXED or not hasattr(thing, name):
                raise NotKeepable(f"{type(thing).__name__} remembers no {name}")
            setattr(thing, name, self.value(tree, getattr(thing, name), type(thing)))

    def value(self, tree: Tree, there: Any, owner: type) -> Any:
        """What `tree` stands for, where `there` is now."""
        if not isinstance(tree, list):
            return tree
        mark, *rest = tree
        if mark == "m":
            if type(there).__name__ != rest[0] or not type(there).__module__.startswith(_ROOM):
                raise NotKeepable(f"{rest[0]} is not what is there")
            self.put(there, rest[1])
            return there
        if mark == "a":
            dtype, shape, data = np.dtype(rest[0]), tuple(rest[1]), rest[2]
            if dtype.kind not in "biufS":
                raise NotKeepable("an array of that kind is not taken")
            return np.frombuffer(data, dtype).reshape(shape).copy()
        if mark == "e":
            return self._episode(rest[0])
        if mark == "o":
            made = _MADE[rest[0]]
            given = {f: self.value(v, None, owner) for f, v in zip(_fields(made), rest[1], strict=True)}
            return made(**{name: one for name, one in given.items() if not _is_default(made, name, one)})
        if mark == "n":
            return _named(owner, rest[0])(*(self.value(one, None, owner) for one in rest[1]))
        if mark == "d":
            known = there if isinstance(there, dict) else {}
            return {(key := self.value(k, None, owner)): self.value(v, known.get(key), owner) for k, v in rest[0]}
        if mark == "q":
            return deque((self.value(one, None, owner) for one in rest[0]), maxlen=there.maxlen)
        if mark == "l":
            at = there if isinstance(there, list) and len(there) == len(rest[0]) else [None] * len(rest[0])
            return [self.value(one, known, owner) for one, known in zip(rest[0], at, strict=True)]
        kind: Any = {"t": tuple, "s": set, "f": frozenset}[mark]
        return kind(self.value(one, None, owner) for one in rest[0])

    def _episode(self, name: str) -> Episode:
        if name not in self._made:
            indicator, fields = self._trees[name]
            of: Indicator = self._topic.indicator(indicator)
            self._made[name] = Episode(**{f: self.value(v, None, Episode) for f, v in fields.items()}, indicator=of)
        return self._made[name]


def pack(tree: Tree) -> bytes:
    """A tree as bytes (msgpack)."""
    return _ENCODER.encode(tree)


def unpack(data: bytes) -> Tree:
    """The tree in `data`; raises `NotKeepable`."""
    try:
        return msgspec.msgpack.decode(data)
    except msgspec.DecodeError:
        raise NotKeepable("what was kept cannot be read") from None


def _fields(kind: Any) -> tuple[str, ...]:
    if dataclasses.is_dataclass(kind):
        return tuple(f.name for f in dataclasses.fields(kind))
    return tuple(getattr(kind, "__struct_fields__", None) or kind._fields)


def _is_default(kind: Any, name: str, value: object) -> bool:
    # An empty set that is not the struct's own is written where its own is left out: the same thing must have the same bytes.
    fields = msgspec.structs.fields(kind) if hasattr(kind, "__struct_fields__") else ()
    return any(one.name == name and type(one.default) is type(value) and one.default == value for one in fields)


def _slots(thing: object) -> tuple[str, ...]:
    return tuple(name for name in getattr(type(thing), "__slots__", ()) if hasattr(thing, name))


def _follows(value: object) -> bool:
    # What is made out of the topic is there again when the watch is.
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value).__name__ == "Pieces" or any(type(one) is Place for one in value)
    if isinstance(value, (list, tuple)):
        return bool(value) and all(_follows(one) for one in value)
    return isinstance(value, (Place, Announcement)) or type(value).__name__ == "Zone"


def _named(owner: type, name: str) -> Any:
    found = getattr(sys.modules[owner.__module__], name, None)
    if found is None or not hasattr(found, "_fields") or found.__module__ != owner.__module__:
        raise NotKeepable(f"{name} is not known to {owner.__name__}")
    return found

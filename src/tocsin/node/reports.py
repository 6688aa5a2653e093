"""Back-test reports that a node keeps in its folder `backtests/`, pages of `tocsin backtest --report`: each for who may read its label."""

from __future__ import annotations

import re
from html import unescape
from typing import Any, Final

from tocsin.core import Label

from .errors import NotFound
from .readers import Reader
from .service import Node

Json = dict[str, Any]
FOLDER: Final = "backtests"
MOST_BYTES: Final = 8_000_000
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
_LEVEL = re.compile(r"<meta name='tocsin-classification' content='([^'<>&]{1,80})'>")
_TITLE = re.compile(r"<h1>([^<]{1,200})</h1>")


class Backtests:
    """The reports of one node. People alone read them, no machines: a report is for this node's own, releasable to nobody."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._folder = node.folder / FOLDER

    def every(self, reader: Reader) -> list[Json]:
        """Reports that this reader may read, the newest first: `{name, title, at, bytes, banner}`."""
        found = []
        for path in self._folder.glob("*.html") if self._folder.is_dir() else ():
            try:
                label, page, at = self._read(reader, path.stem)
            except NotFound:
                continue
            title = _TITLE.search(page)
            row: Json = {"name": path.stem, "title": _plain(title[1]) if title else path.stem, "at": at, "bytes": len(page.encode())}
            found.append(row | {"banner": self._node.gate.banner(label)})
        return sorted(found, key=lambda row: (-row["at"], row["name"]))

    def page(self, reader: Reader, name: str) -> str:
        """The page as it was written; raises `NotFound` for one that is not there, not a plain file there, or not this reader's."""
        return self._read(reader, name)[1]

    def _read(self, reader: Reader, name: str) -> tuple[Label, str, int]:
        path = self._folder / f"{name}.html"
        # A name is letters, digits and . _ - alone, and a link leads nowhere: nothing outside the folder can be named.
        if reader.user.machine or not _NAME.fullmatch(name) or path.is_symlink() or not path.is_file():
            raise NotFound
        about = path.stat()
        if about.st_size > MOST_BYTES:
            raise NotFound
        page = path.read_text(encoding="utf-8", errors="replace")
        label = self._label(page)
        if not reader.may(label):
            raise NotFound
        return label, page, about.st_mtime_ns // 1000

    def _label(self, page: str) -> Label:
        # What does not say what it is, or says a level that this policy has not, is treated as the highest.
        policy, me = self._node.config.policy, self._node.config.id
        said = _LEVEL.search(page)
        levels = list(policy.levels)
        level = levels.index(said[1]) if said and said[1] in levels else len(levels) - 1
        return Label(policy.name, level, frozenset({me}), frozenset({me}))


def style_of(page: str) -> str:
    """The page's own style sheet, empty if it has none: the answer's policy allows it by its digest, and no other."""
    found = re.search(r"<style>(.*?)</style>", page, re.DOTALL)
    return found[1] if found else ""


def _plain(text: str) -> str:
    return unescape(text)

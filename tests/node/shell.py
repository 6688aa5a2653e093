"""The command line as a person uses it, in this process, on a node that runs in one of its own."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tocsin.node.cli import main

from .helpers import PASSWORD


@contextlib.contextmanager
def up(folder: Path) -> Iterator[Path]:
    """`tocsin up` on `folder` until the block ends."""
    command = [sys.executable, "-m", "tocsin", "up", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline(), "the node did not come up"
            yield folder
        finally:
            process.terminate()
            process.wait(20)


class Shell:
    """Runs commands; `said` gives the JSON of one that has to succeed, `ended` the code and the text of any."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def ended(self, *words: object) -> tuple[int, str]:
        """The exit code, and what was said: the answer, or the one line of error."""
        self._capsys.readouterr()
        code = 0
        try:
            main([str(word) for word in words])
        except SystemExit as end:
            code = int(end.code or 0)
        told = self._capsys.readouterr()
        return code, told.err if code else told.out

    def said(self, *words: object) -> Any:
        """The answer of a command that has to succeed."""
        code, text = self.ended(*words, "--json")
        assert code == 0, text
        return json.loads(text)

    def refused(self, *words: object) -> tuple[int, str]:
        """The code and the one line of a command that has to fail."""
        code, text = self.ended(*words)
        assert code != 0, text
        (line,) = text.strip().splitlines()
        assert line.startswith("tocsin: ")
        return code, line


@pytest.fixture
def shell(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shell:
    """A shell whose user has the password that every test person has."""
    monkeypatch.setitem(os.environ, "TOCSIN_PASSWORD", PASSWORD)
    return Shell(capsys)

"""The command line as a person uses it, in this process, on a node that runs in one of its own."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

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


class Ended(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str


class Shell:
    """Runs commands; `said` gives the JSON of one that has to succeed, `run` how any of them ended."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def run(self, *words: object, **environment: str) -> Ended:
        """How the command ended, with `environment` added to this process's own."""
        self._capsys.readouterr()
        code = 0
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "stdin", io.StringIO())
            for name, value in environment.items():
                patch.setenv(name, value)
            try:
                main([str(word) for word in words])
            except SystemExit as end:
                code = int(end.code or 0)
        return Ended(code, *self._capsys.readouterr())

    def ended(self, *words: object) -> tuple[int, str]:
        """The exit code, and what was said: the answer, or the one line of error."""
        ended = self.run(*words)
        return ended.code, ended.err if ended.code else ended.out

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

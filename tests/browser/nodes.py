"""Real nodes for browser tests: the command, and a node that runs."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import contextmanager

PASSWORD = "correct horse battery"


def tocsin(*arguments):
    """What the command says on standard output; raises if it fails."""
    environment = {**os.environ, "TOCSIN_PASSWORD": PASSWORD}
    return subprocess.run(
        [sys.executable, "-m", "tocsin", *map(str, arguments)], capture_output=True, text=True, timeout=120, env=environment, check=True,
        stdin=subprocess.DEVNULL,
    ).stdout  # fmt: skip


@contextmanager
def running(folder):
    """`tocsin up` in a process of its own; gives the address that it says."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tocsin", "up", str(folder)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait(20)
        assert process.stdout is not None
        process.stdout.close()

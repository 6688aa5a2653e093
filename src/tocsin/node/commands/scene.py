"""`tocsin scene make`."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from .output import give


def make(
    folder: Path,
    /,
    *,
    kind: str = "deployment",
    seed: str = "1",
    count: int = 1,
    part: Literal["train", "test"] = "test",
    mix: Literal["standard", "stress"] = "standard",
    cache: Path = Path(".cache"),
    made_traffic: bool = False,
    json: bool = False,
) -> None:
    """Write scenes with a known truth into FOLDER: NAME.csv.gz and NAME.json each.

    Parameters
    ----------
    kind
        deployment, lookalike (one of bank, relief, training, exercise, cargo by chance, or name one), background.
    seed
        What everything is drawn from; with `count`, each scene has its own.
    part
        train and test never share a draw, nor an aircraft of the recording.
    mix
        stress: other assumptions than the standard ones, to see what hangs on them.
    cache
        Where the recording is kept, once fetched.
    made_traffic
        Airliners that are made in place of recorded ones; no recording is fetched.
    """
    from tocsin.core import InputError
    from tocsin.node.trials import recording
    from tocsin.sources.scenes import Knobs, write_scene
    from tocsin.sources.scenes import make as make_scene

    if not 1 <= count <= 10_000:
        raise InputError("a count of scenes is 1 to 10,000")
    traffic = None if made_traffic else recording(cache)
    names = []
    for i in range(count):
        scene = make_scene(kind, seed if count == 1 else f"{seed}.{i}", part=part, traffic=traffic, knobs=Knobs(mix=mix))
        write_scene(folder, scene)
        names.append(scene.name)
    give({"folder": str(folder), "scenes": names}, json=json, text="\n".join(str(folder / name) for name in names))

"""Power loss at any write: what was answered for is there, in one chain, and no signed checkpoint is ever contradicted."""

import os
import random
import shutil
import subprocess
import sys
from dataclasses import dataclass, field

import pytest
from sqlalchemy import select

from tests.faults.member import Clock, report
from tests.faults.processes import ROOT
from tests.faults.recorder import Disk, entries, shim
from tests.faults.speaker import TEXT
from tocsin.core import SeededEntropy
from tocsin.exchange import NodeKeys, chain, measure, wire
from tocsin.exchange.tables import outbox
from tocsin.journal import Journal, Log, Vault

pytestmark = pytest.mark.anyio
RECORDS = 60
POINTS = 48


@dataclass
class Told:
    """What the node had answered for by some moment."""

    said: dict = field(default_factory=dict)  # number -> id
    signed: dict = field(default_factory=dict)  # size -> root


def speak(folder, synchronous):
    """Let a node speak under the recorder; its folder before, and the log of writes."""
    measure.lay_out(folder, ["ASTER", "BIRCH"], Clock(0), SeededEntropy(synchronous))
    shutil.copytree(folder / "ASTER", folder / "before")
    log = folder / "writes"
    run = subprocess.run(
        [sys.executable, "-m", "tests.faults.speaker", folder / "ASTER", str(RECORDS), synchronous],
        cwd=ROOT,
        env={
            **os.environ,
            "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}",
            "LD_PRELOAD": str(shim(folder)),
            "TOCSIN_SHIM_LOG": str(log),
            "TOCSIN_SHIM_FOLDER": str(folder / "ASTER"),
        },
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert run.returncode == 0, run.stderr[-2000:]
    return list(entries(log))


def moments(writes, seed):
    """Indices of writes after which the power goes: right after answers, and anywhere."""
    chance = random.Random(seed)
    first = next(i for i, (_, path, _, data) in enumerate(writes) if path.endswith("/marks"))
    answers = [i for i, (_, path, *_) in enumerate(writes) if path.endswith("/marks")]
    picked = {*chance.sample(answers, POINTS // 2), *chance.sample(range(first, len(writes)), POINTS // 2)}
    return sorted(picked), chance


async def losses(folder, writes, seed):
    """For each moment, what was found wrong after the power went."""
    points, chance = moments(writes, seed)
    disk, told, found = Disk(folder / "ASTER", folder / "before"), Told(), []
    for index, (op, path, offset, data) in enumerate(writes):
        disk.apply(op, path, offset, data)
        if path.endswith("/marks"):
            note(told, data.decode())
        if index in points:
            target = folder / f"after-{index}"
            disk.after_loss(target, chance, chance.choice([0.0, 0.5, 0.9]))
            found.append((index, await wrong(target, told)))
            shutil.rmtree(target)
    return found


def note(told, text):
    match text.split():
        case ["said", number, id_]:
            told.said[int(number)] = id_
        case ["signed", size, root]:
            told.signed[int(size)] = bytes.fromhex(root)


async def wrong(folder, told):
    """What is not as it must be in a folder that power loss left."""
    try:
        journal = await Journal.open(folder, Vault.open(folder, measure.SECRET), Clock(0), SeededEntropy(str(folder)))
    except Exception as error:
        return [f"it does not open: {type(error).__name__}"]
    says = []
    try:
        for number, id_ in told.said.items():
            kept = journal.get(id_)
            if kept is None or kept.record != report("ASTER", number, ["BIRCH"], TEXT):
                says.append(f"record {number} is lost")
        hash_, next_ = wire.ZERO, 0
        rows = journal.read_rows(select(outbox).where(outbox.c.partner == "BIRCH").order_by(outbox.c.seq))
        for row in rows:
            hash_, next_ = chain.step(hash_, row.item), next_ + 1
            if (row.seq, row.after) != (next_ - 1, hash_):
                says.append(f"the chain is broken at {row.seq}")
        if {row.record_id for row in rows} != {kept.record.id for kept in journal.records(measure.REALM)}:
            says.append("journal and outbox differ")
        log = Log(journal, NodeKeys.load(Vault.open(folder, measure.SECRET), folder), Clock(0), SeededEntropy("log"))
        signed = await log.checkpoint(measure.REALM) or log.latest(measure.REALM)
        size = signed.checkpoint.size if signed else 0
        for old, root in told.signed.items():
            if old > size or log.root(measure.REALM, old) != root:
                says.append(f"the checkpoint at {old} is contradicted")
    except Exception as error:
        says.append(f"it cannot be read: {type(error).__name__}: {error}")
    finally:
        await journal.close()
    return says


@pytest.mark.timeout(240)
async def test_power_loss_at_any_write_takes_nothing_that_was_answered_for(tmp_path, verdict):
    writes = speak(tmp_path, "full")
    found = await losses(tmp_path, writes, seed=7)
    assert len(found) >= POINTS * 3 // 4
    bad = [(index, says) for index, says in found if says]
    assert not bad, bad[:3]
    verdict("power loss of the sender", said=RECORDS, lost=len(bad), note=f"{len(found)} moments among {len(writes)} writes")


@pytest.mark.timeout(240)
async def test_the_same_without_waiting_for_the_disk_loses_and_is_caught(tmp_path, verdict):
    writes = speak(tmp_path, "off")
    found = await losses(tmp_path, writes, seed=7)
    assert any("lost" in text or "open" in text or "contradicted" in text for _, says in found for text in says)
    verdict("power loss, negative control", note=f"caught at {sum(bool(says) for _, says in found)} of {len(found)} moments")

"""The console's check of proofs, on proofs that a node makes now and answers over HTTP; `TOCSIN_WRITE_PROOF=1` also keeps them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.node.helpers import make, opened, person, serving

from tocsin.core import LIVE, Report
from tocsin.core.labels import originate

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

import build_console  # noqa: E402

pytestmark = [pytest.mark.anyio, pytest.mark.xdist_group("console"), pytest.mark.timeout(300)]
KEPT = build_console.CONSOLE / "tests" / "proof.json"


@pytest.fixture
def anyio_backend():
    return "asyncio"


async def answers(folder):
    """What the node answers for proofs of records that stand at different places of its log."""
    async with opened(await make(folder)) as node, serving(node) as url, person(url) as mara:
        label = originate(node.config.policy, node.config.policy.levels[0], node.config.id, frozenset({node.config.id}))
        records = []
        for n in range(40):
            report = Report(title=f"Report {n}", text="Größe und Kürze", source="s")
            records.append((await node.say(node.new_record(report, LIVE, "mara", label))).record.id)
        await node.notary.turn()
        found = [(await mara.get(f"/audit/proof/{record}?realm=live")).json() for record in records[::7]]
        return [answer | {"node": node.config.id} for answer in found]


def run(proofs, path):
    path.write_text(json.dumps(proofs, indent=1, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")
    node = build_console.find_node()
    build_console.install(node)
    vitest = build_console.CONSOLE / "node_modules" / "vitest" / "vitest.mjs"
    return subprocess.run(
        [str(node.node), str(vitest), "run", "tests/proof.test.ts"], cwd=build_console.CONSOLE, capture_output=True, text=True, check=False,
        env=node.environment() | {"TOCSIN_PROOF": str(path)}, timeout=200,
    )  # fmt: skip


async def test_the_console_finds_a_nodes_proofs_good_and_mutated_ones_bad(tmp_path):
    proofs = await answers(tmp_path / "node")
    assert len({answer["index"] for answer in proofs}) == len(proofs) > 3
    good = run(proofs, tmp_path / "proofs.json")
    assert good.returncode == 0, good.stdout[-4000:] + good.stderr[-2000:]
    # The same tests must fail where the node's answer is altered: they cannot pass whatever they are given.
    altered = [answer | {"salt": proofs[0]["salt"]} for answer in proofs]
    assert run(altered, tmp_path / "altered.json").returncode != 0
    if os.environ.get("TOCSIN_WRITE_PROOF"):
        KEPT.write_text((tmp_path / "proofs.json").read_text(encoding="utf-8"), encoding="utf-8")


def test_the_kept_proofs_are_what_nodes_answer_now():
    kept = json.loads(KEPT.read_text(encoding="utf-8"))
    names = {"record", "realm", "leaf", "pending", "origin", "index", "size", "salt", "bytes", "path", "root", "note", "key"}
    assert all(names <= answer.keys() and answer["pending"] is False for answer in kept)

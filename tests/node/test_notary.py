"""Two whole nodes over a real relay: partners witness each other's logs, and one that shows two histories is caught."""

import asyncio
import contextlib
import itertools
import json

import pytest

from tests.node.helpers import add_person, make, opened, person, serving
from tocsin.core import LIVE, Clearance, ManualClock, Report, SeededEntropy
from tocsin.core.labels import originate
from tocsin.exchange import Relay
from tocsin.journal import Log, notes, proofs
from tocsin.node import auditing, cli, config
from tocsin.node.checkup import check
from tocsin.node.system import SystemEntropy

pytestmark = pytest.mark.anyio
START = 1_790_000_000_000_000


@pytest.fixture
def anyio_backend():
    return "asyncio"


async def until(condition, seconds=20.0):
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - what is waited for happens in another node
            await asyncio.sleep(0.02)


async def say(node, text, releasable_to=(), level=0):
    to = frozenset({node.config.id, *releasable_to})
    label = originate(node.config.policy, node.config.policy.levels[level], node.config.id, to)
    record = node.new_record(Report(title=text, text=text, source="s"), LIVE, "mara", label)
    return (await node.say(record)).record.id


@contextlib.asynccontextmanager
async def community(tmp_path, names=("ASTER", "BIRCH"), needed=1):
    """Nodes that are each other's partners, exchange over a real relay, and have `needed` witnesses each."""
    async with contextlib.AsyncExitStack() as stack:
        nodes = {}
        for name in names:
            folder = await make(tmp_path / name, name, more={"log": config.LogConfig(every_s=300, witnesses=needed)})
            nodes[name] = await stack.enter_async_context(opened(folder))
        for node in nodes.values():
            for other in nodes.values():
                if other is not node:
                    await node.book.add(other.card(), Clearance(node.config.policy.name, other.config.id, 2, frozenset()))
        relay = Relay(tmp_path / "relay")
        url = await relay.start([node.card() for node in nodes.values()])
        stack.push_async_callback(relay.stop)
        for node in nodes.values():
            await stack.enter_async_context(node.exchanging(url))
        yield nodes, url


async def turn_until(node, condition, seconds=20.0):
    async with asyncio.timeout(seconds):
        while not condition():
            await node.notary.turn()
            await asyncio.sleep(0.05)


async def test_partners_cosign_each_others_checkpoints(tmp_path):
    async with community(tmp_path) as (nodes, _):
        aster, birch = nodes.values()
        record = await say(aster, "seen", ["BIRCH"])
        for node in (aster, birch):
            await turn_until(node, lambda node=node: (s := node.notary.log.latest(LIVE)) is not None and s.witnesses)
        signed = aster.notary.log.latest(LIVE)
        assert signed.witnesses == ("BIRCH",)
        note = notes.parse(signed.note)
        assert notes.is_signed(note, notes.Key("tocsin/ASTER/live", notes.LOG, aster.card().ed25519))
        assert notes.cosigned_at(note, notes.Key("tocsin/BIRCH", notes.WITNESS, birch.card().ed25519))
        assert [one["origin"] for one in birch.notary.standing()["witnessed"]] == ["tocsin/ASTER/live"]
        (own,) = aster.notary.standing()["own"]
        assert (own["state"], own["witnesses"]) == ("signing", ("BIRCH",))
        found = await auditing.verify(aster, auditing.Nothing())
        assert [row["wrong"] for row in found] == [[]]
        assert sum(row["cosignatures"] for row in found) == 1
        await until(lambda: aster.exchange.ledger(record)[0].state == "delivered")
        (told,) = await auditing.who_was_told(aster, auditing.Told(record))
        assert (told["partner"], told["state"]) == ("BIRCH", "delivered")
        assert told["at"]


async def test_a_node_that_signs_two_histories_is_caught_and_the_alarm_is_seen(tmp_path):
    async with community(tmp_path) as (nodes, _):
        aster, birch = nodes.values()
        await say(aster, "one")
        await turn_until(aster, lambda: (s := aster.notary.log.latest(LIVE)) is not None and s.witnesses)
        # A second history under the same key: what a copy of the node's folder, or its malicious owner, would sign.
        async with opened(await make(tmp_path / "fork")) as other:
            await other.keep(other.new_record(Report(title="x", text="x", source="s"), LIVE, "mara", other.own_label()))
            fork = Log(other.journal, aster.keys, aster.clock, SystemEntropy())
            signed = await fork.checkpoint(LIVE, idle=True)
        wire = aster.notary.log.submission
        aster.notary.log.submission = lambda realm, witness: _shown(signed)
        aster.notary._asked.clear()
        await aster.notary.ask()
        aster.notary.log.submission = wire
        await until(lambda: birch.journal.records(LIVE, kind="refusal"))
        (seen,) = birch.notary.standing()["witnessed"]
        assert seen["two_histories"]
        refusals = [k for k in birch.journal.records(LIVE, kind="refusal") if b"equivocation" in k.data]
        assert len(refusals) == 1
    rows = await check(tmp_path / "BIRCH")
    ill = [row for row in rows if row["well"] is False and "two histories" in row["says"]]
    assert [row["what"] for row in ill] == ["log tocsin/ASTER/live of ASTER"]


def _shown(signed):
    from tocsin.journal import Submission

    return Submission(signed.checkpoint.origin, signed.checkpoint.size, (), signed.note.encode())


async def test_a_node_whose_partners_are_away_signs_nothing_new_and_says_why(tmp_path):
    folder = await make(tmp_path / "a", more={"log": config.LogConfig(witnesses=2)})
    async with opened(folder) as node:
        await node.keep(node.new_record(Report(title="x", text="x", source="s"), LIVE, "mara", node.own_label()))
        await node.notary.turn()
        assert node.notary.log.latest(LIVE) is None
    rows = {row["what"]: row for row in await check(folder)}
    assert rows["log live"]["well"] is None
    assert "2 witnesses have to say first" in rows["log live"]["says"]


async def test_checkpoints_come_by_the_clock_whether_something_was_kept_or_not(tmp_path):
    clock = ManualClock(START)
    async with opened(await make(tmp_path / "a"), clock, SeededEntropy(1)) as node:
        sizes = []
        for step in range(0, 1200, 100):
            clock.move_to(START + step * 1_000_000)
            if step == 700:
                await node.keep(node.new_record(Report(title="x", text="x", source="s"), LIVE, "mara", node.own_label()))
            await node.notary.turn()
            sizes.append(node.notary.log.latest(LIVE).checkpoint.size)
        growth = {after - before for before, after in itertools.pairwise(sizes)}
        assert growth == {0, 16}
        assert sizes[-1] == 16 * (1 + (1100 + START // 1_000_000 % 300) // 300)


async def test_the_exercise_of_others_has_no_witness_that_was_not_told_of_it(tmp_path):
    async with community(tmp_path, ("ASTER", "BIRCH", "CEDAR")) as (nodes, _):
        aster = nodes["ASTER"]
        to = frozenset({"ASTER", "BIRCH"})
        label = originate(aster.config.policy, "UNCLASSIFIED", "ASTER", to)
        await aster.say(aster.new_record(Report(title="x", text="x", source="s"), "exercise:x", "mara", label))
        assert aster.notary.witnesses_of("exercise:x") == {"BIRCH"}
        assert aster.notary.witnesses_of(LIVE) == {"BIRCH", "CEDAR"}
        assert not aster.notary.witnesses_of("replay:x")
        await turn_until(aster, lambda: (s := aster.notary.log.latest("exercise:x")) is not None and s.witnesses)
        await until(lambda: nodes["CEDAR"].notary.standing()["witnessed"])
        assert [one["origin"] for one in nodes["CEDAR"].notary.standing()["witnessed"]] == ["tocsin/ASTER/live"]


# HTTP


async def test_the_browser_gets_what_it_needs_to_check_a_proof_itself(tmp_path):
    import base64
    import hashlib

    from tocsin.journal import tree

    async with opened(await make(tmp_path / "a")) as node, serving(node) as url, person(url) as mara:
        await add_person(node, "nia", ["reader"], "UNCLASSIFIED")
        await add_person(node, "sol", ["security-officer"], "UNCLASSIFIED")
        low, high = await say(node, "low"), await say(node, "high", level=2)
        path = f"/audit/proof/{high}?realm=live"
        assert (await mara.get(path)).json() == {
            "record": high, "realm": "live", "leaf": node.journal.get(high).leaf.hex(), "pending": True,
        }  # fmt: skip
        assert (await mara.get("/audit/checkpoint?realm=live")).json()["note"] is None
        await node.notary.turn()
        found = (await mara.get(path)).json()
        salt, data, root = (base64.b64decode(found[name]) for name in ("salt", "bytes", "root"))
        steps = [base64.b64decode(one) for one in found["path"]]
        leaf = hashlib.sha256(salt + data).digest()
        assert leaf.hex() == found["leaf"]
        assert tree.leads_to(tree.leaf_hash(leaf), found["index"], found["size"], steps) == root
        key = notes.parse_key(found["key"])
        assert notes.is_signed(notes.parse(found["note"]), key)
        assert base64.b64decode(found["public"]) == key.public
        assert proofs.check(proofs.parse(found["proof"].encode()), [key]).record == data
        checkpoint = (await mara.get("/audit/checkpoint?realm=live")).json()
        assert checkpoint["note"] == found["note"]
        async with person(url, "nia") as nia:
            assert (await nia.get(f"/audit/proof/{low}?realm=live")).status_code == 200
            nothing = await nia.get("/audit/proof/report--00000000-0000-4000-8000-000000000000?realm=live")
            hidden = await nia.get(path)
            assert (hidden.status_code, hidden.content) == (nothing.status_code, nothing.content) == (404, nothing.content)
            assert (await nia.get(f"/audit/proof/{low}?realm=exercise:x")).status_code == 404
            assert (await nia.get("/audit/checkpoint?realm=exercise:x")).status_code == 404
            assert (await nia.get("/audit/acts")).status_code == 403
        async with person(url, "sol") as sol:
            acts = (await sol.get("/audit/acts?limit=2")).json()
            assert [one["id"] for one in acts] == [1, 2]
            more = (await sol.get("/audit/acts?after=2")).json()
            assert more[0]["id"] == 3
            assert "session:open" in {one["act"] for one in more}


# The command line


def run(capsys, *words):
    try:
        cli.main([str(word) for word in words])
        code = 0
    except SystemExit as end:
        code = end.code or 0
    out = capsys.readouterr()
    return code, out.out, out.err


def test_a_proof_is_written_and_checked_by_the_command_line(tmp_path, capsys):
    folder = tmp_path / "a"

    async def begin():
        await make(folder)
        async with opened(folder) as node:
            record = await say(node, "seen")
            await node.notary.turn()
            (tmp_path / "card.toml").write_text(node.card().to_toml())
            return record

    record = asyncio.run(begin())
    file = tmp_path / "proof.tlog-proof"
    code, out, _ = run(capsys, "audit", "prove", folder, record, "--out", file, "--json")
    made = json.loads(out)
    assert code == 0
    assert made["proof"] == file.read_text()
    code, out, _ = run(capsys, "verify", file, "--card", tmp_path / "card.toml", "--json")
    shown = json.loads(out)
    assert (code, shown["verified"], shown["record"]["id"], shown["origin"]) == (0, True, record, "tocsin/ASTER/live")
    assert run(capsys, "verify", file, "--key", made["key"])[0] == 0
    code, _, err = run(capsys, "verify", file, "--key", made["key"], "--witnesses", 1)
    assert (code, "1 are needed" in err) == (1, True)
    file.write_text(file.read_text().replace("index ", "index 1"))
    code, _, err = run(capsys, "verify", file, "--card", tmp_path / "card.toml")
    assert (code, "do not belong together" in err) == (1, True)
    assert run(capsys, "verify", file)[0] == 2
    assert run(capsys, "verify", tmp_path / "none", "--card", tmp_path / "card.toml")[0] == 2
    code, out, _ = run(capsys, "audit", "verify", folder, "--json")
    (row,) = json.loads(out)
    assert (code, row["wrong"], row["records"]) == (0, [], 1)
    assert "all of it holds" in run(capsys, "audit", "verify", folder)[1]
    assert json.loads(run(capsys, "audit", "who-was-told", folder, record, "--json")[1]) == []
    code, _, err = run(capsys, "audit", "who-was-told", folder, "report--00000000-0000-4000-8000-000000000000")
    assert (code, err) == (1, "tocsin: there is nothing here by that name\n")
    code, out, _ = run(capsys, "audit", "renew", folder, "live", "--why", "a test", "--json")
    assert json.loads(out)["origin"].startswith("tocsin/ASTER/live/")


def test_a_node_is_backed_up_and_restored_by_the_command_line(tmp_path, capsys):
    folder, again, file = tmp_path / "a", tmp_path / "b", tmp_path / "backup"

    async def begin():
        await make(folder)
        async with opened(folder) as node:
            record = await say(node, "kept")
            await node.notary.turn()
            return record

    async def after():
        async with opened(again) as node:
            return node.journal.get(record), [one.name for one in node.people.users()], node.card().fingerprint()

    record = asyncio.run(begin())
    code, out, _ = run(capsys, "backup", folder, file, "--json")
    assert (code, json.loads(out)["bytes"]) == (0, file.stat().st_size)
    assert run(capsys, "backup", folder, file)[0] == 2, "nothing is written over"
    code, _, err = run(capsys, "restore", file, again)
    assert (code, again.exists()) == (2, False), err
    assert "--key-file" in err
    code, out, _ = run(capsys, "restore", file, again, "--key-file", folder / "master.key", "--json")
    assert code == 0
    assert json.loads(out)["folder"] == str(again)
    assert run(capsys, "restore", file, again, "--key-file", folder / "master.key")[0] == 2
    kept, users, _ = asyncio.run(after())
    assert kept.record.id == record
    assert users == ["mara"]
    rows = {row["what"]: row for row in asyncio.run(check(again))}
    assert "restored from a backup" in rows["log live"]["says"]

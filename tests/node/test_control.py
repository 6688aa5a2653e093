"""The operator's socket: for the folder's owner, typed calls, one line of error."""

import asyncio
import stat

import pytest

from tocsin.core import NotReachable
from tocsin.node import control
from tocsin.node.checkup import check

from .helpers import PASSWORD, make, opened


def run(work, tmp_path):
    async def whole():
        async with opened(await make(tmp_path / "aster")) as node, control.listening(node):
            await work(node)

    asyncio.run(whole())


def test_the_socket_is_its_owners_alone_and_goes_with_the_node(tmp_path):
    async def work(node):
        path = control.socket_of(node.folder)
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0

    run(work, tmp_path)
    assert not control.socket_of(tmp_path / "aster").exists()


def test_calls_are_answered_and_wrong_ones_refused_with_their_code(tmp_path):
    async def work(node):
        call = control.call_running
        assert (await call(node.folder, "status", {}))["id"] == "ASTER"
        added = await call(node.folder, "user.add", {"name": "bo", "password": PASSWORD, "roles": ["reader"]})
        assert added["clearance"] == "UNCLASSIFIED"
        for op, args in (
            ("nonsense", {}),
            ("user.add", {"name": "x"}),
            ("user.add", {"name": "x", "password": PASSWORD, "roles": ["reader"], "colour": 1}),
            ("user.add", {"name": "bo", "password": PASSWORD, "roles": ["reader"]}),
            ("user.add", {"name": "cy", "password": PASSWORD, "roles": ["reader"], "clearance": "COSMIC"}),
            ("user.remove", {"name": "nobody-here"}),
            ("partner.add", {"card": "not a card", "clearance": "RESTRICTED"}),
            ("partner.remove", {"name": "BIRCH"}),
            ("replay", {"files": [], "id": "Bad Name"}),
            ("link", {"state": "cut"}),
            ("let-go", {"zero": 1}),
        ):
            with pytest.raises(control.Refused) as refused:
                await call(node.folder, op, args)
            assert "\n" not in str(refused.value)
            assert refused.value.exit_code in {1, 2, 3}

    run(work, tmp_path)


def test_what_is_no_call_is_answered_too(tmp_path):
    async def work(node):
        reader, writer = await asyncio.open_unix_connection(control.socket_of(node.folder))
        for line in (b"nonsense\n", b"[]\n", b'{"op": 3}\n'):
            writer.write(line)
            answer = await asyncio.wait_for(reader.readline(), 45)
            assert b"that is no call" in answer
        writer.close()
        await writer.wait_closed()

    run(work, tmp_path)


def test_a_node_that_does_not_run_is_said_to_be_down(tmp_path):
    with pytest.raises(NotReachable, match="tocsin up"):
        asyncio.run(control.call_running(tmp_path, "status", {}))


def test_a_long_folder_name_still_has_a_socket(tmp_path):
    folder = tmp_path / ("x" * 120)
    assert len(str(control.socket_of(folder))) < 100


def test_the_doctor_finds_a_new_node_well_and_an_open_folder_ill(tmp_path):
    folder = asyncio.run(make(tmp_path / "aster"))
    assert {row["what"]: row["well"] for row in asyncio.run(check(folder))}["keys and journal"]
    assert all(row["well"] is not False for row in asyncio.run(check(folder)))
    folder.chmod(0o755)
    assert not {row["what"]: row["well"] for row in asyncio.run(check(folder))}["folder"]
    folder.chmod(0o700)
    (folder / "master.key").write_text("00" * 32)
    assert not {row["what"]: row["well"] for row in asyncio.run(check(folder))}["keys and journal"]


def test_the_doctor_sees_a_running_node(tmp_path):
    async def work(node):
        assert {row["what"]: row["says"] for row in await check(node.folder)}["node"] == "it runs"

    run(work, tmp_path)

"""A node that comes up: past a command that has its folder for a moment, and not beside another node."""

import asyncio

import pytest

from tests.node.helpers import make, opened
from tocsin.journal import FolderBusy
from tocsin.node import control, serving

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend():
    return "asyncio"


async def test_a_node_waits_for_a_command_that_has_its_folder_and_then_comes_up(tmp_path):
    folder = await make(tmp_path / "aster")
    async with opened(folder):
        coming = asyncio.create_task(serving._open(folder))
        done, _ = await asyncio.wait({coming}, timeout=3 * serving.RETRY_S)
        assert not done
    node = await coming
    await node.close()


async def test_beside_a_running_node_it_does_not_wait(tmp_path):
    folder = await make(tmp_path / "aster")
    assert not await control.runs(folder)
    async with opened(folder) as node, control.listening(node):
        assert await control.runs(folder)
        with pytest.raises(FolderBusy):
            await asyncio.wait_for(serving._open(folder), serving.PATIENCE_S / 2)


async def test_a_command_that_never_ends_is_waited_for_no_longer_than_patience_goes(tmp_path, monkeypatch):
    monkeypatch.setattr(serving, "PATIENCE_S", 2 * serving.RETRY_S)
    folder = await make(tmp_path / "aster")
    async with opened(folder):
        with pytest.raises(FolderBusy):
            await serving._open(folder)

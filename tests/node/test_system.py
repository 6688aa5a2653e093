"""The machine's own clock, randomness and memory."""

import asyncio
import gc
import subprocess
import sys

import pytest

from tocsin.node.system import SystemClock, SystemEntropy, give_back_memory, settle, trim_memory


def test_the_clock_never_goes_backwards(monkeypatch):
    times = iter([2_000_000, 1_000_000, 3_000_000])
    monkeypatch.setattr("time.time_ns", lambda: next(times))
    clock = SystemClock()
    assert [clock.now() for _ in range(3)] == [2_000, 2_000, 3_000]


def test_every_draw_is_another_and_as_long_as_asked():
    take = SystemEntropy().take
    assert len(take(33)) == 33
    assert take(16) != take(16)
    assert SystemEntropy().child("any").take(16) != SystemEntropy().child("any").take(16)


def test_what_the_start_made_is_left_out_of_later_searches_for_garbage():
    before = gc.get_freeze_count()
    try:
        settle()
        assert gc.get_freeze_count() > before
    finally:
        gc.unfreeze()


GROWS = """
import sys
from tocsin.node.measuring import memory_mb
from tocsin.node.system import give_back_memory
give_back_memory()
blocks = [b"x" * (300_000 + n) for n in range(400)]
full = memory_mb()
del blocks[:-1]
print(full - memory_mb())
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's malloc")
def test_freed_blocks_go_back_to_the_system():
    ended = subprocess.run([sys.executable, "-c", GROWS], capture_output=True, text=True, check=True)
    assert float(ended.stdout) > 80


HOLES = """
import asyncio, sys
from tocsin.node.measuring import memory_mb
from tocsin.node.system import give_back_memory, trim_memory
give_back_memory()
blocks = [b"x" * (3000 + n % 100) for n in range(40_000)]
blocks = blocks[::50]
full = memory_mb()

async def until_it_falls():
    task = asyncio.create_task(trim_memory(0.01))
    while memory_mb() > full - 60:
        await asyncio.sleep(0.01)
    task.cancel()

asyncio.run(asyncio.wait_for(until_it_falls(), 60))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's malloc")
def test_pages_between_blocks_in_use_go_back_in_time():
    subprocess.run([sys.executable, "-c", HOLES], capture_output=True, text=True, check=True)


POOL = """
import pyarrow
from tocsin.node.system import give_back_memory
give_back_memory()
print(pyarrow.default_memory_pool().backend_name)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's malloc")
def test_arrow_keeps_no_pool_of_its_own():
    ended = subprocess.run([sys.executable, "-c", POOL], capture_output=True, text=True, check=True)
    assert ended.stdout.split() == ["system"]


def test_where_the_c_library_has_no_such_thing_nothing_happens(monkeypatch):
    def none(_name):
        raise OSError

    monkeypatch.setattr("ctypes.CDLL", none)
    give_back_memory()
    asyncio.run(trim_memory())

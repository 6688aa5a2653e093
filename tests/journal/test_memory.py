"""What the journal holds in memory is bounded, and never shows what is not on disk."""

import pytest
from tests.journal.helpers import entry

from tocsin.core import SeededEntropy
from tocsin.journal import Kept, Vault
from tocsin.journal.measure import Clocks, measure
from tocsin.journal.memory import Memory
from tocsin.journal.seals import SealKeys

pytestmark = pytest.mark.anyio


def memory(room=10**6):
    return Memory(SealKeys(Vault(bytes(32))), room)


def kept(index, realm="live", kind="report", text="x"):
    made = entry(text, realm=realm, kind=kind)
    return Kept(index, made.data, made.record, b"", bytes(32), bytes(32))


def test_what_a_job_wrote_shows_only_once_its_group_is_kept():
    m = memory()
    m.add([kept(0)])
    assert (m.tail("live"), m.size("live"), m.page("live", -1, 9), m.realms()) == (1, 0, [], [])
    m.group_undone()
    assert m.tail("live") == 0
    m.add([kept(0), kept(1, kind="finding")])
    m.group_kept()
    assert (m.tail("live"), m.size("live"), m.page("live", -1, 9), m.realms()) == (2, 2, [0, 1], ["live"])


def test_a_job_that_fails_takes_nothing_from_its_group():
    m = memory()
    m.add([kept(0)])
    m.job_undone()
    assert m.tail("live") == 1
    m.group_kept()
    assert m.size("live") == 1


def test_the_cache_stays_within_its_room_and_drops_the_oldest():
    m = memory(room=50_000)
    many = [kept(n, text="x" * 1000) for n in range(100)]
    m.remember(many, 0)
    held = [k for k in many if m.cached(k.record.id)]
    assert held == many[-len(held) :]
    assert 5 <= len(held) <= 50_000 // 2_000
    assert m._cached_bytes <= 50_000
    assert [m.cached(("live", k.index)) for k in many] == [k if k in held else None for k in many]
    assert len(m._ids) == len(held)


def test_what_was_used_stays_longer():
    m = memory(room=50_000)
    first = kept(0)
    m.remember([first], 0)
    for n in range(1, 200):
        m.remember([kept(n, text="x" * 1000)], 0)
        assert m.cached(first.record.id) == first


def test_one_record_greater_than_the_room_is_not_held():
    m = memory(room=3_000)
    m.remember([kept(0, text="x" * 10_000)], 0)
    assert m._cached_bytes == 0
    assert not m._cache


def test_what_was_read_before_something_was_erased_is_not_cached_after():
    m = memory()
    before = m.generation
    one = kept(0)
    m.forget()
    m.remember([one], before)
    assert m.cached(one.record.id) is None
    m.remember([one], m.generation)
    assert m.cached(one.record.id) == one


def test_pages_are_by_index_whatever_is_asked():
    m = memory()
    m.add([kept(n, kind="finding" if n % 2 else "report") for n in range(10)])
    m.group_kept()
    assert m.page("live", -5, 3) == [0, 1, 2]
    assert m.page("live", 7, 10) == [8, 9]
    assert m.page("live", 99, 10) == []
    assert m.page("exercise:x", -1, 2) == []
    assert m.page("live", -1, 0) == []


def test_measuring_gives_figures_for_every_way(tmp_path):
    ticks, used = iter(range(0, 10**12, 10**7)), iter(range(0, 10**12, 2 * 10**6))
    figures = measure(tmp_path / "bench", Clocks(lambda: next(ticks), lambda: next(used)), SeededEntropy("salts"), size=50, leaves=70_000)
    ways = {"alone", "callers", "batches", "read", "cached", "open_s"}
    stretches = {"leaves_per_s", "leaves_per_s_slowest", "leaves_per_s_fastest", "leaf_cpu_us"}
    assert set(figures) == ways | stretches | {"single_p99_ms", "checkpoint_ms", "log_leaves", "proof_ms", "proof_p99_ms"}
    assert figures["single_p99_ms"] == figures["checkpoint_ms"] == figures["proof_ms"] == figures["proof_p99_ms"] == 10
    assert figures["callers"] == figures["batches"] == 5000
    # Three stretches of 200, each of one tick.
    assert figures["leaves_per_s_slowest"] == figures["leaves_per_s"] == figures["leaves_per_s_fastest"] == 20_000
    assert figures["leaf_cpu_us"] == 10
    assert figures["log_leaves"] >= 70_000
    assert figures["open_s"] == 0.01
    assert figures["read"] == figures["cached"] == 15_000

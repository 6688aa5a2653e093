"""What is missing in a chain is known exactly, and asked for more and more seldom."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from tocsin.exchange import wire
from tocsin.exchange.inchain import LONGEST_ASK, MISSING, InChain


@given(st.permutations(range(20)), st.integers(0, 19))
def test_batches_in_any_order_are_each_had_once(order, lost):
    one, got = InChain("t", wire.OBSERVATIONS), []
    for seq in order:
        if seq == lost:
            continue
        assert not one.had(seq, 1)
        if seq >= one.next:
            one.skip_to(seq, bytes(32), 0)
            one.came_to(seq + 1, bytes(32), 0)
        else:
            one.fill(seq, seq)
        got.append(seq)
        assert one.had(seq, 1)
    one.skip_to(20, bytes(32), 0)
    assert [(hole.first, hole.last) for hole in one.missing] == [(lost, lost)]
    assert one.behind() == 1
    assert one.fill(0, 100) == [(lost, lost)]
    assert one.behind() == 0


def test_holes_are_bounded():
    one = InChain("t", wire.OBSERVATIONS)
    oldest = None
    for _i in range(MISSING + 1):
        oldest = one.skip_to(one.next + 2, bytes(32), 0)
        one.came_to(one.next + 1, bytes(32), 0)
    assert oldest is not None
    assert (oldest.first, oldest.last) == (0, 1)
    assert len(one.missing) == MISSING


def test_questions_that_nobody_answers_are_asked_more_and_more_seldom():
    one, now, asked = InChain("t", wire.RECORDS), 0, []
    while now < 20 * LONGEST_ASK:
        if one.may_ask(now, 1_000_000):
            asked.append(now)
        now += 250_000
    waits = [b - a for a, b in itertools.pairwise(asked)]
    assert waits[:4] == [1_000_000, 2_000_000, 4_000_000, 8_000_000]
    assert max(waits) == LONGEST_ASK
    one.came_to(1, bytes(32), now)
    assert one.may_ask(now, 1_000_000)


def test_a_part_of_a_hole_is_filled():
    one = InChain("t", wire.OBSERVATIONS)
    one.skip_to(10, bytes(32), 0)
    assert one.fill(3, 5) == [(3, 5)]
    assert [(hole.first, hole.last) for hole in one.missing] == [(0, 2), (6, 9)]
    assert one.fill(20, 30) == []

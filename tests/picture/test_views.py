"""What a view may not read, and what happens in other realms, changes no byte of what its readers get."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.picture.making import ASTER, BIRCH, OPEN, REALM, SHUT, at, batch, text_of

from tocsin.core import FLAG, Label, SeededEntropy, may_read
from tocsin.picture import Picture

HIDDEN = [
    SHUT,
    Label("p", 2, frozenset({"ASTER"}), frozenset({"ASTER", "BIRCH"})),
    Label("p", 0, frozenset({"ASTER"}), frozenset({"ASTER", "BIRCH"}), frozenset({"SENSOR"})),
    Label("q", 0, frozenset({"ASTER"}), frozenset({"ASTER", "BIRCH"})),
    Label("p", 0, frozenset({"ASTER"}), frozenset()),
    Label("p", -1, frozenset({"ASTER"}), frozenset({"ASTER", "BIRCH"})),
]
SHOWN = [OPEN, Label("p", 1, frozenset({"BIRCH"}), frozenset({"ASTER", "BIRCH"}))]

rows = st.lists(
    st.tuples(
        st.integers(0, 4),
        st.floats(-40, 8, allow_nan=False),
        st.one_of(st.floats(45, 45.2), st.just(12.0), st.just(float("nan"))),
        st.floats(7, 7.2),
        st.sampled_from([0, FLAG.ON_GROUND, FLAG.AIRBORNE, FLAG.MILITARY]),
    ),
    max_size=6,
)
batches = st.tuples(rows, st.sampled_from(["jura", "birch", "radar"]), st.integers(0, 1))
steps = st.lists(st.tuples(st.integers(0, 60), st.lists(batches, max_size=2), st.lists(batches, max_size=2)), min_size=1, max_size=8)


def batch_of(made, now_s, label):
    values, feed, _ = made
    flags = [row[4] for row in values]
    return batch(*[(n, now_s + dt, lat, lon) for n, dt, lat, lon, _ in values], feed=feed, label=label, flags=np.array(flags, np.uint16))


def told(script, *, hidden, view=BIRCH):
    """All that a reader of a picture gets while a script runs, with or without what the view may not read."""
    picture, cursor, now_s, given_out = Picture(REALM, view, entropy=SeededEntropy(9), stale_s=90), 0, 0, []
    for number, (pause, shown, others) in enumerate(script):
        now_s += pause
        for made in others if hidden else ():
            # Before and after what may be read, and by a clock that is ahead.
            picture.update(batch_of(made, now_s, HIDDEN[number % len(HIDDEN)]), at(now_s + 500 * made[2]))
        for made in shown:
            picture.update(batch_of(made, now_s, SHOWN[made[2]]), at(now_s))
        for made in others if hidden else ():
            picture.update(batch_of(made, now_s, HIDDEN[(number + 1) % len(HIDDEN)]), at(now_s))
        delta = picture.since(cursor, at(now_s))
        cursor = delta.cursor
        given_out.append((text_of(picture.tracks(at(now_s))), delta.cursor, text_of(delta.changed), delta.gone.tobytes(), delta.full))
        given_out.append(picture.totals())
        given_out.append(picture.numbers_of(["000001", "000002", "000003", "000004"]))
    return given_out


@settings(max_examples=150, deadline=None)
@given(steps)
def test_what_a_view_may_not_read_changes_no_byte_of_what_it_gets(script):
    assert not any(may_read(label, BIRCH.clearance) for label in HIDDEN)
    assert told(script, hidden=True) == told(script, hidden=False)


@settings(max_examples=40, deadline=None)
@given(steps)
def test_every_label_that_a_picture_gives_out_may_be_read_by_its_view(script):
    picture, now_s = Picture(REALM, BIRCH, entropy=SeededEntropy(9)), 0
    for number, (pause, shown, others) in enumerate(script):
        now_s += pause
        for made in shown:
            picture.update(batch_of(made, now_s, SHOWN[made[2]]), at(now_s))
        for made in others:
            picture.update(batch_of(made, now_s, HIDDEN[number % len(HIDDEN)]), at(now_s))
        assert all(may_read(label, BIRCH.clearance) for label in picture.tracks(at(now_s)).labels)


def test_the_property_can_fail_a_view_that_may_read_more_gets_other_bytes():
    script = [(0, [], []), (5, [([(1, 0.0, 45.1, 7.1, 0)], "jura", 0)], [([(1, -1.0, 45.1, 7.1001, 0)], "radar", 0)])]
    assert told(script, hidden=True, view=ASTER) != told(script, hidden=False, view=ASTER)


@settings(max_examples=40, deadline=None)
@given(steps)
def test_the_same_input_gives_the_same_bytes(script):
    assert told(script, hidden=False) == told(script, hidden=False)

"""Observations are columns: of one length, in fixed types, null where nothing was said."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.core import FLAG, Identity, InputError, Label, Observations
from tocsin.core.observations import COLUMNS, NULLS, build, concat, fill

LABEL = Label("p", 0, frozenset({"ASTER"}), frozenset({"ASTER"}))


def batch(size=3, **columns):
    return build("feed", "live", LABEL, size, **columns)


def test_what_was_not_said_is_null():
    made = batch(2, time=[1, 2], latitude=[47.0, 48.0])
    assert list(made["time"]) == [1, 2]
    for name in COLUMNS.keys() - {"time", "latitude"}:
        column = made[name]
        if column.dtype.kind == "f":
            assert np.isnan(column).all(), name
        else:
            assert (column == np.array(NULLS[name], column.dtype)).all(), name


def test_every_column_has_its_type_and_the_same_length():
    made = batch(4, time=np.arange(4.0), altitude=np.arange(4), callsign=["A", "B", b"CD", ""], integrity=[0, 11, 8, 255])
    assert set(made.columns) == set(COLUMNS)
    for name, column in made.columns.items():
        assert column.dtype == COLUMNS[name]
        assert column.shape == (4,)
        assert column.flags.c_contiguous
    assert len(made) == 4


def test_a_batch_may_be_empty():
    assert len(batch(0)) == 0
    assert len(concat([batch(0), batch(2)])) == 2


def test_types_are_little_endian_wherever_it_runs():
    assert all(dtype.byteorder != ">" for dtype in COLUMNS.values())
    assert batch(1, time=np.array([1], ">i8"))["time"].tobytes() == b"\x01" + bytes(7)


@pytest.mark.parametrize(
    "columns",
    [
        {"time": [1, 2]},
        {"time": 5},
        {"time": [[1], [2], [3]]},
        {"time": np.zeros((3, 2))},
        {"time": ["a", "b", "c"]},
        {"time": [1, 2, None]},
        {"integrity": [0, 1, 300]},
        {"squawk": [0, 1, 2**40]},
        {"callsign": ["A", "B", "Ø"]},
        {"heading": [1, 2, 3]},
    ],
)
def test_a_column_that_does_not_fit_is_refused_by_name(columns):
    with pytest.raises(InputError, match=next(iter(columns))):
        batch(3, **columns)


def test_a_single_number_does_not_become_a_column_of_one():
    with pytest.raises(InputError):
        fill(1, time=5)


def test_rows_are_chosen_by_mask_index_and_slice():
    made = batch(5, time=np.arange(5), latitude=np.arange(5.0))
    assert list(made.select(made["time"] > 2)["latitude"]) == [3.0, 4.0]
    assert list(made.select(np.array([4, 0]))["time"]) == [4, 0]
    assert list(made.select(slice(1, 3))["time"]) == [1, 2]
    chosen = made.select(slice(0, 0))
    assert (len(chosen), chosen.feed, chosen.realm, chosen.label) == (0, "feed", "live", LABEL)


def test_replacing_a_column_leaves_the_original_as_it_was():
    made = batch(2, time=[1, 2])
    other = made.replace(time=np.array([8, 9]))
    assert (list(made["time"]), list(other["time"])) == ([1, 2], [8, 9])
    assert other["latitude"] is made["latitude"]


def test_batches_are_put_together_in_order():
    whole = concat([batch(2, time=[1, 2]), batch(1, time=[3]), batch(0)])
    assert list(whole["time"]) == [1, 2, 3]
    assert {column.dtype for column in whole.columns.values()} == set(COLUMNS.values())


def test_batches_of_another_feed_realm_or_label_stay_apart():
    first = batch(1)
    stricter = Label("p", 1, frozenset({"ASTER"}), frozenset({"ASTER"}))
    for other in (
        Observations("other", "live", LABEL, first.columns),
        Observations("feed", "exercise:a", LABEL, first.columns),
        Observations("feed", "live", stricter, first.columns),
    ):
        with pytest.raises(InputError, match="stay apart"):
            concat([first, other])
    with pytest.raises(InputError, match="no batches"):
        concat([])


@given(st.integers(0, 0xFFFFFF))
def test_an_aircraft_address_is_written_and_read(number):
    value = Identity.ICAO | number
    assert Identity.parse(Identity.text(value)) == value
    assert Identity.parse(Identity.text(value).upper()) == value
    assert Identity.text(value) == f"{number:06x}"


@given(st.sampled_from([Identity.OTHER, Identity.TRACK]), st.integers(0, Identity.NUMBER))
def test_other_identities_are_written_and_read(kind, number):
    assert Identity.parse(Identity.text(kind | number)) == kind | number


@given(st.integers(0, 2**64 - 1))
def test_a_column_value_is_written_like_the_number_it_is(value):
    assert Identity.text(np.uint64(value)) == Identity.text(value)


def test_identities_of_another_kind_never_meet():
    texts = ["4b1815", "~4b1815", "t4921365"]
    assert [Identity.parse(text) & Identity.NUMBER for text in texts] == [0x4B1815] * 3
    assert len({Identity.parse(text) for text in texts}) == 3


def test_no_identity_is_written_as_a_question():
    assert Identity.text(0) == "?"
    assert Identity.text(9 << 56 | 5) == "?"
    with pytest.raises(InputError):
        Identity.parse("?")


@pytest.mark.parametrize(
    "text",
    ["", "-1", "1_0", " 4b1815", "4b1815 ", "4b1815\n", "0x4b", "1234567", "4b181g", "~", "~-3", "~" + "f" * 15, "t", "t-5", "t1_0", "t 1",
     f"t{Identity.NUMBER + 1}", "t" + "9" * 5000, "T5", "\uff11\uff12"],
)  # fmt: skip
def test_what_is_no_identity_is_refused_instead_of_cut_to_fit(text):
    with pytest.raises(InputError, match="no aircraft address or track number"):
        Identity.parse(text)


def test_flags_are_bits_of_their_own():
    bits = [value for name, value in vars(FLAG).items() if name.isupper()]
    assert len(bits) == len(set(bits)) >= 6
    assert all(bit.bit_count() == 1 and bit < 2**16 for bit in bits)

"""The strict reader: what was signed means one thing, or is refused."""

import contextlib
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.core import BadRecord, TooLarge, read_json
from tocsin.core.strict import MAX_BYTES, MAX_DEPTH

plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(plain, st.booleans())
def test_whatever_is_plain_json_is_read_as_json_reads_it(value, ascii_only):
    assert read_json(json.dumps(value, ensure_ascii=ascii_only).encode()) == value


@pytest.mark.parametrize(
    "data",
    [
        b'{"a":1,"a":2}',
        b'{"a":1,"\\u0061":1}',
        b'[{"x":{"a":1,"b":2,"a":1}}]',
        b'{"":0,"":0}',
    ],
)
def test_a_key_that_stands_twice_is_refused_however_it_is_written(data):
    with pytest.raises(BadRecord, match="key twice"):
        read_json(data)


@pytest.mark.parametrize("data", [b"NaN", b"[Infinity]", b'{"a":-Infinity}'])
def test_what_is_no_json_number_is_refused(data):
    with pytest.raises(BadRecord, match="no JSON number"):
        read_json(data)


@pytest.mark.parametrize("data", [b"1e309", b"[-1e999]", b'{"a":1e400}'])
def test_a_number_that_would_become_infinite_is_refused(data):
    with pytest.raises(BadRecord, match="past what can be represented"):
        read_json(data)


def test_the_greatest_number_is_read():
    assert read_json(b"1.7976931348623157e308") == 1.7976931348623157e308
    assert math.isclose(read_json(b"5e-324"), 5e-324)


def test_an_integer_of_endless_digits_is_refused():
    with pytest.raises(BadRecord, match="too long"):
        read_json(b"9" * 5000)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b" ",
        b"{",
        b'{"a"}',
        b"[1,]",
        b"{'a':1}",
        b"01",
        b"nan",
        b"1 2",
        b"{}{}",
        b"{}x",
        b"\x00",
        b'"a',
        b'"\n"',
        b"[1]//",
        b"\xef\xbb\xbf{}",
    ],
)
def test_what_is_not_one_json_value_is_refused(data):
    with pytest.raises(BadRecord, match="not JSON at"):
        read_json(data)


@pytest.mark.parametrize("data", [b'"\xff"', b'"\xc0\xaf"', b'"\xed\xa0\x80"', b"\xff\xfe{\x00}\x00", b'"\xf4\x90\x80\x80"'])
def test_what_is_not_utf_8_is_refused(data):
    with pytest.raises(BadRecord, match=r"not UTF-8"):
        read_json(data)


@pytest.mark.parametrize("data", [b'"\\ud800"', b'{"a":["\\uDFFF"]}', b'{"\\udbff":1}', b'"\\udc00\\ud800"', b'"x\\ud800\\u0041"'])
def test_half_a_character_is_refused(data):
    with pytest.raises(BadRecord, match="half a character"):
        read_json(data)


def test_a_character_written_in_two_halves_is_read():
    assert read_json(b'"\\ud83d\\udd14"') == "\U0001f514"
    assert read_json(b'"\\\\ud800"') == "\\ud800"


def test_bytes_past_the_cap_are_refused_before_they_are_read():
    with pytest.raises(TooLarge, match=r"1,048,577, more than the 1,048,576"):
        read_json(b"\xff" * (MAX_BYTES + 1))
    assert read_json(b'"' + b"x" * (MAX_BYTES - 2) + b'"')
    with pytest.raises(TooLarge):
        read_json(b"[1]", max_bytes=2)


def nested(depth):
    return b"[" * depth + b"]" * depth


def test_depth_past_the_cap_is_refused():
    assert read_json(nested(MAX_DEPTH))
    for depth in (MAX_DEPTH + 1, 1000, 400_000):
        with pytest.raises(TooLarge, match="depth"):
            read_json(nested(depth))
    with pytest.raises(TooLarge):
        read_json(b'{"a":' * 40 + b"1" + b"}" * 40)
    with pytest.raises(TooLarge):
        read_json(b"[" * 300_000)


def test_brackets_in_strings_and_side_by_side_nest_nothing():
    assert read_json(b'"' + b"[" * 1000 + b'"')
    assert read_json(json.dumps(["[{" * 100, '\\"[[[[' * 50]).encode())
    assert len(read_json(b"[" + b"[]," * 999 + b"[]]")) == 1000


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused_with_a_typed_error(data):
    with contextlib.suppress(BadRecord, TooLarge):
        assert read_json(data) == json.loads(data)


@given(st.lists(st.sampled_from([b"[", b"]", b"{", b"}", b'"', b"\\", b'\\"', b"a", b":", b",", b"1"]), max_size=120).map(b"".join))
def test_no_play_with_quotes_gets_past_the_depth(data):
    try:
        read_json(data, max_depth=3)
    except (BadRecord, TooLarge):
        return
    assert depth_of(json.loads(data)) <= 3


def depth_of(value):
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if inner is None else 1 + max(map(depth_of, inner), default=0)


def test_a_refusal_holds_nothing_of_what_was_refused():
    for data in (b'{"SECRET":1,"SECRET":2}', b'{"a": SECRET}', b'"SECRET\xff"', b'"SECRET\\ud800"', b'["SECRET"'):
        with pytest.raises(BadRecord) as refusal:
            read_json(data)
        assert "SECRET" not in str(refusal.value)
        assert refusal.value.__cause__ is None
        assert refusal.value.__suppress_context__ or refusal.value.__context__ is None

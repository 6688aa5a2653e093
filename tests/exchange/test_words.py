"""Fingerprints survive a telephone, and a slip shows."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.core import InputError
from tocsin.exchange.words import from_words, to_words

EVEN = st.binary(min_size=2, max_size=32).filter(lambda data: len(data) % 2 == 0)


def test_the_scheme_is_the_published_one():
    # The paper's own examples: 127.0.0.1 is lusab-babad, 63.84.220.193 gutih-tugad.
    assert to_words(bytes([127, 0, 0, 1])).split()[:2] == ["lusab", "babad"]
    assert to_words(bytes([63, 84, 220, 193])).split()[:2] == ["gutih", "tugad"]
    assert to_words(bytes([216, 35, 68, 215])).split()[:2] == ["tobog", "higil"]


@given(EVEN)
def test_words_come_back_as_the_bytes_they_were(data):
    assert from_words(to_words(data)) == data
    assert from_words(to_words(data).upper().replace(" ", " - ")) == data


@given(EVEN, st.integers(0, 2**31))
def test_any_one_word_misheard_shows(data, seed):
    chance = random.Random(seed)
    said = to_words(data).split()
    place = chance.randrange(len(said))
    other = to_words(chance.randbytes(2)).split()[0]
    if other == said[place]:
        return
    said[place] = other
    with pytest.raises(InputError, match="misheard"):
        from_words(" ".join(said))


def test_a_word_left_out_or_two_changed_about_shows():
    said = to_words(bytes(range(16))).split()
    for wrong in (said[1:], said[:-1], [said[1], said[0], *said[2:]]):
        with pytest.raises(InputError):
            from_words(" ".join(wrong))


@pytest.mark.parametrize("text", ["", "babad", "lusab babax", "lusabx babad", "12345 67890", "b\u00e4bad lusab"])
def test_what_is_no_word_is_said_to_be_none(text):
    with pytest.raises(InputError):
        from_words(text)


def test_words_are_made_of_whole_pairs_of_bytes():
    with pytest.raises(InputError):
        to_words(b"abc")

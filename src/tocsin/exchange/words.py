"""Bytes as words that two people can read to each other over a telephone, with a last word that catches slips.

Sixteen bits make one five-letter word, consonant-vowel-consonant-vowel-consonant, of letters that are hard to mistake
for one another: the scheme of D. S. Wilkerson, "A Proposal for Proquints: Identifiers that are Readable, Spellable, and
Pronounceable" (arXiv 0901.4016). The last word is the CRC-16/XMODEM of the others, so that any one word misheard shows
without the other side.
"""

from __future__ import annotations

import binascii

from tocsin.core import InputError

_CONSONANTS, _VOWELS = "bdfghjklmnprstvz", "aiou"
_SHAPE = ((12, _CONSONANTS), (10, _VOWELS), (6, _CONSONANTS), (4, _VOWELS), (0, _CONSONANTS))


def to_words(data: bytes) -> str:
    """`data` (an even number of bytes) as words with spaces between, two bytes each, and the check word behind them."""
    if len(data) % 2:
        raise InputError("words are made of an even number of bytes")
    whole = data + binascii.crc_hqx(data, 0).to_bytes(2, "big")
    return " ".join(_word(int.from_bytes(whole[i : i + 2], "big")) for i in range(0, len(whole), 2))


def from_words(text: str) -> bytes:
    """What `to_words` was given, however it is spaced, hyphenated or capitalised; raises `InputError` naming what is wrong."""
    found = text.lower().replace("-", " ").replace(",", " ").split()
    for place, word in enumerate(found, 1):
        if len(word) != len(_SHAPE) or any(letter not in letters for letter, (_, letters) in zip(word, _SHAPE, strict=True)):
            raise InputError(f"word {place} is none that Tocsin makes: five letters, as in babad or lusab")
    whole = b"".join(_number(word).to_bytes(2, "big") for word in found)
    data, check = whole[:-2], whole[-2:]
    if not data or binascii.crc_hqx(data, 0).to_bytes(2, "big") != check:
        raise InputError("these words do not fit together: one was misheard or left out")
    return data


def _word(number: int) -> str:
    return "".join(letters[number >> shift & len(letters) - 1] for shift, letters in _SHAPE)


def _number(word: str) -> int:
    return sum(letters.index(letter) << shift for letter, (shift, letters) in zip(word, _SHAPE, strict=True))

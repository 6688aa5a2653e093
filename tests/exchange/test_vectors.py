"""The test vectors are what this implementation computes, and what it opens."""

import json
from pathlib import Path

import pytest

from tocsin.exchange import vectors
from tocsin.exchange.commands import write_vectors

FILE = Path(__file__).parents[2] / "docs" / "vectors" / "protocol.json"


def test_the_vectors_come_out_the_same_again():
    known = json.loads(FILE.read_text())
    assert json.loads(json.dumps(vectors.protocol(known))) == known


def test_what_is_random_opens_and_verifies():
    vectors.check(json.loads(FILE.read_text()))


def test_what_is_random_and_altered_does_not():
    for name in ("hpke", "grant"):
        known = json.loads(FILE.read_text())
        data = bytearray.fromhex(known["made"][name])
        data[len(data) // 2] ^= 1
        known["made"][name] = data.hex()
        with pytest.raises(AssertionError):
            vectors.check(known)


def test_without_a_file_everything_is_made_anew_and_checks(tmp_path):
    (path,) = write_vectors(tmp_path)
    first = path.read_text()
    write_vectors(tmp_path)
    assert path.read_text() == first
    anew = json.loads(first)
    known = json.loads(FILE.read_text())
    # Seeds decide all but what is random, and what contains it.
    for part in ("seeds", "keys", "merkle", "records", "chain", "realm_tag", "epoch", "control", "observations_packet"):
        assert anew["fixed"][part] == known["fixed"][part]
    assert anew["made"] != known["made"]

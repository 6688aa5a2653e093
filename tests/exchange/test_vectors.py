"""The test vectors are what this implementation computes, and what it opens."""

import contextlib
import json
from pathlib import Path

import pytest

from tocsin.exchange import vectors
from tocsin.exchange.commands import write_vectors
from tocsin.node import cli

FILE = Path(__file__).parents[2] / "docs" / "vectors" / "protocol.json"


def test_the_vectors_come_out_the_same_again():
    known = json.loads(FILE.read_text())
    assert json.loads(json.dumps(vectors.protocol(known))) == known


def test_what_is_random_opens_and_verifies():
    vectors.check(json.loads(FILE.read_text()))


def test_what_is_random_and_altered_does_not():
    for name in ("hpke", "grant", "bundle"):
        known = json.loads(FILE.read_text())
        data = bytearray.fromhex(known["made"][name])
        data[len(data) // 2] ^= 1
        known["made"][name] = data.hex()
        with pytest.raises(AssertionError):
            vectors.check(known)


def test_the_command_writes_what_stands_in_the_docs(tmp_path, capsys):
    """`tocsin protocol vectors` on a copy of the published file changes no byte of it: what CI compares is what the command makes."""
    path = tmp_path / "protocol.json"
    path.write_text(FILE.read_text())
    with contextlib.suppress(SystemExit):
        cli.main(["protocol", "vectors", str(tmp_path), "--json"])
    assert json.loads(capsys.readouterr().out) == {"written": [str(path)]}
    assert path.read_text() == FILE.read_text()


def test_every_vector_file_in_the_docs_is_the_commands(tmp_path):
    assert {path.name for path in write_vectors(tmp_path)} == {path.name for path in FILE.parent.iterdir()}


def test_vectors_of_an_older_file_are_kept_and_what_it_lacks_is_drawn(tmp_path):
    known = json.loads(FILE.read_text())
    del known["made"]["bundle"]
    (tmp_path / "protocol.json").write_text(json.dumps(known))
    (path,) = write_vectors(tmp_path)
    anew = json.loads(path.read_text())
    assert anew["made"]["hpke"] == known["made"]["hpke"]
    assert anew["made"]["bundle"]


def test_without_a_file_everything_is_made_anew_and_checks(tmp_path):
    (path,) = write_vectors(tmp_path)
    first = path.read_text()
    write_vectors(tmp_path)
    assert path.read_text() == first
    anew = json.loads(first)
    known = json.loads(FILE.read_text())
    # Seeds decide all but what is random, and what contains it.
    for part in (
        "seeds",
        "keys",
        "merkle",
        "records",
        "chain",
        "realm_tag",
        "epoch",
        "control",
        "observations_packet",
        "receipt",
        "recovery",
        "succession",
        "bundle",
    ):
        assert anew["fixed"][part] == known["fixed"][part]
    assert anew["made"] != known["made"]

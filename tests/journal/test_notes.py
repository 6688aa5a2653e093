"""Notes, checkpoints and cosignatures are those of C2SP, and what is not one is refused in one line."""

import base64
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.journal.helpers import TestSigner

from tocsin.core import InputError
from tocsin.journal import notes, proofs
from tocsin.journal.notes import BadNote, Checkpoint, Key, Line, Note

SIGNER = TestSigner()
TEXT = Checkpoint("tocsin/ASTER/live", 16, bytes(range(32))).text()
KEY = Key("tocsin/ASTER/live", notes.LOG, SIGNER.note_public())
WITNESS = Key("tocsin/BIRCH", notes.WITNESS, SIGNER.note_public())


def signed(*more):
    return Note(TEXT, (notes.sign(TEXT, KEY.name, SIGNER), *more))


# The examples that stand in the specifications themselves.
QUASIMODO = (
    "Ognuno sta solo sul cuor della terra\ntrafitto da un raggio di sole:\n\ned è subito sera.\n\n"
    "— quasimodo.example/salvatore NnugSzTjtVAewIS+Z/iJhUPeFDkO/5QQ2i5ddnGITLlC+EhfLW9oJKONrMouFSQU0xMcXxj99ihAQwaqP3ZekRwNtIc=\n"
)
SOFA = (
    "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n"
    "— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n"
    "— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n"
)


def test_the_specifications_own_examples_read_and_come_out_as_they_were():
    for text in (QUASIMODO, SOFA):
        assert notes.parse(text).whole() == text
    assert notes.parse(QUASIMODO).text.count("\n") == 4, "the text may hold empty lines"
    note = notes.parse(SOFA)
    checkpoint = notes.parse_checkpoint(note.text)
    assert (checkpoint.origin, checkpoint.size) == ("example.com/behind-the-sofa", 20852163)
    assert checkpoint.text() == note.text
    assert int.from_bytes(note.lines[1].signature[:8], "big") == 1679315147


def test_a_key_id_is_the_hash_of_name_type_and_key():
    data = b"tocsin/ASTER/live\n\x01" + SIGNER.note_public()
    assert KEY.id() == hashlib.sha256(data).digest()[:4]
    assert KEY.id() != Key(KEY.name, notes.WITNESS, KEY.public).id()
    assert notes.parse_key(KEY.text()) == KEY
    assert notes.parse_key(WITNESS.text() + "\n") == WITNESS


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "a+b+c",
        KEY.text()[:-4],
        KEY.text().replace("live", "lice"),
        KEY.text().replace("+", " "),
        "+" + KEY.text(),
        "x+00000000+" + base64.b64encode(bytes([2]) + bytes(32)).decode(),
    ],
)
def test_a_broken_key_is_refused(text):
    with pytest.raises(BadNote):
        notes.parse_key(text)


def test_a_note_is_signed_by_whom_its_lines_name_and_by_nobody_else():
    note = notes.parse(signed().whole())
    assert note == signed()
    assert notes.is_signed(note, KEY)
    assert not notes.is_signed(note, Key(KEY.name, notes.LOG, TestSigner(seed=b"z" * 32).note_public()))
    assert not notes.is_signed(note, Key("tocsin/ASTER/lice", notes.LOG, KEY.public))
    assert not notes.is_signed(Note(TEXT.replace("16", "17"), note.lines), KEY)
    assert not notes.is_signed(Note(TEXT, ()), KEY)


def test_lines_of_strangers_do_not_matter_and_a_bad_one_of_ones_own_does():
    stranger = Line("somebody", b"1234", b"x" * 64)
    assert notes.is_signed(signed(stranger), KEY)
    assert notes.is_signed(signed(Line(KEY.name, b"1234", b"x" * 64)), KEY), "another key of the same name"
    assert not notes.is_signed(signed(Line(KEY.name, KEY.id(), b"x" * 64)), KEY)


def test_a_cosignature_bears_its_time_and_is_no_log_signature():
    line = notes.cosign(TEXT, WITNESS.name, SIGNER, 1_790_000_000)
    note = signed(line)
    assert notes.cosigned_at(note, WITNESS) == 1_790_000_000
    assert notes.cosigned_at(signed(), WITNESS) is None
    later = Line(line.name, line.key_id, (1_790_000_001).to_bytes(8, "big") + line.signature[8:])
    assert notes.cosigned_at(signed(later), WITNESS) is None, "its time is signed"
    assert notes.cosigned_at(Note(TEXT.replace("16", "17"), note.lines), WITNESS) is None
    as_log = Line(KEY.name, KEY.id(), line.signature[8:])
    assert not notes.is_signed(Note(TEXT, (as_log,)), KEY)
    for cut in (b"", line.signature[:-1], line.signature + b"x"):
        assert notes.cosigned_at(signed(Line(line.name, line.key_id, cut)), WITNESS) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "\n\n",
        TEXT,
        TEXT + "\n",
        TEXT + "\n— a b",
        TEXT + "\n— a YWJjZGU=",
        "\n\n— a YWJjZGU=\n",
        TEXT + "\n- a YWJjZGU=\n",
        TEXT + "\n— a+b YWJjZGU=\n",
        TEXT + "\n—  YWJjZGU=\n",
        TEXT + "\n— a YWJj\n",
        TEXT + "\n— a YWJjZGU\n",
        TEXT + "\n— a YWJjZGU=\nx\n",
        "tab\there\n\n— a YWJjZGU=\n",
        "x\r\n\n— a YWJjZGU=\n",
        b"\xff\n\n\xe2\x80\x94 a YWJjZGU=\n",
        TEXT + "\n" + "— a YWJjZGU=\n" * 101,
        "x" * 70_000,
    ],
)
def test_what_is_no_note_is_refused(text):
    with pytest.raises(BadNote):
        notes.parse(text)


@given(st.one_of(st.text(max_size=300), st.binary(max_size=300)))
def test_whatever_comes_is_a_note_or_refused(data):
    try:
        note = notes.parse(data)
    except BadNote as error:
        assert "\n" not in str(error)  # noqa: PT017 - either way out is right
    else:
        assert notes.parse(note.whole()) == note


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a\n",
        "a\n1\n",
        "a\n1\n\n",
        "a\n01\n{r}\n",
        "a\n-1\n{r}\n",
        "a\n1\nabc\n",
        "a\n1\nAAAA\n",
        "a\n²\n{r}\n",
        "\n1\n{r}\n",
        "a\n1\n{r}",
        "a\n" + "9" * 19 + "\n{r}\n",
    ],
)
def test_what_is_no_checkpoint_is_refused(text):
    with pytest.raises(BadNote):
        notes.parse_checkpoint(text.replace("{r}", base64.b64encode(bytes(32)).decode()))


@given(st.integers(0, 2**63 - 1), st.binary(min_size=32, max_size=32))
def test_a_checkpoint_reads_back(size, root):
    one = Checkpoint("tocsin/ASTER/exercise:x", size, root)
    assert notes.parse_checkpoint(one.text()) == one
    assert notes.parse_checkpoint(one.text() + "an extension\n") == one


# Proof files


def proof_file(**more):
    return proofs.ProofFile(proofs.Extra(salt=b"s" * 32, record=b"record", **more), 3, (bytes(32), b"x" * 32), signed())


def test_a_proof_file_has_the_lines_of_the_standard():
    text = proof_file().text()
    lines = text.split("\n")
    assert lines[0] == "c2sp.org/tlog-proof@v1"
    assert lines[1].startswith("extra ")
    assert lines[2] == "index 3"
    assert lines[3:5] == [base64.b64encode(one).decode() for one in (bytes(32), b"x" * 32)]
    assert lines[5] == ""
    assert text.endswith(signed().whole())
    assert proofs.parse(text.encode()) == proof_file()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("c2sp.org/tlog-proof@v1", "c2sp.org/tlog-proof@v2"),
        ("index 3", "index 03"),
        ("index 3", "index -3"),
        ("index 3", "index"),
        ("index 3\n", ""),
        ("extra ", "extra !"),
        ("extra ", "extra eyJ4IjoxfQ=="),
        ("index 3\n", "index 3\nAAAA\n"),
        ("index 3\n", "index 3\n" + "A" * 43 + "=\n" * 64),
        ("index 3\n", "index 3\nnot base64\n"),
        ("\n\n", "\n"),
        ("— ", "- "),
        ("index 3\n", "index 3\n" + ("A" * 43 + "=\n") * 64),
    ],
)
def test_a_proof_file_that_was_altered_is_refused_or_not_proven(old, new):
    text = proof_file().text().replace(old, new, 1)
    with pytest.raises((InputError, proofs.NotProven)) as refusal:
        proofs.check(proofs.parse(text.encode()), [KEY])
    assert "\n" not in str(refusal.value)


def test_a_proof_file_that_says_two_things_of_its_entry_proves_neither():
    with pytest.raises(proofs.NotProven, match="two things"):
        proofs.check(proof_file(entry=bytes(32)), [KEY])
    for extra in (proofs.Extra(), proofs.Extra(record=b"x"), proofs.Extra(entry=b"short")):
        with pytest.raises(proofs.NotProven, match="does not say"):
            proofs.check(proof_file()._replace(extra=extra), [KEY])


@given(st.binary(max_size=400))
def test_whatever_comes_is_a_proof_file_or_refused(data):
    for one in (data, b"c2sp.org/tlog-proof@v1\n" + data, proof_file().text().encode()[:60] + data):
        try:
            proofs.parse(one)
        except InputError as error:
            assert "\n" not in str(error)  # noqa: PT017 - either way out is right

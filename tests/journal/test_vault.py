"""The vault: opens with its secret alone, and gives back only what was wrapped for the same purpose."""

import json
import stat

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.journal.helpers import CHEAP, SECRET

from tocsin.core import Denied, InputError, SeededEntropy
from tocsin.journal import Cost, Damaged, Vault, VaultExists, WrongSecret, read_key_file

ENTROPY = SeededEntropy(1)
VAULT = Vault(bytes(range(32)))


def create(folder, secret=SECRET, cost=CHEAP):
    return Vault.create(folder, secret, SeededEntropy(1), cost=cost)


@given(st.binary(max_size=500), st.text(max_size=50).filter(lambda text: text.isascii()))
def test_what_is_wrapped_comes_back_for_the_same_purpose(data, purpose):
    wrapped = VAULT.wrap(data, purpose)
    assert VAULT.unwrap(wrapped, purpose) == data
    with pytest.raises(WrongSecret):
        VAULT.unwrap(wrapped, purpose + "x")


def test_the_secret_opens_it_again(tmp_path):
    wrapped = create(tmp_path / "new" / "folder").wrap(b"a private key", "keys")
    assert Vault.open(tmp_path / "new" / "folder", SECRET).unwrap(wrapped, "keys") == b"a private key"


@pytest.mark.parametrize("secret", [b"", b"x", SECRET[:-1], SECRET + b"\n", SECRET.upper()])
def test_any_other_secret_is_denied(tmp_path, secret):
    create(tmp_path)
    with pytest.raises(Denied) as refusal:
        Vault.open(tmp_path, secret)
    assert isinstance(refusal.value, WrongSecret)
    assert SECRET.decode() not in str(refusal.value)


def test_an_empty_secret_makes_no_vault(tmp_path):
    with pytest.raises(InputError, match="needs a secret"):
        create(tmp_path, b"")
    assert list(tmp_path.iterdir()) == []


def test_what_another_vault_wrapped_is_denied(tmp_path):
    wrapped = create(tmp_path / "a").wrap(b"x", "keys")
    with pytest.raises(WrongSecret):
        create(tmp_path / "b").unwrap(wrapped, "keys")


def test_every_altered_byte_is_noticed():
    wrapped = VAULT.wrap(b"data", "keys")
    for at in range(len(wrapped)):
        with pytest.raises(WrongSecret):
            VAULT.unwrap(wrapped[:at] + bytes([wrapped[at] ^ 1]) + wrapped[at + 1 :], "keys")
    for cut in range(len(wrapped)):
        with pytest.raises(WrongSecret):
            VAULT.unwrap(wrapped[:cut], "keys")


def test_wrapping_twice_never_looks_the_same():
    many = {VAULT.wrap(b"data", "keys") for _ in range(100)}
    assert len(many) == 100
    assert len({wrapped[1:33] for wrapped in many}) == 100, "a key of its own for each"


def test_two_vaults_from_one_seed_and_secret_have_different_master_keys(tmp_path):
    assert create(tmp_path / "a")._master != create(tmp_path / "b")._master


def test_an_existing_vault_is_never_overwritten(tmp_path):
    wrapped = create(tmp_path).wrap(b"x", "keys")
    before = (tmp_path / "vault.json").read_bytes()
    with pytest.raises(VaultExists):
        create(tmp_path, b"another secret")
    assert (tmp_path / "vault.json").read_bytes() == before
    assert Vault.open(tmp_path, SECRET).unwrap(wrapped, "keys") == b"x"
    assert [file.name for file in tmp_path.iterdir()] == ["vault.json"]


def test_a_half_written_vault_of_a_crash_is_in_nobodys_way(tmp_path):
    (tmp_path / "vault.new").write_bytes(b"half")
    create(tmp_path)
    assert Vault.open(tmp_path, SECRET)


def test_only_the_owner_may_read_it_and_it_holds_no_key_in_the_clear(tmp_path):
    vault = create(tmp_path / "node")
    assert stat.S_IMODE((tmp_path / "node" / "vault.json").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "node").stat().st_mode) == 0o700
    text = (tmp_path / "node" / "vault.json").read_bytes()
    assert vault._master not in text
    assert vault._master.hex().encode() not in text
    assert SECRET not in text
    assert "master" not in repr(vault)
    assert vault._master.hex() not in repr(vault)


def test_the_cost_is_stored_and_can_differ(tmp_path):
    create(tmp_path, cost=Cost(2, 16, 1))
    assert json.loads((tmp_path / "vault.json").read_text())["cost"] == {"passes": 2, "memory_kib": 16, "lanes": 1}
    assert Vault.open(tmp_path, SECRET)


def test_the_default_cost_is_not_less_than_rfc_9106_recommends():
    assert (Cost().passes, Cost().memory_kib, Cost().lanes) >= (3, 64 * 1024, 4)


@pytest.mark.parametrize(
    "change",
    [
        {"v": 2},
        {"cost": {"passes": 1, "memory_kib": 2**31, "lanes": 1}},
        {"cost": {"passes": 0, "memory_kib": 8, "lanes": 1}},
        {"cost": {"passes": 1, "memory_kib": 1, "lanes": 1}},
        {"cost": {"passes": 10**9, "memory_kib": 8, "lanes": 1}},
        {"cost": None},
        {"salt": 5},
        {"extra": 1},
    ],
)
def test_a_file_that_was_tampered_with_says_so(tmp_path, change):
    create(tmp_path)
    path = tmp_path / "vault.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(Damaged):
        Vault.open(tmp_path, SECRET)


@pytest.mark.parametrize("data", [b"", b"{", b"null", b"\xff\xfe", b"{}"])
def test_a_file_that_is_no_vault_says_so(tmp_path, data):
    (tmp_path / "vault.json").write_bytes(data)
    with pytest.raises(Damaged):
        Vault.open(tmp_path, SECRET)


def test_a_cheaper_cost_put_into_the_file_does_not_open_it(tmp_path):
    create(tmp_path, cost=Cost(2, 16, 1))
    path = tmp_path / "vault.json"
    path.write_text(path.read_text().replace('"passes":2', '"passes":1'))
    with pytest.raises(WrongSecret):
        Vault.open(tmp_path, SECRET)


def test_no_vault_says_what_to_do(tmp_path):
    with pytest.raises(InputError, match="tocsin init"):
        Vault.open(tmp_path / "nothing", SECRET)


def test_a_key_file_is_taken_as_it_is(tmp_path):
    path = tmp_path / "key"
    path.write_bytes(bytes(31) + b"\n")
    path.chmod(0o600)
    assert read_key_file(path) == bytes(31) + b"\n"


@pytest.mark.parametrize(
    ("data", "mode", "says"), [(bytes(32), 0o640, "read by others"), (bytes(32), 0o604, "read by others"), (b"short", 0o600, "shorter")]
)
def test_a_key_file_that_protects_nothing_is_refused(tmp_path, data, mode, says):
    path = tmp_path / "key"
    path.write_bytes(data)
    path.chmod(mode)
    with pytest.raises(InputError, match=says):
        read_key_file(path)


def test_a_key_file_that_is_not_there_is_said_in_one_line(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        read_key_file(tmp_path / "none")
    with pytest.raises(InputError):
        read_key_file(tmp_path)

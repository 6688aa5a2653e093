"""Keys are kept wrapped, cards prove themselves, prekeys die."""

import re

import pytest
from tests.exchange.helpers import CHEAP

from tocsin.core import Denied, InputError, ManualClock, SeededEntropy
from tocsin.core.times import DAY, HOUR
from tocsin.exchange import BadCard, Card, NodeKeys, nkey
from tocsin.exchange.keys import FILE, KemKey, Prekeys, hpke_wrap
from tocsin.journal import Vault

CLOCK = ManualClock(1_760_000_000_000_000)


def vault(folder, name="v"):
    return Vault.create(folder / name, b"secret", SeededEntropy(name), cost=CHEAP)


def test_keys_come_back_as_they_were_kept(tmp_path):
    keys, kept = NodeKeys.make("ASTER"), vault(tmp_path)
    keys.save(kept, tmp_path)
    again = NodeKeys.load(kept, tmp_path)
    assert again.card("A", CLOCK).identity() == keys.card("A", CLOCK).identity()
    assert again.tag_key == keys.tag_key
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600
    raw = (tmp_path / FILE).read_bytes()
    assert keys._seeds.ed25519 not in raw
    assert b"ASTER" not in raw
    keys.save(kept, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [FILE, "v"]


def test_keys_do_not_open_with_another_vault_or_when_altered(tmp_path):
    keys, kept = NodeKeys.make("ASTER"), vault(tmp_path)
    with pytest.raises(InputError, match="tocsin init"):
        NodeKeys.load(kept, tmp_path)
    keys.save(kept, tmp_path)
    with pytest.raises(Denied):
        NodeKeys.load(vault(tmp_path, "other"), tmp_path)
    data = bytearray((tmp_path / FILE).read_bytes())
    data[-1] ^= 1
    (tmp_path / FILE).write_bytes(data)
    with pytest.raises(Denied):
        NodeKeys.load(kept, tmp_path)


def test_keys_do_not_show_themselves():
    keys = NodeKeys.make("ASTER")
    assert repr(keys) == "NodeKeys('ASTER')"


@pytest.mark.parametrize("name", ["", "a.b", "a b", "a*", ">", "a_b", "x" * 33, "-a", "é"])
def test_a_name_that_cannot_stand_in_a_subject_is_refused(name):
    with pytest.raises(InputError):
        NodeKeys.make(name)


def test_a_card_goes_through_text_and_proves_itself():
    card = NodeKeys.make("ASTER").card('Watch "Aster" \\ north', CLOCK)
    again = Card.from_toml(card.to_toml())
    assert again == card
    assert re.fullmatch(r"[a-z]{5}( [a-z]{5}){8}", card.fingerprint())
    assert card.fingerprint() in card.to_toml()


def test_the_fingerprint_belongs_to_the_keys_not_to_the_day():
    keys = NodeKeys.make("ASTER")
    assert keys.card("A", CLOCK).fingerprint() == keys.card("B", ManualClock(7)).fingerprint()
    assert keys.card("A", CLOCK).fingerprint() != NodeKeys.make("ASTER").card("A", CLOCK).fingerprint()


@pytest.mark.parametrize("field", ["partner", "name", "made", "ed25519", "mldsa65", "kem", "relay", "signed_ed25519", "signed_mldsa65"])
def test_a_card_with_one_field_of_another_card_is_refused(field):
    one, other = (
        NodeKeys.make("ASTER").card("A", CLOCK).to_toml(),
        NodeKeys.make("BIRCH").card("B", ManualClock(CLOCK.now() + DAY)).to_toml(),
    )
    line = {text.split(" = ")[0]: text for text in other.splitlines()}[field]
    mixed = "\n".join(line if text.startswith(field + " ") else text for text in one.splitlines())
    with pytest.raises(BadCard):
        Card.from_toml(mixed)


@pytest.mark.parametrize(
    "text",
    ["", "x", "partner = 1", "[a]\nb = 1", "a = '" + "x" * 40_000 + "'", "partner = 'ASTER'\n", "\x00"],
)
def test_what_is_no_card_is_refused_in_one_line(text):
    with pytest.raises(BadCard) as refused:
        Card.from_toml(text)
    assert "\n" not in str(refused.value)


def test_a_card_with_more_fields_or_bad_base64_is_refused():
    text = NodeKeys.make("ASTER").card("A", CLOCK).to_toml()
    with pytest.raises(BadCard):
        Card.from_toml(text + 'more = "1"\n')
    with pytest.raises(BadCard):
        Card.from_toml(text.replace('kem = "', 'kem = "*'))


def test_relay_users_are_encoded_as_nats_says():
    public = bytes(range(32))
    text = nkey.encode_user(public)
    assert text[0] == "U"
    assert len(text) == 56
    assert nkey.decode_user(text) == public
    for wrong in (text[:-1], text[:-1] + ("A" if text[-1] != "A" else "B"), text.lower(), "S" + text[1:], "U" * 56, ""):
        with pytest.raises(InputError):
            nkey.decode_user(wrong)


def test_a_prekey_opens_until_its_grace_is_over_and_never_again():
    clock = ManualClock(1)
    prekeys = Prekeys(clock, SeededEntropy(1), period=DAY, grace=HOUR)
    first = prekeys.current()
    wrapped = hpke_wrap(b"k" * 32, first.public, b"info")
    assert prekeys.current() == first
    clock.move_to(DAY - HOUR)
    second = prekeys.current()
    assert second.id != first.id
    clock.move_to(DAY + HOUR)
    key = prekeys.get(first.id)
    assert key is not None
    assert key.open(wrapped, b"info") == b"k" * 32
    clock.move_to(DAY + HOUR + 2)
    assert prekeys.get(first.id) is None
    assert prekeys.get(second.id) is not None


def test_a_wrapping_opens_for_its_key_and_its_purpose_alone():
    one, other = KemKey.make(), KemKey.make()
    wrapped = hpke_wrap(b"k" * 32, one.public(), b"info")
    assert one.open(wrapped, b"info") == b"k" * 32
    assert one.open(wrapped, b"other") is None
    assert other.open(wrapped, b"info") is None
    assert one.open(b"", b"info") is None
    assert one.open(wrapped[:-1], b"info") is None
    with pytest.raises(BadCard):
        hpke_wrap(b"k", b"short", b"info")

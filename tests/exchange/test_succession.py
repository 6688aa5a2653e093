"""Cards follow each other by signatures, and by nothing else."""

import msgspec
import pytest
from tests.exchange.helpers import CHEAP, clearance
from tests.journal.helpers import opened

from tocsin.core import Denied, InputError, ManualClock, SeededEntropy
from tocsin.core.times import DAY, HOUR
from tocsin.exchange import Book, Card, NodeKeys, NotThatCard, RecoveryKey, Refused, Spoofed, seal, wire
from tocsin.exchange.succession import follow
from tocsin.journal import Vault

pytestmark = pytest.mark.anyio
CLOCK = ManualClock(1_760_000_000_000_000)
SAFE = RecoveryKey.make(SeededEntropy("safe"))


def fresh(name="BIRCH", recovery=SAFE):
    return NodeKeys.make(name, recovery.digest() if recovery else b"")


def card(keys):
    return keys.card("Watch of BIRCH", CLOCK)


def rotated(keys, times=1):
    for _ in range(times):
        keys = keys.rotated("Watch of BIRCH", CLOCK, HOUR)
    return keys


def recovered(keys, key=SAFE, seed="next"):
    return keys.recovered(key, RecoveryKey.make(SeededEntropy(seed)), "Watch of BIRCH", CLOCK)


def test_a_card_with_recovery_goes_through_text_and_one_without_keeps_its_first_form():
    keys = fresh()
    whole = keys.card("B", CLOCK, ("tls://relay.example:4222", "tls://[2001:db8::1]:4222"))
    assert Card.from_toml(whole.to_toml()) == whole
    plain = fresh(recovery=None).card("B", CLOCK)
    assert plain.is_first_form
    assert "recovery" not in plain.to_toml()
    assert Card.from_toml(plain.to_toml()) == plain


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("era = 0", "era = 1"),
        ("serial = 0", "serial = 1"),
        ("era = 0", "era = -1"),
        ("era = 0", "era = true"),
        ("relays = []", 'relays = ["tls://x:1"]'),
    ],
)
def test_a_card_with_an_altered_place_or_relay_is_refused(old, new):
    text = card(fresh()).to_toml()
    assert old in text
    with pytest.raises(InputError):
        Card.from_toml(text.replace(old, new))


def test_rotations_are_followed_from_wherever_a_partner_stands():
    first = fresh()
    last = rotated(first, 3)
    assert len(last.links) == 3
    assert last.place == (0, 3)
    assert follow(card(first), last.links).digest() == last.digest()
    middle = follow(card(first), last.links[:2])
    assert follow(middle, last.links).digest() == last.digest()
    assert follow(card(last), last.links).digest() == last.digest()


def test_a_link_is_of_its_card_its_signer_and_its_place():
    first = fresh()
    true = rotated(first)
    (link,) = true.links
    other = rotated(fresh())
    wrong = [
        msgspec.structs.replace(link, card=card(other).to_toml()),
        msgspec.structs.replace(link, signatures=other.links[0].signatures),
        msgspec.structs.replace(link, signatures=wire.Signatures(link.signatures.ed25519)),
        msgspec.structs.replace(link, kind="recovered"),
        msgspec.structs.replace(link, kind="other"),
        msgspec.structs.replace(link, v=2),
        msgspec.structs.replace(link, card="no card"),
        *other.links,
    ]
    for one in wrong:
        with pytest.raises(Refused, match="succession"):
            follow(card(first), [one])
    with pytest.raises(Refused):
        follow(card(first), rotated(first, 2).links[1:])


def test_a_recovery_puts_a_thief_out_again_and_a_thief_cannot_touch_it():
    first = fresh()
    thief = rotated(first, 5)  # whoever has the node's keys can rotate them
    owner = recovered(first)
    held = follow(card(first), thief.links)
    assert held.digest() == thief.digest()
    assert follow(held, owner.links).digest() == owner.digest()
    assert follow(card(owner), owner.links).digest() == owner.digest()
    # The thief's links lead nowhere from there, and its own recovery key is none.
    with pytest.raises(Denied):
        recovered(thief, RecoveryKey.make(SeededEntropy("thief")))
    assert follow(card(owner), thief.links).digest() == owner.digest()
    more = rotated(thief)
    assert follow(card(owner), [msgspec.structs.replace(more.links[-1], kind="recovered")]).digest() == owner.digest()
    later = NodeKeys(msgspec.structs.replace(thief._seeds, era=2, serial=0, links=()))
    with pytest.raises(Refused):
        follow(card(owner), [msgspec.structs.replace(more.links[-1], kind="recovered", card=card(later).to_toml())])


def test_a_rotation_that_names_another_recovery_key_is_refused():
    first = fresh()
    seeds = msgspec.structs.replace(first._seeds, recovery=RecoveryKey.make(SeededEntropy("thief")).digest())
    after = NodeKeys(msgspec.structs.replace(rotated(NodeKeys(seeds))._seeds, links=()))
    from tocsin.exchange import succession

    link = succession.rotate(first, card(first), card(after))
    with pytest.raises(Refused):
        follow(card(first), [link])


def test_a_node_that_had_no_recovery_key_takes_one_up_by_rotating():
    first = fresh(recovery=None)
    seeds = msgspec.structs.replace(first._seeds, recovery=SAFE.digest())
    from tocsin.exchange import succession

    after = NodeKeys(msgspec.structs.replace(rotated(NodeKeys(seeds))._seeds, links=()))
    assert follow(card(first), [succession.rotate(first, card(first), card(after))]).recovery == SAFE.digest()


def test_everything_lost_but_paper_and_a_card_is_enough():
    lost = card(rotated(fresh(), 2))
    next_ = RecoveryKey.make(SeededEntropy("next"))
    typed = RecoveryKey.from_text(SAFE.text("BIRCH").upper().replace("# TOCSIN", "# tocsin"))
    again = NodeKeys.from_recovery(lost, typed, next_, CLOCK)
    assert follow(lost, again.links).digest() == again.digest()
    assert again.place == (1, 0)
    with pytest.raises(Denied):
        NodeKeys.from_recovery(lost, next_, SAFE, CLOCK)
    # A recovery key serves once: the next card names the next.
    with pytest.raises(Denied):
        recovered(again)


def test_a_recovery_key_does_not_show_itself_and_is_written_once(tmp_path):
    assert repr(SAFE) == "RecoveryKey()"
    SAFE.write(tmp_path / "key", "BIRCH")
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600
    assert RecoveryKey.from_text((tmp_path / "key").read_text()).digest() == SAFE.digest()
    with pytest.raises(InputError, match="cannot be written"):
        SAFE.write(tmp_path / "key", "BIRCH")
    with pytest.raises(InputError):
        RecoveryKey.from_text("lusab babad")


def test_keys_of_the_first_release_open_and_rotated_ones_come_back(tmp_path):
    vault = Vault.create(tmp_path / "v", b"secret", SeededEntropy("v"), cost=CHEAP)
    keys = fresh(recovery=None)
    flat = [getattr(keys._seeds, name) for name in ("partner", "ed25519", "mldsa65", "mlkem768", "x25519", "relay", "tags")]
    (tmp_path / "node.keys").write_bytes(vault.wrap(msgspec.msgpack.encode(flat), "exchange/node-keys"))
    assert NodeKeys.load(vault, tmp_path).digest() == keys.digest()
    after = rotated(keys)
    after.save(vault, tmp_path)
    again = NodeKeys.load(vault, tmp_path)
    assert (again.digest(), again.links, again.former.digest()) == (after.digest(), after.links, keys.digest())


def test_keys_before_open_grants_until_their_grace_is_over():
    keys, sender = fresh(), NodeKeys.make("ASTER")
    epoch = seal.Epoch(bytes(16), bytes(range(32)), frozenset({"BIRCH"}), 1, 2)
    grant = seal.make_grant(epoch, "ASTER", card(keys), None)
    after = rotated(keys)
    assert seal.open_grant(grant, "ASTER", after, None) == epoch.key
    assert sender.former is None
    assert not after.end_former(CLOCK.now() + HOUR - 1)
    assert after.end_former(CLOCK.now() + HOUR)
    assert after.former is None
    with pytest.raises(Refused):
        seal.open_grant(grant, "ASTER", after, None)
    with pytest.raises(Refused):
        seal.open_grant(grant, "ASTER", recovered(keys), None)


async def test_an_organisation_spoofed_by_changing_its_id(tmp_path):
    """A card that claims a partner's id with other keys and no chain is refused, by hand and by wire, pinned or put out."""
    journal = await opened(tmp_path)
    book = Book(journal, CLOCK)
    true, false = fresh(), fresh()
    await book.add(card(true), clearance("BIRCH"))
    with pytest.raises(Spoofed, match="other keys"):
        await book.add(card(false), clearance("BIRCH"))
    with pytest.raises(Spoofed, match="other keys"):
        await book.add(card(false), clearance("BIRCH"), again=True)
    with pytest.raises(Refused, match="succession"):
        await book.follow("BIRCH", rotated(false).links)
    # With its own chain, but under another name than its keys were pinned for.
    other = NodeKeys(msgspec.structs.replace(true._seeds, partner="CEDAR"))
    with pytest.raises(Refused, match="succession"):
        await book.follow("BIRCH", rotated(other).links)
    assert book.get("BIRCH").card.digest() == true.digest()
    await journal.write(lambda connection: book.put_out_rows(connection, "BIRCH", "revoked", "stolen"))
    book.put_out_now("BIRCH", "revoked", "stolen")
    for keys, again, match in ((false, False, "--again"), (true, True, "these very keys"), (true, False, "these very keys")):
        with pytest.raises(Spoofed, match=match):
            await book.add(card(keys), clearance("BIRCH"), again=again)
    await journal.close()


async def test_the_book_remembers_cards_comparisons_and_who_is_out(tmp_path):
    clock = ManualClock(CLOCK.now())
    journal = await opened(tmp_path)
    book = Book(journal, clock)
    first = fresh()
    await book.add(card(first), clearance("BIRCH"))
    assert not book.standing("BIRCH").compared_at
    with pytest.raises(NotThatCard):
        await book.confirm("BIRCH", card(fresh()).fingerprint(), "mara")
    with pytest.raises(InputError, match="misheard"):
        await book.confirm("BIRCH", " ".join(card(first).fingerprint().split()[1:]), "mara")
    with pytest.raises(InputError, match="no partner"):
        await book.confirm("CEDAR", card(first).fingerprint(), "mara")
    assert not book.standing("BIRCH").compared_at
    await book.confirm("BIRCH", card(first).fingerprint().upper(), "mara")
    clock.move_to(clock.now() + DAY)
    second = rotated(first)
    await book.follow("BIRCH", second.links)
    assert book.former("BIRCH", HOUR).digest() == first.digest()
    clock.move_to(clock.now() + HOUR)
    assert book.former("BIRCH", HOUR) is None
    third = recovered(second)
    await book.follow("BIRCH", third.links)
    assert book.former("BIRCH", HOUR) is None
    again = Book(journal, clock)
    for one in (book, again):
        assert [old.how for old in one.cards("BIRCH")] == ["pinned", "rotated", "recovered"]
        assert [old.until is None for old in one.cards("BIRCH")] == [False, False, True]
        # Who holds the recovery key is to be asked anew.
        assert one.standing("BIRCH").state == "recovered"
        assert one.standing("BIRCH").compared_at is None
    await again.was_told("BIRCH", b"d" * 32)
    assert Book(journal, clock).told("BIRCH") == b"d" * 32
    await journal.write(lambda connection: again.put_out_rows(connection, "BIRCH", "revoked", "stolen"))
    again.put_out_now("BIRCH", "revoked", "stolen")
    last = Book(journal, clock)
    for one in (again, last):
        assert one.get("BIRCH") is None
        assert [p.id for p in one.put_out()] == ["BIRCH"]
        assert (one.standing("BIRCH").state, one.standing("BIRCH").reason) == ("revoked", "stolen")
        assert one.cards("BIRCH")[-1].until is not None
        assert one.told("BIRCH") == b""
    await last.add(card(fresh()), clearance("BIRCH"), again=True)
    assert [p.id for p in Book(journal, clock).partners()] == ["BIRCH"]
    assert len(Book(journal, clock).cards("BIRCH")) == 4
    await journal.close()


async def test_a_rotation_keeps_a_comparison(tmp_path):
    journal = await opened(tmp_path)
    book = Book(journal, CLOCK)
    keys = fresh()
    await book.add(card(keys), clearance("BIRCH"))
    await book.confirm("BIRCH", card(keys).fingerprint(), "mara")
    await book.follow("BIRCH", rotated(keys).links)
    assert book.standing("BIRCH").compared_by == "mara"
    await journal.close()

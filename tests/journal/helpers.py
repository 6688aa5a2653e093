"""What the journal's tests share."""

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tocsin.core import Finding, Label, ManualClock, Report, SeededEntropy, encode, make
from tocsin.journal import Cost, Entry, Journal, Log, Vault, VaultExists

CHEAP = Cost(passes=1, memory_kib=8, lanes=1)
SECRET = b"correct horse battery staple"
DAY = 86_400_000_000
LABEL = Label("p", 1, frozenset({"ASTER"}), frozenset({"ASTER", "BIRCH"}))
_entropy = SeededEntropy("tests")


def record(text="a text nobody may see", *, realm="live", kind="report", entropy=_entropy):
    if kind == "report":
        body = Report(title="title", text=text, source="source")
    else:
        body = Finding(episode="e", state="opened", indicator="i", detector="d", topic="t", text=text, since=0, until=1)
    times = {"protocol_time": 7, "realm_time": 9}
    return make(body, realm=realm, origin="ASTER", author="node", label=LABEL, entropy=entropy, **times)


def entry(text="a text nobody may see", *, proof=b"proof", **more):
    made = record(text, **more)
    return Entry(encode(made), made, proof)


def vault_of(folder):
    try:
        return Vault.create(folder, SECRET, SeededEntropy(1), cost=CHEAP)
    except VaultExists:
        return Vault.open(folder, SECRET)


async def opened(folder, clock=None, **more):
    return await Journal.open(folder, vault_of(folder), clock or ManualClock(20_000 * DAY), SeededEntropy(2), **more)


class TestSigner:
    """An Ed25519 key of a partner's name, as a node's keys give it to the journal."""

    __test__ = False

    def __init__(self, partner="ASTER", seed=b"a" * 32):
        self.partner, self._key = partner, Ed25519PrivateKey.from_private_bytes(seed)

    def note_public(self):
        return self._key.public_key().public_bytes_raw()

    def sign_note(self, text):
        assert b"\0" not in text
        return self._key.sign(text)


def log_of(journal, *, clock=None, signer=None, seed=3, **more):
    return Log(journal, signer or TestSigner(), clock or ManualClock(20_000 * DAY), SeededEntropy(seed), **more)

"""What the journal's tests share."""

from tocsin.core import Finding, Label, ManualClock, Report, SeededEntropy, encode, make
from tocsin.journal import Cost, Entry, Journal, Vault, VaultExists

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

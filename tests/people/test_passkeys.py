"""Passkeys, with an authenticator written here: its answers hold only for this place, this question, and forward."""

import hashlib
import json

import cbor2
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from tests.journal.helpers import CHEAP, vault_of
from tests.people.helpers import PASSWORD, add
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url

from tocsin.core import SeededEntropy
from tocsin.people import BadFactor, NoPasskeysHere, Pending, People, Security, WrongFactor

pytestmark = pytest.mark.anyio

ORIGIN = "https://tocsin.example:8700"


class Authenticator:
    """A security key: one EC P-256 credential, a counter, and no attestation."""

    def __init__(self, origin=ORIGIN, rp_id="tocsin.example"):
        self.origin, self.rp_id = origin, rp_id
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.id = hashlib.sha256(str(self.key.private_numbers().private_value).encode()).digest()
        self.count = 0
        self.flags = 0x01

    def _client_data(self, kind, challenge):
        return json.dumps({"type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": False}).encode()

    def _data(self, flags, more=b""):
        self.count += 1
        return hashlib.sha256(self.rp_id.encode()).digest() + bytes([flags]) + self.count.to_bytes(4, "big") + more

    def create(self, options):
        numbers = self.key.public_key().public_numbers()
        cose = cbor2.dumps({1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")})
        data = self._data(self.flags | 0x40, bytes(16) + len(self.id).to_bytes(2, "big") + self.id + cose)
        attestation = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})
        return self._answer(clientDataJSON=self._client_data("webauthn.create", options["challenge"]), attestationObject=attestation)

    def get(self, options):
        data, client = self._data(self.flags), self._client_data("webauthn.get", options["challenge"])
        signature = self.key.sign(data + hashlib.sha256(client).digest(), ec.ECDSA(hashes.SHA256()))
        return self._answer(clientDataJSON=client, authenticatorData=data, signature=signature)

    def _answer(self, **response):
        return {
            "id": bytes_to_base64url(self.id),
            "rawId": bytes_to_base64url(self.id),
            "type": "public-key",
            "clientExtensionResults": {},
            "response": {name: bytes_to_base64url(value) for name, value in response.items()},
        }


@pytest.fixture
async def people(journal, clock, tmp_path):
    return People(journal, clock, SeededEntropy(3), cost=CHEAP, vault=vault_of(tmp_path / "node"), security=Security(origin=ORIGIN))


async def registered(people, name="Keller", key=None):
    key = key or Authenticator()
    await add(people, name)
    session = await people.log_in(name, PASSWORD)
    challenge = people.logins.challenge(session)
    options = people.factors.options_to_add(name, challenge)
    added = await people.factors.add_passkey(name, key.create(options), people.logins.take_challenge(session), "blue key")
    return key, added


async def begun(people, name="Keller"):
    pending = await people.logins.begin(name, PASSWORD)
    assert isinstance(pending, Pending)
    return pending.token, people.logins.passkey_options(pending.token)


async def test_a_passkey_is_added_and_lets_its_user_in(people):
    key, added = await registered(people)
    assert added.factor.name == "blue key"
    assert len(added.recovery) == 10
    token, options = await begun(people)
    assert options["rpId"] == "tocsin.example"
    assert [base64url_to_bytes(one["id"]) for one in options["allowCredentials"]] == [key.id]
    session = await people.logins.with_passkey(token, key.get(options))
    assert session.factor == "passkey"
    assert people.session(session.token) == session


@pytest.mark.parametrize(
    "wrong",
    ["origin", "rp_id", "challenge", "signature", "counter", "type", "absent", "other key", "garbage", "huge"],
)
async def test_an_answer_that_does_not_hold_is_refused(people, wrong):
    key, _ = await registered(people)
    token, options = await begun(people)
    await people.logins.with_passkey(token, key.get(options))
    token, options = await begun(people)
    match wrong:
        case "origin":
            key.origin = "https://tocsin.example.evil:8700"
        case "rp_id":
            key.rp_id = "evil"
        case "challenge":
            options = (await begun(people))[1]
        case "counter":
            key.count = 1
        case "absent":
            key.flags = 0
        case "other key":
            own = key.id
            key = Authenticator()
            key.id = own
    answer = key.get(options)
    match wrong:
        case "signature":
            answer["response"]["signature"] = bytes_to_base64url(b"\x30\x06\x02\x01\x01\x02\x01\x01")
        case "type":
            answer = key.create(options)
        case "garbage":
            answer = {"id": answer["id"], "response": []}
        case "huge":
            answer["response"]["userHandle"] = "A" * 100_000
    with pytest.raises(WrongFactor):
        await people.logins.with_passkey(token, answer)
    assert len(people.sessions.of("Keller")) == 2


async def test_an_answer_is_good_for_one_question_and_once(people):
    key, _ = await registered(people)
    token, options = await begun(people)
    answer = key.get(options)
    await people.logins.with_passkey(token, answer)
    again, _ = await begun(people)
    with pytest.raises(WrongFactor):
        await people.logins.with_passkey(again, answer)
    with pytest.raises(WrongFactor):
        await people.logins.with_passkey(again, key.get({"challenge": bytes_to_base64url(bytes(32))}))


async def test_anothers_passkey_does_not_let_one_in(people):
    await registered(people, "Keller")
    other, _ = await registered(people, "Moser")
    token, options = await begun(people, "Keller")
    with pytest.raises(WrongFactor):
        await people.logins.with_passkey(token, other.get(options))


@pytest.mark.parametrize("wrong", ["origin", "rp_id", "challenge", "twice"])
async def test_a_passkey_made_elsewhere_is_not_added(people, wrong):
    key, _ = await registered(people, "Moser")
    if wrong != "twice":
        key = Authenticator(**{"origin": {"origin": "https://evil.example"}, "rp_id": {"rp_id": "evil"}}.get(wrong, {}))
    await add(people, "Keller")
    session = await people.log_in("Keller", PASSWORD)
    options = people.factors.options_to_add("Keller", people.logins.challenge(session))
    if wrong == "challenge":
        options = people.factors.options_to_add("Keller", people.logins.challenge(session)) and options
    with pytest.raises(BadFactor):
        await people.factors.add_passkey("Keller", key.create(options), people.logins.take_challenge(session))
    assert people.factors.of("Keller") == []


async def test_a_node_without_an_address_has_no_passkeys(journal, clock):
    people = People(journal, clock, SeededEntropy(3), cost=CHEAP)
    await add(people)
    with pytest.raises(NoPasskeysHere):
        people.factors.options_to_add("Keller", bytes(32))

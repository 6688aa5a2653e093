"""The KEM and HPKE in use are the published ones: X-Wing's and RFC 9180's own vectors, decapsulated through this node's code.

The library takes no randomness from outside, so that the published encapsulations cannot be repeated through it. What can be:
keys out of published seeds, and opening what was encapsulated to them. HPKE's key schedule (RFC 9180, section 5.1) is worked out here
once more, and held against the published keys, so that a published shared secret is enough to seal what the node must open.
"""

import hashlib
import hmac
import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, MLKEM768X25519PrivateKey, Suite

from tocsin.exchange.keys import KemKey, hpke_wrap

PUBLISHED = json.loads((Path(__file__).parent / "published" / "vectors.json").read_text())
XWING, X25519 = 0x647A, 0x0020
AES_128, AES_256, CHACHA = 1, 2, 3
CIPHERS = {AES_128: (AESGCM, 16), AES_256: (AESGCM, 32), CHACHA: (ChaCha20Poly1305, 32)}
AEADS = {AES_128: AEAD.AES_128_GCM, AES_256: AEAD.AES_256_GCM, CHACHA: AEAD.CHACHA20_POLY1305}


def of(text):
    return bytes.fromhex(text)


def key_of(seed):
    # X-Wing, section 5.2: SHAKE-256 of the seed gives ML-KEM's 64 bytes, then X25519's 32.
    expanded = hashlib.shake_256(seed).digest(96)
    return KemKey(MLKEM768PrivateKey.from_seed_bytes(expanded[:64]), X25519PrivateKey.from_private_bytes(expanded[64:]))


def schedule(kem, aead, secret, info):
    """RFC 9180, section 5.1, base mode with HKDF-SHA256: the AEAD's key and base nonce."""
    suite = b"HPKE" + kem.to_bytes(2, "big") + (1).to_bytes(2, "big") + aead.to_bytes(2, "big")

    def extract(salt, label, value):
        return hmac.digest(salt or bytes(32), b"HPKE-v1" + suite + label + value, "sha256")

    def expand(key, label, value, length):
        labelled = length.to_bytes(2, "big") + b"HPKE-v1" + suite + label + value
        return hmac.digest(key, labelled + b"\x01", "sha256")[:length]

    context = b"\x00" + extract(b"", b"psk_id_hash", b"") + extract(b"", b"info_hash", info)
    inner = extract(secret, b"secret", b"")
    return expand(inner, b"key", context, CIPHERS[aead][1]), expand(inner, b"base_nonce", context, 12)


def sealed(kem, aead, secret, info, text, aad=None):
    key, nonce = schedule(kem, aead, secret, info)
    return CIPHERS[aead][0](key).encrypt(nonce, text, aad)


def named(vectors):
    return [pytest.param(one, id=f"kem {one['kem_id']:#06x} aead {one['aead_id']}") for one in vectors]


@pytest.mark.parametrize("vector", PUBLISHED["x-wing"])
def test_keys_out_of_the_published_seeds_are_the_published_ones(vector):
    public = key_of(of(vector["seed"])).public()
    assert len(public) == 1216
    assert public == of(vector["pk"])


@pytest.mark.parametrize("vector", PUBLISHED["x-wing"])
def test_the_published_encapsulations_decapsulate_to_the_published_secrets(vector):
    """What is sealed under the published shared secret, behind the published ciphertext, opens with the published key: in our own suite."""
    key, secret, encapsulated = key_of(of(vector["seed"])), of(vector["ss"]), of(vector["ct"])
    assert len(encapsulated) == 1120
    box = sealed(XWING, AES_256, secret, b"tocsin test", b"an epoch's key of thirty-two byte")
    assert key.open(encapsulated + box, b"tocsin test") == b"an epoch's key of thirty-two byte"
    assert key.open(encapsulated + box, b"another info") is None
    other = bytes([secret[0] ^ 1]) + secret[1:]
    assert key.open(encapsulated + sealed(XWING, AES_256, other, b"tocsin test", b"no"), b"tocsin test") is None
    # Both halves count: one bit of ML-KEM's or of X25519's part gives another secret (X25519 leaves out the highest of its last byte).
    for at in (0, 1087, 1088, 1118):
        bent = bytearray(encapsulated)
        bent[at] ^= 1
        assert key.open(bytes(bent) + box, b"tocsin test") is None, at


@pytest.mark.parametrize("vector", named([*PUBLISHED["hpke"], *PUBLISHED["hpke-pq"]]))
def test_the_key_schedule_and_first_encryption_are_the_published_ones(vector):
    kem, aead, secret, info = vector["kem_id"], vector["aead_id"], of(vector["shared_secret"]), of(vector["info"])
    assert schedule(kem, aead, secret, info) == (of(vector["key"]), of(vector["base_nonce"]))
    (first,) = vector["encryptions"]
    assert sealed(kem, aead, secret, info, of(first["pt"]), of(first["aad"])) == of(first["ct"])


@pytest.mark.parametrize("vector", named([*PUBLISHED["hpke"], *PUBLISHED["hpke-pq"]]))
def test_the_library_decapsulates_the_published_base_mode_vectors(vector):
    kem, aead, info = vector["kem_id"], vector["aead_id"], of(vector["info"])
    if kem == X25519:
        private, suite = X25519PrivateKey.from_private_bytes(of(vector["skRm"])), Suite(KEM.X25519, KDF.HKDF_SHA256, AEADS[aead])
        assert private.public_key().public_bytes_raw() == of(vector["pkRm"])
    else:
        key = key_of(of(vector["skRm"]))
        assert key.public() == of(vector["pkRm"])
        private, suite = MLKEM768X25519PrivateKey(key.mlkem, key.x25519), Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEADS[aead])
    box = sealed(kem, aead, of(vector["shared_secret"]), info, b"text")
    assert suite.decrypt(of(vector["enc"]) + box, private, info=info) == b"text"


def test_the_published_hybrid_encapsulation_opens_in_the_suite_in_use():
    (vector,) = PUBLISHED["hpke-pq"]
    assert vector["kem_id"] == XWING
    box = sealed(XWING, AES_256, of(vector["shared_secret"]), b"info", b"text")
    assert key_of(of(vector["skRm"])).open(of(vector["enc"]) + box, b"info") == b"text"


def test_what_is_wrapped_to_the_published_key_opens_with_it_alone():
    key = key_of(of(PUBLISHED["x-wing"][0]["seed"]))
    wrapped = hpke_wrap(b"k" * 32, key.public(), b"info")
    # HPKE single shot: the encapsulated key (1,120 bytes in X-Wing), then the ciphertext with its tag.
    assert len(wrapped) == 1120 + 32 + 16
    assert key.open(wrapped, b"info") == b"k" * 32
    assert KemKey.make().open(wrapped, b"info") is None
    assert key.open(bytes([wrapped[0] ^ 1]) + wrapped[1:], b"info") is None

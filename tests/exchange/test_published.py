"""The KEM is the published one, as far as the library lets a test see.

The library takes no randomness from outside, so that the published encapsulations cannot be repeated through it. What
can be: keys out of published seeds, and that whatever is wrapped to them opens with them and nothing else.
"""

import hashlib

from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from tocsin.exchange.keys import KemKey, hpke_wrap

# draft-connolly-cfrg-xwing-kem, appendix C, first vector: the seed, and the beginning of the public key.
SEED = "7f9c2ba4e88f827d616045507605853ed73b8093f6efbc88eb1a6eacfa66ef26"
PUBLIC = (
    "e2236b35a8c24b39b10aa1323a96a919a2ced88400633a7b07131713fc14b2b5b19cfc3da5fa1a92c49f25513e0fd30d6b1611c9ab9635d7086727a4b7d21d34"
    "244e66969cf15b3b2a785329f61b096b277ea037383479a6b556de7231fe4b7fa9c9ac24c0699a0018a5253401bacfa905ca816573e56a2d2e067e9b7287533b"
    "a13a937dedb31fa44baced40769923610034ae31e619a170245199b3c5c39864859fe1b4c9717a07c30495bdfb98a0a002ccf56c1286cef5041dede3c44cf16b"
)


def published():
    # X-Wing, section 5.2: SHAKE-256 of the seed gives ML-KEM's 64 bytes, then X25519's 32.
    expanded = hashlib.shake_256(bytes.fromhex(SEED)).digest(96)
    return KemKey(MLKEM768PrivateKey.from_seed_bytes(expanded[:64]), X25519PrivateKey.from_private_bytes(expanded[64:]))


def test_keys_out_of_the_published_seed_are_the_published_ones():
    public = published().public()
    assert len(public) == 1216
    assert public.hex().startswith(PUBLIC)


def test_what_is_wrapped_to_the_published_key_opens_with_it_alone():
    key = published()
    wrapped = hpke_wrap(b"k" * 32, key.public(), b"info")
    # HPKE single shot: the encapsulated key (1,120 bytes in X-Wing), then the ciphertext with its tag.
    assert len(wrapped) == 1120 + 32 + 16
    assert key.open(wrapped, b"info") == b"k" * 32
    assert KemKey.make().open(wrapped, b"info") is None
    assert key.open(bytes([wrapped[0] ^ 1]) + wrapped[1:], b"info") is None

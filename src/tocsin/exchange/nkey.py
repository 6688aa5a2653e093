"""The public encoding of NATS user keys ("nkeys"): base32 of a prefix byte, 32 key bytes and a CRC-16/XMODEM, no padding."""

from __future__ import annotations

import base64
import binascii

from tocsin.core import InputError

_USER = 20 << 3  # makes the first letter a U
_LENGTH = 56


def encode_user(public_key: bytes) -> str:
    """The 56 letters that name the user whose Ed25519 public key is `public_key` (32 bytes)."""
    body = bytes([_USER]) + public_key
    return base64.b32encode(body + binascii.crc_hqx(body, 0).to_bytes(2, "little")).decode().rstrip("=")


def decode_user(text: str) -> bytes:
    """The 32 bytes of a user's public key; raises `InputError` if `text` is not one."""
    try:
        whole = base64.b32decode(text + "=" * (-len(text) % 8)) if len(text) == _LENGTH else b""
    except binascii.Error:
        whole = b""
    body, check = whole[:-2], whole[-2:]
    if len(body) != 33 or body[0] != _USER or binascii.crc_hqx(body, 0).to_bytes(2, "little") != check:
        raise InputError("this is no NATS user key: it should be 56 letters and digits that begin with U")
    return body[1:]

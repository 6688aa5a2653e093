"""One-time codes by time (RFC 6238): six digits, 30 s steps, SHA-1, which is what every authenticator app speaks."""

from __future__ import annotations

import base64
import hmac
from typing import TYPE_CHECKING

import pyotp

from tocsin.core.times import SECOND, Micros

if TYPE_CHECKING:
    from tocsin.core import Entropy

STEP_S = 30
WINDOW = 1
"""Steps before and after now that are taken too: a telephone's clock is off by some seconds, and typing takes some."""


def new_secret(entropy: Entropy) -> bytes:
    """A secret of 160 bits, as RFC 4226 recommends."""
    return entropy.take(20)


def text_of(secret: bytes) -> str:
    """The secret as an app takes it typed: base32."""
    return base64.b32encode(secret).decode().rstrip("=")


def address_of(secret: bytes, name: str, issuer: str) -> str:
    """The `otpauth://` address that a QR code shows."""
    return _totp(secret).provisioning_uri(name=name, issuer_name=issuer)


def step_of(secret: bytes, code: str, now: Micros, *, after: int) -> int | None:
    """The time step whose code `code` is, if it lies in the window round `now` and past the step `after`; else None.

    A code of a step that was used already, or of an earlier one, is none.
    """
    totp = _totp(secret)
    current = now // SECOND // STEP_S
    found = None
    for step in range(current - WINDOW, current + WINDOW + 1):
        # Every step is compared, so that the time taken does not say which one it was.
        if hmac.compare_digest(totp.generate_otp(step).encode(), code.encode("utf-8", "surrogatepass")) and step > after:
            found = step
    return found


def _totp(secret: bytes) -> pyotp.TOTP:
    return pyotp.TOTP(text_of(secret), interval=STEP_S)

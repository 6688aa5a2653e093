"""Passkeys (WebAuthn): what a browser is asked, and whether its answer holds. Pure: challenges and counters are the caller's."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

import webauthn
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from .errors import BadFactor, NoPasskeysHere, WrongFactor

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .model import Security

CHALLENGE_BYTES = 32
TIMEOUT_MS = 120_000
LARGEST = 16_384
_SELECTION = AuthenticatorSelectionCriteria(
    resident_key=ResidentKeyRequirement.DISCOURAGED, user_verification=UserVerificationRequirement.PREFERRED
)


class Registered(NamedTuple):
    """A new passkey: its id, public key (COSE) and signature counter."""

    credential: bytes
    public_key: bytes
    counter: int


def place_of(security: Security) -> tuple[str, str]:
    """The origin and the relying party id that passkeys here are bound to; raises `NoPasskeysHere` if the node has no address."""
    host = urlsplit(security.origin).hostname or ""
    if not host:
        raise NoPasskeysHere
    return security.origin.rstrip("/"), security.rp_id or host


def to_register(security: Security, name: str, handle: bytes, challenge: bytes, existing: Iterable[bytes]) -> Any:
    """What `navigator.credentials.create` is asked, as JSON values."""
    _, rp_id = place_of(security)
    options = webauthn.generate_registration_options(
        rp_id=rp_id,
        rp_name=security.issuer,
        user_name=name,
        user_id=handle,
        challenge=challenge,
        timeout=TIMEOUT_MS,
        authenticator_selection=_SELECTION,
        exclude_credentials=[PublicKeyCredentialDescriptor(id=one) for one in existing],
    )
    return json.loads(webauthn.options_to_json(options))


def registered(security: Security, answer: dict[str, Any], challenge: bytes) -> Registered:
    """The passkey that the browser made; raises `BadFactor` if its answer does not hold."""
    origin, rp_id = place_of(security)
    try:
        found = webauthn.verify_registration_response(
            credential=_checked(answer), expected_challenge=challenge, expected_rp_id=rp_id, expected_origin=origin
        )
    # The library reads what a browser sent: whatever goes wrong there is a refusal.
    except (WebAuthnException, ValueError, TypeError, KeyError, AttributeError, IndexError, AssertionError):
        raise BadFactor("the passkey's answer does not hold: try again from this node's own address") from None
    return Registered(found.credential_id, found.credential_public_key, found.sign_count)


def to_prove(security: Security, challenge: bytes, existing: Iterable[bytes]) -> Any:
    """What `navigator.credentials.get` is asked, as JSON values."""
    _, rp_id = place_of(security)
    options = webauthn.generate_authentication_options(
        rp_id=rp_id,
        challenge=challenge,
        timeout=TIMEOUT_MS,
        allow_credentials=[PublicKeyCredentialDescriptor(id=one) for one in existing],
        user_verification=UserVerificationRequirement.PREFERRED,
    )
    return json.loads(webauthn.options_to_json(options))


def proven(security: Security, answer: dict[str, Any], challenge: bytes, public_key: bytes, counter: int) -> int:
    """The passkey's new signature counter; raises `WrongFactor` if the answer does not hold or the counter went back."""
    origin, rp_id = place_of(security)
    try:
        found = webauthn.verify_authentication_response(
            credential=_checked(answer),
            expected_challenge=challenge,
            expected_rp_id=rp_id,
            expected_origin=origin,
            credential_public_key=public_key,
            credential_current_sign_count=counter,
        )
    except (WebAuthnException, ValueError, TypeError, KeyError, AttributeError, IndexError, AssertionError):
        raise WrongFactor from None
    return found.new_sign_count


def credential_of(answer: dict[str, Any]) -> bytes:
    """The id of the passkey that answered; raises `WrongFactor` if there is none."""
    try:
        return webauthn.base64url_to_bytes(str(answer["id"])[:1400])
    except (KeyError, ValueError):
        raise WrongFactor from None


def _checked(answer: dict[str, Any]) -> dict[str, Any]:
    if len(json.dumps(answer)) > LARGEST:
        raise ValueError("too large")
    return answer

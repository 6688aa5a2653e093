"""Certificates of a relay of one's own: an authority that its members pin, and a server certificate that it signs."""

from __future__ import annotations

import ipaddress
import os
import ssl
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tocsin.core import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tocsin.core import Clock

AUTHORITY, AUTHORITY_KEY = "relay-ca.pem", "relay-ca.key"
SERVER, SERVER_KEY = "relay-server.pem", "relay-server.key"
AUTHORITY_DAYS, SERVER_DAYS, RENEW_DAYS = 3650, 398, 60
LOCAL = ("localhost", "127.0.0.1", "::1")


def make_authority(folder: Path, clock: Clock) -> Path:
    """Make the folder's authority unless it has one, and give the file that members pin. Its key (0600) never leaves the folder."""
    path = folder / AUTHORITY
    if path.exists():
        return path
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Tocsin relay authority")])
    usage = x509.KeyUsage(
        digital_signature=False, content_commitment=False, key_encipherment=False, data_encipherment=False, key_agreement=False,
        key_cert_sign=True, crl_sign=True, encipher_only=False, decipher_only=False,
    )  # fmt: skip
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    made = (
        _builder(name, name, key.public_key(), clock, AUTHORITY_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(identifier, critical=False)
        .sign(key, SHA256())
    )
    _write(folder / AUTHORITY_KEY, _private(key))
    path.write_bytes(made.public_bytes(Encoding.PEM))
    return path


def make_server(folder: Path, names: Sequence[str], clock: Clock) -> tuple[Path, Path]:
    """The server's certificate and key for `names` (host names and addresses), made anew when the names change or its end is near."""
    wanted = sorted({*names, *LOCAL})
    cert, key_path = folder / SERVER, folder / SERVER_KEY
    if cert.exists() and key_path.exists() and _serves(cert, wanted, clock):
        return cert, key_path
    authority = x509.load_pem_x509_certificate(make_authority(folder, clock).read_bytes())
    signer = load_pem_private_key((folder / AUTHORITY_KEY).read_bytes(), None)
    if not isinstance(signer, ec.EllipticCurvePrivateKey):
        raise InputError(f"{folder / AUTHORITY_KEY} is not the key that `tocsin relay init` made")
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Tocsin relay")])
    made = (
        _builder(subject, authority.subject, key.public_key(), clock, SERVER_DAYS)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([_general(name) for name in wanted]), critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
        .sign(signer, SHA256())
    )
    _write(key_path, _private(key))
    cert.write_bytes(made.public_bytes(Encoding.PEM))
    return cert, key_path


def check_pair(cert: Path, key: Path) -> None:
    """Raises `InputError` unless a certificate and a key that were given belong together."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(cert, key)
    except (OSError, ssl.SSLError):
        raise InputError(f"{cert} and {key} are no certificate and key that belong together") from None


def _serves(cert: Path, wanted: list[str], clock: Clock) -> bool:
    found = x509.load_pem_x509_certificate(cert.read_bytes())
    names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return sorted(str(name.value) for name in names) == wanted and found.not_valid_after_utc - _now(clock) > timedelta(days=RENEW_DAYS)


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, clock: Clock, days: int) -> x509.CertificateBuilder:
    now = _now(clock)
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key)
    builder = builder.serial_number(x509.random_serial_number())
    # An hour for partners whose clocks are behind.
    return builder.not_valid_before(now - timedelta(hours=1)).not_valid_after(now + timedelta(days=days))


def _now(clock: Clock) -> datetime:
    return datetime.fromtimestamp(clock.now() // 1_000_000, UTC)


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _private(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _write(path: Path, data: bytes) -> None:
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)

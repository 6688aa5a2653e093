"""A small OpenID provider over loopback HTTP, with keys of its own, which can be told to say wrong things."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import json
from urllib.parse import parse_qs, urlsplit

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey


class Provider:
    """Discovery, keys and token endpoint. `claims` and `sign` change what the next ID token says and how it is signed."""

    def __init__(self, clock):
        self.clock = clock
        self.key = ECKey.generate_key("P-256", {"kid": "first", "use": "sig"}, private=True)
        self.published = [self.key]
        self.alg = "ES256"
        self.person = {"sub": "42", "preferred_username": "Ada", "groups": ["watch"]}
        self.claims = {}
        self.sign = self.signed
        self.codes = {}
        self.asked = []
        self.issuer = ""
        self.says_issuer = None

    def authorize(self, url: str, **claims) -> dict[str, str]:
        """What the browser brings back from the login page at `url`."""
        query = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        code = f"code-{len(self.codes)}"
        self.codes[code] = query
        self.claims = claims
        return {"state": query["state"], "code": code}

    def token(self, query) -> str:
        now = self.clock.now() // 1_000_000
        claims = {"iss": self.issuer, "aud": query["client_id"], "nonce": query["nonce"], "iat": now, "exp": now + 300, **self.person}
        claims |= self.claims
        return self.sign({name: value for name, value in claims.items() if value is not None})

    def signed(self, claims) -> str:
        return jwt.encode({"alg": self.alg, "kid": self.key.kid}, claims, self.key, algorithms=[self.alg])

    def unsigned(self, claims) -> str:
        parts = [base64.urlsafe_b64encode(json.dumps(one).encode()).rstrip(b"=").decode() for one in ({"alg": "none"}, claims)]
        return f"{parts[0]}.{parts[1]}."

    def with_the_public_key_as_secret(self, claims) -> str:
        public = self.key.raw_value.public_key() if hasattr(self.key.raw_value, "public_key") else self.key.raw_value
        secret = OctKey.import_key(base64.b64encode(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)))
        return jwt.encode({"alg": "HS256", "kid": self.key.kid}, claims, secret, algorithms=["HS256"])

    def with_a_key_of_its_own(self, claims) -> str:
        own = ECKey.generate_key("P-256", {"kid": self.key.kid}, private=True)
        return jwt.encode({"alg": "ES256", "kid": self.key.kid}, claims, own, algorithms=["ES256"])

    def with_rsa(self, claims) -> str:
        own = RSAKey.generate_key(2048, {"kid": "rsa", "use": "sig"}, private=True)
        self.published = [self.key, own]
        return jwt.encode({"alg": "PS256", "kid": "rsa"}, claims, own, algorithms=["PS256"])

    def rotate(self) -> None:
        self.key = ECKey.generate_key("P-256", {"kid": "second", "use": "sig"}, private=True)
        self.published = [self.key]

    def answer(self, path: str, form: dict[str, str]) -> tuple[int, dict]:
        if path.endswith("/.well-known/openid-configuration"):
            at = {name: f"{self.issuer}/{name}" for name in ("authorization_endpoint", "token_endpoint", "jwks_uri")}
            return 200, {"issuer": self.says_issuer or self.issuer, **at}
        if path.endswith("/jwks_uri"):
            return 200, {"keys": [key.as_dict(private=False) for key in self.published]}
        query = self.codes.pop(form.get("code", ""), None)
        proof = base64.urlsafe_b64encode(hashlib.sha256(form.get("code_verifier", "").encode()).digest()).rstrip(b"=").decode()
        if query is None or proof != query["code_challenge"] or form.get("client_id") != query["client_id"]:
            return 400, {"error": "invalid_grant"}
        return 200, {"access_token": "opaque", "token_type": "Bearer", "id_token": self.token(query)}

    async def _serve(self, reader, writer):
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            length = next((int(line.split(":")[1]) for line in head.splitlines() if line.lower().startswith("content-length")), 0)
            body = (await reader.readexactly(length)).decode()
            path = head.split()[1]
            self.asked.append(path.rsplit("/", 1)[-1])
            status, answer = self.answer(path, {name: values[0] for name, values in parse_qs(body).items()})
            text = json.dumps(answer).encode()
            head = f"content-type: application/json\r\ncontent-length: {len(text)}\r\nconnection: close"
            writer.write(f"HTTP/1.1 {status} -\r\n{head}\r\n\r\n".encode())
            writer.write(text)
            await writer.drain()
        writer.close()

    @contextlib.asynccontextmanager
    async def running(self):
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.issuer = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/realm"
        try:
            yield self
        finally:
            server.close()
            await server.wait_closed()

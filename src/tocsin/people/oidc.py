"""An organisation's own login (OpenID Connect Core 1.0): authorization code with PKCE, state and nonce, and an ID token checked here.

What the provider says is believed only as far as the node's configuration maps it: somebody whom no group maps gets nothing.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlencode, urlsplit

import httpx2
import msgspec
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from tocsin.core import Clearance, NotReachable
from tocsin.core.times import SECOND

from .credentials import digest_of
from .errors import BadLogin, TooManyAttempts

if TYPE_CHECKING:
    from tocsin.core import Clock, Entropy
    from tocsin.core.times import Micros

ALGORITHMS = ("RS256", "PS256", "ES256", "ES384", "EdDSA", "Ed25519")
"""What an ID token may be signed with: public-key signatures alone."""
SKEW_S = 60
OLDEST_S = 600
BEGUN_LASTS: Micros = 600 * SECOND
MOST_BEGUN = 500
KEYS_LAST: Micros = 3600 * SECOND
KEYS_AGAIN: Micros = 30 * SECOND
LARGEST = 262_144
MFA = frozenset({"mfa", "otp", "hwk"})
"""Values of `amr` (RFC 8176) that say a second factor was proven."""


class Group(msgspec.Struct, frozen=True):
    """What members of one group of the organisation may do and see here."""

    name: str
    roles: frozenset[str]
    clearance: Clearance


class Provider(msgspec.Struct, frozen=True, kw_only=True):
    """An organisation's login as the node is configured for it. `redirect`: this node's own address for the answer."""

    issuer: str
    client_id: str
    redirect: str
    client_secret: str = ""
    name_claim: str = "preferred_username"
    groups_claim: str = "groups"
    scopes: tuple[str, ...] = ("openid", "profile")
    algorithms: tuple[str, ...] = ("RS256", "PS256", "ES256")
    trusts_factor: bool = False
    groups: tuple[Group, ...] = ()

    def __repr__(self) -> str:
        return f"Provider({self.issuer!r})"


class Who(NamedTuple):
    """Whom the provider says has logged in, as far as this node's groups map it. `factor`: a second factor that counts here."""

    issuer: str
    subject: str
    name: str
    roles: frozenset[str]
    clearance: Clearance
    factor: bool


class _Begun(NamedTuple):
    nonce: str
    verifier: str
    browser: bytes
    expires: Micros


class Oidc:
    """Logins by one provider, which is asked over HTTP. What is begun is held in memory; each state is good once."""

    def __init__(self, provider: Provider, clock: Clock, entropy: Entropy) -> None:
        for address in (provider.issuer, provider.redirect):
            _safe(address)
        self.provider = provider
        self._clock, self._entropy = clock, entropy
        self._begun: dict[bytes, _Begun] = {}
        self._about: dict[str, Any] = {}
        self._keys: KeySet | None = None
        self._keys_at: Micros = 0

    async def begin(self) -> tuple[str, str]:
        """The provider's page to send the browser to, and what this browser must bring back with the answer, as a cookie."""
        about = await self._discover()
        state, nonce, verifier, browser = (_text(self._entropy.take(32)) for _ in range(4))
        now = self._clock.now()
        self._begun = {key: one for key, one in self._begun.items() if one.expires > now}
        if len(self._begun) >= MOST_BEGUN:
            raise TooManyAttempts(BEGUN_LASTS // SECOND)
        self._begun[digest_of(state)] = _Begun(nonce, verifier, digest_of(browser), now + BEGUN_LASTS)
        query = {
            "response_type": "code",
            "client_id": self.provider.client_id,
            "redirect_uri": self.provider.redirect,
            "scope": " ".join(self.provider.scopes),
            "state": state,
            "nonce": nonce,
            "code_challenge": _text(hashlib.sha256(verifier.encode()).digest()),
            "code_challenge_method": "S256",
        }
        endpoint = about["authorization_endpoint"]
        return f"{endpoint}{'&' if urlsplit(endpoint).query else '?'}{urlencode(query)}", browser

    async def finish(self, state: str, code: str, browser: str, issuer: str = "") -> Who:
        """Whom the provider's answer lets in; raises `BadLogin`, `NotReachable`. `issuer`: the answer's `iss` (RFC 9207), if it has one."""
        begun = self._begun.pop(digest_of(state), None)
        if begun is None or begun.expires <= self._clock.now() or not hmac.compare_digest(begun.browser, digest_of(browser)):
            raise BadLogin("this login was not begun here, or is over: begin again")
        if issuer and issuer != self.provider.issuer:
            raise BadLogin("the answer comes from another provider")
        about = await self._discover()
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.provider.redirect,
            "client_id": self.provider.client_id,
            "code_verifier": begun.verifier,
        }
        if self.provider.client_secret:
            form["client_secret"] = self.provider.client_secret
        answer = await self._ask("POST", about["token_endpoint"], form)
        token = answer.get("id_token")
        if not isinstance(token, str):
            raise BadLogin("the provider gave no ID token")
        return self._who(await self._claims(token), begun.nonce)

    async def _claims(self, token: str) -> dict[str, Any]:
        try:
            return self._decoded(token, await self._key_set(again=False))
        except (JoseError, ValueError, TypeError, KeyError):
            # Perhaps the provider has changed its keys since we asked; they are asked for again, but not at every wrong token.
            if self._clock.now() < self._keys_at + KEYS_AGAIN:
                raise BadLogin("the ID token's signature does not hold") from None
        try:
            return self._decoded(token, await self._key_set(again=True))
        except (JoseError, ValueError, TypeError, KeyError):
            raise BadLogin("the ID token's signature does not hold") from None

    def _decoded(self, token: str, keys: KeySet) -> dict[str, Any]:
        # The list of algorithms is the node's, never the token's: neither `none` nor a shared secret is on it.
        allowed = [one for one in self.provider.algorithms if one in ALGORITHMS]
        return dict(jwt.decode(token, keys, algorithms=allowed).claims)

    def _who(self, claims: dict[str, Any], nonce: str) -> Who:
        provider, now = self.provider, self._clock.now() // SECOND
        audience = claims.get("aud")
        audiences = [audience] if isinstance(audience, str) else audience
        if claims.get("iss") != provider.issuer:
            raise BadLogin("the ID token is of another issuer")
        if not isinstance(audiences, list) or provider.client_id not in audiences:
            raise BadLogin("the ID token is for somebody else")
        if (len(audiences) > 1 or "azp" in claims) and claims.get("azp") != provider.client_id:
            raise BadLogin("the ID token was given to somebody else")
        expires, issued = (claims.get(name) for name in ("exp", "iat"))
        if isinstance(expires, bool) or not isinstance(expires, int | float) or now >= expires + SKEW_S:
            raise BadLogin("the ID token has expired")
        if isinstance(issued, bool) or not isinstance(issued, int | float) or not now - OLDEST_S <= issued <= now + SKEW_S:
            raise BadLogin("the ID token was not issued just now: are the clocks right?")
        said = claims.get("nonce")
        if not isinstance(said, str) or not hmac.compare_digest(said.encode("utf-8", "replace"), nonce.encode()):
            raise BadLogin("the ID token answers another login")
        subject, name = claims.get("sub"), claims.get(provider.name_claim)
        if not isinstance(subject, str) or not 0 < len(subject) <= 255:
            raise BadLogin("the ID token names no subject")
        if not isinstance(name, str) or not name:
            raise BadLogin(f"the ID token has no {provider.name_claim}")
        roles, clearance = self._mapped(claims.get(provider.groups_claim))
        methods = claims.get("amr")
        factor = provider.trusts_factor and isinstance(methods, list) and not MFA.isdisjoint(map(str, methods))
        return Who(provider.issuer, subject, name, roles, clearance, factor)

    def _mapped(self, groups: Any) -> tuple[frozenset[str], Clearance]:
        # Several groups: all their roles, and the highest level that one of them gives, with that one's caveats.
        wanted = set(map(str, groups)) if isinstance(groups, list) else {groups} if isinstance(groups, str) else set()
        found = [group for group in self.provider.groups if group.name in wanted]
        if not found:
            raise BadLogin("none of your groups may log in here: ask the node's administrator")
        best = max(found, key=lambda group: group.clearance.classification)
        return frozenset().union(*(group.roles for group in found)), best.clearance

    async def _discover(self) -> dict[str, Any]:
        if not self._about:
            about = await self._ask("GET", self.provider.issuer.rstrip("/") + "/.well-known/openid-configuration")
            if about.get("issuer") != self.provider.issuer:
                raise BadLogin("the provider calls itself by another name than node.toml does")
            for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
                if not isinstance(about.get(name), str):
                    raise BadLogin(f"the provider's description lacks {name}")
                _safe(about[name])
            self._about = about
        return self._about

    async def _key_set(self, *, again: bool) -> KeySet:
        now = self._clock.now()
        if self._keys is None or again or now >= self._keys_at + KEYS_LAST:
            about = await self._discover()
            found = await self._ask("GET", about["jwks_uri"])
            keys = [key for key in found.get("keys", ()) if isinstance(key, dict) and key.get("kty") in {"RSA", "EC", "OKP"}]
            self._keys, self._keys_at = KeySet.import_key_set({"keys": [k for k in keys if k.get("use", "sig") == "sig"]}), now
        return self._keys

    async def _ask(self, method: str, address: str, form: dict[str, str] | None = None) -> dict[str, Any]:
        try:
            async with httpx2.AsyncClient(timeout=10, follow_redirects=False, trust_env=False) as http:
                answer = await http.request(method, address, data=form, headers={"accept": "application/json"})
        except httpx2.HTTPError:
            raise NotReachable(f"the login at {urlsplit(self.provider.issuer).hostname} does not answer") from None
        if answer.status_code != 200 or len(answer.content) > LARGEST:
            raise BadLogin(f"the provider refused: {answer.status_code}")
        try:
            found = msgspec.json.decode(answer.content)
        except msgspec.MsgspecError:
            found = None
        if not isinstance(found, dict):
            raise BadLogin("the provider's answer is no JSON object")
        return found


def _safe(address: str) -> None:
    parts = urlsplit(address)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in {"127.0.0.1", "::1", "localhost"}):
        raise BadLogin("a provider's addresses begin with https://")


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()

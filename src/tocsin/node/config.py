"""What an operator writes down about a node: `node.toml`. It holds no secret."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

import msgspec
import tomli_w

from tocsin.core import Clearance, InputError, LabelPolicy
from tocsin.core.times import seconds
from tocsin.exchange.relayconf import Serving
from tocsin.people import Role, Security

from .errors import BadConfig, NotANode

FILE = "node.toml"
Port = Annotated[int, msgspec.Meta(ge=0, le=65535)]
ALGORITHMS = ("RS256", "PS256", "ES256", "ES384", "EdDSA", "Ed25519")
"""What an ID token may be signed with: public-key signatures alone."""
_PARTNER = re.compile(r"[A-Z][A-Z0-9-]{0,23}")


class HttpConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the console listens. Port 0 takes a free one.

    `certificate` and `key`: PEM files in the node's folder, for TLS; `client_ca`: whose certificates machine clients may show.
    """

    host: str = "127.0.0.1"
    port: Port = 8700
    certificate: str = ""
    key: str = ""
    client_ca: str = ""


class RelayConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The relay that partners meet at. Without a URL the node stays by itself; `supervise` runs one here.

    `url` may name several, with commas, which are tried in turn; `ca` is the file that holds the relay's certificate authority.
    A relay that runs here listens on `host` under `names`, with TLS where that is not the loopback.
    """

    url: str = ""
    supervise: bool = False
    port: Port = 4222
    ca: str = ""
    host: str = "127.0.0.1"
    names: tuple[str, ...] = ()

    @property
    def serving(self) -> Serving:
        """How a relay here is served."""
        return Serving(host=self.host, port=self.port, names=self.names, tls=bool(self.names))

    @property
    def addresses(self) -> tuple[str, ...]:
        """The relays' addresses that others can use too."""
        here = (f"tls://{name}:{self.port}" for name in self.names) if self.supervise else ()
        return tuple(url for url in (*here, *self.url.split(",")) if url.startswith("tls://"))[:8]


class LogConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The journal's log: seconds between checkpoints, and how many partners must witness it (0: none)."""

    every_s: Annotated[int, msgspec.Meta(ge=1, le=86_400)] = 300
    witnesses: Annotated[int, msgspec.Meta(ge=0, le=100)] = 0


class FeedConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One feed. `kind`: readsb (an aircraft.json by URL or path) or sbs (host:port), both live; what it brings bears this label."""

    name: str
    kind: Literal["readsb", "sbs"]
    at: str
    classification: str
    releasable_to: tuple[str, ...] = ()
    caveats: tuple[str, ...] = ()
    communities: tuple[tuple[str, ...], ...] = ()
    terms: tuple[str, ...] = ()
    interval_s: float = 1.0


class GroupConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What members of one group of the organisation may do and see here; a group that is not named gives nothing."""

    name: str
    roles: tuple[str, ...]
    clearance: str
    caveats: tuple[str, ...] = ()


class OidcConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The organisation's own login (OpenID Connect). `client_secret_file`: a file in the node's folder, for its owner alone.

    `trusts_factor`: a second factor that the provider says it saw (`amr` mfa, otp or hwk) counts here too.
    """

    issuer: str
    client_id: str
    client_secret_file: str = ""
    name_claim: str = "preferred_username"
    groups_claim: str = "groups"
    scopes: tuple[str, ...] = ("openid", "profile")
    algorithms: tuple[str, ...] = ("RS256", "PS256", "ES256")
    trusts_factor: bool = False
    groups: tuple[GroupConfig, ...] = ()


class PeopleConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """How people are let in.

    `origin`: the console's address as browsers see it, which passkeys are bound to; `rp_id`: its host unless said.
    `second_factor`: optional, privileged (approvers, security officers, administrators must have one) or required. `step_up`: sensitive
    acts want it proven within five minutes. `single_approver`: one person's approval is enough, and everything it approved says so.
    """

    second_factor: Literal["optional", "privileged", "required"] = "optional"
    step_up: bool = False
    single_approver: bool = False
    session_hours: Annotated[float, msgspec.Meta(gt=0, le=24)] = 12
    idle_minutes: Annotated[float, msgspec.Meta(gt=0, le=1440)] = 120
    invitation_hours: Annotated[float, msgspec.Meta(gt=0, le=720)] = 72
    origin: str = ""
    rp_id: str = ""
    oidc: OidcConfig | None = None


class ClockConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A demonstration's live clock: it stands at `start` (µs UTC) until it is let go, then runs `speed` times as fast."""

    start: int
    speed: float


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """A node's configuration. `community` is its file, as community.toml, `policies` the folder of the site's Cedar policies."""

    id: str
    name: str
    policy: LabelPolicy
    clearance: str
    caveats: tuple[str, ...] = ()
    http: HttpConfig = HttpConfig()
    relay: RelayConfig = RelayConfig()
    log: LogConfig = LogConfig()
    people: PeopleConfig = PeopleConfig()
    feeds: tuple[FeedConfig, ...] = ()
    topics: tuple[str, ...] = ("airborne-rapid-deployment",)
    fence: tuple[tuple[float, float], ...] = ()
    civil_hours: float = 24
    notice: str = ""
    community: str = ""
    policies: str = ""
    rehearsal_recording: str = ""
    demo_clock: ClockConfig | None = None

    @property
    def own(self) -> Clearance:
        """What the node itself may read: its people's highest."""
        # Who takes a feed in has accepted its terms.
        terms = tuple(sorted({term for feed in self.feeds for term in feed.terms}))
        return Clearance(self.policy.name, self.id, self.policy.rank(self.clearance), frozenset(self.caveats), terms=terms)

    @property
    def security(self) -> Security:
        """How strictly people are let in, as their room takes it."""
        people = self.people
        return Security(
            second_factor=people.second_factor,
            step_up=people.step_up,
            lasts=seconds(people.session_hours * 3600),
            idle=seconds(people.idle_minutes * 60),
            invitation_lasts=seconds(people.invitation_hours * 3600),
            single_approver=people.single_approver,
            origin=people.origin,
            rp_id=people.rp_id,
            issuer=f"Tocsin {self.id}",
        )


def read(folder: Path) -> Config:
    """The configuration in `folder`; raises `NotANode` or `BadConfig`."""
    try:
        text = (folder / FILE).read_bytes()
    except OSError:
        raise NotANode(folder) from None
    return parse(text)


def parse(text: bytes) -> Config:
    """A configuration out of TOML; raises `BadConfig`, which names the key."""
    try:
        found = msgspec.convert(tomllib.loads(text.decode()), Config)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise BadConfig(f"{FILE}: {error}") from None
    _check(found)
    return found


def dump(config: Config) -> str:
    """`config` as TOML."""
    return tomli_w.dumps(msgspec.to_builtins(config))


def changed(config: Config, table: str, name: str, value: str | bool | float) -> Config:
    """`config` with one value of a table exchanged; raises `BadConfig` if it does not fit."""
    told = msgspec.to_builtins(config)
    return parse(tomli_w.dumps(told | {table: told.get(table, {}) | {name: value}}).encode())


def write(folder: Path, config: Config) -> None:
    """Write `config` into its folder."""
    (folder / FILE).write_text(dump(config))


def _check(config: Config) -> None:
    if not _PARTNER.fullmatch(config.id):
        raise BadConfig(f"{FILE}: id {config.id!r}: use 1 to 24 capitals, digits and hyphens, a capital first")
    try:
        config.relay.serving.check()
    except InputError as error:
        raise BadConfig(f"{FILE}: relay: {error}") from None
    for address in filter(None, (one.strip() for one in config.relay.url.split(","))):
        if urlsplit(address).scheme not in {"nats", "tls"} or not urlsplit(address).hostname:
            raise BadConfig(f"{FILE}: relay.url {address[:60]!r}: write tls://relay.example:4222, or nats://127.0.0.1:4222 on this machine")
    if not config.policy.levels or len(set(config.policy.levels)) != len(config.policy.levels):
        raise BadConfig(f"{FILE}: policy.levels must be named once each, the lowest first")
    if len(names := [feed.name for feed in config.feeds]) != len(set(names)):
        raise BadConfig(f"{FILE}: two feeds bear one name")
    if not 0 < config.civil_hours <= 24:
        raise BadConfig(f"{FILE}: civil_hours is more than 0 and at most 24")
    for level in (config.clearance, *(feed.classification for feed in config.feeds)):
        config.policy.rank(level)
    origin = urlsplit(config.people.origin)
    if config.people.origin and (origin.scheme not in {"http", "https"} or not origin.hostname or origin.path not in {"", "/"}):
        raise BadConfig(f"{FILE}: people.origin is the console's address, like https://tocsin.example:8700")
    if config.people.rp_id and f".{origin.hostname}".removesuffix(f".{config.people.rp_id}") == f".{origin.hostname}":
        raise BadConfig(f"{FILE}: people.rp_id is the host of people.origin, or a domain above it")
    _check_login(config)
    if config.demo_clock is not None and not config.notice:
        raise BadConfig(f"{FILE}: a demo_clock needs a notice, which every page shows")


def _check_login(config: Config) -> None:
    if bool(config.http.certificate) != bool(config.http.key) or (config.http.client_ca and not config.http.certificate):
        raise BadConfig(f"{FILE}: http.certificate and http.key go together, and http.client_ca needs both")
    if (oidc := config.people.oidc) is None:
        return
    if not config.people.origin:
        raise BadConfig(f"{FILE}: people.oidc needs people.origin, the address that the provider sends people back to")
    if not oidc.algorithms or not set(oidc.algorithms) <= set(ALGORITHMS):
        raise BadConfig(f"{FILE}: people.oidc.algorithms are out of {', '.join(ALGORITHMS)}")
    for group in oidc.groups:
        if config.policy.rank(group.clearance) > config.own.classification or not set(group.caveats) <= config.own.caveats:
            raise BadConfig(f"{FILE}: people.oidc.groups {group.name!r}: nobody here is cleared above the node itself")
        if not group.roles or not set(group.roles) <= {role.value for role in Role}:
            raise BadConfig(f"{FILE}: people.oidc.groups {group.name!r}: roles are out of {', '.join(Role)}")

"""The organisation's own login through the node's own routes, and what node.toml may say about it."""

import asyncio
from urllib.parse import parse_qs

import httpx2
import pytest
from msgspec import structs

from tests.people.provider import Provider
from tocsin.node import config
from tocsin.node.config import GroupConfig, OidcConfig, PeopleConfig
from tocsin.node.errors import BadConfig
from tocsin.node.system import SystemClock

from .helpers import make, opened, serving

GROUPS = (GroupConfig("watch", ("watch-officer",), "RESTRICTED"),)
CALLBACK = "/session/oidc/callback"


def run(work, tmp_path, **more):
    async def whole():
        folder = await make(tmp_path / "aster")
        (folder / "oidc.secret").write_text("the client's secret\n")
        (folder / "oidc.secret").chmod(0o600)
        async with Provider(SystemClock()).running() as provider:
            oidc = OidcConfig(provider.issuer, "tocsin", client_secret_file="oidc.secret", groups=GROUPS)
            people = PeopleConfig(origin="http://localhost:8700", oidc=oidc, **more)
            config.write(folder, structs.replace(config.read(folder), people=people))
            async with opened(folder) as node, serving(node) as url, httpx2.AsyncClient(base_url=url, timeout=20) as browser:
                await work(node, browser, provider)

    asyncio.run(whole())


async def through(browser, provider, **claims):
    begun = await browser.post("/session/oidc")
    assert begun.status_code == 200, begun.text
    cookie = begun.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    return await browser.get(CALLBACK, params=provider.authorize(begun.json()["url"], **claims))


def test_the_organisations_login_gives_a_session(tmp_path):
    async def work(node, browser, provider):
        assert (await browser.get("/session/ways")).json() == {"password": True, "organisation": "127.0.0.1"}
        page = await through(browser, provider)
        assert 'content="0;url=/"' in page.text
        session = (await browser.get("/session")).json()
        assert (session["user"], session["roles"]) == ("Ada", ["watch-officer"])
        assert node.people.user("Ada").clearance.classification == 1

    run(work, tmp_path)


def test_a_refusal_leads_back_to_the_login_page_with_its_reason(tmp_path):
    async def work(node, browser, provider):
        for page in (
            await through(browser, provider, groups=["choir"]),
            await through(browser, provider, aud="another"),
            await browser.get(CALLBACK, params={"state": "x", "code": "x"}),
            await browser.get(CALLBACK, params={"error": "<script>alert(1)</script>"}),
        ):
            assert "#refused=" in page.text
            assert "script" not in page.text
            assert "tocsin_session" not in page.headers.get("set-cookie", "")
        assert (await browser.get("/session")).status_code == 401
        assert [user.name for user in node.people.users()] == ["mara"]

    run(work, tmp_path)


def test_another_browser_cannot_be_logged_in_by_a_link(tmp_path):
    async def work(node, browser, provider):
        begun = await browser.post("/session/oidc")
        back = provider.authorize(begun.json()["url"])
        async with httpx2.AsyncClient(base_url=browser.base_url, timeout=20) as victim:
            page = await victim.get(CALLBACK, params=back)
            assert "#refused=" in page.text
            assert (await victim.get("/session")).status_code == 401

    run(work, tmp_path)


def test_where_a_factor_is_demanded_the_organisations_login_is_the_first_step(tmp_path):
    async def work(node, browser, provider):
        page = await through(browser, provider)
        where = page.text.partition("url=/#")[2].partition('"')[0].replace("&amp;", "&")
        said = {name: values[0] for name, values in parse_qs(where).items()}
        assert said["enrol"] == "1"
        assert (await browser.get("/session")).status_code == 401
        offered = await browser.post("/session/enrol/totp/options", json={"pending": said["pending"]})
        assert offered.json()["address"].startswith("otpauth://")

    run(work, tmp_path, second_factor="required")


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"algorithms": ("HS256",)}, "algorithms"),
        ({"algorithms": ("none",)}, "algorithms"),
        ({"algorithms": ()}, "algorithms"),
        ({"groups": (GroupConfig("watch", ("king",), "RESTRICTED"),)}, "roles are out of"),
        ({"groups": (GroupConfig("watch", (), "RESTRICTED"),)}, "roles are out of"),
        ({"groups": (GroupConfig("watch", ("reader",), "RESTRICTED", ("KITE",)),)}, "cleared above"),
    ],
)
def test_a_configuration_that_would_let_too_much_in_is_refused(tmp_path, changes, says):
    folder = asyncio.run(make(tmp_path / "aster"))
    before = config.read(folder)
    oidc = structs.replace(OidcConfig("https://login.example", "tocsin", groups=GROUPS), **changes)
    with pytest.raises(BadConfig, match=says):
        config.parse(config.dump(structs.replace(before, people=PeopleConfig(origin="https://t.example", oidc=oidc))).encode())
    with pytest.raises(BadConfig, match=r"needs people\.origin"):
        config.parse(config.dump(structs.replace(before, people=PeopleConfig(oidc=OidcConfig("https://l.example", "t")))).encode())


@pytest.mark.parametrize(
    "people",
    [
        PeopleConfig(origin="tocsin.example"),
        PeopleConfig(origin="https://t.example/console"),
        PeopleConfig(origin="https://t.example", rp_id="e"),
    ],
)
def test_an_address_that_passkeys_cannot_be_bound_to_is_refused(tmp_path, people):
    folder = asyncio.run(make(tmp_path / "aster"))
    with pytest.raises(BadConfig, match=r"people\."):
        config.parse(config.dump(structs.replace(config.read(folder), people=people)).encode())


def test_a_secret_that_others_may_read_is_refused(tmp_path):
    async def whole():
        folder = await make(tmp_path / "aster")
        (folder / "oidc.secret").write_text("x")
        (folder / "oidc.secret").chmod(0o644)
        oidc = OidcConfig("https://login.example", "tocsin", client_secret_file="oidc.secret")
        config.write(folder, structs.replace(config.read(folder), people=PeopleConfig(origin="https://t.example", oidc=oidc)))
        with pytest.raises(BadConfig, match="others may read"):
            async with opened(folder):
                pass

    asyncio.run(whole())

"""Logging in with a second factor, in a real browser against a real node: codes, and a passkey of Chromium's virtual authenticator."""

from __future__ import annotations

import json
import re
import socket

import pyotp
import pytest
from tests.browser.nodes import PASSWORD, running, tocsin

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

KEY = {
    "protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True, "isUserVerified": True,
    "automaticPresenceSimulation": True,
}  # fmt: skip


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    folder = tmp_path_factory.mktemp("login") / "aster"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    tocsin("init", folder, "--id", "ASTER", "--name", "Aster watch floor", "--user", "mara", "--port", port, "--json")
    with (folder / "node.toml").open("a") as file:
        file.write(f'\n[people]\nsecond_factor = "required"\norigin = "http://localhost:{port}"\n')
    link = json.loads(tocsin("user", "invite", folder, "cy", "--roles", "analyst", "--json"))["link"]
    with running(folder):
        yield f"http://localhost:{port}", link


def password(page, name):
    page.fill("input[name=name]", name)
    page.fill("input[type=password]", PASSWORD)
    page.keyboard.press("Enter")


def out(page):
    page.context.clear_cookies()
    page.reload()
    page.wait_for_selector("input[name=name]")


def test_a_passkey_is_added_at_the_first_login_and_asked_for_at_the_next(open_page, node):
    address, _ = node
    page = open_page(address, expect=("401",), wait=False)
    devtools = page.context.new_cdp_session(page)
    devtools.send("WebAuthn.enable")
    key = devtools.send("WebAuthn.addVirtualAuthenticator", {"options": KEY})["authenticatorId"]
    password(page, "mara")
    page.get_by_role("button", name="A passkey").click()
    page.get_by_text("Recovery codes").wait_for()
    assert page.locator(".codes li").count() == 10
    assert len(devtools.send("WebAuthn.getCredentials", {"authenticatorId": key})["credentials"]) == 1
    page.get_by_role("button", name="I have them").click()
    page.wait_for_selector("#page")
    out(page)
    password(page, "mara")
    page.get_by_role("button", name="Use a passkey").click()
    page.wait_for_selector("#page")
    # A key that is gone proves nothing, and the page says so.
    devtools.send("WebAuthn.clearCredentials", {"authenticatorId": key})
    out(page)
    password(page, "mara")
    page.get_by_role("button", name="Use a passkey").click()
    page.get_by_text("The passkey did not answer").wait_for()


def test_an_invited_person_chooses_a_password_and_adds_codes(open_page, node):
    address, link = node
    assert link.startswith(address)
    page = open_page(address, hash=link.removeprefix(f"{address}/"), expect=("401",), wait=False)
    page.get_by_text("You are invited as cy").wait_for()
    page.fill("input[type=password]", PASSWORD)
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Codes from an app").click()
    secret = page.locator(".secret").inner_text()
    assert re.fullmatch("[A-Z2-7]{32}", secret)
    page.fill("input[name=code]", pyotp.TOTP(secret).now())
    page.keyboard.press("Enter")
    page.get_by_role("button", name="I have them").click()
    page.wait_for_selector("#page")
    out(page)
    password(page, "cy")
    page.fill("input[name=code]", "000000")
    page.keyboard.press("Enter")
    page.get_by_text("does not hold").wait_for()

"""One Chromium, one stand-in and one real node for all browser tests of a process; pages that fail the test if anything is refused,
fetched from elsewhere or thrown."""

from __future__ import annotations

import fcntl
import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright
from tests.browser.nodes import PASSWORD, running, tocsin
from tests.browser.standin import App, Scene, serve

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))

import build_console
import chromium

# Drawing in software takes most of a test's time: those that do not look at the map run as in a browser that cannot draw it.
NO_MAP = """
const real = HTMLCanvasElement.prototype.getContext
HTMLCanvasElement.prototype.getContext = function (kind, ...rest) { return kind === 'webgl2' ? null : real.call(this, kind, ...rest) }
"""

# Says on the document while anything is asked for: what is on its way moves the page when it comes, from under whatever is clicked.
ASKING = """
const ask = window.fetch
let asked = 0
const say = () => document.documentElement.toggleAttribute('data-asking', asked > 0)
window.fetch = (...words) => {
  asked += 1
  say()
  return ask(...words).finally(() => {
    asked -= 1
    say()
  })
}
"""


@pytest.fixture(scope="session")
def browser():
    # Two processes of tests would build into one folder.
    chromium.CACHE.mkdir(parents=True, exist_ok=True)
    with (chromium.CACHE / ".building").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        build_console.build()
    found = chromium.find()
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(
            executable_path=str(found.program), env={**os.environ, **found.environment}, args=list(chromium.FLAGS)
        )
        yield launched
        launched.close()


@pytest.fixture(scope="session")
def stand():
    """The stand-in's application, and its address: one server, which each test gives a scene of its own."""
    app = App(Scene())
    with serve(app) as address:
        yield app, address


@pytest.fixture
def served(stand):
    """Serves the one scene of a test; gives the address. `rate`: seconds of the realm for each second."""
    app, address = stand
    shown = []

    def show(scene, rate=1.0):
        assert not shown, "a test has one scene"
        shown.append(scene)
        app.show(scene, rate)
        return address

    return show


@pytest.fixture
def scene():
    """What the stand-in shows to a test, which may change it."""
    return Scene()


@pytest.fixture
def address(scene, served):
    """Where the scene is served, its realm's time four times as fast."""
    return served(scene, 4)


@pytest.fixture
def at(open_page, address):
    """Opens a page of the live realm on the scene."""
    return lambda where, **more: open_page(address, hash=f"#/live/{where}", **more)


@pytest.fixture(scope="session")
def home(tmp_path_factory):
    """A real node with a partner: its folder, its address, the words of the partner's keys. `mara` does everything there."""
    base = tmp_path_factory.mktemp("home")
    folder, other = base / "aster", base / "birch"
    with ThreadPoolExecutor(2) as pool:
        founded = [
            pool.submit(tocsin, "init", folder, "--id", "ASTER", "--name", "Aster watch floor", "--user", "mara", "--port", "0", "--json"),
            pool.submit(tocsin, "init", other, "--id", "BIRCH", "--name", "Birch coast guard", "--user", "olaf", "--port", "0", "--json"),
        ]
        for one in founded:
            one.result()
    with (folder / "node.toml").open("a", encoding="utf-8") as file:
        file.write("\n[log]\nevery_s = 1\n")
    card = base / "birch.card"
    shown = json.loads(tocsin("partner", "card", other, "--json"))
    card.write_text(shown["card"], encoding="utf-8")
    tocsin("partner", "add", folder, card, "--clearance", "RESTRICTED", "--json")
    with running(folder) as address:
        yield folder, address, shown["fingerprint"]


@pytest.fixture
def at_home(open_page, home):
    """Opens an address of the real node as mara, logged in."""

    def open_one(hash="", expect=()):
        # Before the login the session is asked for, and answered 401: Chromium calls that an error.
        page = open_page(home[1], hash=hash, expect=("401", *expect), wait=False)
        page.fill("input[name=name]", "mara")
        page.fill("input[type=password]", PASSWORD)
        page.keyboard.press("Enter")
        page.wait_for_selector("#page")
        return page

    return open_one


@pytest.fixture
def open_page(browser, served):
    """Opens an address in a browser of its own; at the end nothing must have been thrown, refused or asked of another host."""
    contexts, wrong = [], []

    def open_one(
        address, *, hash="", width=None, height=None, scheme="dark", motion="reduce", expect=(), wait=True, map=False, **options
    ):  # fmt: skip
        # A map is drawn by the processor here: it costs by the pixel, and goes on for a while in the test that comes after.
        width, height = width or (960 if map else 1440), height or (640 if map else 900)
        context = browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme=scheme,
            reduced_motion=motion,
            locale="en-GB",
            timezone_id="Europe/Zurich",
            **options,
        )
        contexts.append(context)
        context.add_init_script(ASKING)
        if not map:
            context.add_init_script(NO_MAP)
        page = context.new_page()
        page.set_default_timeout(45_000)
        page.on("pageerror", lambda error: wrong.append(f"thrown: {error}"))
        page.on(
            "console",
            lambda said: (
                wrong.append(f"{said.type}: {said.text}")
                if said.type in {"error", "warning"} and not any(part in said.text for part in expect)
                else None
            ),
        )
        page.on(
            "request",
            lambda request: None if request.url.startswith((address, "blob:", "data:")) else wrong.append(f"elsewhere: {request.url}"),
        )
        page.goto(f"{address}/{hash}")
        if wait:
            page.wait_for_selector("main:not([aria-busy])")
            page.wait_for_selector("html:not([data-asking])")
        return page

    yield open_one
    for context in contexts:
        context.close()
    assert wrong == []

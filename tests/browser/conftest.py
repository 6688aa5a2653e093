"""One Chromium for all browser tests of a process; pages that fail the test if anything is refused, fetched from elsewhere or thrown."""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright
from tests.browser.standin import serve

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))

import build_console
import chromium

# Drawing in software takes most of a test's time: those that do not look at the map run as in a browser that cannot draw it.
NO_MAP = """
const real = HTMLCanvasElement.prototype.getContext
HTMLCanvasElement.prototype.getContext = function (kind, ...rest) { return kind === 'webgl2' ? null : real.call(this, kind, ...rest) }
"""


@pytest.fixture(scope="session")
def browser():
    build_console.build()
    found = chromium.find()
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(
            executable_path=str(found.program), env={**os.environ, **found.environment}, args=list(chromium.FLAGS)
        )
        yield launched
        launched.close()


@pytest.fixture
def served():
    """Serves scenes until every page of the test is closed."""
    with ExitStack() as stack:
        yield lambda scene, rate=1.0: stack.enter_context(serve(scene, rate=rate))


@pytest.fixture
def open_page(browser, served):
    """Opens an address in a browser of its own; at the end nothing must have been thrown, refused or asked of another host."""
    contexts, wrong = [], []

    def open_one(address, *, hash="", width=1440, height=900, scheme="dark", motion="reduce", expect=(), wait=True, map=False, **options):
        context = browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme=scheme,
            reduced_motion=motion,
            locale="en-GB",
            timezone_id="Europe/Zurich",
            **options,
        )
        contexts.append(context)
        if not map:
            context.add_init_script(NO_MAP)
        page = context.new_page()
        page.set_default_timeout(20_000)
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
        return page

    yield open_one
    for context in contexts:
        context.close()
    assert wrong == []

"""The console against a real node: a night rings on the screen, is acknowledged and issued; a report is written and kept."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from tocsin.node import control

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser"), pytest.mark.timeout(240)]

PASSWORD = "correct horse battery"
REALM = "exercise:end-to-end"


def tocsin(*arguments):
    environment = {**os.environ, "TOCSIN_PASSWORD": PASSWORD}
    return subprocess.run(
        [sys.executable, "-m", "tocsin", *map(str, arguments)], capture_output=True, text=True, timeout=120, env=environment, check=True,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    folder = tmp_path_factory.mktemp("e2e") / "aster"
    tocsin("init", folder, "--id", "ASTER", "--name", "Aster watch floor", "--user", "mara", "--port", "0", "--json")
    process = subprocess.Popen(
        [sys.executable, "-m", "tocsin", "up", str(folder)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        assert process.stdout is not None
        yield folder, process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait(20)
        assert process.stdout is not None
        process.stdout.close()


def log_in(open_page, address, hash=""):
    # Before the login the session is asked for, and answered 401: Chromium calls that an error.
    page = open_page(address, hash=hash, expect=("401",), wait=False)
    page.fill("input[name=name]", "mara")
    page.fill("input[type=password]", PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_selector("main")
    return page


def test_a_night_rings_is_acknowledged_and_issued(open_page, node):
    folder, address = node
    # In a thread of its own: Playwright keeps a loop running in this one.
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, control.call_running(folder, "exercise", {"id": "end-to-end", "speed": 110.0, "seed": 5})).result(60)
    page = log_in(open_page, address, f"#/{REALM}/watch")
    page.wait_for_selector("text=EXERCISE")
    page.wait_for_selector("h1.level:has-text('HIGH')", timeout=90_000)
    article = page.locator("article[data-warning]")
    assert "airborne deployment" in article.inner_text()
    assert "Could be innocent" in article.inner_text()
    page.keyboard.press("k")
    page.wait_for_selector(".knows >> text=acknowledged")
    page.keyboard.press("a")
    if page.locator("dialog[open], [role=alertdialog], [role=dialog]").count():
        page.keyboard.press("Enter")
    page.wait_for_function("() => /issued/i.test(document.querySelector('article[data-warning]').innerText)", timeout=20_000)
    told = json.loads(tocsin("warnings", folder, "--as", "mara", "--realm", REALM, "--json").stdout)
    assert "issued" in {row["state"] for row in told} | {v for row in told for v in ([] if row["approved_by"] != "mara" else ["issued"])}
    assert {who["state"] for row in told for who in row["who_knows"]} == {"acknowledged"}


def test_a_report_is_written_and_kept(open_page, node):
    _folder, address = node
    page = log_in(open_page, address, "#/live/reports")
    page.get_by_label("Title").fill("Loading seen")
    page.get_by_label("What is said").fill("Trucks at the ramp, lights off.")
    page.get_by_label("Who says it").fill("harbour radio")
    page.get_by_role("button", name="Keep on this node").click()
    page.get_by_text("Trucks at the ramp, lights off.").first.wait_for()
    page.reload()
    page.get_by_text("Loading seen").first.wait_for()
    page.keyboard.press("5")
    page.locator("table td", has_text="report").first.wait_for()
    assert page.get_by_text("not understood").count() == 0


def test_a_wrong_password_says_so_and_keeps_the_page(open_page, node):
    _folder, address = node
    page = open_page(address, hash="#/live/exchange", expect=("401",), wait=False)
    page.fill("input[name=name]", "mara")
    page.fill("input[type=password]", "this is not it at all")
    page.keyboard.press("Enter")
    page.wait_for_selector("[role=alert]")
    assert "exchange" in page.url

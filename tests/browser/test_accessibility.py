"""Every page, by night and by day, through axe: contrast AA, names, roles, order."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.browser.shapes import NIGHT
from tests.browser.standin import Scene

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

AXE = Path(__file__).resolve().parents[2] / "console" / "node_modules" / "axe-core" / "axe.min.js"
PALETTE = {"runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}}
"""What of it the palette decides: the rest holds by day as it holds by night, on the same document."""
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}


def complaints(page, rules=RULES):
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("rules => axe.run(document, rules)", rules)["violations"]
    return [
        f"{v['id']}: {v['help']}: {n['html'][:160]} {n['any'][0]['message'][:160] if n['any'] else ''}" for v in found for n in v["nodes"]
    ]


def settled(page):
    """Waits until nothing on the page is awaited, its fonts are there and it was drawn twice."""
    page.evaluate("document.fonts.ready.then(() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done()))))")


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_axe_finds_nothing(open_page, served, scheme):
    rules = RULES if scheme == "dark" else PALETTE
    scene = Scene()
    address = served(scene)
    page = open_page(address, hash=f"#/{NIGHT}/watch", scheme=scheme, bypass_csp=True, map=True)
    found = {}
    # What has a map comes first: it is drawn once, and is gone when the other pages are looked at.
    page.wait_for_selector("article[data-warning]")
    page.keyboard.press("a")
    page.wait_for_selector("dialog[open]")
    found["dialog"] = complaints(page, rules)
    page.keyboard.press("Escape")
    page.wait_for_selector("dialog", state="detached")
    page.evaluate("hash => { location.hash = hash }", "#/live/watch")
    page.wait_for_selector("text=Nothing rings")
    found["quiet"] = complaints(page, rules)
    for name, ready in (
        ("watch", "article[data-warning]"),
        ("map", ".map[data-idle]"),
        ("exchange/inbox/report--in9", ".inside"),
        ("exchange/sent", ".fates li"),
        ("exchange/requests", ".answers"),
        ("exchange/requests/new", ".preview li"),
        ("exchange/subscriptions", "[data-subscription]"),
        ("exchange/reviews", "[data-record]"),
        ("exchange/rules", "[data-rule]"),
        ("exchange/links", "table"),
        ("reports", ".preview li"),
        ("audit", "table"),
        ("audit/acts", "table"),
        (f"audit/proof/{next(iter(scene.keeping.proofs))}", "[data-part]"),
        ("partners", "[data-partner]"),
        ("people", ".sheet li button"),
        ("people/users", "[data-user]"),
        ("people/machines", "table"),
        ("people/proposals", "table"),
        ("people/settings", "[data-setting]"),
        ("indicators", "[data-indicator]"),
        ("say", "tbody td"),
        ("backtests", "li a"),
        ("backtests/surge-2025", ".report svg"),
        ("log", "form"),
    ):
        page.evaluate("hash => { location.hash = hash }", f"#/{NIGHT}/{name}")
        page.wait_for_selector(ready)
        settled(page)
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, name
        found[name] = complaints(page, rules)
    assert {name: each for name, each in found.items() if each} == {}


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_axe_finds_nothing_at_the_door(open_page, served, scheme):
    scene = Scene()
    scene.logged_in = False
    address = served(scene)
    page = open_page(address, scheme=scheme, bypass_csp=True, expect=("401",))
    page.wait_for_selector("form")
    assert complaints(page) == []


def test_the_page_can_be_walked_with_the_tab_key_alone(open_page, served):
    address = served(Scene())
    page = open_page(address, hash=f"#/{NIGHT}/watch")
    page.wait_for_selector("article[data-warning]")
    reached = set()
    for _ in range(60):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("(document.activeElement.innerText || document.activeElement.ariaLabel || '').split('\\n')[0]"))
    for name in (
        "Skip to the page",
        "Watch",
        "Log",
        "Approve and issue",
        "Acknowledge",
        "Hold",
        "CAP",
        "Ask partners",
        "Indicators",
        "Sightings",
    ):
        assert any(text.startswith(name) for text in reached), name

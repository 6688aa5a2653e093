"""The console in a real browser, served by the stand-in: what an officer sees and can do."""

from __future__ import annotations

import re

import pytest
from tests.browser.shapes import NIGHT, rehearsal_of
from tests.browser.standin import Scene

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

LOST = "WebSocket connection"
PAGES = ("watch", "map", "exchange", "exchange/links", "reports", "audit", "partners", "people", "indicators", "say", "backtests", "log")


def at(page, realm=NIGHT):
    return f"#/{realm}/{page}"


def walk(page, hash):
    """Goes to a page by its address, within the console, and waits until it stands there."""
    page.evaluate("hash => { location.hash = hash }", hash)
    page.wait_for_selector(f"nav a[aria-current=page][href='{'/'.join(hash.split('/')[:3])}']")
    page.wait_for_selector("main > *")
    page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done())))")


def wait_for_map(page):
    page.wait_for_selector(".map[data-idle][data-tracks]")


def test_the_warning_reads_in_the_order_in_which_it_is_needed(open_page, address):
    page = open_page(address, hash=at("watch"))
    text = page.locator("article[data-warning]").inner_text()
    order = ["HIGH", "min to EAST", "likely", "deployment 71 %", "Could be innocent", "Why", "Aircraft in stream", "9 × likelier"]
    order += ["Cannot see", "Would change it most", "Who knows", "Approve and issue"]
    places = [text.find(words) for words in order]
    assert -1 not in places, order[places.index(-1)]
    assert places == sorted(places)
    assert page.locator("article b.strong", has_text=re.compile("^likely$")).count() == 1


def test_nothing_of_a_warning_is_below_the_fold(open_page, address):
    page = open_page(address, hash=at("watch"))
    page.wait_for_selector(".chart canvas")
    for part in (
        "h1.level",
        ".sentence",
        ".chart",
        "article h2 >> nth=0",
        "article h2 >> nth=-1",
        ".actions button >> nth=-1",
        ".knows li >> nth=-1",
    ):
        box = page.locator(part).bounding_box()
        assert box is not None, part
        assert box["y"] >= 0, part
        assert box["y"] + box["height"] <= 900, part
    hidden = page.locator("article .scroll").evaluate("e => e.scrollHeight - e.clientHeight")
    assert hidden <= 1


def test_every_time_of_a_warning_says_by_which_clock(open_page, served):
    scene = Scene()
    scene.warnings[0] |= {"state": "issued", "issued_at": scene.now - 90_000_000, "approved_by": "m.weber"}
    session = scene.session
    # The node's own clock is two hours past the one of the night.
    scene.session = lambda: session() | {"protocol_time": scene.now + 7_200_000_000}
    page = open_page(served(scene), hash=at("watch"))
    header = page.locator("article .clocks")
    header.wait_for()
    assert re.fullmatch(r"was GUARDED · issued \d\d:\d\d:\d\dZ by m\.weber · EAST \d\d:\d\dZ, realm time · CAP C", header.inner_text())
    assert "protocol time" in page.locator("article .knows").inner_text()
    clocks = page.locator(".strips > header .right")
    clocks.get_by_text("now").wait_for()
    assert re.search(r"now \d\d:\d\d:\d\dZ\s+realm \d\d:\d\d:\d\dZ", clocks.inner_text())


def test_number_keys_switch_pages_and_the_address_says_where(open_page, address):
    page = open_page(address, hash=at("watch"))
    for key, name in (
        ("2", "map"),
        ("3", "exchange"),
        ("4", "reports"),
        ("5", "audit"),
        ("6", "partners"),
        ("7", "people"),
        ("8", "indicators"),
        ("9", "say"),
        ("b", "backtests"),
        ("0", "log"),
        ("1", "watch"),
    ):
        page.keyboard.press(key)
        page.wait_for_url(re.compile(f"#/{re.escape(NIGHT)}/{name}$"))
        page.wait_for_selector(f"nav a[aria-current][href$='/{name}']")


def test_typing_is_not_taken_for_commands(open_page, address, scene):
    page = open_page(address, hash=at("log"))
    page.locator("textarea").fill("")
    page.locator("textarea").press_sequentially("1 2 k a")
    assert "/log" in page.url
    page.keyboard.press("Control+Enter")
    page.wait_for_selector("text=1 2 k a")
    assert scene.posted == [("/log", {"realm": NIGHT, "text": "1 2 k a"})]


def test_one_key_acknowledges(open_page, address, scene):
    page = open_page(address, hash=at("watch"))
    page.wait_for_selector("article[data-warning]")
    page.keyboard.press("k")
    page.wait_for_selector(".knows li.acknowledged")
    assert [path.rpartition("/")[2] for path, _ in scene.posted] == ["acknowledge"]
    assert page.get_by_role("button", name="Silence this bell").count() == 0


def test_approving_asks_once_and_says_who_gets_it(open_page, address, scene):
    page = open_page(address, hash=at("watch"))
    page.wait_for_selector("article[data-warning]")
    page.keyboard.press("a")
    dialog = page.get_by_role("dialog")
    assert "Birch gets it" in dialog.inner_text()
    assert "Dune does not get it" in dialog.inner_text()
    page.keyboard.press("Escape")
    page.locator("dialog").wait_for(state="detached")
    assert scene.posted == []
    page.keyboard.press("a")
    page.locator("dialog textarea").fill("seen by two feeds")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=issued")
    assert scene.posted[0][1] == {"note": "seen by two feeds"}
    assert page.get_by_role("button", name="Approve and issue").count() == 0
    assert page.get_by_role("button", name="Cancel").count() == 1


def test_a_cancellation_needs_a_reason(open_page, address, scene):
    scene.warnings[0] |= {"state": "issued", "issued_at": scene.now, "approved_by": "m.weber"}
    scene.warnings[0]["may"] = {"approve": False, "acknowledge": False, "hold": False, "cancel": True}
    page = open_page(address, hash=at("watch"))
    page.wait_for_selector("article[data-warning]")
    page.keyboard.press("x")
    page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    assert scene.posted == []
    page.locator("dialog textarea").fill("turned back")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=Nothing rings")
    assert scene.posted[0][1] == {"note": "turned back"}


def test_an_act_that_the_node_refuses_is_said_and_changes_nothing(open_page, address, scene):
    scene.warnings[0]["may"]["cancel"] = True
    page = open_page(address, hash=at("watch"), expect=("404",))
    page.wait_for_selector("article[data-warning]")
    page.keyboard.press("x")
    scene.warnings.clear()
    page.locator("dialog textarea").fill("x")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=Not done: no such warning")


def test_a_bell_is_silenced_for_itself_alone(open_page, address, scene):
    other = {**scene.warnings[0], "warning": "warning--second", "topic_title": "Another"}
    scene.warnings.append(other)
    page = open_page(address, hash=at("watch"))
    page.wait_for_selector("article[data-warning]")
    page.keyboard.press("s")
    page.wait_for_selector("text=bell silenced")
    page.keyboard.press("n")
    page.wait_for_url(re.compile("warning--second$"))
    page.get_by_role("button", name="Silence this bell").wait_for()


def test_the_bell_sounds_once_the_browser_lets_it(open_page, address):
    page = open_page(address, hash=at("watch"))
    note = page.locator("footer", has_text="keeps the bell silent")
    note.wait_for()
    page.keyboard.press("Shift")
    note.wait_for(state="detached")


def test_a_click_on_evidence_shows_it_on_the_map(open_page, address):
    page = open_page(address, hash=at("watch"), map=True)
    wait_for_map(page)
    assert page.locator(".map").get_attribute("data-evidence") == "12"
    before = page.locator(".map").get_attribute("data-centre")
    page.get_by_role("button", name="Airlift surge").click()
    page.wait_for_function("before => document.querySelector('.map').dataset.centre !== before", arg=before)
    lat, lon = map(float, page.locator(".map").get_attribute("data-centre").split(","))
    assert (lat, lon) == pytest.approx((46.12, 6.55), abs=0.01)


def test_an_exercise_is_marked_on_every_page_and_in_print(open_page, address):
    page = open_page(address, hash=at("watch"))
    for name in PAGES:
        walk(page, at(name))
        for media in ("print", "screen"):
            page.emulate_media(media=media)
            assert page.get_by_text("EXERCISE EXERCISE EXERCISE").is_visible(), (name, media)
            assert page.get_by_text("NIGHT LANTERN · run 3").first.is_visible(), (name, media)
            banners = page.locator(".label .banner")
            assert banners.count() == 2, (name, media)
            assert all(banners.nth(i).is_visible() for i in range(2)), (name, media)


def test_a_replay_is_marked_and_live_is_not(open_page, served):
    address = served(Scene(realms=("live", "replay:jura")))
    page = open_page(address, hash=at("map", "replay:jura"))
    assert page.get_by_text("REPLAY REPLAY REPLAY").is_visible()
    page = open_page(address, hash=at("map", "live"))
    page.wait_for_selector(".label")
    assert page.get_by_text("REPLAY REPLAY REPLAY").count() == 0
    assert page.locator(".strips > header > .hatch").count() == 0


def test_another_realm_shows_nothing_of_the_one_before(open_page, address):
    page = open_page(address, hash=at("watch"), map=True)
    wait_for_map(page)
    page.get_by_role("combobox").select_option("live")
    page.wait_for_selector("text=Nothing rings")
    page.wait_for_function("() => document.querySelector('.map').dataset.tracks === '140'")
    assert page.locator(".map").get_attribute("data-evidence") == "0"
    assert page.get_by_text("EXERCISE EXERCISE").count() == 0


def test_a_session_that_ends_keeps_the_place(open_page, address, scene):
    page = open_page(address, hash=at("reports"), expect=("401",))
    page.get_by_role("link", name="Fuel trucks").wait_for()
    scene.logged_in = False
    page.get_by_text("Your session has ended").wait_for()
    assert page.url.endswith(at("reports"))
    page.get_by_label("Name").fill("m.weber")
    page.get_by_label("Password").fill("wrong")
    page.keyboard.press("Enter")
    page.get_by_text("do not go together").wait_for()
    page.get_by_label("Password").fill("correct horse")
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Fuel trucks").wait_for()
    assert page.url.endswith(at("reports"))


def test_a_lost_stream_is_said_with_its_time_and_comes_back(open_page, address, scene):
    page = open_page(address, hash=at("watch"), expect=(LOST,), map=True)
    wait_for_map(page)
    scene.broken.add("live")
    page.get_by_text(re.compile(r"Live stream lost since \d\d:\d\d:\d\dZ.*still work")).wait_for()
    assert page.get_by_role("button", name="Acknowledge").is_enabled()
    scene.broken.clear()
    page.get_by_text("Live stream lost").wait_for(state="detached")


def test_what_does_not_come_is_named_with_the_reason(open_page, address, scene):
    scene.broken.add("exchange")
    page = open_page(address, hash=at("exchange/links"), expect=("500",))
    page.get_by_text("The state of the exchange did not come: the archive does not answer").wait_for()
    scene.broken.clear()
    page.get_by_text("Fingerprint of the keys").wait_for()


def test_what_is_slow_says_what_is_awaited(open_page, address, scene):
    scene.slow.add("reports")
    page = open_page(address, hash=at("reports"), wait=False)
    page.get_by_text(re.compile(r"Waiting for reports since \d\d:\d\d:\d\dZ")).wait_for()
    page.get_by_role("link", name="Fuel trucks").wait_for()


def test_a_report_shows_before_sending_who_gets_it(open_page, address, scene):
    page = open_page(address, hash=at("reports"))
    preview = page.locator(".preview li")
    preview.first.wait_for()
    assert preview.filter(has_text="gets it").filter(has_not_text="does not").count() == 0
    page.get_by_label("Birch").check()
    preview.filter(has_text="named, and cleared high enough").wait_for()
    assert preview.filter(has_text="Cedar").inner_text().count("does not get it") == 1
    page.get_by_label("Title").fill("Lights on the apron")
    page.get_by_label("What is said").fill("Four columns")
    page.get_by_role("button", name="Send to 1 partner").click()
    page.get_by_role("link", name="Lights on the apron").wait_for()
    sent = [body for path, body in scene.posted if path == "/reports"]
    assert [(s["releasable_to"], s["classification"]) for s in sent] == [(["birch"], "UNCLASSIFIED")]


def test_asking_partners_begins_a_report_where_the_node_takes_no_requests(open_page, address, scene):
    scene.keeping.may.remove("request:say")
    page = open_page(address, hash=at("watch"))
    page.wait_for_selector("article[data-warning]")
    page.keyboard.press("q")
    assert page.get_by_label("What is said").input_value().startswith("Has Cedar’s radar")


def test_the_rehearsal_goes_to_its_realm_and_ticks_its_steps(open_page, address, scene):
    page = open_page(address, hash=at("watch", "live"))
    page.get_by_role("button", name="Rehearse").wait_for()
    page.keyboard.press("r")
    page.wait_for_url(re.compile(re.escape(NIGHT)))
    strip = page.get_by_role("complementary", name="Rehearsal")
    strip.wait_for()
    assert strip.locator("li.done").count() == 2
    assert "The bell rings" in strip.locator("li[aria-current=step]").inner_text()
    scene.rehearsal = {**rehearsal_of(), "running": False, "step": 4}
    page.get_by_text("The rehearsal is over").wait_for()


def test_the_slider_goes_back_and_ends_at_live(open_page, served):
    address = served(Scene(), 30)
    page = open_page(address, hash=at("watch"), map=True)
    wait_for_map(page)
    # One more frame is half a minute of this realm's: two steps back are kept then.
    live = page.locator(".slider .live")
    live.filter(has_not_text=live.inner_text()).wait_for()
    page.keyboard.press("[")
    page.keyboard.press("[")
    page.get_by_role("button", name="Back to LIVE").wait_for()
    page.keyboard.press("l")
    page.get_by_text(re.compile(r"LIVE \d\d:\d\d:\d\dZ")).wait_for()


def test_the_palette_is_remembered(open_page, address):
    page = open_page(address, hash=at("watch"), scheme="light")
    assert page.locator("html").get_attribute("data-palette") == "day"
    page.keyboard.press("d")
    page.reload()
    page.wait_for_selector("main:not([aria-busy])")
    assert page.locator("html").get_attribute("data-palette") == "night"


def test_a_telephone_shows_every_page_without_sideways_scrolling(open_page, address):
    page = open_page(address, hash=at("watch"), width=390, height=844)
    for name in PAGES:
        walk(page, at(name))
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, name
        if name == "watch":
            box = page.get_by_role("button", name="Acknowledge").bounding_box()
            assert box["y"] + box["height"] <= 844


def test_a_page_without_a_label_says_so(open_page, served):
    scene = Scene()
    nameless = scene.session()
    for realm in nameless["realms"]:
        del realm["banner"]
    scene.session = lambda: nameless
    page = open_page(served(scene), hash=at("watch"))
    assert page.get_by_text("LABEL NOT KNOWN").count() == 2


def test_without_a_map_everything_else_works(open_page, address):
    page = open_page(address, hash=at("watch"))
    page.get_by_text("The map cannot be drawn").wait_for()
    assert page.get_by_role("button", name="Approve and issue").is_enabled()


def test_with_motion_a_new_warning_slides_in_once(open_page, address):
    page = open_page(address, hash=at("watch"), motion="no-preference")
    page.wait_for_selector("article.fresh")
    assert page.locator("article.fresh").evaluate("e => getComputedStyle(e).animationName").endswith("slide")
    still = open_page(address, hash=at("watch"), motion="reduce")
    still.wait_for_selector("article.fresh")
    assert still.locator("article.fresh").evaluate("e => getComputedStyle(e).animationName") == "none"


def test_five_thousand_tracks_are_drawn_and_the_page_stays_quick(open_page, served):
    address = served(Scene(traffic=5000))
    page = open_page(address, hash=at("map", "live"), map=True)
    page.wait_for_function("() => document.querySelector('.map')?.dataset.tracks === '5000'")
    # What a frame costs before the graphics card sees it; drawing itself is software here and says nothing. The least of a
    # few, because other work on the machine only ever adds.
    costs = []
    while len(costs) < 6 and min(costs, default=60) >= 60:
        page.wait_for_timeout(1000)
        costs.append(float(page.locator(".map").get_attribute("data-cost")))
    assert min(costs) < 60, f"{min(costs)} ms for one frame of 5,000 tracks"


def test_a_long_explanation_scrolls_with_its_panel_and_never_within_itself(open_page, served):
    scene = Scene()
    scene.warnings[0]["innocent"] *= 8
    page = open_page(served(scene), hash=at("watch"))
    page.wait_for_selector(".chart canvas")
    inner = page.locator("article .scroll").evaluate(
        """e => [...e.querySelectorAll('*')].filter(
            c => c.scrollHeight > c.clientHeight + 1 && /auto|scroll/.test(getComputedStyle(c).overflowY)
        ).length"""
    )
    assert inner == 0
    assert page.locator("article .scroll").evaluate("e => e.scrollHeight > e.clientHeight")
    for part in (".actions button >> nth=0", ".knows li >> nth=-1"):
        box = page.locator(part).bounding_box()
        assert box["y"] + box["height"] <= 900


@pytest.mark.parametrize("width", [1440, 1200, 900, 390])
def test_nothing_stands_over_the_label(open_page, served, width):
    page = open_page(served(Scene(), 200), hash=at("watch"), width=width)
    page.get_by_text(re.compile(r"^now \d\d")).first.wait_for(state="attached")
    for name in ("watch", "audit"):
        walk(page, at(name))
        covered = page.evaluate(
            """() => [...document.querySelectorAll('.label .banner')].flatMap((b) => {
                const range = document.createRange(); range.selectNodeContents(b)
                const r = range.getBoundingClientRect()
                return [...b.parentElement.querySelectorAll('button, select, time, .floor')].filter((o) => {
                    const q = o.getBoundingClientRect()
                    return q.width && q.left < r.right && q.right > r.left && q.top < r.bottom && q.bottom > r.top
                }).map((o) => o.textContent)
            })"""
        )
        assert covered == [], name

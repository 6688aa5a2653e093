"""The hand-over, sightings and claims, daily counts, and reports written elsewhere, on the console served by the stand-in."""

from __future__ import annotations

import re

import pytest
from tests.browser.shapes import NIGHT
from tests.browser.standin import posted

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]


@pytest.fixture
def at(open_page, address):
    return lambda where, **more: open_page(address, hash=f"#/{NIGHT}/{where}", **more)


# The hand-over


def test_a_hand_over_is_drafted_from_what_stands_changed_and_signed(at, scene):
    page = at("log")
    page.get_by_role("button", name="Hand over the watch").wait_for()
    page.keyboard.press("o")
    form = page.get_by_role("form", name="Hand-over")
    draft = form.get_by_label(re.compile("^Draft"))
    page.wait_for_function("e => !e.disabled && e.value", arg=draft.element_handle())
    text = draft.input_value()
    assert re.search(r"^Hand-over by m\.weber\n.* realm time, .* protocol time\n", text)
    for line in ("Open warnings: 1\n- HIGH Airborne rapid deployment: drafted, EAST ", "Feeds late or silent: 1\n- radar Säntis: late"):
        assert line in text
    # Its own requests that nobody has answered; what partners ask is not this floor's to wait for.
    assert "Requests without an answer: 0" in text
    assert "Cannot see: South-east: no feed." in text
    draft.fill(f"{text}\nRelief is late.")
    form.get_by_role("button", name="Sign and hand over").click()
    assert posted(scene, "/log") == []  # nobody is named yet
    form.get_by_label("To whom").fill("o.neu")
    draft.press("Control+Enter")
    page.get_by_text("Handed over to o.neu").wait_for()
    page.get_by_role("heading", name="Hand-over: m.weber to o.neu").wait_for()
    (line,) = posted(scene, "/log")
    assert (line["realm"], line["handed_to"], line["text"]) == (NIGHT, "o.neu", f"{text}\nRelief is late.")


def test_whoever_takes_over_says_so_once(at, scene):
    scene.log.append({"protocol_time": scene.now, "author": "a.keller", "text": "All quiet.", "handed_to": "m.weber"})
    page = at("log")
    page.get_by_role("button", name="I have taken over").click()
    page.get_by_text("Watch taken over from a.keller.").wait_for()
    page.get_by_role("button", name="I have taken over").wait_for(state="detached")


def test_what_the_node_does_not_answer_is_no_nothing_in_a_hand_over(at, scene):
    scene.broken.add("requests")
    page = at("log", expect=("500",))
    page.get_by_role("button", name="Hand over the watch").click()
    draft = page.get_by_label(re.compile("^Draft"))
    page.wait_for_function("e => !e.disabled && e.value", arg=draft.element_handle())
    assert "Requests: not known, the node did not answer" in draft.input_value()


# Sightings and claims


def test_each_channel_offers_the_indicators_that_listen_to_it(at, scene):
    page = at("say")
    form = page.get_by_role("form", name="Sightings and claims")
    options = form.get_by_label("Indicator that it asserts").locator("option")
    options.nth(1).wait_for(state="attached")
    assert options.all_inner_texts() == ["none: kept, moves nothing", "Loading, seen by officers"]
    form.get_by_label("a claim in a document").check()
    assert options.all_inner_texts() == ["none: kept, moves nothing", "Equipment delivered, as claimed"]
    form.get_by_label("What was seen or said").fill("Crates with numbers.")
    form.get_by_label("Who says it").fill("a newspaper")
    form.get_by_label(re.compile("^Who said it first")).fill("the ministry")
    form.get_by_label(re.compile("^Grade")).fill("c3")
    form.get_by_label("Indicator that it asserts").select_option("equipment")
    # The indicator of another channel is not taken along.
    form.get_by_label("an officer’s own sighting").check()
    form.get_by_label("a claim in a document").check()
    form.get_by_label("Indicator that it asserts").select_option("equipment")
    form.get_by_label("Cedar").check()
    form.get_by_text("Cedar gets it").wait_for()
    form.get_by_role("button", name="Keep it").click()
    form.get_by_text(re.compile("^Kept .* protocol time")).wait_for()
    page.get_by_text("Crates with numbers.").wait_for()
    (said,) = posted(scene, "/claims")
    expected = {"channel": "document", "source": "a newspaper", "root": "the ministry", "grade": "C3", "indicator": "equipment"}
    assert expected.items() <= said.items()
    assert (said["releasable_to"], said["claimed_at"], said["latitude"]) == (["cedar"], None, None)


def test_a_sighting_is_the_officers_own_with_its_place_and_time(at, scene):
    page = at("say")
    form = page.get_by_role("form", name="Sightings and claims")
    form.get_by_label("What was seen or said").fill("Two transports, low, no lights.")
    form.get_by_label(re.compile("^When it was")).fill("2026-03-15T02:40")
    form.get_by_label("Latitude, degrees").fill("46,2")
    keep = form.get_by_role("button", name="Keep it")
    keep.click()
    form.get_by_text("Give both, or neither.").wait_for()
    assert posted(scene, "/claims") == []
    form.get_by_label("Longitude, degrees").fill("6.6")
    keep.click()
    form.get_by_text(re.compile("^Kept")).wait_for()
    (said,) = posted(scene, "/claims")
    assert (said["channel"], said["source"], said["latitude"], said["longitude"]) == ("sighting", "m.weber", 46.2, 6.6)
    assert said["claimed_at"] == 1_773_542_400_000_000
    assert said["releasable_to"] == []


# Daily counts


def test_counts_are_kept_as_days_and_a_wrong_line_is_named(at, scene):
    page = at("say")
    form = page.get_by_role("form", name="Daily counts")
    rows = form.get_by_label("Days and counts")
    rows.fill("2026-03-14 27\n2026-03-32 5")
    form.get_by_text(re.compile("^Line 2 is no date with a count")).wait_for()
    assert form.get_by_role("button", name="Keep 0 days").is_disabled()
    rows.fill("2026-03-14 27\n2026-03-14 28")
    form.get_by_text("The day 2026-03-14 stands twice.").wait_for()
    rows.fill("2026-03-14 27\n\n2026-03-16 0")
    form.get_by_label("Series").fill("flights over the strait")
    form.get_by_label("Who says it").fill("ministry")
    form.get_by_role("button", name="Keep 2 days").click()
    form.get_by_text(re.compile("^Kept")).wait_for()
    (said,) = posted(scene, "/counts")
    assert (said["days"], said["counts"], said["source"]) == ([20526, 20528], [27, 0], "ministry")


def test_a_day_without_a_count_is_missing_and_no_zero(at):
    page = at("say")
    table = page.locator("table", has_text="missing")
    table.wait_for()
    cells = [row.split("\t") for row in table.locator("tbody").inner_text().splitlines()]
    assert [count for _, count in cells] == ["0", "missing", "31", "9"]


# Reports written elsewhere


def test_only_a_short_list_of_a_reports_parts_stands_in_the_page(at):
    page = at("backtests/surge-2025")
    page.locator(".report svg").wait_for()
    report = page.locator(".report")
    # What would run, ask, or look like the console's own is gone with all that it holds; the words around it stay.
    assert report.locator("script, style, img, iframe, a, form, button, [onclick], [style], [onerror]").count() == 0
    tags = set(report.evaluate("e => [...e.querySelectorAll('*')].map(c => c.localName)"))
    assert tags == {
        "h2",
        "p",
        "ul",
        "li",
        "div",
        "table",
        "tbody",
        "tr",
        "th",
        "td",
        "svg",
        "rect",
        "title",
        "line",
        "text",
        "polyline",
        "circle",
    }
    assert "Back-test: Daily surge" in report.inner_text()
    assert "Log in" not in report.inner_text()
    assert "owned" not in page.title()
    assert report.locator("svg rect").get_attribute("fill") == "var(--event)"
    classes = set(report.evaluate("e => [...e.querySelectorAll('[class]')].flatMap(c => [...c.classList])"))
    assert classes == {"soft", "scroll", "n", "own"}


# A page stays while its address does, and goes with its realm


def test_what_is_being_typed_stays_when_only_the_rest_of_the_address_changes_and_goes_with_the_realm(at):
    page = at("say")
    typed = page.get_by_label("What was seen or said").first
    typed.fill("Two columns at the ramp.")
    page.evaluate("hash => { location.hash = hash }", f"#/{NIGHT}/say/more")
    page.wait_for_function("() => location.hash.endsWith('/more')")
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    assert typed.input_value() == "Two columns at the ramp."
    page.evaluate("() => { location.hash = '#/live/say' }")
    page.wait_for_function("() => document.querySelector('textarea')?.value === ''")

"""The console against a real node: a night rings and is issued; reports, proofs, people, machines, factors, requests, keys."""

from __future__ import annotations

import asyncio
import json
import re
from concurrent.futures import ThreadPoolExecutor

import pyotp
import pytest
from tests.browser.nodes import tocsin

from tocsin.node import control

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

REALM = "exercise:end-to-end"


# The node works through the night while other tests draw: on a busy machine it is behind its clock.
@pytest.mark.timeout(400)
def test_a_night_rings_is_acknowledged_and_issued(at_home, home):
    folder, _, _ = home
    # In a thread of its own: Playwright keeps a loop running in this one.
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, control.call_running(folder, "exercise", {"id": "end-to-end", "speed": 110.0, "seed": 5})).result(60)
    page = at_home(f"#/{REALM}/watch")
    page.wait_for_selector("text=EXERCISE")
    page.wait_for_selector("h1.level:has-text('HIGH')", timeout=240_000)
    article = page.locator("article[data-warning]")
    assert "airborne deployment" in article.inner_text()
    assert "Could be innocent" in article.inner_text()
    page.keyboard.press("k")
    page.wait_for_selector(".knows >> text=acknowledged")
    page.keyboard.press("a")
    dialog = page.get_by_role("dialog")
    dialog.wait_for()
    page.keyboard.press("Enter")
    dialog.wait_for(state="detached")
    # The night goes on, and a version that is drafted after the issue may stand in its place already: the history tells.
    warning = article.get_attribute("data-warning")
    shown = page.evaluate(
        "async ([id, realm]) => (await fetch(`/api/v1/warnings/${id}?realm=${encodeURIComponent(realm)}`)).json()", [warning, REALM]
    )
    assert ("issued", "mara") in {(version["state"], version["by"]) for version in shown["versions"]}
    told = {row["warning"]: row for row in json.loads(tocsin("warnings", folder, "--as", "mara", "--realm", REALM, "--json"))}
    assert {who["partner"]: who["state"] for who in told[warning]["who_knows"]}["ASTER"] == "acknowledged"


def test_a_report_is_written_and_kept(at_home):
    page = at_home("#/live/reports")
    page.get_by_label("Title").fill("Loading seen")
    page.get_by_label("What is said").fill("Trucks at the ramp, lights off.")
    page.get_by_label("Who says it").fill("harbour radio")
    page.get_by_role("button", name="Keep on this node").click()
    page.get_by_text("Trucks at the ramp, lights off.").first.wait_for()
    page.reload()
    page.get_by_text("Loading seen").first.wait_for()
    page.wait_for_selector("#page")
    page.keyboard.press("5")
    page.locator("table td", has_text="report").first.wait_for()
    assert page.get_by_text("not understood").count() == 0


def test_a_wrong_password_says_so_and_keeps_the_page(open_page, home):
    page = open_page(home[1], hash="#/live/exchange", expect=("401",), wait=False)
    page.fill("input[name=name]", "mara")
    page.fill("input[type=password]", "this is not it at all")
    page.keyboard.press("Enter")
    page.wait_for_selector("[role=alert]")
    assert "exchange" in page.url


def test_the_browser_checks_a_proof_that_the_node_gives(at_home, home, tmp_path):
    folder, address, _ = home
    page = at_home("#/live/reports")
    page.get_by_label("Title").fill("Loading seen")
    page.get_by_label("What is said").fill("Größe und Kürze: trucks at the ramp.")
    page.get_by_label("Who says it").fill("harbour radio")
    page.get_by_role("button", name="Keep on this node").click()
    page.get_by_text("Kept and on its way").wait_for()
    page.keyboard.press("Escape")
    page.goto(f"{address}/#/live/audit")
    page.get_by_role("link", name=re.compile("Prove record .* report")).first.click()
    page.get_by_text("It holds. Each").wait_for(timeout=40_000)
    assert page.locator("[data-part].holds").count() == 5
    with page.expect_download() as saved:
        page.get_by_role("button", name="Save the proof file").click()
    file = tmp_path / "report.tlog-proof"
    saved.value.save_as(file)
    card = tmp_path / "aster.card"
    card.write_text(json.loads(tocsin("partner", "card", folder, "--json"))["card"], encoding="utf-8")
    # The command, which has nothing of the node but its card, comes to the same.
    record = page.url.rpartition("/")[2]
    assert json.loads(tocsin("verify", file, "--card", card, "--json"))["record"]["id"] == record


def test_a_person_is_invited_seen_and_removed_and_it_stands_among_the_acts(at_home, home):
    _, address, _ = home
    page = at_home("#/live/people/users")
    page.get_by_label("Name").fill("nia")
    page.get_by_label("analyst").check()
    page.get_by_role("button", name="Invite a person").click()
    page.get_by_text("Invitation of nia").wait_for()
    page.get_by_role("button", name="Withdraw the invitation of nia").click()
    page.get_by_role("button", name="Withdraw the invitation of nia").wait_for(state="detached")
    page.keyboard.press("Escape")
    page.goto(f"{address}/#/live/audit/acts")
    page.locator("td", has_text="invitation:add").first.wait_for()
    page.locator("td", has_text="invitation:remove").first.wait_for()


def test_a_machines_token_works_and_is_gone_with_the_machine(at_home):
    page = at_home("#/live/people/machines")
    form = page.locator("form", has_text="Add a machine client")
    form.get_by_label("Name").fill("bridge")
    form.get_by_role("button", name="Add a machine client").click()
    token = page.locator(".once li").inner_text()
    asked = """async token => (await fetch('/api/v1/reports?realm=live', {
        headers: { authorization: `Bearer ${token}` }, credentials: 'omit' })).status"""
    assert page.evaluate(asked, token) == 200
    page.get_by_role("button", name="Remove bridge").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    page.get_by_text("No machine client").wait_for()
    strange = at_home(expect=("401",))
    assert strange.evaluate(asked, token) == 401


def test_codes_are_added_as_a_second_factor_with_their_address_as_text(at_home):
    page = at_home("#/live/people", expect=("428",))
    page.get_by_text("You have no second factor").wait_for()
    page.get_by_label("What to call it").fill("telephone")
    page.get_by_role("button", name="Add codes from an app").click()
    secret = page.locator(".secret").inner_text()
    assert page.locator("a[href^='otpauth://totp/']").inner_text().count(secret) == 1
    page.get_by_label("First code").fill(pyotp.TOTP(secret).now())
    page.get_by_role("button", name="Add", exact=True).click()
    page.get_by_text("Added.").wait_for()
    codes = page.locator(".once li").all_inner_texts()
    assert len(codes) == 10
    page.get_by_role("button", name="I have them").click()
    page.get_by_role("button", name="Remove telephone").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    # The session was opened by a password alone: the factor is asked for first, and a recovery code stands in for it.
    page.locator("input[name=code]").fill(codes[0])
    page.keyboard.press("Enter")
    page.get_by_text("You have no second factor").wait_for()


def test_what_is_asked_and_said_stands_in_requests_and_ledger(at_home):
    page = at_home("#/live/exchange")
    page.get_by_text("No partner has told this node anything").wait_for()
    page.get_by_role("link", name="Requests").click()
    page.get_by_role("link", name="Set up a requirement").click()
    page.get_by_label("Number").fill("PR-1")
    page.get_by_label("Holds until (UTC)").fill("2999-01-01")
    page.get_by_label("What must be known").fill("Signs of an airborne move.")
    page.get_by_label("BIRCH").or_(page.get_by_label("Birch coast guard")).check()
    page.get_by_role("button", name="Set it up").click()
    page.get_by_text("Signs of an airborne move.").wait_for()
    page.get_by_role("link", name="Ask partners").click()
    page.get_by_label("Question").fill("What do you see of the staging area?")
    page.get_by_label("PR-1").check()
    page.get_by_label("Birch coast guard").check()
    page.get_by_role("button", name="Ask 1 partner").click()
    row = page.locator("[data-record]", has_text="What do you see of the staging area?")
    row.get_by_text("serves PR-1").wait_for()
    assert "wanted by" not in row.inner_text(), "no time was given"
    row.get_by_role("button", name="Answer").click()
    row.get_by_label("Title").fill("Nothing moves")
    row.get_by_label("What is said").fill("Seen from the ridge.")
    row.get_by_label("Who says it").fill("patrol")
    row.get_by_role("button", name="Send the answer").click()
    row.get_by_role("link", name="Nothing moves").wait_for()
    row.get_by_role("button", name="Close").click()
    page.get_by_role("dialog").get_by_role("button", name="Close").click()
    row.locator("b", has_text="closed").wait_for()
    page.get_by_role("link", name="Sent").click()
    told = page.locator("[data-record]", has_text="What do you see of the staging area?").first
    told.locator(".fates", has_text="Birch coast guard").wait_for()


def test_a_partners_words_are_compared_and_wrong_ones_refused(at_home, home):
    _, _, words = home
    page = at_home("#/live/partners", expect=("403", "400", "503"))
    birch = page.locator("[data-partner='BIRCH']")
    birch.get_by_text("Words not compared yet").wait_for()
    assert re.sub(r"\s*\d\s+", " ", birch.locator("ol").first.inner_text()).split() == words.split()
    birch.get_by_role("button", name="Compare words").click()
    page.get_by_label("The words, as heard").fill(" ".join(reversed(words.split())))
    page.keyboard.press("Enter")
    page.get_by_role("dialog").get_by_text("Not done").wait_for()
    page.get_by_label("The words, as heard").fill(words)
    page.keyboard.press("Enter")
    birch.get_by_text("words compared by mara").wait_for()
    birch.get_by_role("button", name="Revoke").click()
    page.get_by_label(re.compile("^Reason")).fill("Its keys were copied.")
    page.keyboard.press("Enter")
    birch.get_by_text("put out").wait_for()

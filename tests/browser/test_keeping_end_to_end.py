"""Audit, people and partners in the console against a real node: a proof is checked in the browser, a person invited and removed."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser"), pytest.mark.timeout(240)]

PASSWORD = "correct horse battery"


def tocsin(*arguments):
    environment = {**os.environ, "TOCSIN_PASSWORD": PASSWORD}
    return subprocess.run(
        [sys.executable, "-m", "tocsin", *map(str, arguments)], capture_output=True, text=True, timeout=120, env=environment, check=True,
        stdin=subprocess.DEVNULL,
    ).stdout  # fmt: skip


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    base = tmp_path_factory.mktemp("keeping")
    folder, other = base / "aster", base / "birch"
    tocsin("init", folder, "--id", "ASTER", "--name", "Aster watch floor", "--user", "mara", "--port", "0", "--json")
    tocsin("init", other, "--id", "BIRCH", "--name", "Birch coast guard", "--user", "olaf", "--port", "0", "--json")
    with (folder / "node.toml").open("a", encoding="utf-8") as file:
        file.write("\n[log]\nevery_s = 1\n")
    card = base / "birch.card"
    shown = json.loads(tocsin("partner", "card", other, "--json"))
    card.write_text(shown["card"], encoding="utf-8")
    tocsin("partner", "add", folder, card, "--clearance", "RESTRICTED", "--json")
    process = subprocess.Popen(
        [sys.executable, "-m", "tocsin", "up", str(folder)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        assert process.stdout is not None
        yield folder, process.stdout.readline().strip(), shown["fingerprint"]
    finally:
        process.terminate()
        process.wait(20)
        assert process.stdout is not None
        process.stdout.close()


def log_in(open_page, address, hash="", expect=()):
    page = open_page(address, hash=hash, expect=("401", *expect), wait=False)
    page.fill("input[name=name]", "mara")
    page.fill("input[type=password]", PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_selector("#page")
    return page


def test_the_browser_checks_a_proof_that_the_node_gives(open_page, node, tmp_path):
    folder, address, _ = node
    page = log_in(open_page, address, "#/live/reports")
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


def test_a_person_is_invited_seen_and_removed_and_it_stands_among_the_acts(open_page, node):
    _, address, _ = node
    page = log_in(open_page, address, "#/live/people/users")
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


def test_a_machines_token_works_and_is_gone_with_the_machine(open_page, node):
    _, address, _ = node
    page = log_in(open_page, address, "#/live/people/machines")
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
    strange = log_in(open_page, address, expect=("401",))
    assert strange.evaluate(asked, token) == 401


def test_codes_are_added_as_a_second_factor_with_their_address_as_text(open_page, node):
    import pyotp

    _, address, _ = node
    page = log_in(open_page, address, "#/live/people", expect=("428",))
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


def test_what_is_asked_and_said_stands_in_requests_and_ledger(open_page, node):
    _, address, _ = node
    page = log_in(open_page, address, "#/live/exchange")
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


def test_a_partners_words_are_compared_and_wrong_ones_refused(open_page, node):
    _, address, words = node
    page = log_in(open_page, address, "#/live/partners", expect=("403", "400", "503"))
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

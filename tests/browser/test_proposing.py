"""What two persons decide, and subscriptions, on the console served by the stand-in: what is asked, who would get it, and what is sent."""

from __future__ import annotations

import json
import re

import pytest
from tests.browser.keeping import OFFICER
from tests.browser.standin import posted

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]
ASKED = {
    "proposal": "p9", "act": "journal:erase", "what": "report--x", "digest": "3c" * 32, "proposed_by": "o.lind",
    "content": json.dumps({"record": "report--x", "leaf": "aa", "reason": "a private person is named"}), "answered": False,
}  # fmt: skip


def opened(page, record):
    row = page.locator(f"[data-record='{record}']")
    row.get_by_text("Label and erasure").click()
    return row


def test_a_lower_label_begins_with_what_holds_and_shows_who_would_get_it(at, scene):
    page = at("exchange/sent")
    row = opened(page, "report--1")
    row.get_by_role("button", name="Lower the label").click()
    form = row.get_by_role("form", name="Lower the label")
    assert form.get_by_label("Classification").input_value() == "RESTRICTED"
    assert form.get_by_label("Classification").locator("option").all_inner_texts() == ["UNCLASSIFIED", "RESTRICTED"]
    # Whoever has it keeps it.
    assert (form.get_by_label("Birch").is_checked(), form.get_by_label("Birch").is_disabled()) == (True, True)
    form.get_by_label("Cedar").check()
    form.get_by_label(re.compile("^Reason")).fill("They guard the same road.")
    form.locator(".preview li", has_text="Cedar gets it").wait_for()
    form.get_by_role("button", name="Propose the lower label").click()
    dialog = page.get_by_role("dialog")
    assert "Cedar gets it" in dialog.inner_text()
    assert "not among those it may be released to" in dialog.locator("li", has_text="Dune").inner_text()
    page.keyboard.press("Escape")
    assert posted(scene, "/labels") == []
    # The press that opens the question does not answer it.
    form.get_by_label(re.compile("^Reason")).press("Control+Enter")
    dialog.wait_for()
    assert posted(scene, "/labels") == []
    page.keyboard.press("Enter")
    row.get_by_text(re.compile("^Proposed .*a second person approves")).wait_for()
    expected = {"record": "report--1", "classification": "RESTRICTED", "releasable_to": ["birch", "cedar"], "caveats": []}
    assert posted(scene, "/labels") == [expected | {"reason": "They guard the same road."}]


def test_a_tear_line_takes_what_is_chosen_and_nothing_else(at, scene):
    page = at("exchange/sent")
    row = opened(page, "report--1")
    row.get_by_role("button", name="Make a tear-line").click()
    form = row.get_by_role("form", name="Make a tear-line")
    send = form.get_by_role("button", name="Propose the tear-line")
    form.get_by_label("They went east.").check()
    form.get_by_label("Nine fuel trucks in two columns.").check()
    form.get_by_label("title Fuel trucks").check()
    assert send.is_disabled()  # a source is missing
    form.get_by_label(re.compile("^Source of its own")).fill("a partner")
    form.get_by_label("Dune").check()
    form.locator(".preview li", has_text="Dune gets it").wait_for()
    send.click()
    page.keyboard.press("Enter")
    row.get_by_text(re.compile("^Proposed")).wait_for()
    (body,) = posted(scene, "/labels/tear-lines")
    expected = {"record": "report--1", "paragraphs": [1, 3], "fields": ["title"], "title": "", "source": "a partner"}
    assert expected.items() <= body.items()
    assert (body["classification"], body["releasable_to"]) == ("UNCLASSIFIED", ["dune"])


def test_erasing_asks_for_a_reason_and_says_what_it_does(at, scene):
    page = at("reports")
    page.get_by_text("Label and erasure").click()
    page.get_by_role("button", name="Erase").click()
    dialog = page.get_by_role("dialog")
    assert "gone here for good" in dialog.inner_text()
    dialog.get_by_role("button", name="Propose to erase").click()
    assert posted(scene, "/records/report--1/erase") == []
    dialog.get_by_label(re.compile("^Reason")).fill("a private person is named")
    page.keyboard.press("Enter")
    page.get_by_text(re.compile("^Proposed")).wait_for()
    assert posted(scene, "/records/report--1/erase") == [{"reason": "a private person is named"}]


def test_a_partner_is_proposed_for_exclusion_by_whoever_may(at, scene):
    scene.keeping.may = OFFICER  # an approver, who has no page of partners
    page = at("exchange/links")
    page.get_by_role("button", name="Exclude Dune").click()
    page.get_by_label(re.compile("^Reason")).fill("It passes on what it is given.")
    page.keyboard.press("Enter")
    page.get_by_text(re.compile("^Proposed")).wait_for()
    assert posted(scene, "/partners/dune/exclude") == [{"reason": "It passes on what it is given."}]


def test_settings_show_what_holds_and_are_proposed_one_by_one(at, scene):
    page = at("people/settings")
    factor, hours = (page.locator(f"[data-setting='{name}']") for name in ("second_factor", "session_hours"))
    factor.get_by_text("optional").wait_for()
    assert factor.get_by_role("button").is_disabled()
    factor.get_by_role("combobox").select_option("required")
    factor.get_by_role("button").click()
    assert "from optional to required" in page.get_by_role("dialog").inner_text()
    page.keyboard.press("Enter")
    page.get_by_text(re.compile("^Proposed")).wait_for()
    page.get_by_role("dialog").wait_for(state="detached")
    hours.get_by_role("textbox").fill("8,5")
    page.keyboard.press("Enter")
    page.get_by_role("dialog").wait_for()
    assert len(posted(scene, "/settings")) == 1
    page.get_by_role("dialog").get_by_role("button", name="Propose").click()
    page.get_by_role("dialog").wait_for(state="detached")
    page.locator("[data-setting='step_up']").get_by_role("combobox").select_option("yes")
    page.locator("[data-setting='step_up']").get_by_role("button").click()
    page.get_by_role("dialog").get_by_role("button", name="Propose").click()
    page.get_by_role("dialog").wait_for(state="detached")
    expected = [{"name": "second_factor", "value": "required"}, {"name": "session_hours", "value": 8.5}, {"name": "step_up", "value": True}]
    assert posted(scene, "/settings") == expected


def test_who_may_not_propose_is_offered_nothing(at, scene):
    scene.keeping.may = ["record:read"]
    page = at("exchange/sent")
    page.locator("[data-record='report--1']").wait_for()
    assert page.get_by_text("Label and erasure").count() == 0
    page.get_by_role("link", name=re.compile("^Links")).click()
    page.get_by_text("Fingerprint of the keys").wait_for()
    assert page.get_by_role("button", name="Exclude").count() == 0
    assert page.get_by_role("link", name="Settings").count() == 0
    page.get_by_role("link", name="Subscriptions").click()
    page.get_by_text("all of it").wait_for()
    assert page.get_by_role("form", name="Subscribe").count() == 0


def test_a_proposal_is_approved_as_it_was_shown_whole(at, scene):
    page = at("people/proposals")
    page.get_by_role("button", name="Approve: Exclude a partner elm").click()
    shown = page.get_by_role("dialog").inner_text()
    assert "Its keys were copied." in shown
    assert "7c" * 32 in shown


def test_a_partner_is_asked_to_be_the_second_but_never_the_one_it_is_about(at, scene):
    scene.keeping.proposals[0]["what"] = "birch"
    page = at("people/proposals")
    page.get_by_role("button", name=re.compile("^Ask a partner to be the second")).click()
    dialog = page.get_by_role("dialog")
    assert dialog.get_by_role("combobox").locator("option").all_inner_texts() == ["Cedar", "Dune"]
    dialog.get_by_role("combobox").select_option("dune")
    dialog.get_by_role("button", name="Ask").click()
    page.get_by_text("Asked Dune").wait_for()
    assert posted(scene, "/approvals/p1/ask") == [{"partner": "dune"}]


@pytest.mark.parametrize("agree", [True, False])
def test_what_a_partner_asks_a_second_person_for_is_shown_whole_and_answered(at, scene, agree):
    scene.keeping.inbox[0] |= {"kind": "approval", "asks": ASKED | {"expires": scene.now + 60_000_000}}
    page = at("exchange/inbox/report--in9")
    page.get_by_text("Birch asks for a second person: Erase a record. Proposed by o.lind").wait_for()
    assert "a private person is named" in page.locator(".inside").inner_text()
    page.get_by_role("button", name="Agree" if agree else "Decline").click()
    page.get_by_label(re.compile("^Note")).fill("seen")
    page.keyboard.press("Enter")
    page.get_by_text("It has been answered from here").wait_for()
    assert posted(scene, "/inbox/report--in9/answer") == [{"digest": "3c" * 32, "agree": agree, "note": "seen"}]


# Subscriptions


def test_a_subscription_is_ones_own_unless_partners_are_told(at, scene):
    page = at("exchange/subscriptions")
    form = page.get_by_role("form", name="Subscribe")
    form.get_by_label("Name").fill("east")
    form.get_by_label("report", exact=True).check()
    form.get_by_label("Airborne rapid deployment").check()
    form.get_by_label("Airlift surge").check()
    area = form.get_by_label(re.compile("^Area"))
    area.fill("46.1 6.5\nnorth")
    form.get_by_text("Line 2 is no latitude and longitude: north").wait_for()
    assert form.get_by_role("button", name="Subscribe").is_disabled()
    area.fill("46.1 6.5\n47 6,5\n47, 8")
    form.get_by_role("button", name="Subscribe").click()
    page.locator("[data-subscription='east']").get_by_text("report · Airborne rapid deployment · Airlift surge · 3 points").wait_for()
    wanted = {"kinds": ["report"], "topics": ["airborne-rapid-deployment"], "indicators": ["airlift-surge"]}
    points = [[46.1, 6.5], [47, 6.5], [47, 8]]
    assert posted(scene, "/subscriptions") == [{"name": "east", **wanted, "area": points, "to": []}]
    form.get_by_label("Name").fill("surge")
    form.get_by_label("Cedar").check()
    form.get_by_role("button", name="Tell 1 partner").click()
    assert "Cedar" in page.get_by_role("dialog").inner_text()
    page.keyboard.press("Enter")
    page.locator("[data-subscription='surge']", has_text="Cedar").wait_for()
    assert posted(scene, "/subscriptions")[1]["to"] == ["cedar"]


def test_ending_a_subscription_says_whom_it_reaches(at, scene):
    page = at("exchange/subscriptions")
    page.get_by_role("button", name="End loading").click()
    assert "Birch is told" in page.get_by_role("dialog").inner_text()
    page.keyboard.press("Enter")
    page.get_by_text("This node asks no partner for anything in particular").wait_for()
    assert posted(scene, "/subscriptions") == [{"name": "loading", "end": True, "to": ["birch"]}]
    assert page.get_by_role("button", name="End all of it").count() == 0  # a partner's is the partner's


def test_feed_terms_go_with_what_rests_on_them_and_show_in_the_preview(at, scene):
    page = at("reports")
    page.get_by_label("NON-COMMERCIAL").check()
    page.get_by_label("Cedar").check()
    page.locator(".preview li", has_text="It has not accepted the feed term NON-COMMERCIAL.").wait_for()
    page.get_by_label("Title").fill("Lights")
    page.get_by_label("What is said").fill("Four columns")
    page.get_by_role("button", name="Keep on this node").click()
    page.get_by_text("Kept and on its way").wait_for()
    assert posted(scene, "/reports")[0]["terms"] == ["NON-COMMERCIAL"]

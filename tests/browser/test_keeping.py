"""The pages for the exchange, partners, people and the audit log, served by the stand-in: what is offered, asked and sent."""

from __future__ import annotations

import re

import pytest
from tests.browser.keeping import KEEPER, OFFICER
from tests.browser.shapes import NIGHT
from tests.browser.standin import posted

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]


def until(page, holds):
    """Waits until `holds()`, for what the stand-in is asked and no page shows."""
    for _ in range(200):
        if holds():
            return
        page.wait_for_timeout(50)
    raise AssertionError("it was never asked")


# The exchange


def test_opening_a_record_in_the_inbox_marks_it_read_once(at, scene):
    page = at("exchange")
    row = page.locator("[data-record='report--in9']")
    row.get_by_text("unread").wait_for(state="attached")
    row.get_by_role("link").first.click()
    page.wait_for_url(re.compile("exchange/inbox/report--in9$"))
    row.get_by_text(re.compile("read by you")).wait_for()
    page.wait_for_timeout(300)
    assert len(posted(scene, "/inbox/report--in9/read")) == 1
    assert posted(scene, "/inbox/request--in7/read") == []


def test_the_inbox_is_filtered_by_what_is_unread_and_by_kind(at):
    page = at("exchange")
    rows = page.locator("[data-record]")
    rows.nth(3).wait_for()
    page.get_by_label("Unread only").check()
    rows.nth(2).wait_for(state="detached")
    assert rows.count() == 2
    page.get_by_label("Kind").select_option("request")
    rows.nth(1).wait_for(state="detached")
    page.get_by_label("Kind").select_option("rule")
    page.get_by_text("Nothing fits these filters").wait_for()


def test_a_recalled_record_shows_no_text_but_who_and_why(at):
    page = at("exchange/inbox/report--in3")
    page.get_by_text(re.compile("Recalled by Birch.*mistaken")).wait_for()
    assert page.locator("[data-record='report--in3']", has_text="Nine fuel trucks").count() == 0


def test_the_ledger_says_for_every_partner_what_became_of_a_record(at):
    page = at("exchange/sent")
    fates = page.locator("[data-record='report--1'] .fates li")
    fates.nth(2).wait_for()
    assert re.search(r"Birch read\s+offered .* sent .* delivered .* read \S+Z\s*by o\.lind", fates.nth(0).inner_text().replace("\n", " "))
    assert "not among those it may be released to" in fates.nth(1).inner_text()
    assert re.search(r"town hall told\s+a receiver of aster, which fetched it \S+", fates.nth(3).inner_text().replace("\n", " "))
    assert page.locator("[data-record]").first.get_attribute("data-record") == "report--1"  # the newest first


def test_a_recall_asks_says_who_had_it_and_takes_only_the_nodes_own_reasons(at, scene):
    page = at("exchange/sent")
    page.locator("[data-record='report--1']").get_by_role("button", name="Recall").click()
    dialog = page.get_by_role("dialog")
    assert "Birch" in dialog.inner_text()
    assert "Cedar" not in dialog.inner_text()
    assert "town hall" in dialog.inner_text()
    page.keyboard.press("Escape")
    assert scene.posted == []
    page.locator("[data-record='report--1']").get_by_role("button", name="Recall").click()
    dialog.get_by_label(re.compile("Reason")).select_option("released in error")
    dialog.get_by_role("button", name="Recall").click()
    page.get_by_text("hidden there").wait_for()
    page.get_by_text("recall not acknowledged yet").wait_for()
    assert posted(scene, "/exchange/ledger/report--1/recall") == [{"why": "released in error"}]


def test_a_correction_begins_with_what_was_said_and_names_it(at, scene):
    page = at("exchange/sent")
    page.locator("[data-record='report--1']").get_by_role("button", name="Correct").click()
    page.get_by_text("This corrects report--1").wait_for()
    assert page.get_by_label("Title").input_value() == "Fuel trucks at RHÔNE since midnight"
    page.get_by_label("What is said").fill("Seven, not nine.")
    page.get_by_label("Birch").check()
    page.get_by_role("button", name="Send to 1 partner").click()
    page.get_by_text("Kept and on its way").wait_for()
    assert posted(scene, "/reports")[0]["corrects"] == "report--1"
    assert page.get_by_text("This corrects").count() == 0


def test_asking_partners_on_a_warning_opens_a_request_about_its_indicator(open_page, scene, served):
    page = open_page(served(scene), hash=f"#/{NIGHT}/watch")
    page.wait_for_selector("article[data-warning]")
    page.keyboard.press("q")
    page.wait_for_url(re.compile("exchange/requests/new$"))
    assert page.get_by_label("Question").input_value().startswith("Has Cedar’s radar")
    assert page.get_by_role("button", name="Ask 0 partners").is_disabled()
    page.get_by_label("Cedar").check()
    page.get_by_label("PR-3").check()
    page.get_by_role("button", name="Ask 1 partner").click()
    page.locator("[data-record='request--new']").wait_for()
    (asked,) = posted(scene, "/requests")
    expected = {"realm": NIGHT, "topic": "airborne-rapid-deployment", "releasable_to": ["cedar"], "serves": ["requirement--1"]}
    assert expected.items() <= asked.items()
    assert asked["indicator"] == scene.warnings[0]["evidence"][0]["indicator"]


def test_a_request_is_answered_to_its_asker_and_ones_own_is_closed(at, scene):
    page = at("exchange/requests")
    theirs, mine = (page.locator(f"[data-record='request--{n}']") for n in (1, 2))
    theirs.wait_for()
    assert theirs.get_by_role("button", name="Close").count() == 0
    assert mine.get_by_role("link", name="Four columns").get_attribute("href").endswith("/reports/report--5")
    theirs.get_by_role("button", name="Answer").click()
    assert theirs.get_by_label("Birch").is_checked()
    theirs.get_by_label("Title").fill("Held")
    theirs.get_by_label("What is said").fill("Without a break.")
    theirs.get_by_label("Who says it").fill("our radar")
    theirs.get_by_role("button", name="Send the answer").click()
    theirs.get_by_text("answered").wait_for()
    assert posted(scene, "/requests/request--1/answer")[0]["releasable_to"] == ["birch"]
    mine.get_by_role("button", name="Close").click()
    page.get_by_role("dialog").get_by_role("button", name="Close").click()
    mine.get_by_text("closed").wait_for()


def test_a_node_without_a_ledger_shows_its_links_alone(at, scene):
    scene.keeping.may = [act for act in scene.keeping.may if not act.startswith(("record:", "request:"))]
    page = at("exchange")
    page.get_by_text("Fingerprint of the keys").wait_for()
    assert page.get_by_role("link", name="Inbox").count() == 0


# Partners


def test_words_are_confirmed_by_typing_what_was_heard(at, scene):
    page = at("partners")
    cedar = page.locator("[data-partner='cedar']")
    cedar.get_by_text("Words not compared yet").wait_for()
    cedar.get_by_text("keys followed by rotation").wait_for()
    cedar.get_by_role("button", name="Compare words").click()
    page.get_by_label("The words, as heard").fill("babad lusab")
    page.keyboard.press("Enter")
    cedar.get_by_text(re.compile("words compared by m.weber")).wait_for()
    assert posted(scene, "/partners/cedar/confirm") == [{"words": "babad lusab"}]


def test_a_pairing_test_names_the_side_that_fails(at):
    page = at("partners")
    birch = page.locator("[data-partner='birch']")
    birch.get_by_role("button", name="Test the pairing").click()
    birch.get_by_text("It fails; to mend: their side").wait_for()
    assert [line.split("\n")[0] for line in birch.locator(".result li").all_inner_texts()]
    assert "their side: nothing came back in 20 s" in birch.locator(".result").inner_text()


def test_revoking_needs_a_reason_and_a_second_look(at, scene):
    page = at("partners")
    birch = page.locator("[data-partner='birch']")
    birch.get_by_role("button", name="Revoke").click()
    page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    assert scene.posted == []
    page.get_by_label(re.compile("Reason")).fill("Its laptop was stolen.")
    page.keyboard.press("Enter")
    birch.get_by_text("put out").wait_for()
    assert birch.get_by_role("button").count() == 0
    assert posted(scene, "/partners/birch/revoke") == [{"reason": "Its laptop was stolen."}]


# People


def test_only_what_the_roles_allow_is_offered(at, scene):
    scene.keeping.may = OFFICER
    page = at("people/users")
    page.get_by_role("heading", name="Second factors").wait_for()
    assert page.get_by_role("link", name="Users").count() == 0
    assert page.locator("nav a[href$='/partners']").count() == 0
    page.keyboard.press("6")
    assert "/people" in page.url
    page = at("audit/acts")
    page.get_by_text("Acts are for the security officer").wait_for()
    scene.keeping.may = [act for act in OFFICER + KEEPER if act not in {"user:change", "invitation:add"}]
    page = at("people/users")
    row = page.locator("[data-user='s.vogt']")
    row.get_by_role("button", name="Remove").wait_for()
    assert row.get_by_role("button", name="Change").count() == 0
    assert page.get_by_role("button", name="Invite a person").count() == 0
    assert page.locator("[data-user='m.weber']").get_by_role("button").count() == 0  # nobody removes themselves


def test_an_invitation_is_shown_once(at, scene):
    page = at("people/users")
    page.get_by_label("Name").fill("n.neu")
    page.get_by_role("button", name="Invite a person").click()
    page.get_by_text("Choose at least one role").wait_for()
    page.get_by_label("analyst").check()
    page.get_by_role("button", name="Invite a person").click()
    page.get_by_text("once-and-never-again").wait_for()
    page.get_by_role("button", name="I have them").click()
    assert page.get_by_text("once-and-never-again").count() == 0
    assert posted(scene, "/people/invitations") == [{"name": "n.neu", "roles": ["analyst"], "clearance": "UNCLASSIFIED", "caveats": []}]


def test_a_sensitive_act_asks_for_the_second_factor_and_is_then_done(at, scene):
    scene.keeping.stale = 1
    page = at("people/users", expect=("428",))
    page.get_by_role("button", name="Remove a.keller").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    page.get_by_text("Prove once more that it is you").wait_for()
    page.locator("input[name=code]").fill("123456")
    page.keyboard.press("Enter")
    page.locator("[data-user='a.keller']").wait_for(state="detached")
    assert page.get_by_role("dialog").count() == 0


def test_turning_away_from_the_second_factor_does_nothing(at, scene):
    scene.keeping.stale = 1
    page = at("people/users", expect=("428",))
    page.get_by_role("button", name="Remove a.keller").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    page.get_by_text("Prove once more that it is you").wait_for()
    page.keyboard.press("Escape")
    page.get_by_text("Not done: prove your second factor once more").wait_for()
    assert len(scene.keeping.users) == 3


def test_roles_are_changed_with_what_stands_as_the_start(at, scene):
    page = at("people/users")
    page.get_by_role("button", name="Change a.keller").click()
    dialog = page.get_by_role("dialog")
    assert dialog.get_by_label("analyst").is_checked()
    dialog.get_by_label("approver").check()
    dialog.get_by_role("button", name="Save").click()
    page.locator("[data-user='a.keller']", has_text="approver").wait_for()
    body = {"roles": ["analyst", "approver"], "clearance": "RESTRICTED", "caveats": []}
    assert posted(scene, "/people/a.keller") == [body]


def test_a_machines_token_is_shown_once(at):
    page = at("people/machines")
    form = page.locator("form", has_text="Add a machine client")
    form.get_by_label("Name").fill("tak bridge")
    form.get_by_role("button", name="Add a machine client").click()
    page.get_by_text("toc_once-and-never-again").wait_for()
    page.get_by_role("button", name="I have them").click()
    assert page.get_by_text("toc_once-and-never-again").count() == 0


def test_a_receivers_token_is_shown_once_and_what_it_was_told_with_when(at, scene):
    page = at("people/machines")
    form = page.locator("form", has_text="Add a receiver")
    form.get_by_label("Name").fill("town hall")
    form.get_by_role("button", name="Add a receiver").click()
    page.get_by_text("tocsin_told_once-and-never-again").wait_for()
    page.get_by_role("button", name="I have them").click()
    assert page.get_by_text("tocsin_told_once-and-never-again").count() == 0
    (asked,) = posted(scene, "/receivers")
    assert (asked["kind"], asked["days"], asked["address"]) == ("feed", 90, "")
    page.get_by_role("button", name="What it was told: town hall").click()
    told = page.get_by_role("region", name="What it was told: town hall").get_by_role("listitem")
    told.nth(1).wait_for()
    assert re.search(r"\d\dZ .*report--1", told.nth(0).inner_text().replace("\n", " "))
    page.get_by_role("button", name="New token for town hall").click()
    page.get_by_role("dialog").get_by_role("button", name="New token").click()
    page.get_by_text("tocsin_told_once-and-never-again").wait_for()
    # Nothing is promised to those whom this version does not tell.
    page.get_by_role("row", name=re.compile("duty desk")).get_by_text("not told").wait_for()
    assert page.get_by_role("button", name="What it was told: duty desk").count() == 0


def test_a_proposal_is_approved_by_its_digest(at, scene):
    page = at("people/proposals")
    page.get_by_role("button", name="Approve: Exclude a partner elm").click()
    page.get_by_role("dialog").get_by_role("button", name="Approve").click()
    page.get_by_text("approved by m.weber").wait_for()
    assert posted(scene, "/approvals/p1/approve") == [{"digest": "5a" * 32}]


# Release, audit


def test_the_preview_follows_communities_expiry_and_review(at, scene):
    page = at("reports")
    page.get_by_label("air-picture").check()
    page.get_by_label(re.compile("^Expires")).fill("2030-01-02")
    page.get_by_label(re.compile("^Review by")).fill("2029-06-01")
    expected = {"communities": [["air-picture"]], "expires": 1893542400000000, "review": 1874966400000000}
    until(page, lambda: any(expected.items() <= asked.items() for asked in posted(scene, "/release/preview")))


def test_acts_are_paged_and_each_page_has_an_address(at):
    page = at("audit/acts")
    page.get_by_text("Acts 1 to 200").wait_for()
    page.keyboard.press("n")
    page.wait_for_url(re.compile("audit/acts/200$"))
    page.get_by_text("Acts 201 to 260").wait_for()
    page.keyboard.press("p")
    page.get_by_text("Acts 1 to 200").wait_for()


@pytest.mark.parametrize("mutated", [False, True])
def test_the_browser_says_itself_whether_a_proof_holds(at, scene, mutated):
    record, answer = next(iter(scene.keeping.proofs.items()))
    session = scene.session()
    scene.session = lambda: session | {"node": {"id": answer["node"], "name": "Aster"}}
    if mutated:
        scene.keeping.proofs[record] = answer | {"path": answer["path"][::-1]}
    page = at(f"audit/proof/{record}")
    page.locator("[data-part]").nth(4).wait_for()
    states = {part.get_attribute("data-part"): part.get_attribute("class").split()[0] for part in page.locator("[data-part]").all()}
    assert states == dict.fromkeys(("record", "entry", "path", "checkpoint", "signature"), "holds") | ({"path": "fails"} if mutated else {})
    assert page.get_by_text("It does not hold" if mutated else "It holds. Each").count() == 1
    with page.expect_download() as saved:
        page.get_by_role("button", name="Save the proof file").click()
    assert saved.value.suggested_filename == f"{record}.tlog-proof"


def test_without_cryptography_the_page_says_that_it_cannot(open_page, scene, served):
    record, answer = next(iter(scene.keeping.proofs.items()))
    session = scene.session()
    scene.session = lambda: session | {"node": {"id": answer["node"], "name": "Aster"}}
    address = served(scene)
    page = open_page(address, wait=False)
    page.add_init_script("Object.defineProperty(Crypto.prototype, 'subtle', { get: () => undefined })")
    page.goto(f"{address}/#/live/audit/proof/{record}")
    page.reload()
    page.get_by_text("Not everything could be checked").wait_for()
    assert page.get_by_text("It holds. Each").count() == 0


# Each with what stands on it once it has come.
SMALL = {
    "exchange": "[data-record]", "exchange/sent": ".fates li", "exchange/requests/new": ".preview li", "exchange/subscriptions": ".form",
    "exchange/reviews": "[data-record]", "exchange/rules": "[data-rule]",
    "exchange/links": "table", "partners": "[data-partner]", "people/users": "[data-user]", "people/machines": "table",
    "people/settings": "[data-setting]", "audit": "table", "say": "form",
}  # fmt: skip


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_a_small_telephone_shows_it_without_sideways_scrolling(at, scheme):
    page = at("watch", width=375, height=700, scheme=scheme)
    for where, ready in SMALL.items():
        page.evaluate("hash => { location.hash = hash }", f"#/live/{where}")
        page.wait_for_selector(f".sheet {ready}")
        page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done())))")
        assert page.evaluate("document.documentElement.scrollWidth") <= 375, where
        assert page.locator(".sheet").evaluate("e => e.scrollWidth - e.clientWidth") <= 0, where

"""Rules agreed beforehand, labels to look at again and consents, on the console served by the stand-in and by a real node."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from tests.browser.keeping import BANNER, OFFICER
from tests.browser.shapes import MINUTE, NIGHT
from tests.browser.standin import posted

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]
DAY = 1440 * MINUTE
SENTENCE = re.compile(
    r"^From \d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ until \S+ \S+Z, warnings of Airborne rapid deployment at high or above in Live"
    r" go to Birch, Cedar without anybody pressing a button\.$"
)


def day(time):
    return datetime.fromtimestamp(time / 1e6, UTC).date().isoformat()


# Rules


def test_each_rule_says_in_one_sentence_what_it_lets_happen_and_how_far_it_has_come(at):
    page = at("exchange/rules")
    night, east, theirs = (page.locator(f"[data-rule='rule--{name}']") for name in ("night", "east", "theirs"))
    east.get_by_text("proposed, waits for a second approver").wait_for()
    east.get_by_text(SENTENCE).wait_for()
    night.get_by_text(re.compile(r"in force until \S+ \S+Z")).wait_for()
    assert "agreed by m.weber and k.berg" in night.inner_text()
    assert "of Birch" in theirs.inner_text()
    assert theirs.get_by_role("button").count() == 0  # a partner's rule is the partner's
    # What wants a second person comes first; what is over is out of the way.
    assert page.locator("[data-rule]").first.get_attribute("data-rule") in {"rule--east", "rule--mine"}
    spring = page.locator("[data-rule='rule--spring']")
    assert not spring.is_visible()
    page.get_by_text("Ended and withdrawn (1)").click()
    assert "ended" in spring.inner_text()
    assert spring.get_by_role("button").count() == 0


def test_a_rule_is_agreed_by_another_approver_after_its_sentence_was_shown(at, scene):
    page = at("exchange/rules")
    mine = page.locator("[data-rule='rule--mine']")
    mine.wait_for()
    assert mine.get_by_role("button", name="Agree").count() == 0  # it takes another person
    page.get_by_role("button", name="Agree to east").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_text(SENTENCE).wait_for()
    page.keyboard.press("Escape")
    assert posted(scene, "/rules/rule--east/agree") == []
    page.get_by_role("button", name="Agree to east").click()
    page.keyboard.press("Enter")
    page.get_by_text(re.compile(r"^Agreed \S+Z$")).wait_for()
    page.locator("[data-rule='rule--east']").get_by_text("in force until").wait_for()
    assert posted(scene, "/rules/rule--east/agree") == [{}]


def test_one_approver_withdraws_a_rule(at, scene):
    page = at("exchange/rules")
    page.get_by_role("button", name="Withdraw night").click()
    assert "nothing leaves under it" in page.get_by_role("dialog").inner_text()
    page.keyboard.press("Enter")
    page.get_by_text("Ended and withdrawn (2)").wait_for()
    assert posted(scene, "/rules/rule--night/withdraw") == [{}]


def test_a_rule_is_proposed_by_keys_alone_and_its_sentence_follows_what_is_written(at, scene):
    page = at("exchange/rules")
    form = page.get_by_role("form", name="Propose a rule")
    form.get_by_label("Name").fill("watch line")
    form.get_by_text("Choose a partner, a realm, and an end after the beginning.").wait_for()
    assert form.get_by_role("button", name="Propose").is_disabled()
    for name in ("Birch", "Cedar"):
        form.get_by_label(name).focus()
        page.keyboard.press("Space")
    form.get_by_text(SENTENCE).wait_for()
    # What comes after its end cannot be proposed, nor by a way around the button.
    form.get_by_label("From (UTC)").fill("2031-02-01T00:00")
    form.get_by_text("Choose a partner, a realm, and an end after the beginning.").wait_for()
    page.keyboard.press("Control+Enter")
    assert page.get_by_role("dialog").count() == 0
    form.get_by_label("Until (UTC)").fill("2031-03-01T06:30")
    form.get_by_text(re.compile(r"^From 2031-02-01 00:00:00Z until 2031-03-01 06:30:00Z, .* in Live go to Birch, Cedar ")).wait_for()
    page.keyboard.press("Control+Enter")
    dialog = page.get_by_role("dialog")
    assert "Those below are told of the rule now" in dialog.inner_text()
    assert posted(scene, "/rules") == []
    page.keyboard.press("Enter")
    form.get_by_text(re.compile(r"^Proposed \S+Z\. It holds when another approver agrees")).wait_for()
    page.locator("[data-rule='rule--new']").get_by_text("proposed, waits for a second approver").wait_for()
    expected = {"name": "watch line", "topic": "airborne-rapid-deployment", "level": "high", "audience": ["birch", "cedar"]}
    times = {"valid_from": 1927670400000000, "valid_until": 1930113000000000}
    assert posted(scene, "/rules") == [expected | {"realms": ["live"]} | times]


def test_who_is_no_approver_reads_the_rules_and_is_offered_nothing(at, scene):
    scene.keeping.may = [act for act in OFFICER if not act.startswith("rule:")]
    page = at("exchange/rules")
    page.locator("[data-rule='rule--east']").wait_for()
    assert page.locator("[data-rule]").get_by_role("button").count() == 0
    assert page.get_by_role("form", name="Propose a rule").count() == 0


def test_without_a_rule_it_says_that_nothing_leaves_by_itself(at, scene):
    scene.keeping.rules = []
    at("exchange/rules").get_by_text("No rule: nothing leaves this node without a person.").wait_for()


def test_whoever_approves_a_rule_among_the_proposals_reads_its_sentence_and_times(at, scene):
    fields = ("name", "topic", "level", "audience", "realms", "valid_from", "valid_until")
    content = {name: scene.keeping.rules[1][name] for name in fields}
    scene.keeping.proposals[0] |= {"act": "rule:agree", "what": "rule--east", "content": content}
    page = at("people/proposals")
    page.get_by_role("button", name="Approve: Agree to a rule rule--east").click()
    shown = page.get_by_role("dialog").inner_text()
    assert "go to Birch, Cedar without anybody pressing a button" in shown
    assert day(content["valid_until"]) in shown
    assert str(content["valid_until"]) not in shown


# Reviews


def test_labels_that_are_due_are_counted_and_listed_for_the_realm_on_screen(at, scene):
    page = at("exchange/reviews")
    page.locator("[data-record='report--1']").get_by_text("due since").wait_for()
    page.locator("[data-record='report--0']").get_by_text(re.compile(r"^◇ due \d{4}")).wait_for()
    assert page.locator("[data-record='report--n']").count() == 0
    page.get_by_role("link", name="Due elsewhere: Exercise: NIGHT LANTERN · run 3 (1)").wait_for()
    page.get_by_role("link", name=re.compile("^Reviews.* 2 labels are due for review")).wait_for()
    page.get_by_role("combobox", name="Due").select_option("by now")
    page.locator("[data-record='report--0']").wait_for(state="detached")
    assert page.get_by_role("link", name="Open Fuel trucks at RHÔNE").get_attribute("href").endswith("/live/reports/report--1")
    page.get_by_role("link", name="Due elsewhere").click()
    page.locator("[data-record='report--n']").wait_for()
    assert NIGHT in page.evaluate("decodeURIComponent(location.hash)")


def test_the_next_date_leaves_the_label_as_it_is_and_waits_for_an_approver(at, scene):
    page = at("exchange/reviews")
    row = page.locator("[data-record='report--1']")
    row.get_by_role("button", name="Set the next date: Fuel trucks at RHÔNE").click()
    form = row.get_by_role("form", name="Set the next date")
    form.get_by_label("Next review").fill("2031-01-01")
    form.get_by_label(re.compile("^Reason")).fill("Still so.")
    form.get_by_label(re.compile("^Reason")).press("Control+Enter")
    page.get_by_text(re.compile("^Proposed .*a second person approves")).wait_for()
    row.get_by_text(f"m.weber proposed {BANNER}; an approver decides").wait_for()
    assert row.get_by_role("button").count() == 0  # once is enough
    expected = {"record": "report--1", "classification": "RESTRICTED", "releasable_to": [], "caveats": [], "reason": "Still so."}
    assert posted(scene, "/labels") == [expected | {"review": 1924992000000000}]


def test_a_label_that_is_due_is_lowered_where_it_stands_with_the_next_date(at, scene):
    page = at("exchange/reviews")
    row = page.locator("[data-record='report--1']")
    row.get_by_role("button", name="Lower the label: Fuel trucks at RHÔNE").click()
    form = row.get_by_role("form", name="Lower the label")
    form.get_by_label("Cedar").check()
    form.get_by_label(re.compile("^Reason")).fill("They guard the same road.")
    form.get_by_label(re.compile("^Review by")).fill("2031-01-01")
    form.locator(".preview li", has_text="Cedar gets it").wait_for()
    form.get_by_role("button", name="Propose the lower label").click()
    page.get_by_role("dialog").wait_for()
    page.keyboard.press("Enter")
    page.get_by_text(re.compile("^Proposed .*a second person approves")).wait_for()
    (body,) = posted(scene, "/labels")
    assert (body["releasable_to"], body["review"]) == (["birch", "cedar"], 1924992000000000)


def test_who_may_not_lower_a_label_sees_what_is_due_and_opens_it(at, scene):
    scene.keeping.may = ["record:read"]
    page = at("exchange/reviews")
    row = page.locator("[data-record='report--1']")
    row.get_by_role("link", name="Open").wait_for()
    assert row.get_by_role("button").count() == 0


def test_nothing_due_says_so(at, scene):
    scene.keeping.due = []
    page = at("exchange/reviews")
    page.get_by_text("No label is due in this realm within 30 days.").wait_for()
    page.get_by_role("combobox", name="Due").select_option("by now")
    page.get_by_text("No label is due in this realm.").wait_for()


def test_a_tear_line_bears_a_date_to_look_at_it_again(at, scene):
    page = at("exchange/sent")
    row = page.locator("[data-record='report--1']")
    row.get_by_text("Label and erasure").click()
    row.get_by_role("button", name="Make a tear-line").click()
    form = row.get_by_role("form", name="Make a tear-line")
    form.get_by_label("They went east.").check()
    form.get_by_label("title Fuel trucks").check()
    form.get_by_label(re.compile("^Source of its own")).fill("a partner")
    form.get_by_label(re.compile("^Review by")).fill("2031-01-01")
    form.get_by_role("button", name="Propose the tear-line").click()
    page.get_by_role("dialog").wait_for()
    page.keyboard.press("Enter")
    row.get_by_text(re.compile("^Proposed")).wait_for()
    assert posted(scene, "/labels/tear-lines")[0]["review"] == 1924992000000000


# Consents


@pytest.fixture
def wanted(scene):
    """A partner's record that goes on only with this node's consent, as the first of the inbox."""
    scene.keeping.inbox[0] |= {"banner": "RESTRICTED ORCON REL TO ASTER, BIRCH, CEDAR", "wants_consent": True, "consents": []}
    return "exchange/inbox/report--in9"


def test_a_consent_is_given_where_it_is_asked_for_with_whom_and_until_when(at, scene, wanted):
    page = at("exchange")
    row = page.locator("[data-record='report--in9']")
    row.get_by_text("wants this node’s consent").wait_for()
    row.get_by_role("link").first.click()
    row.get_by_text("only if this node consents").wait_for()
    row.get_by_role("button", name="Consent").click()
    form = row.get_by_role("form", name="Consent")
    # Neither this node nor whoever asks.
    assert form.get_by_role("checkbox").count() == 2
    send = form.get_by_role("button", name="Consent for 0 partners")
    assert send.is_disabled()
    form.get_by_label("Cedar").check()
    form.get_by_label(re.compile("^Until")).fill("2031-01-01")
    form.get_by_label(re.compile("^Note")).fill("for the convoy")
    form.get_by_label(re.compile("^Note")).press("Control+Enter")
    dialog = page.get_by_role("dialog")
    for words in ("Birch is told", "until 2031-01-01 00:00:00Z", "Cedar", "Nine fuel trucks"):
        assert words in dialog.inner_text()
    assert posted(scene, "/labels/report--in9/consent") == []
    page.keyboard.press("Enter")
    row.get_by_text("m.weber consented: to Cedar, until 2031-01-01 00:00:00Z.").wait_for()
    assert posted(scene, "/labels/report--in9/consent") == [{"audience": ["cedar"], "until": 1924992000000000, "note": "for the convoy"}]
    row.get_by_role("button", name="Consent to more").wait_for()
    assert row.get_by_text("wants this node’s consent").count() == 0


def test_a_consent_that_has_ended_says_so(at, scene, wanted):
    given = {"consent": "consent--0", "audience": ["cedar"], "until": scene.now - DAY, "by": "k.berg", "at": scene.now - 9 * DAY}
    scene.keeping.inbox[0]["consents"] = [given]
    page = at(wanted)
    page.locator(".given").get_by_text("ended").wait_for()


def test_who_is_no_approver_reads_who_gives_the_consent(at, scene, wanted):
    scene.keeping.may = [act for act in OFFICER if act != "label:consent"]
    page = at(wanted)
    page.get_by_text("An approver gives it.").wait_for()
    assert page.get_by_role("button", name="Consent").count() == 0


def test_what_was_recalled_asks_for_no_consent(at, scene, wanted):
    scene.keeping.inbox[0]["recalled"] = {"record": "recall--1", "by": "birch", "at": scene.now, "why": "mistaken"}
    page = at(wanted)
    page.locator(".inside").get_by_text("Its text is hidden here").wait_for()
    assert page.get_by_text("consent").count() == 0


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_a_narrow_screen_takes_the_forms_whole(at, scene, wanted, scheme):
    page = at(wanted, width=375, height=700, scheme=scheme)
    page.get_by_role("button", name="Consent").click()
    page.get_by_role("form", name="Consent").wait_for()
    fits = "e => e.scrollWidth - e.clientWidth"
    assert page.locator(".sheet").evaluate(fits) <= 0
    page.evaluate("location.hash = '#/live/exchange/reviews'")
    page.get_by_role("button", name="Set the next date: Fuel trucks").click()
    page.get_by_role("form", name="Set the next date").wait_for()
    assert page.locator(".sheet").evaluate(fits) <= 0
    page.evaluate("location.hash = '#/live/exchange/rules'")
    page.get_by_role("form", name="Propose a rule").get_by_label("Birch").check()
    page.get_by_role("form", name="Propose a rule").get_by_text("without anybody pressing a button").wait_for()
    assert page.locator(".sheet").evaluate(fits) <= 0


# A real node


def test_a_real_node_keeps_the_rule_that_was_proposed_and_the_date_that_was_set(at_home):
    page = at_home("#/live/exchange/rules")
    page.get_by_text("No rule: nothing leaves this node without a person.").wait_for()
    form = page.get_by_role("form", name="Propose a rule")
    form.get_by_label("Name").fill("night")
    form.get_by_label("Birch coast guard").or_(form.get_by_label("BIRCH")).check()
    form.get_by_text(re.compile("or above in Live go to .* without anybody pressing a button")).wait_for()
    form.get_by_label("Name").press("Control+Enter")
    page.get_by_role("dialog").wait_for()
    page.keyboard.press("Enter")
    row = page.locator("[data-rule]", has_text="night")
    row.get_by_text("proposed, waits for a second approver").wait_for()
    row.get_by_text("proposed by mara").wait_for()
    page.get_by_role("button", name="Withdraw night").click()
    page.get_by_role("dialog").wait_for()
    page.keyboard.press("Enter")
    page.get_by_text("Ended and withdrawn (1)").wait_for()
    page.evaluate("location.hash = '#/live/reports'")
    page.get_by_label("Title").fill("To look at again")
    page.get_by_label("What is said").fill("Trucks at the ramp.")
    page.get_by_label("Who says it").fill("harbour radio")
    page.get_by_label(re.compile("^Review by")).fill("2020-01-01")
    page.get_by_role("button", name="Keep on this node").click()
    page.get_by_text("Kept and on its way").wait_for()
    page.evaluate("location.hash = '#/live/exchange/reviews'")
    page.get_by_role("button", name="Set the next date: To look at again").click()
    form = page.get_by_role("form", name="Set the next date")
    form.get_by_label("Next review").fill("2031-01-01")
    form.get_by_label(re.compile("^Reason")).fill("Still so.")
    form.get_by_role("button", name="Propose the next date").click()
    page.get_by_text(re.compile("^mara proposed .*an approver decides")).wait_for()

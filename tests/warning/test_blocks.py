"""A warning in its languages: one record, one block for each, none missing, none stale, and the unreviewed ones say so."""

import re

import msgspec
import pytest
from msgspec.structs import replace

from tocsin.core import Evidence, WarningRecord
from tocsin.core.times import parse_iso
from tocsin.formats import cap
from tocsin.warning import BadStep, BadTopic, lifecycle, read_topic, shipped
from tocsin.warning.blocks import Table, check, digest, render, table

TOPIC = shipped("daily-surge")
SENT = parse_iso("2026-11-22T03:30:00Z")
HAN = re.compile(r"[\u4e00-\u9fff]")


def warning(**changes):
    whole = WarningRecord(
        warning="warning--0b5c2c0e-5d6c-4b73-8d38-3d1a4c1b2f10",
        version=1,
        state="drafted",
        topic=TOPIC.id,
        level="HIGH",
        was="NORMAL",
        sentence="207 aircraft were counted in 2 days. A large exercise is likely (71 %). Confidence low: one feed alone says so.",
        probabilities={"routine": 0.2, "unnamed-surge": 0.09, "exercise": 0.71},
        words={},
        confidence="low",
        innocent=("patrols bring many",),
        base_rate="Six in six years.",
        evidence=(
            Evidence(indicator="two-day-peak", finding="episode--1", text="207 in 2 days", weight=14.0, since=SENT),
            Evidence(indicator="lull", finding="episode--2", text="hardly any", weight=0.5, since=SENT),
            Evidence(indicator="one-day-peak", finding="episode--3", text="130 in one day", weight=1.1, since=SENT),
        ),
        cannot_see=("Transponders may be off.", "The air alone is watched."),
        would_change="Are ships counted?",
        drafted_at=SENT,
    )
    return replace(whole, **changes)


def drafted(**changes):
    return lifecycle.prepare(warning(**changes), topic=TOPIC, realm="live", sender="ASTER", sent=SENT)


def blocks_of(text):
    return {info.language: info for info in cap.read(text.encode()).infos}


def test_an_alert_has_a_block_in_each_language_of_its_topic_and_all_are_of_one_record():
    found = blocks_of(drafted().cap)
    assert list(found) == ["en", "zh-Hant"]
    for name in ("urgency", "severity", "certainty", "expires"):
        assert len({getattr(info, name) for info in found.values()}) == 1
    assert {dict(info.parameters)["rendered from"] for info in found.values()} == {digest(warning())}


def test_the_chinese_block_says_likelihood_confidence_and_each_reason_in_chinese():
    text = blocks_of(drafted().cap)["zh-Hant"].description
    assert "環島大規模演習：可能（71 %）" in text
    assert "信心：低" in text
    assert "兩日合計高於近一年高峰（可能性約為 14 倍" in text
    assert "一週幾無活動（可能性約為 1/2" in text
    assert "單日高於近一年高峰（影響甚微" in text
    assert "例行飛行與巡邏亦可解釋（20 %）" in text
    assert text.index("亦可解釋") < text.index("依據")


def test_no_english_prose_is_left_in_the_chinese_block():
    info = blocks_of(drafted(eta=SENT, eta_place="EAST").cap)["zh-Hant"]
    for text in (info.event, info.headline, info.description, info.areas[0].description):
        assert HAN.search(text)
        assert not re.search(r"[a-z]{3,}", text)


def test_a_table_that_nobody_signed_says_so_in_its_block_and_english_does_not():
    found = blocks_of(drafted().cap)
    assert dict(found["zh-Hant"].parameters)["translation"] == "unreviewed"
    assert "尚未經母語人士審閱" in found["zh-Hant"].description
    assert "translation" not in dict(found["en"].parameters)


def test_a_signed_table_says_nothing_of_it(monkeypatch):
    signed = msgspec.structs.replace(table("zh-Hant"), reviewed_by="A Reader")
    monkeypatch.setattr("tocsin.warning.blocks.table", lambda _: signed)
    block = render(warning(), TOPIC, "zh-Hant", "Actual")
    assert "審閱" not in block.description
    assert "translation" not in dict(block.parameters)


@pytest.mark.parametrize(("realm", "english", "chinese"), [("exercise:x", "EXERCISE HIGH", "【演習】"), ("live", "HIGH", "高度")])
def test_an_exercise_is_marked_in_every_language(realm, english, chinese):
    draft = lifecycle.prepare(warning(), topic=TOPIC, realm=realm, sender="ASTER", sent=SENT)
    found = blocks_of(draft.cap)
    assert found["en"].headline.startswith(english)
    assert found["zh-Hant"].headline.startswith(chinese)


def test_issue_and_cancellation_keep_every_language():
    issued = lifecycle.approve(drafted(), by="Mara", now=SENT + 60_000_000, topic=TOPIC)
    assert set(blocks_of(issued.cap)) == set(blocks_of(issued.cancellation)) == {"en", "zh-Hant"}


def test_a_missing_block_refuses_the_issue():
    english = msgspec.structs.replace(TOPIC, languages=("en",))
    draft = lifecycle.prepare(warning(), topic=english, realm="live", sender="ASTER", sent=SENT)
    with pytest.raises(BadStep, match="zh-Hant is missing"):
        lifecycle.approve(draft, by="Mara", now=SENT, topic=TOPIC)
    assert lifecycle.approve(draft, by="Mara", now=SENT, topic=english).state == "issued"


@pytest.mark.parametrize(
    "change",
    [{"level": "GUARDED"}, {"confidence": "high"}, {"evidence": ()}, {"cannot_see": ("all",)}, {"probabilities": {"exercise": 0.5}}],
)
def test_a_stale_block_refuses_the_issue(change):
    with pytest.raises(BadStep, match="stale"):
        lifecycle.approve(replace(drafted(), **change), by="Mara", now=SENT, topic=TOPIC)


def test_a_new_version_or_state_makes_no_block_stale():
    assert digest(warning(version=7, state="updated", approved_by="Mara", issued_at=SENT)) == digest(warning())


def test_a_block_without_a_digest_is_stale():
    draft = drafted()
    infos = cap.read(draft.cap.encode()).infos
    from dataclasses import replace as replaced

    bare = [replaced(info, parameters=()) for info in infos]
    with pytest.raises(BadStep, match="stale"):
        check(draft, bare, ["en", "zh-Hant"])


def test_there_is_no_table_for_a_language_that_does_not_ship():
    for language in ("xx", "../en", ""):
        with pytest.raises(BadStep, match="no phrase table"):
            table(language)


def test_a_phrase_that_is_not_there_refuses_rather_than_leaves_a_hole(monkeypatch):
    poor = Table("zh-Hant", "", {k: v for k, v in table("zh-Hant").phrases.items() if k != "confidence-low"})
    monkeypatch.setattr("tocsin.warning.blocks.table", lambda _: poor)
    with pytest.raises(BadStep, match="confidence-low"):
        render(warning(), TOPIC, "zh-Hant", "Actual")


def test_both_tables_have_every_word_of_likelihood_and_confidence():
    from tocsin.warning.words import LIKELIHOOD

    phrases = table("zh-Hant").phrases
    assert {f"word-{word}" for _, word in LIKELIHOOD} <= set(phrases)
    assert {f"confidence-{one}" for one in ("low", "moderate", "high")} <= set(phrases)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("languages: [en, zh-Hant]", "languages: [zh-Hant, en]"), "English"),
        (("languages: [en, zh-Hant]", "languages: [en, fr]"), "fr has no translations"),
        (("lull: 一週幾無活動", "lulls: 一週幾無活動"), "'lull' has no word here"),
        (("GUARDED: 注意, ", ""), "'GUARDED' has no word here"),
        (("routine: 例行飛行與巡邏, ", "calm: 無, routine: 例行, "), "'calm' is not in this topic"),
    ],
)
def test_a_topic_whose_words_do_not_fit_is_refused_by_line_and_key(change, says):
    from importlib import resources

    text = (resources.files("tocsin.warning") / "topics" / "daily-surge.yaml").read_text(encoding="utf-8")
    assert change[0] in text
    with pytest.raises(BadTopic, match=r"t\.yaml:\d+: ") as caught:
        read_topic(text.replace(*change).encode(), "t.yaml")
    assert says in str(caught.value)

"""What to ask and what changed: questions by what their answers would tell, and news that stays until there is other news."""

import itertools

from tests.warning.skies import START, TOPIC, Transports, night, watch
from tocsin.core.times import SECOND


def test_the_best_questions_come_first_with_what_they_would_tell():
    found = watch().assessment()
    assert len(found.asks) == 3
    assert all(a.bits >= b.bits > 0 for a, b in itertools.pairwise(found.asks))
    assert (found.would_change, found.would_change_bits) == (found.asks[0].question, found.asks[0].bits)
    assert {ask.indicator for ask in found.asks} <= {i.id for i in TOPIC.indicators}


def test_what_is_seen_is_not_asked_for():
    for _, step in night(watch(), lambda now: Transports().at(now), minutes=10, every_s=15):
        seen = {lamp.id for lamp in step.assessment.indicators if lamp.state == "seen"}
        assert not seen & {ask.indicator for ask in step.assessment.asks}


def test_a_question_about_what_is_in_doubt_tells_more_than_one_about_what_is_settled():
    steps = [step.assessment for _, step in night(watch(), lambda now: Transports().at(now), minutes=10, every_s=15)]
    quiet = steps[0].asks[0].bits
    doubtful = max(a.asks[0].bits for a in steps)
    assert doubtful > 2 * quiet


def test_what_changed_is_said_and_stands_until_something_else_does():
    steps = list(night(watch(), lambda now: Transports().at(now), minutes=10, every_s=15))
    first = steps[0][1].assessment
    assert (first.changed, first.changed_at) == ((), None)
    news = list(dict.fromkeys((s.assessment.changed_at, s.assessment.changed) for _, s in steps))[1:]
    assert len(news) >= 2
    titles = {i.title for i in TOPIC.indicators}
    for at, said in news:
        assert START <= at <= steps[-1][0]
        assert said
        assert all(one.endswith(".") and one[0].isupper() for one in said)
    new = {one.removeprefix("New: ").rstrip(".") for _, said in news for one in said if one.startswith("New: ")}
    assert new
    assert new <= titles
    levels = [one for _, said in news for one in said if one.startswith("The level is ")]
    assert levels
    assert any("it was NORMAL" in one for one in levels)


def test_what_is_gone_and_what_has_faded_is_said():
    def sky(now):
        return Transports().at(now) if now < START + 10 * 60 * SECOND else Transports(count=0).at(now)

    said = [one for _, s in night(watch(), sky, minutes=9 * 60, every_s=60) for one in s.assessment.changed]
    assert any(one.startswith("No longer seen: ") for one in said)
    assert any(one.startswith("Faded, counts no more: ") for one in said)

"""The daily topic on the live engine: only the past is visible, exercises ring, patrols do not."""

import msgspec
import numpy as np
import pytest

from tocsin.core import Clearance, InputError, Label
from tocsin.picture import Tracks
from tocsin.picture.tracks import COLUMNS
from tocsin.warning import read_topic, shipped
from tocsin.warning.backtest import DailyFile, Event, backtest, watch_days
from tocsin.warning.backtest.daily import LABEL
from tocsin.warning.backtest.report import page
from tocsin.warning.detectors.daily import DailyLull, DailyPeak, LullParameters, PeakParameters, Standing, peak_of
from tocsin.warning.said import Heard
from tocsin.warning.scene import Scene
from tocsin.warning.series import DAY, Series

from .making import START, counts, series

TOPIC = shipped("daily-surge")
NOTHING = Tracks({name: np.empty(0, kind) for name, kind in COLUMNS.items()})


def with_exercise(days: int = 400, at: int = 300) -> np.ndarray:
    values = counts(days)
    values[at : at + 2] = (130.0, 80.0)
    return values


def look(one: Series, day: int) -> Scene:
    return Scene(NOTHING, (START + day) * DAY + DAY // 2, "replay:x", Clearance("backtest", "backtest", 0), Heard({"aircraft": one}))


def test_an_exercise_rings_on_its_first_days_and_ordinary_days_do_not():
    days = watch_days(TOPIC, series(with_exercise()))
    rang = np.flatnonzero(days.level >= TOPIC.rank(TOPIC.warn_at))
    assert 300 in rang or 301 in rang
    assert all(300 <= day <= 306 for day in rang)


def test_only_the_past_is_visible():
    values = with_exercise()
    whole = watch_days(TOPIC, series(values))
    for cut in (150, 300, 302):
        part = watch_days(TOPIC, series(values[:cut]))
        np.testing.assert_array_equal(part.probability, whole.probability[:cut])
        np.testing.assert_array_equal(part.level, whole.level[:cut])


def test_a_second_exercise_is_not_hidden_by_the_first():
    values = with_exercise(500)
    values[360:362] = (120.0, 70.0)
    days = watch_days(TOPIC, series(values))
    assert (days.level[360:362] >= TOPIC.rank(TOPIC.warn_at)).any()


def test_missing_days_are_not_days_without_flights():
    values = with_exercise()
    days = watch_days(TOPIC, series(values, missing=tuple(range(200, 220))))
    assert not days.said[205:219].any()
    assert (days.level[200:220] == 0).all()
    assert days.said[230]


def test_the_result_holds_what_a_reader_needs_and_says_what_it_cannot():
    one = series(with_exercise())
    result, _ = backtest(TOPIC, DailyFile(one, ("odd",), 400, 0), [Event("Storm", START + 300, START + 301, "1")])
    found = msgspec.to_builtins(result)
    assert (found["hits"], found["of"], found["interval"]) == (1, 1, (0.025, 1.0))
    assert found["events"][0]["name"] == "Storm"
    assert found["false_alarm_episodes_per_year"] == 0
    assert set(found["baselines"]) >= {"raw threshold", "persistence", "EARS C1", "EARS C2", "EARS C3", "Farrington", "Page-Hinkley"}
    assert all(row["threshold_by"] == "textbook" for row in found["baselines"].values())
    assert found["says"][0].startswith("n = 1")
    assert any("no better than chance" in line for line in found["says"])
    assert found["configurations_tried"] == 1 + len(found["baselines"])
    assert sum(one["days"] for one in found["reliability"]) == round(found["years"] * 365.25)


def test_with_enough_events_every_threshold_is_chosen_without_the_event():
    values = counts(900)
    events = []
    for at in (300, 450, 600, 750):
        values[at : at + 2] = (140.0, 90.0)
        events.append(Event(f"E{at}", START + at, START + at + 1, "1"))
    result, _ = backtest(TOPIC, DailyFile(series(values), (), 900, 0), events)
    assert (result.hits, result.of) == (4, 4)
    assert {row["threshold_by"] for row in result.baselines.values()} == {"leave-one-event-out"}
    assert result.configurations_tried > 50


def test_an_event_before_anything_could_be_said_is_not_judged_and_named():
    result, _ = backtest(TOPIC, DailyFile(series(counts(120)), (), 120, 0), [Event("Early", START + 3, START + 4, "1")])
    assert (result.hits, result.of) == (0, 0)
    assert any("Early" in line for line in result.says)


def test_the_page_escapes_what_files_say_and_needs_nothing_else():
    one = series(with_exercise())
    events = [Event("<script>alert(1)</script>", START + 300, START + 301, "&")]
    result, days = backtest(TOPIC, DailyFile(one, ("<b>odd</b>",), 400, 0), events)
    text = page(TOPIC, result, days, one, events)
    assert "<script" not in text
    assert "&lt;b&gt;odd" in text
    assert "http" not in text
    assert text.count("<svg") == 3


def test_the_page_lists_when_it_rang_with_no_event_on():
    one = series(with_exercise())
    result, days = backtest(TOPIC, DailyFile(one, (), 400, 0), [Event("Elsewhere", START + 10, START + 11, "1")])
    (false,) = result.false_alarms
    assert f"<td>{false.first}</td><td>{false.last}</td>" in page(TOPIC, result, days, one, [])
    hit, days = backtest(TOPIC, DailyFile(one, (), 400, 0), [Event("It", START + 300, START + 302, "1")])
    assert hit.false_alarms == ()
    assert "nothing in the events was on" not in page(TOPIC, hit, days, one, [])


def test_what_a_reader_may_not_see_is_as_if_it_were_not_there():
    secret = Series("aircraft", series(counts(100)).day, counts(100), Label("backtest", 3, LABEL.originators, LABEL.releasable_to), "made")
    scene = look(secret, 99)
    assert scene.series == {}
    detector = DailyPeak(TOPIC, PeakParameters(series="aircraft"))
    assert not detector.watches(scene)
    assert detector.step(scene) == []


def test_a_count_that_is_late_says_nothing_of_now():
    one = series(np.concatenate([counts(99), [200.0]]))
    detector = DailyPeak(TOPIC, PeakParameters(series="aircraft", days=1))
    assert detector.step(look(one, 99))
    assert detector.step(look(one, 101))
    assert not detector.step(look(one, 102))
    assert not detector.watches(look(one, 102))


def test_a_peak_is_measured_against_the_peaks_of_the_year_before():
    sums = np.array([1.0, 2, 3, 4, 5, 6, 7, 8, 9, 10])
    assert peak_of(sums, 0.2) == 9.5
    assert peak_of(sums, 0.01) == 9.5
    standing = Standing(PeakParameters(series="aircraft", days=1, least_days=7, window_days=30, top_share=0.1, floor=1.0))
    values = np.array([2.0, 4, 6, 8, 2, 4, 6, 20])
    standing.take(series(values))
    assert standing.usual[START + 7] == 7.0
    assert standing.ratio[START + 7] == pytest.approx(20 / 7)


def test_what_was_published_and_changed_since_is_taken_in_afresh():
    values = counts(100)
    standing, again = Standing(PeakParameters(series="aircraft")), Standing(PeakParameters(series="aircraft"))
    standing.take(series(values[:80]))
    values[60] = 0.0
    standing.take(series(values))
    again.take(series(values))
    assert standing.ratio == again.ratio


def test_a_week_of_hardly_anything_is_a_lull_and_a_week_of_missing_days_is_none():
    values = counts(300)
    values[290:300] = 0.0
    lull = DailyLull(TOPIC, LullParameters(series="aircraft", least_days=56))
    assert lull.step(look(series(values), 299))
    gone = series(values, missing=(292, 293, 294))
    assert not DailyLull(TOPIC, LullParameters(series="aircraft", least_days=56)).step(look(gone, 298))


def test_a_series_refuses_what_cannot_be_one():
    day = np.array([1, 2], np.int64)
    for days, values in ((day[::-1].copy(), np.ones(2)), (day, np.array([1.0, np.nan])), (day, np.array([1.0, -1.0])), (day, np.ones(3))):
        with pytest.raises(InputError):
            Series("aircraft", days, values, LABEL)


def test_official_counts_alone_are_one_unauthenticated_kind():
    """A topic that caps a single kind below its bell does not ring for counts alone."""
    text = (msgspec.json.encode(TOPIC)).decode().replace('"single_kind_cap":"HIGH"', '"single_kind_cap":"GUARDED"')
    days = watch_days(read_topic(text.encode(), "capped.yaml"), series(with_exercise()))
    assert days.level.max() == 1

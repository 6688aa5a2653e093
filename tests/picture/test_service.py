"""Plots become tracks, noise does not, and a reader of a picture learns nothing else."""

import numpy as np
import pytest
from tests.picture.making import ASTER, BIRCH, FLAG, OPEN, REALM, SHUT, at, batch, flight, picture, text_of

from tocsin.core import Identity, InputError, Label, SeededEntropy, join
from tocsin.picture import Picture


def test_a_track_is_confirmed_by_its_second_consistent_plot():
    p = picture()
    p.update(flight(1, [0]), at(0))
    assert len(p.tracks(at(0))) == 0
    counts = p.update(flight(1, [5]), at(5))
    tracks = p.tracks(at(5))
    assert counts.accepted == 1
    assert tracks["number"].tolist() == [1]
    assert tracks["first_seen"].tolist() == [at(0)]
    assert tracks["updates"].tolist() == [2]


def test_how_many_plots_confirm_is_a_parameter():
    p = picture(confirm=1)
    p.update(flight(1, [0]), at(0))
    assert len(p.tracks(at(0))) == 1


def test_one_batch_with_many_plots_of_an_aircraft_gives_what_many_batches_give():
    whole, parts = picture(), picture()
    rows = flight(7, list(range(0, 60, 5)))
    whole.update(rows, at(60))
    for i in range(len(rows)):
        parts.update(rows.select(slice(i, i + 1)), at(60))
    assert text_of(whole.tracks(at(60))) == text_of(parts.tracks(at(60)))
    assert whole.totals() == parts.totals()


def test_rows_may_come_in_any_order_within_a_batch():
    a, b = picture(), picture()
    rows = flight(7, list(range(0, 60, 5)))
    a.update(rows, at(60))
    b.update(rows.select(np.array([3, 11, 0, 7, 1, 2, 10, 9, 8, 4, 5, 6])), at(60))
    assert text_of(a.tracks(at(60))) == text_of(b.tracks(at(60)))


def test_numbers_start_at_one_and_are_never_given_twice():
    p = picture()
    p.update(flight(1, [0, 5]), at(5))
    p.update(flight(2, [300, 305]), at(305))
    p.update(flight(1, [400, 405]), at(405))
    assert p.tracks(at(405))["number"].tolist() == [2, 3]
    assert p.totals()["tracks"] == 3


def test_a_track_without_plots_ages_out():
    p = picture(stale_s=120)
    p.update(flight(1, [0, 5]), at(5))
    assert len(p.tracks(at(125))) == 1
    assert len(p.tracks(at(125.1))) == 0


def test_an_aircraft_that_was_away_longer_than_stale_comes_back_as_another_track():
    p = picture(stale_s=120)
    p.update(flight(1, [0, 5]), at(5))
    p.update(flight(1, [124, 127, 132]), at(124.5))
    p.update(flight(1, [127, 132]), at(132))
    assert p.tracks(at(132))["number"].tolist() == [1]
    p.update(flight(1, [260, 265]), at(265))
    assert p.tracks(at(265))["number"].tolist() == [2]


def test_rows_without_place_time_or_identity_are_counted_and_dropped():
    p = picture()
    bad = batch((0, 1, 46, 7), (1, 1, float("nan"), 7), (1, 1, 46, 181), (1, 1, -91, 7), (1, 1, 46, float("inf")))
    untimed = batch((1, 1, 46, 7)).replace(time=np.zeros(1, np.int64))
    assert p.update(bad, at(1)).null == 5
    assert p.update(untimed, at(1)).null == 1
    assert p.totals()["null"] == 6


def test_a_feed_whose_clock_runs_ahead_puts_nothing_into_the_future():
    p = picture()
    counts = p.update(batch((1, 4.9, 46, 7), (2, 5.1, 46, 7), (3, 9e9, 46, 7)), at(0))
    assert (counts.accepted, counts.future) == (1, 2)


def test_what_is_older_than_anything_shown_is_dropped():
    assert picture(stale_s=120).update(batch((1, 0, 46, 7), (2, 100, 46, 7)), at(121)).old == 1


def test_the_same_time_again_is_a_duplicate_in_one_batch_and_in_the_next():
    p = picture()
    rows = batch((1, 0, 46, 7), (1, 0, 46, 7.1))
    assert p.update(rows, at(0)).duplicate == 1
    assert p.update(rows, at(0)).duplicate == 2
    assert p.totals()["accepted"] == 1


def test_a_plot_from_before_the_last_is_late():
    p = picture()
    p.update(flight(1, [10]), at(10))
    assert p.update(flight(1, [5]), at(10)).late == 1


def test_a_position_that_a_receiver_sends_again_under_new_times_is_a_duplicate():
    p = picture()
    counts = p.update(batch(*[(1, t, 46, 7) for t in range(10)]), at(10))
    assert (counts.accepted, counts.duplicate) == (1, 9)


def test_a_hovering_helicopter_is_no_duplicate():
    p = picture()
    counts = p.update(batch(*[(1, t, 46, 7) for t in range(10)], speed=np.zeros(10)), at(10))
    assert counts.accepted == 10


def test_what_is_on_the_ground_or_shows_neither_height_nor_speed_is_clutter():
    nothing = np.array([np.nan])
    p = picture()
    said = batch((1, 0, 46, 7), flags=[FLAG.ON_GROUND])
    slow = batch((2, 0, 46, 7), altitude=nothing, speed=np.array([19.0]))
    unknown = batch((3, 0, 46, 7), altitude=nothing, speed=nothing)
    fast = batch((4, 0, 46, 7), altitude=nothing, speed=np.array([21.0]))
    airborne = batch((5, 0, 46, 7), altitude=nothing, speed=nothing, flags=[FLAG.AIRBORNE])
    assert [p.update(b, at(0)).ground for b in (said, slow, unknown, fast, airborne)] == [1, 1, 1, 0, 0]


def test_one_spoofed_position_changes_nothing():
    p = picture()
    p.update(flight(1, [0, 5, 10]), at(10))
    before = text_of(p.tracks(at(10)))
    assert p.update(batch((1, 12, 33.8, 35.5)), at(12)).jump == 1
    assert text_of(p.tracks(at(12))) == before
    p.update(flight(1, [15]), at(15))
    assert p.tracks(at(15))["updates"].tolist() == [4]
    assert p.totals()["tracks"] == 1


def test_spoofed_and_true_positions_by_turns_keep_the_track():
    p = picture()
    for t in range(0, 60, 2):
        p.update(flight(1, [t]), at(t))
        p.update(batch((1, t + 1, 33.8, 35.5 + t / 1000)), at(t + 1))
    tracks = p.tracks(at(60))
    assert tracks["number"].tolist() == [1]
    assert abs(tracks["latitude"][0] - 46) < 0.1
    assert p.totals()["jump"] == 30


def test_a_position_that_persists_ends_the_track_and_starts_another():
    p = picture()
    p.update(flight(1, [0, 5, 10]), at(10))
    cursor = p.since(0, at(10)).cursor
    away = flight(1, [12, 14, 16, 18], start=(33.8, 35.5))
    assert p.update(away.select(slice(0, 2)), at(14)).jump == 2
    assert p.tracks(at(14))["number"].tolist() == [1]
    assert p.update(away.select(slice(2, 4)), at(18)).accepted == 2
    tracks = p.tracks(at(18))
    assert tracks["number"].tolist() == [2]
    assert tracks["first_seen"].tolist() == [at(12)]
    assert tracks["updates"].tolist() == [4]
    assert p.since(cursor, at(18)).gone.tolist() == [1]


def test_a_frozen_false_position_does_not_persist():
    p = picture()
    p.update(flight(1, [0, 5, 10]), at(10))
    p.update(batch(*[(1, 11 + t, 33.8, 35.5) for t in range(9)]), at(20))
    assert p.tracks(at(20))["number"].tolist() == [1]


def test_plots_elsewhere_that_do_not_agree_with_each_other_never_restart_a_track():
    p = picture()
    p.update(flight(1, [0, 5, 10]), at(10))
    p.update(batch(*[(1, 11 + t, 20 + t, -60 + 5 * t) for t in range(9)]), at(20))
    assert p.totals()["jump"] == 9
    assert p.tracks(at(20))["number"].tolist() == [1]


def test_a_false_first_plot_is_never_confirmed():
    p = picture()
    p.update(batch((1, 0, 33.8, 35.5)), at(0))
    p.update(flight(1, [5, 10]), at(10))
    tracks = p.tracks(at(10))
    assert tracks["number"].tolist() == [1]
    assert tracks["first_seen"].tolist() == [at(5)]


def test_a_false_first_plot_does_not_outlast_two_true_ones_when_false_ones_go_on():
    p = picture()
    for t in range(0, 60, 2):
        p.update(batch((1, t, 33.8, 35.5 + t / 1000)), at(t))
        p.update(flight(1, [t + 1, t + 1.5]), at(t + 2))
    tracks = p.tracks(at(60))
    assert len(tracks) == 1
    assert abs(tracks["latitude"][0] - 46) < 0.1


def test_what_a_plot_leaves_unsaid_stays_as_it_was_said_last():
    p = picture()
    p.update(batch((1, 0, 46, 7), callsign=[b"SWR1"], type=[b"A320"], squawk=[0o1000], climb=[5.0], flags=[FLAG.MILITARY]), at(0))
    p.update(batch((1, 5, 46, 7.001), altitude=np.array([np.nan])), at(5))
    t = p.tracks(at(5))
    assert (t["callsign"][0], t["type"][0], t["squawk"][0], t["climb"][0], t["altitude"][0]) == (b"SWR1", b"A320", 0o1000, 5.0, 3000.0)
    assert t["flags"][0] == FLAG.MILITARY


def test_speed_and_course_come_out_of_the_plots_where_no_feed_says_them():
    p = picture()
    silent = {"speed": np.array([np.nan])}
    for t in (0, 5, 10):
        rows = flight(1, [t], course=45.0)
        p.update(rows.replace(speed=silent["speed"].astype("f4")), at(t))
    tracks = p.tracks(at(10))
    assert tracks["speed"][0] == pytest.approx(100, abs=1)
    assert tracks["course"][0] == pytest.approx(45, abs=1)


def test_what_a_feed_says_of_speed_is_not_replaced_by_what_plots_make_of_it():
    p = picture()
    p.update(flight(1, [0, 5]), at(5))
    far = flight(1, [10], speed=150.0)
    p.update(far.replace(speed=np.array([np.nan], "f4")), at(10))
    assert p.tracks(at(10))["speed"].tolist() == [100.0]


def test_a_batch_of_another_realm_is_refused():
    with pytest.raises(InputError, match="another realm"):
        picture().update(flight(1, [0], realm="live"), at(0))


def test_a_track_bears_the_join_of_all_that_went_into_it_and_only_that():
    p = picture(ASTER)
    p.update(flight(1, [0, 5], label=SHUT), at(5))
    p.update(flight(2, [0, 5], label=OPEN), at(5))
    p.update(flight(3, [0, 5], label=OPEN), at(5))
    p.update(flight(3, [10], label=SHUT), at(10))
    tracks = p.tracks(at(10))
    by_identity = {tracks.identity_text(i): tracks.labels[tracks["label_of"][i]] for i in range(3)}
    assert by_identity == {"000001": SHUT, "000002": OPEN, "000003": join([OPEN, SHUT])}
    assert tracks.label(tracks["identity"] == (Identity.ICAO | 2)) == OPEN
    assert tracks.label(slice(None)) == join([OPEN, SHUT])


def test_a_restarted_track_keeps_the_label_of_the_plots_that_it_is_made_of():
    p = picture(ASTER)
    p.update(flight(1, [0, 5, 10], label=OPEN), at(10))
    p.update(flight(1, [12], start=(33.8, 35.5), label=SHUT), at(12))
    p.update(flight(1, [14, 16], start=(33.8, 35.5), label=OPEN), at(16))
    tracks = p.tracks(at(16))
    assert tracks["number"].tolist() == [2]
    assert tracks.label(slice(None)) == SHUT


def test_two_feeds_that_see_an_aircraft_are_both_named():
    p = picture()
    p.update(flight(1, [0, 5], feed="jura"), at(5))
    p.update(flight(1, [5], feed="birch", label=SHUT), at(5))
    tracks = p.tracks(at(5))
    assert tracks.feeds_of(slice(None)) == ("birch", "jura")
    assert tracks.label(slice(None)) == join([OPEN, SHUT])


def test_a_late_plot_from_far_away_does_not_count_as_seeing_it_too():
    p = picture()
    p.update(flight(1, [0, 5], feed="jura"), at(5))
    p.update(batch((1, 4, 33.8, 35.5), feed="spoof"), at(5))
    assert p.tracks(at(5)).feeds_of(slice(None)) == ("jura",)


def test_feeds_past_the_sixty_third_share_one_name():
    p = picture()
    for i in range(80):
        p.update(flight(i + 1, [0, 5], feed=f"feed-{i}"), at(5))
    tracks = p.tracks(at(5))
    assert len(tracks.feed_names) == 64
    assert tracks.feeds_of(tracks["number"] == 80) == ("other feeds",)
    assert tracks.feeds_of(tracks["number"] == 63) == ("feed-62",)


def test_changes_since_a_cursor_are_all_and_only_the_changes():
    p = picture()
    p.update(flight(1, [0, 5]), at(5))
    first = p.since(0, at(5))
    assert (first.full, first.changed["number"].tolist(), first.gone.tolist()) == (True, [1], [])
    p.update(flight(2, [5, 10]), at(10))
    second = p.since(first.cursor, at(10))
    assert (second.full, second.changed["number"].tolist()) == (False, [2])
    assert len(p.since(second.cursor, at(10)).changed) == 0
    third = p.since(second.cursor, at(127))
    assert (third.changed["number"].tolist(), third.gone.tolist()) == ([], [1])


def test_a_reader_that_keeps_up_by_changes_sees_what_a_snapshot_shows():
    p, seen, cursor = picture(stale_s=20), {}, 0
    generator = np.random.Generator(np.random.PCG64(4))
    for t in range(0, 200, 5):
        for number in generator.choice(30, 10, replace=False) + 1:
            p.update(flight(int(number), [t], start=(46 + number / 10, 7)), at(t))
        delta = p.since(cursor, at(t))
        cursor = delta.cursor
        for number in delta.gone.tolist():
            seen.pop(number, None)
        seen.update(zip(delta.changed["number"].tolist(), delta.changed["time"].tolist(), strict=True))
        shown = p.tracks(at(t))
        assert seen == dict(zip(shown["number"].tolist(), shown["time"].tolist(), strict=True))


@pytest.mark.parametrize("cursor", [-5, 1, 10**9, 2**60])
def test_a_cursor_that_this_picture_never_gave_starts_over(cursor):
    p = picture()
    p.update(flight(1, [0, 5]), at(5))
    assert p.since(cursor, at(5)).full


def test_a_cursor_of_an_earlier_run_starts_over():
    runs = [Picture(REALM, ASTER, entropy=SeededEntropy(seed)) for seed in (1, 2)]
    for p in runs:
        p.update(flight(1, [0, 5]), at(5))
    first, second = (p.since(0, at(5)).cursor for p in runs)
    assert runs[1].since(first, at(5)).full
    assert max(first, second) < 2**53


def test_the_track_numbers_of_identities_are_those_shown():
    p = picture()
    p.update(flight(0x4B1815, [0, 5]), at(5))
    p.update(flight(0x4B1816, [0, 5]), at(5))
    p.update(flight(0x4B1817, [5]), at(5))
    assert p.numbers_of(["4b1816", "4b1815", "4b1816", "4b1817", "3c0000"]) == [1, 2]
    assert p.numbers_of([]) == []


def test_a_reader_that_was_away_too_long_starts_over(monkeypatch):
    monkeypatch.setattr("tocsin.picture.service.REMEMBERED", 3)
    p = picture(stale_s=10)
    p.update(flight(1, [0, 5]), at(5))
    cursor = p.since(0, at(5)).cursor
    for i in range(1, 6):
        p.update(flight(i, [i * 20, i * 20 + 5]), at(i * 20 + 5))
    assert p.since(cursor, at(130)).full


def test_a_full_picture_takes_no_more_tracks_and_says_so(monkeypatch):
    monkeypatch.setattr("tocsin.picture.service.MAX_TRACKS", 3)
    p = picture()
    counts = p.update(batch(*[(i, 0, 46, 7) for i in range(1, 6)]), at(0))
    assert (counts.accepted, counts.crowded) == (3, 2)


def test_labels_that_no_track_bears_any_more_are_forgotten(monkeypatch):
    monkeypatch.setattr("tocsin.picture.service.MAX_LABELS", 8)
    p = picture(ASTER, stale_s=10)
    for i in range(40):
        label = Label("p", 0, frozenset({"ASTER", f"P{i}"}), frozenset({"ASTER"}))
        p.update(flight(1 + i, [10 * i, 10 * i + 5], label=label), at(10 * i + 5))
        tracks = p.tracks(at(10 * i + 5))
        assert tracks.label(tracks["identity"] == (Identity.ICAO | 1 + i)) == label
    assert len(p.tracks(at(400)).labels) <= 8


def test_every_row_is_counted_once():
    generator = np.random.Generator(np.random.PCG64(1))
    p, total = picture(), 0
    for t in range(0, 100, 5):
        size = 200
        drawn = [generator.integers(0, 20, size), generator.integers(-130, 9, size) + t]
        drawn += [generator.uniform(-95, 95, size), generator.uniform(-9, 9, size)]
        rows = list(zip(*(column.tolist() for column in drawn), strict=True))
        counts = p.update(batch(*rows), at(t))
        total += size
        assert sum(counts.told().values()) == size
    assert sum(v for k, v in p.totals().items() if k != "tracks") == total


def test_a_flood_of_contradicting_plots_of_one_aircraft_is_cut_short_and_counted():
    p, size = picture(), 20_000
    rows = [(1, -100 + i / 200, 46.0 if i % 2 else 33.0, 7 + i * 1e-5) for i in range(size)]
    counts = p.update(batch(*rows), at(0))
    assert counts.accepted <= 512
    assert counts.accepted + counts.jump == size
    assert p.tracks(at(0))["number"].tolist() == [1]


def test_twenty_five_thousand_tracks_are_kept_apart():
    p, size = picture(), 25_000
    latitude, longitude = np.divmod(np.arange(size), 250)
    rows = [(i + 1, 0, 40 + float(a) / 10, float(b) / 10) for i, (a, b) in enumerate(zip(latitude, longitude, strict=True))]
    later = [(n, 5, a, b + 0.001) for n, _, a, b in rows]
    p.update(batch(*rows), at(0))
    p.update(batch(*later), at(5))
    tracks = p.tracks(at(5))
    assert len(tracks) == size
    assert np.array_equal(np.sort(tracks["identity"]), np.arange(1, size + 1) | Identity.ICAO)
    assert np.allclose(tracks["longitude"], [r[3] for r in later])


def test_what_a_view_may_not_read_is_told_to_the_node_and_not_to_the_view():
    p = picture(BIRCH)
    assert p.update(flight(1, [0, 5], label=SHUT), at(5)).withheld == 2
    assert text_of(p.tracks(at(5))) == text_of(picture(BIRCH).tracks(at(5)))
    assert p.totals() == picture(BIRCH).totals()
    assert "withheld" not in p.totals()

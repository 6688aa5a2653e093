"""What a watch remembers survives a break: it goes on with the same bytes, or refuses and begins anew."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.warning.skies import START, TOPIC, Transports, civil, night, together, watch
from tocsin.core.times import SECOND
from tocsin.warning.keeping import NotKeepable
from tocsin.warning.measure import every_detector

EVERY = 15


def sky(now):
    return together(Transports().at(now), civil(now, count=40))


def bytes_of(step):
    return msgspec.json.encode((step.findings, step.warnings, step.assessment, step.offers), order="deterministic")


def through(topic, minutes, breaks):
    """The bytes of each look; at the numbered looks the watch is kept, thrown away and taken up by another."""
    watching, found = watch(topic=topic), []
    for number in range(minutes * 60 // EVERY + 1):
        if number in breaks:
            kept = watching.keep()
            watching = watch(topic=topic)
            watching.resume(kept)
            assert watching.keep() == kept
        now = START + number * EVERY * SECOND
        found.append(bytes_of(watching.step(sky(now), now)))
    return found


@given(st.sets(st.integers(1, 44), min_size=1, max_size=3))
@settings(max_examples=5, deadline=None)
def test_wherever_it_breaks_a_night_goes_on_with_the_same_bytes(breaks):
    assert through(TOPIC, 11, breaks) == through(TOPIC, 11, ())


def test_every_detector_goes_on_where_it_was():
    topic = every_detector()
    assert through(topic, 9, {7, 20, 33}) == through(topic, 9, ())


def test_an_issued_warning_is_offered_for_cancellation_after_a_break():
    watching = watch()
    warned = [one for _, step in night(watching, sky, minutes=8, every_s=EVERY) for one in step.warnings][-1].body
    watching.note(msgspec.structs.replace(warned, state="issued", cap="<alert/>"))
    after = watch()
    after.resume(watching.keep())
    empty = [
        s for _, s in night(after, lambda now: Transports(count=0).at(now), minutes=48 * 60, every_s=600, start=START + 9 * 60 * SECOND)
    ]
    assert empty[-1].offers
    assert empty[-1].offers[0].warning == warned.warning


def test_a_topic_that_was_changed_begins_anew():
    watching = watch()
    list(night(watching, sky, minutes=1, every_s=EVERY))
    with pytest.raises(NotKeepable, match="another topic"):
        watch(topic=msgspec.structs.replace(TOPIC, step_minutes=20.0)).resume(watching.keep())


@given(st.integers(0, 400), st.binary(min_size=1, max_size=8))
@settings(max_examples=40, deadline=None)
def test_what_was_mutilated_is_refused_in_one_line_or_read(at, junk):
    watching = watch()
    watching.step(sky(START), START)
    kept = watching.keep()
    try:
        watch().resume(kept[:at] + junk + kept[at + len(junk) :])
    except NotKeepable as error:
        assert "\n" not in str(error)  # noqa: PT017

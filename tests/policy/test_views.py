"""Views: one for each clearance, and a bound that is said."""

import pytest

from tocsin.core import Clearance, Denied
from tocsin.policy import Views


def test_readers_of_equal_clearance_share_a_view():
    views = Views()
    a = views.of(Clearance("p", "ASTER", 1, frozenset({"SENSOR", "LEGAL"})))
    b = views.of(Clearance("p", "ASTER", 1, frozenset({"LEGAL", "SENSOR"})))
    assert a is b
    assert views.active() == [a]


def test_any_difference_is_another_view():
    views = Views()
    clearances = [
        Clearance("p", "ASTER", 1),
        Clearance("q", "ASTER", 1),
        Clearance("p", "BIRCH", 1),
        Clearance("p", "ASTER", 2),
        Clearance("p", "ASTER", 1, frozenset({"SENSOR"})),
    ]
    assert len({views.of(c).id for c in clearances}) == len(clearances)
    assert [v.clearance for v in views.active()] == clearances


def test_an_id_is_the_same_on_every_node_and_after_every_start():
    clearance = Clearance("p", "ASTER", 1, frozenset({"SENSOR"}))
    assert Views().of(clearance).id == Views().of(clearance).id
    assert len(Views().of(clearance).id) == 16


def test_the_seventeenth_view_is_refused_and_the_sixteen_stay():
    views = Views()
    for rank in range(16):
        views.of(Clearance("p", "ASTER", rank))
    with pytest.raises(Denied, match="16 views"):
        views.of(Clearance("p", "ASTER", 16))
    assert len(views.active()) == 16
    assert views.of(Clearance("p", "ASTER", 3)).clearance.classification == 3


def test_a_view_that_ends_makes_room():
    views = Views(limit=1)
    first = views.of(Clearance("p", "ASTER", 0))
    views.retire(first)
    views.retire(first)
    assert views.of(Clearance("p", "BIRCH", 0)) in views.active()
    assert len(views.active()) == 1

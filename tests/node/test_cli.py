"""The command line: exit codes, one line of error, JSON where it answers."""

import gzip
import json
import os
import subprocess
import sys

import pytest

from .helpers import PASSWORD
from .shell import shell

__all__ = ["shell"]


def tocsin(*arguments):
    """The command in a process of its own, as a shell runs it."""
    return subprocess.run(
        [sys.executable, "-m", "tocsin", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=90,
        stdin=subprocess.DEVNULL,
        env={**os.environ, "TOCSIN_PASSWORD": PASSWORD},
        check=False,
    )


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cli") / "aster"
    made = tocsin("init", folder, "--id", "ASTER", "--name", "Aster watch floor", "--user", "mara", "--port", "0", "--json")
    assert made.returncode == 0, made.stderr
    assert json.loads(made.stdout)["id"] == "ASTER"
    return folder


def test_help_names_every_verb_without_loading_the_rooms():
    heavy = "import sys; from tocsin.node import cli; print({'numpy', 'sqlalchemy', 'litestar', 'pyarrow'} & sys.modules.keys())"
    assert subprocess.run([sys.executable, "-c", heavy], capture_output=True, text=True, check=True).stdout.strip() == "set()"
    shown = tocsin("--help")
    assert shown.returncode == 0
    for verb in ("demo", "init", "up", "doctor", "user", "partner", "replay", "warnings", "ack", "approve", "cancel", "bench"):
        assert verb in shown.stdout


def test_an_error_in_a_process_of_its_own_is_one_line_and_a_code():
    ended = tocsin("up", "/nowhere/at/all")
    assert ended.returncode == 2
    (line,) = ended.stderr.splitlines()
    assert line.startswith("tocsin: ")
    assert ended.stdout == ""


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["nonsense"], 2),
        (["up"], 2),
        (["up", "/nowhere/at/all"], 2),
        (["doctor", "/nowhere/at/all"], 1),
        (["bench", "nonsense"], 2),
        (["topic", "check", "/nowhere.yaml"], 2),
        (["init", "/proc/aster", "--id", "ASTER", "--name", "A", "--user", "mara"], 2),
    ],
)
def test_errors_are_one_line_that_says_what_to_do(shell, arguments, code):
    ended = shell.run(*arguments)
    assert ended.code == code, ended.err
    assert len(ended.err.strip().splitlines()) == 1, ended.err
    assert ended.err.startswith("tocsin: ")
    assert "Traceback" not in ended.err


def test_init_leaves_what_was_there_alone(shell, tmp_path):
    (tmp_path / "precious").write_text("x")
    ended = shell.run("init", tmp_path, "--id", "ASTER", "--name", "A", "--user", "mara")
    assert ended.code == 2
    assert (tmp_path / "precious").read_text() == "x"


@pytest.mark.parametrize(("option", "value"), [("--id", "lower case"), ("--clearance", "COSMIC"), ("--levels", "A,A")])
def test_init_with_a_bad_wish_makes_nothing(shell, tmp_path, option, value):
    arguments = {"--id": "ASTER", "--name": "A", "--user": "mara", option: value}
    ended = shell.run("init", tmp_path / "n", *(part for pair in arguments.items() for part in pair))
    assert ended.code == 2
    assert not (tmp_path / "n").exists()


@pytest.mark.parametrize("relay", ["http://relay.example", "relay.example:4222", "tls://", "nats://127.0.0.1:4222,ftp://x"])
def test_a_relay_that_no_node_could_use_is_refused_at_once(shell, tmp_path, relay):
    code, line = shell.refused("init", tmp_path / "n", "--id", "ASTER", "--name", "A", "--user", "mara", "--relay", relay)
    assert code == 2
    assert "tls://relay.example:4222" in line
    assert not (tmp_path / "n").exists()


def test_a_short_password_is_refused(shell, tmp_path):
    ended = shell.run("init", tmp_path / "n", "--id", "ASTER", "--name", "A", "--user", "mara", TOCSIN_PASSWORD="short")
    assert ended.code == 2
    assert "password" in ended.err
    assert not (tmp_path / "n").exists()


def test_people_are_added_listed_and_removed_while_the_node_is_down(shell, node):
    assert shell.run("user", "add", node, "bo", "--roles", "watch-officer,reader", "--clearance", "RESTRICTED").code == 0
    rows = json.loads(shell.run("user", "list", node, "--json").out)
    assert {row["name"]: row["clearance"] for row in rows}["bo"] == "RESTRICTED"
    assert shell.run("user", "remove", node, "bo").code == 0
    assert shell.run("user", "add", node, "eve", "--roles", "emperor").code == 2


def test_a_card_goes_from_one_node_to_another(shell, node, tmp_path):
    other = tmp_path / "birch"
    assert shell.run("init", other, "--id", "BIRCH", "--name", "Birch", "--user", "bo").code == 0
    card = shell.run("partner", "card", other)
    (tmp_path / "birch.toml").write_text(card.out)
    added = shell.run("partner", "add", node, tmp_path / "birch.toml", "--clearance", "RESTRICTED", "--json")
    assert added.code == 0, added.err
    assert json.loads(added.out)["fingerprint"] in card.err
    assert [row["partner"] for row in json.loads(shell.run("partner", "list", node, "--json").out)] == ["BIRCH"]
    (tmp_path / "bent.toml").write_text(card.out.replace("BIRCH", "CEDAR"))
    bent = shell.run("partner", "add", node, tmp_path / "bent.toml", "--clearance", "RESTRICTED")
    assert bent.code in {1, 2}
    assert len(bent.err.strip().splitlines()) == 1


def test_a_node_that_is_down_says_so(shell, node):
    ended = shell.run("warnings", node, "--as", "mara")
    assert ended.code == 3
    assert "tocsin up" in ended.err
    found = shell.run("status", node, "--json")
    assert (found.code, json.loads(found.out)["running"]) == (3, False)


def test_two_texts_are_one_too_many(shell, node, tmp_path):
    (tmp_path / "text").write_text("one")
    more = ("--as", "mara", "--title", "t", "--source", "s", "--to", "", "--classification", "RESTRICTED")
    ended = shell.run("share", node, tmp_path / "text", "--text", "another", *more)
    assert (ended.code, ended.out) == (2, "")
    assert "give one" in ended.err


def test_broken_recordings_are_one_line_and_what_stood_before_the_break_is_kept(shell, node, tmp_path):
    rows = [
        {"timestamp": 1533124800000 + 10_000 * i, "icao24": "4b1815", "latitude": 46.5 + 0.015 * i, "longitude": 7.5, "altitude": 30000.0}
        for i in range(60)
    ]
    whole = json.dumps(rows).encode()
    hostile = {
        "cut.json": whole[:-1500],
        "cut.json.gz": gzip.compress(whole)[:-40],
        "typed.json": whole.replace(b'"latitude": 47.0', b'"latitude": "north"'),
        "deep.json": b"[" * 100_000,
        "noise.bin": bytes(range(256)) * 40,
    }
    for name, data in hostile.items():
        (tmp_path / name).write_bytes(data)
        ended = shell.run("replay", tmp_path / name, "--into", node, "--id", name.partition(".")[0] + str(len(name)), "--json")
        if name == "typed.json":
            assert ended.code in {0, 2}, ended.err
        else:
            assert ended.code == 2, (name, ended.err)
            assert len(ended.err.strip().splitlines()) == 1, ended.err
            assert name in ended.err
        found = json.loads(ended.out)
        assert found["observations"] >= (20 if name.startswith(("cut", "typed")) else 0), (name, found)
        assert "Traceback" not in ended.err


def test_a_restore_without_the_key_says_which_option_names_it(shell, node, tmp_path):
    assert shell.run("backup", node, tmp_path / "b").code == 0
    code, line = shell.refused("restore", tmp_path / "b", tmp_path / "again")
    assert code == 2
    assert "--key-file" in line
    assert shell.run("restore", tmp_path / "b", tmp_path / "again", "--key-file", node / "master.key").code == 0


def test_a_test_of_a_partner_says_whether_the_node_or_its_relay_is_missing(shell, node):
    code, line = shell.refused("partner", "test", node, "NOBODY")
    assert code == 3
    assert "this node does not run" in line


def test_a_wrong_passphrase_opens_nothing(shell, tmp_path):
    folder = tmp_path / "n"
    made = shell.run(
        "init", folder, "--id", "ASTER", "--name", "A", "--user", "mara", "--passphrase", TOCSIN_PASSPHRASE="a long enough phrase"
    )
    assert made.code == 0, made.err
    assert not (folder / "master.key").exists()
    assert shell.run("user", "list", folder, TOCSIN_PASSPHRASE="another phrase entirely").code == 1
    assert shell.run("user", "list", folder, TOCSIN_PASSPHRASE="a long enough phrase").code == 0


def test_a_key_file_that_others_can_read_is_refused(shell, tmp_path):
    folder = tmp_path / "n"
    shell.run("init", folder, "--id", "ASTER", "--name", "A", "--user", "mara")
    (folder / "master.key").chmod(0o644)
    ended = shell.run("user", "list", folder)
    assert ended.code == 1
    assert "chmod 600" in ended.err


def test_people_and_machines_are_handled_from_the_shell(shell, node):
    said, ended = shell.said, shell.ended
    invited = said("user", "invite", node, "cy", "--roles", "analyst")
    assert len(invited["token"]) == 43
    assert [one["name"] for one in said("user", "invitations", node)] == ["cy"]
    assert said("user", "uninvite", node, "cy") == {"removed": "cy"}
    said("user", "add", node, "dee", "--roles", "analyst")
    assert said("user", "change", node, "dee", "--roles", "reader,analyst", "--clearance", "RESTRICTED")["roles"] == ["analyst", "reader"]
    assert said("user", "factor", node, "dee") == {"name": "dee", "factors": [], "recovery_left": 0}
    assert said("user", "log-out", node, "dee") == {"ended": 0}
    made = said("client", "add", node, "feeder", "--roles", "analyst", "--owner", "dee", "--days", "7")
    assert made["token"].startswith(f"tocsin_{made['prefix']}_")
    (listed,) = said("client", "list", node)
    assert "token" not in listed
    assert listed["owner"] == "dee"
    assert said("receiver", "add", node, "harbour", "--kind", "mail", "--address", "desk@harbour.example")["partner"] == "ASTER"
    assert [one["name"] for one in said("receiver", "list", node)] == ["harbour"]
    feed = said("receiver", "add", node, "town hall", "--kind", "feed", "--days", "7")
    renewed = said("receiver", "token", node, "town hall", "--days", "9")
    assert feed["token"].startswith(f"tocsin_told_{feed['prefix']}_") != renewed["token"].startswith(f"tocsin_told_{feed['prefix']}_")
    assert renewed["expires"] > feed["expires"]
    assert [(one["name"], one["told"], "token" in one) for one in said("receiver", "list", node)] == [
        ("harbour", False, False),
        ("town hall", True, False),
    ]
    code, text = shell.refused("receiver", "token", node, "harbour")
    assert (code, "only a feed has a token" in text) == (2, True)
    assert said("receiver", "remove", node, "harbour") == {"removed": "harbour"}
    assert said("user", "remove", node, "dee") == {"removed": "dee"}
    assert said("client", "list", node) == []
    for wrong in (
        ["client", "add", node, "boss", "--roles", "approver"],
        ["receiver", "add", node, "dove", "--kind", "pigeon"],
        ["user", "change", node, "mara", "--clearance", "COSMIC"],
        ["client", "add", node, "x", "--certificate", "/nowhere.pem"],
    ):
        code, text = ended(*wrong)
        assert code == 2, (wrong, text)
        assert len(text.strip().splitlines()) == 1
    assert ended("client", "remove", node, "ghost")[0] == 1
    assert ended("user", "change", node, "ghost", "--roles", "reader")[0] == 1

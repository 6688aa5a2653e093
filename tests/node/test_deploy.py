"""What the units and the container file call is there, and systemd takes the units."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tocsin.core import Denied
from tocsin.node import secrets
from tocsin.node.cli import app

DEPLOY = Path(__file__).parents[2] / "deploy"
UNITS = sorted(DEPLOY.glob("*.service"))


def verbs(command):
    """The verbs at the beginning of a command line's words."""
    found = app
    count = 0
    for word in command:
        if word.startswith(("/", "%", "-")):
            break
        found = found[word]
        count += 1
    return found, count


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_units_call_verbs_that_are_there_and_lock_the_service_in(unit):
    text = unit.read_text()
    command = re.search(r"^ExecStart=(\S+) (.*)$", text, re.MULTILINE)
    assert Path(command[1]).name == "tocsin"
    assert verbs(command[2].split())[1] >= 1
    for line in ("DynamicUser=yes", "ProtectSystem=strict", "NoNewPrivileges=yes", "CapabilityBoundingSet=", "LimitCORE=0", "UMask=0077"):
        assert f"\n{line}\n" in text
    assert "Environment=" not in text


def test_there_are_units_for_a_node_and_for_a_relay():
    assert [unit.name for unit in UNITS] == ["tocsin-relay.service", "tocsin@.service"]
    assert "LoadCredentialEncrypted=master.key:" in (DEPLOY / "tocsin@.service").read_text()


def test_the_container_calls_a_verb_that_is_there_without_being_root():
    text = (DEPLOY / "Containerfile").read_text()
    words = re.findall(r'"([^"]+)"', re.search(r"^CMD (.*)$", text, re.MULTILINE)[1])
    assert re.search(r'^ENTRYPOINT \["tocsin"\]$', text, re.MULTILINE)
    assert verbs(words)[1] == 1
    assert re.search(r"^USER [1-9]\d+$", text, re.MULTILINE)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd-analyze here")
@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_systemd_takes_the_units(unit, tmp_path):
    # The program stands elsewhere on this machine, which is not what is asked.
    name = unit.name.replace("@.", "@aster.")
    (tmp_path / name).write_text(unit.read_text().replace("/usr/local/bin/tocsin", shutil.which("true")))
    done = subprocess.run(["systemd-analyze", "verify", str(tmp_path / name)], capture_output=True, text=True, check=False, timeout=60)
    about = [line for line in done.stderr.splitlines() if name in line]
    assert about == []


def test_the_secret_comes_as_a_credential_of_systemd_too(tmp_path, monkeypatch):
    folder, credentials = tmp_path / "node", tmp_path / "credentials"
    folder.mkdir()
    credentials.mkdir()
    monkeypatch.delenv(secrets.VARIABLE, raising=False)
    monkeypatch.setenv(secrets.CREDENTIALS, str(credentials))
    with pytest.raises(Denied):
        secrets.find(folder, ask=False)
    secrets.write_file(credentials, b"k" * 32)
    (credentials / secrets.FILE).chmod(0o440)  # as systemd leaves it
    assert secrets.find(folder, ask=False) == b"k" * 32
    (credentials / secrets.FILE).chmod(0o444)
    with pytest.raises(Denied, match="read by others"):
        secrets.find(folder, ask=False)

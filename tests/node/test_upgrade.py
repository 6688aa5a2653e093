"""A folder that the first release wrote opens, is brought to this version, reads as it did, and gets its log."""

import base64
import json
import sqlite3
from pathlib import Path

import pytest

from tests.node.helpers import opened, person, serving
from tocsin.core import LIVE
from tocsin.journal import notes, proofs
from tocsin.node import auditing

pytestmark = pytest.mark.anyio
FIRST = Path(__file__).parents[1] / "journal" / "first_release"


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.fixture
def first(tmp_path):
    """The first release's folder, and what was kept in it."""
    made = json.loads(FIRST.with_suffix(".json").read_text())
    folder = tmp_path / "node"
    folder.mkdir(mode=0o700)
    for name, data in made["files"].items():
        (folder / name).write_bytes(base64.b64decode(data))
        (folder / name).chmod(0o600)
    with sqlite3.connect(folder / "journal.db") as connection:
        connection.executescript(FIRST.with_suffix(".sql").read_text())
        assert connection.execute("select version_num from alembic_version").fetchone() == ("0002",)
    connection.close()
    return folder, made


async def test_the_first_releases_folder_opens_and_reads_as_it_did(first):
    folder, made = first
    async with opened(folder) as node:
        kept = [one for realm in node.journal.realms() for one in node.journal.records(realm)]
        assert {one.record.id for one in kept} == {*made["records"]} - {made["erased"]}
        assert node.journal.get(made["erased"]) is None
        assert node.journal.size(LIVE) == 22
        assert node.journal.size("exercise:first") == 20
        assert [one.record.kind for one in node.journal.records(LIVE, kind="log")] == ["log"]
        assert [partner.id for partner in node.book.partners()] == ["BIRCH"]
        assert [user.name for user in node.people.users()] == ["mara"]


async def test_the_first_releases_people_log_in(first):
    folder, _ = first
    async with opened(folder) as node, serving(node) as url, person(url) as mara:
        rows = (await mara.get("/reports?realm=live")).json()
        assert len(rows) == 19


async def test_what_the_first_release_kept_gets_its_log_and_is_proven(first):
    folder, made = first
    async with opened(folder) as node:
        await node.notary.sign()
        found = await auditing.verify(node, auditing.Nothing())
        assert [(row["realm"], row["leaves"], row["checkpoints"], row["wrong"]) for row in found] == [
            ("exercise:first", 32, 1, []),
            ("live", 32, 1, []),
        ]
        for record in made["records"]:
            shown = auditing.proof_of(node, record)
            key = notes.parse_key(auditing.log_key(node, record))
            proven = proofs.check(proofs.parse(shown["proof"].encode()), [key])
            assert bool(proven.record) == (record != made["erased"])


async def test_an_upgraded_folder_opens_again_and_goes_on(first):
    folder, _ = first
    for size in (32, 48):
        async with opened(folder) as node:
            await node.notary.sign()
            assert node.notary.log.latest(LIVE).checkpoint.size == size

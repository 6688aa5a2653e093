"""Who was told, as one can prove it: what partners signed is kept, shown, written out, and checked by a stranger's command line."""

import asyncio
import base64
import json
import sqlite3

from sqlalchemy import delete

from tests.node.test_delivery import TO_BIRCH, did, fate, got, two, until
from tests.node.test_notary import run as shell
from tocsin.exchange import tables
from tocsin.node import auditing
from tocsin.node.control import run

ELSEWHERE = "report--00000000-0000-4000-8000-000000000000"


def test_what_partners_signed_is_shown_written_out_and_checked_by_a_stranger(tmp_path, capsys):
    async def work():
        async with two(tmp_path) as (a, b, mara, bo):
            said = (await did(mara, "/reports", TO_BIRCH))["record"]
            unread = (await did(mara, "/reports", {**TO_BIRCH, "title": "Another"}))["record"]
            await until(lambda: told(a, unread, lambda row: row["delivery"]["verified"]))
            await did(bo, f"/inbox/{said}/read")
            row = await until(lambda: told(a, said, lambda row: row["reading"]["verified"] and row["delivery"]["verified"]))
            assert row["state"] == "read"
            assert row["reading"]["by"] == "mara"
            assert row["delivery"]["fingerprint"] == row["reading"]["fingerprint"] == b.card().fingerprint()
            assert row["delivery"]["signed_at"] <= row["reading"]["signed_at"]
            shown = fate(await got(mara, f"/exchange/ledger/{said}"))
            assert (shown["delivery"], shown["reading"]) == (row["delivery"], row["reading"])
            old = b.card()
            (tmp_path / "old.toml").write_text(old.to_toml())

            # BIRCH rotates its keys: what the old ones signed holds as it did, and they sign nothing new.
            await run(b, "partner.rotate", {"grace_hours": 1})
            (tmp_path / "new.toml").write_text(b.card().to_toml())
            await until(lambda: followed(a, b))
            row = await told(a, said, lambda row: row)
            assert row["delivery"]["verified"]
            assert row["delivery"]["fingerprint"] == old.fingerprint() != b.card().fingerprint()
            later = (await did(mara, "/reports", {**TO_BIRCH, "title": "After"}))["record"]
            row = await until(lambda: told(a, later, lambda row: row["delivery"]["verified"]))
            assert row["delivery"]["fingerprint"] == b.card().fingerprint()
            (audit,) = await auditing.verify(a, auditing.Nothing())
            assert (audit["wrong"], audit["unknown"]) == ([], 0)
            assert audit["partners_records"] >= 1

            # A receipt that never came is asked for.
            await a.journal.write(lambda connection: connection.execute(delete(tables.signed_receipts)))
            row = await told(a, said, lambda row: row)
            assert not row["delivery"]["kept"]
            await auditing.who_was_told(a, auditing.Told(said, ask=True))
            await until(lambda: told(a, said, lambda row: row["delivery"]["verified"]))
            return said, later, unread

    said, later, unread = asyncio.run(work())
    folder, old, new = tmp_path / "aster", tmp_path / "old.toml", tmp_path / "new.toml"
    code, out, _ = shell(capsys, "audit", "who-was-told", folder, said, "--receipts", tmp_path / "out", "--json")
    (row,) = json.loads(out)
    assert (code, row["delivery"]["verified"], row["reading"]["verified"]) == (0, True, True)
    file = tmp_path / "out" / f"{said}.BIRCH.receipt"
    assert row["file"] == str(file)
    # It was signed for again after the rotation, and read before it: each by the card of its time.
    code, out, err = shell(capsys, "verify", file, "--card", old, "--card", new, "--json")
    assert (code, json.loads(out or "{}").get("record")) == (0, said), err
    assert shell(capsys, "verify", file, "--card", new)[0] == 1
    assert "give the card of 'BIRCH'" in shell(capsys, "verify", file, "--key", "none")[2]
    broken = json.loads(file.read_text())
    for field in ("record", "delivered", "read", "read_proof"):
        data = bytearray(base64.b64decode(broken[field]))
        data[len(data) // 2] ^= 1
        bent = tmp_path / "bent"
        bent.write_text(json.dumps({**broken, field: base64.b64encode(bytes(data)).decode()}))
        code, _, err = shell(capsys, "verify", bent, "--card", old, "--card", new)
        assert code in {1, 2}, field
        assert err.startswith("tocsin: ")
        assert err.count("\n") == 1
    for nonsense in ("{", '{"format": "other"}', '{"format": "tocsin-receipt-1", "partner": "BIRCH", "record": ""}'):
        (tmp_path / "bent").write_text(nonsense)
        assert shell(capsys, "verify", tmp_path / "bent", "--card", old)[0] == 2
    assert "the signature holds" in shell(capsys, "audit", "who-was-told", folder, said)[1]
    assert shell(capsys, "audit", "who-was-told", folder, ELSEWHERE)[0] == 1
    code, _, err = shell(capsys, "audit", "who-was-told", folder, unread, "--ask")
    assert (code, "start the node" in err) == (3, True)

    # Somebody who can write the database puts other words into BIRCH's mouth: it shows, and the exit code says so.
    with sqlite3.connect(folder / "journal.db") as connection:
        for (message,) in connection.execute("select message from signed_receipts").fetchall():
            bent = bytearray(message)
            bent[-1] ^= 1
            connection.execute("update signed_receipts set message = ? where message = ?", (bytes(bent), message))
    connection.close()
    code, out, err = shell(capsys, "audit", "who-was-told", folder, said, "--json")
    assert code == 1
    assert "does not hold" in err
    (row,) = json.loads(out)
    assert row["delivery"]["kept"]
    assert not row["delivery"]["verified"]
    assert later != said


async def told(node, record, wanted):
    (row,) = await auditing.who_was_told(node, auditing.Told(record))
    return row if wanted(row) else None


async def followed(a, b):
    return a.book.get("BIRCH").card.digest() == b.card().digest()

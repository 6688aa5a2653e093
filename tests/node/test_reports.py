"""Back-test reports in the node's folder: who is shown which, how they are served, and that nothing beside them is."""

import asyncio
import base64
import hashlib
import re

import pytest

from tocsin.core import LIVE

from .helpers import add_person, make, opened, person, serving
from .test_http import run

PAGE = "<!doctype html><html>{}<title>Back-test</title><style>b{{color:red}}</style><body><h1>Back-test: {}</h1></body></html>"
LEVEL = "<meta name='tocsin-classification' content='{}'>"


def keep(node, name, level="", title="Daily surge"):
    folder = node.folder / "backtests"
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(PAGE.format(LEVEL.format(level) if level else "", title), encoding="utf-8")


def test_a_node_without_reports_says_so(tmp_path):
    async def work(node, url):
        async with person(url) as mara:
            assert (await mara.get("/backtests")).json() == []
            assert (await mara.get("/backtests/none")).status_code == 404

    run(work, tmp_path)


def test_a_report_is_listed_with_its_title_and_banner_and_served_in_a_sandbox(tmp_path):
    async def work(node, url):
        keep(node, "surge.html", "RESTRICTED", "Daily &amp; surge")
        async with person(url) as mara:
            (row,) = (await mara.get("/backtests")).json()
            assert (row["name"], row["title"]) == ("surge", "Back-test: Daily & surge")
            assert row["banner"].startswith("RESTRICTED")
            page = await mara.get("/backtests/surge")
            assert page.headers["content-type"].startswith("text/html")
            policy = page.headers["content-security-policy"]
            digest = base64.b64encode(hashlib.sha256(b"b{color:red}").digest()).decode()
            assert policy.startswith("sandbox; default-src 'none'")
            assert f"style-src 'sha256-{digest}'" in policy
            assert "unsafe" not in policy
            assert "script-src" not in policy
            assert page.headers["x-content-type-options"] == "nosniff"
            assert page.headers["cache-control"] == "no-store"

    run(work, tmp_path)


def test_every_other_answer_keeps_the_consoles_own_policy(tmp_path):
    async def work(node, url):
        async with person(url) as mara:
            for path in ("/backtests", "/backtests/none", "/session"):
                assert "script-src 'self'" in (await mara.get(path)).headers["content-security-policy"]

    run(work, tmp_path)


def test_a_report_above_a_readers_level_is_not_there_and_one_without_a_level_is_the_highest(tmp_path):
    async def work(node, url):
        keep(node, "open.html", "RESTRICTED")
        keep(node, "unsaid.html")
        keep(node, "strange.html", "COSMIC")
        await add_person(node, "low", ["analyst"], "RESTRICTED")
        async with person(url) as mara, person(url, "low") as low:
            assert {row["name"] for row in (await mara.get("/backtests")).json()} == {"open", "unsaid", "strange"}
            assert [row["name"] for row in (await low.get("/backtests")).json()] == ["open"]
            refused, unknown = await low.get("/backtests/unsaid"), await low.get("/backtests/nowhere")
            assert (refused.status_code, refused.content) == (unknown.status_code, unknown.content)
            assert refused.status_code == 404

    run(work, tmp_path)


@pytest.mark.parametrize("name", ["..", ".", "..%2fnode.toml", "%2e%2e%2fnode", "a/../../x", "%00", ".hidden", "x" * 200, "a%5cb"])
def test_nothing_beside_the_reports_can_be_named(tmp_path, name):
    async def work(node, url):
        keep(node, "surge.html", "RESTRICTED")
        (node.folder / "backtests" / ".hidden.html").write_text("x")
        (node.folder / "node.html").write_text("outside")
        async with person(url) as mara:
            answer = await mara.get(f"/backtests/{name}")
            assert "outside" not in answer.text
            assert answer.status_code in {404, 405} or answer.json() == (await mara.get("/backtests")).json()

    run(work, tmp_path)


def test_a_link_out_of_the_folder_is_not_followed(tmp_path):
    async def work(node, url):
        keep(node, "surge.html", "RESTRICTED")
        secret = tmp_path / "secret.html"
        secret.write_text(PAGE.format(LEVEL.format("UNCLASSIFIED"), "secret"))
        (node.folder / "backtests" / "linked.html").symlink_to(secret)
        async with person(url) as mara:
            assert [row["name"] for row in (await mara.get("/backtests")).json()] == ["surge"]
            assert (await mara.get("/backtests/linked")).status_code == 404

    run(work, tmp_path)


def test_reports_need_a_session(tmp_path):
    async def whole():
        async with opened(await make(tmp_path / "aster")) as node, serving(node) as url:
            keep(node, "surge.html", "UNCLASSIFIED")
            async with person(url) as mara:
                mara.cookies.clear()
                assert (await mara.get("/backtests/surge")).status_code == 401

    asyncio.run(whole())


def test_a_hand_over_is_a_line_of_the_log_that_names_who_takes_over(tmp_path):
    async def work(node, url):
        async with person(url) as mara:
            said = await mara.post("/log", json={"realm": LIVE, "text": "Hand-over. Nothing rings.", "handed_to": "low"})
            assert said.status_code == 201
            (line,) = (await mara.get("/log", params={"realm": LIVE})).json()
            assert (line["author"], line["handed_to"], line["text"]) == ("mara", "low", "Hand-over. Nothing rings.")
            again = await mara.post("/log", json={"realm": LIVE, "text": "Hand-over.", "handed_to": "mara"})
            assert again.status_code == 400
            assert re.search("somebody else", again.json()["error"])
            plain = await mara.post("/log", json={"realm": LIVE, "text": "Quiet."})
            assert [one["handed_to"] for one in plain.json()] == ["", "low"]

    run(work, tmp_path)

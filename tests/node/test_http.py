"""The API at a real socket: who may, what a reader is shown, and how it refuses."""

import asyncio
import json
import re

import httpx2
import pytest
import websockets

from tocsin.core import LIVE, Label, ManualClock, Observations, Report, SeededEntropy, body_of
from tocsin.core.observations import build
from tocsin.node.http.app import STATIC

from .helpers import PASSWORD, add_person, make, opened, person, serving

MANUAL_START = 1_800_000_000_000_000
REPORT = {"realm": LIVE, "title": "Loading seen", "text": "Trucks at the ramp.", "source": "harbour", "grade": "C3", "caveats": []}
SECRET = {**REPORT, "title": "Kestrel nine", "classification": "CONFIDENTIAL", "releasable_to": []}


def flights(node, label: Label, count: int = 3, ago_s: float = 0.1) -> Observations:
    now = node.clock.now() - int(ago_s * 1e6)
    # By a manual clock the same for every node; by the system's from the first call on.
    began = MANUAL_START if isinstance(node.clock, ManualClock) else node.__dict__.setdefault("flights_began", now)
    east = (now - began) / 1e6 * 0.00197  # 150 m/s at 47 degrees
    return build(
        "roof", LIVE, label, count, time=[now] * count, identity=[(1 << 56) + i + 1 for i in range(count)],
        latitude=[47.0 + i / 10 for i in range(count)], longitude=[8.0 + east] * count, altitude=[5000.0] * count, speed=[150.0] * count,
        course=[90.0] * count,
    )  # fmt: skip


def of(node, level: int, *partners: str) -> Label:
    return Label(node.config.policy.name, level, frozenset({"ASTER"}), frozenset({"ASTER", *partners}))


def run(work, tmp_path):
    async def whole():
        async with opened(await make(tmp_path / "aster")) as node, serving(node) as url:
            await work(node, url)

    asyncio.run(whole())


def test_a_session_begins_with_the_right_password_and_ends_when_told(tmp_path):
    async def work(node, url):
        async with httpx2.AsyncClient(base_url=url) as client:
            wrong = await client.post("/session", json={"name": "mara", "password": "not the password"})
            assert wrong.status_code == 401
            assert "set-cookie" not in wrong.headers
            assert (await client.get("/session")).status_code == 401
            good = await client.post("/session", json={"name": "mara", "password": PASSWORD})
            cookie = good.headers["set-cookie"].lower()
            assert "httponly" in cookie
            assert "samesite=strict" in cookie
            assert good.json()["node"] == {"id": "ASTER", "name": "Aster watch floor"}
            assert (await client.get("/session")).json()["user"] == "mara"
            assert (await client.delete("/session")).status_code == 403
            assert (await client.delete("/session", headers={"x-tocsin-csrf": good.json()["csrf"]})).status_code == 204
            assert (await client.get("/session")).status_code == 401

    run(work, tmp_path)


def test_every_route_but_health_and_login_needs_a_session(tmp_path):
    async def work(node, url):
        async with httpx2.AsyncClient(base_url=url) as client:
            schema = (await client.get("/schema/openapi.json")).json()
            seen = 0
            for path, methods in schema["paths"].items():
                inside = re.sub(r"\{\w+\}", "x--x", path.removeprefix("/api/v1").replace("{word}", "read"))
                for method in methods:
                    # Health, and the steps of logging in, which have no session yet.
                    if (inside.rstrip("/"), method) in {("/health", "get"), ("/session", "post")} or inside.startswith("/session/"):
                        continue
                    answer = await client.request(method, inside, params={"realm": "live"}, json={} if method == "post" else None)
                    assert answer.status_code in {401}, (method, inside, answer.status_code, answer.text)
                    seen += 1
            assert seen >= 18
            assert (await client.get("/health")).json() == {"ok": True}

    run(work, tmp_path)


def test_a_request_that_changes_something_needs_the_token(tmp_path):
    async def work(node, url):
        async with person(url) as mara:
            del mara.headers["x-tocsin-csrf"]
            assert (await mara.post("/log", json={"realm": LIVE, "text": "hello"})).status_code == 403
            mara.headers["x-tocsin-csrf"] = "0" * 64
            assert (await mara.post("/log", json={"realm": LIVE, "text": "hello"})).status_code == 403
            assert (await mara.get("/log", params={"realm": LIVE})).json() == []

    run(work, tmp_path)


def test_a_removed_person_is_out_at_once(tmp_path):
    async def work(node, url):
        await add_person(node, "bo", ["watch-officer"], "RESTRICTED")
        async with person(url, "bo") as bo:
            assert (await bo.get("/session")).status_code == 200
            await node.people.remove_user("bo")
            assert (await bo.get("/session")).status_code == 401

    run(work, tmp_path)


def test_errors_are_one_json_line_and_quote_nothing(tmp_path):
    async def work(node, url):
        async with person(url) as mara:
            bad = [
                await mara.get("/warnings", params={"realm": "nonsense"}),
                await mara.get("/warnings/warning--none", params={"realm": LIVE}),
                await mara.post("/reports", json={**SECRET, "classification": "COSMIC"}),
                await mara.post("/reports", json={**SECRET, "releasable_to": ["NOBODY"]}),
                await mara.post("/reports", json={**SECRET, "colour": "Kestrel"}),
                await mara.post("/reports", content=b"{", headers={"content-type": "application/json"}),
                await mara.post("/log", json={"realm": LIVE, "text": "x" * 300_000}),
                await mara.get("/nowhere"),
                await mara.put("/session"),
            ]
            assert [answer.status_code for answer in bad] == [400, 404, 400, 400, 400, 400, 413, 404, 405]
            for answer in bad:
                assert list(answer.json()) == ["error"]
                assert "\n" not in answer.json()["error"]
                assert "Kestrel" not in answer.text
                assert "Traceback" not in answer.text

    run(work, tmp_path)


def test_a_report_reaches_readers_who_may_and_no_other(tmp_path):
    async def work(node, url):
        await add_person(node, "low", ["reader"], "RESTRICTED")
        async with person(url) as mara, person(url, "low") as low:
            said = await mara.post("/reports", json=SECRET)
            assert said.status_code == 201
            assert said.json()["graded_by"] == "mara"
            assert said.json()["banner"] == "CONFIDENTIAL REL TO ASTER"
            assert [r["title"] for r in (await mara.get("/reports", params={"realm": LIVE})).json()] == ["Kestrel nine"]
            assert (await low.get("/reports", params={"realm": LIVE})).json() == []
            assert (await low.get("/journal", params={"realm": LIVE})).json() == []
            assert len((await mara.get("/journal", params={"realm": LIVE})).json()) == 1

    run(work, tmp_path)


def test_nobody_writes_what_they_may_not_read(tmp_path):
    async def work(node, url):
        await add_person(node, "low", ["analyst"], "RESTRICTED")
        async with person(url, "low") as low:
            assert (await low.post("/reports", json=SECRET)).status_code == 400
            fine = {**REPORT, "classification": "RESTRICTED", "releasable_to": []}
            assert (await low.post("/reports", json=fine)).status_code == 201

    run(work, tmp_path)


def test_a_reader_role_reads_and_does_nothing_else(tmp_path):
    async def work(node, url):
        await add_person(node, "guest", ["reader"], "RESTRICTED")
        async with person(url, "guest") as guest:
            assert (await guest.post("/log", json={"realm": LIVE, "text": "hello"})).status_code == 403
            assert (await guest.post("/rehearsal", json={})).status_code == 403
            report = {**REPORT, "classification": "UNCLASSIFIED", "releasable_to": []}
            assert (await guest.post("/reports", json=report)).status_code == 403

    run(work, tmp_path)


def test_what_a_reader_may_not_see_changes_no_byte_of_any_answer(tmp_path):
    """Two nodes alike but for what is above the reader: every GET answers the same bytes, record ids and times aside."""
    paths = [
        "/feeds",
        "/places",
        "/tracks",
        "/assessments",
        "/warnings",
        "/reports",
        "/journal",
        "/log",
        "/session",
        "/exchange",
        "/rehearsal",
    ]

    async def bodies(folder, *, secret: bool):
        clock = ManualClock(MANUAL_START)
        async with opened(await make(folder), clock, SeededEntropy(7)) as node, serving(node) as url:
            await add_person(node, "low", ["analyst"], "RESTRICTED")
            async with person(url) as mara, person(url, "low") as low:
                if secret:
                    await mara.post("/reports", json=SECRET)
                    await mara.post("/log", json={"realm": LIVE, "text": "Kestrel nine is near"})
                    node.world(LIVE).take(flights(node, of(node, 2), 9), "ASTER")
                await low.post("/reports", json={**REPORT, "classification": "RESTRICTED", "releasable_to": []})
                clock.move_to(clock.now() + 5_000_000)
                node.world(LIVE).take(flights(node, of(node, 0)), "ASTER")
                clock.move_to(clock.now() + 5_000_000)
                node.world(LIVE).take(flights(node, of(node, 0)), "ASTER")
                answers = {path: await low.get(path, params={"realm": LIVE}) for path in paths}
                assert all(answer.status_code == 200 for answer in answers.values()), answers
                stripped = {path: json.loads(answer.content) for path, answer in answers.items()}
                stripped["/session"].pop("csrf")
                return stripped

    async def whole():
        without = await bodies(tmp_path / "without", secret=False)
        with_secret = await bodies(tmp_path / "with", secret=True)
        assert len(without["/tracks"]["n"]) == 3
        assert without == with_secret

    asyncio.run(whole())


def test_tracks_stream_to_a_reader_and_stop_with_the_session(tmp_path):
    async def work(node, url):
        label = of(node, 0)
        async with person(url) as mara:
            cookie = f"tocsin_session={mara.cookies['tocsin_session']}"
            address = url.replace("http", "ws") + "/live?realm=live"
            node.world(LIVE).take(flights(node, label, ago_s=6), "ASTER")
            node.world(LIVE).take(flights(node, label), "ASTER")
            async with websockets.connect(address, additional_headers={"cookie": cookie}) as stream:
                first = json.loads(await asyncio.wait_for(stream.recv(), 10))
                assert first["type"] == "tracks"
                assert first["full"] is True
                assert len(first["n"]) == 3
                await node.people.log_out(mara.cookies["tocsin_session"])
                with pytest.raises(websockets.ConnectionClosed):
                    for _ in range(50):
                        await asyncio.wait_for(stream.recv(), 10)

    run(work, tmp_path)


def test_a_stream_without_a_session_is_closed(tmp_path):
    async def work(node, url):
        async with websockets.connect(url.replace("http", "ws") + "/live?realm=live") as stream:
            with pytest.raises(websockets.ConnectionClosed) as closed:
                await asyncio.wait_for(stream.recv(), 10)
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 4401

    run(work, tmp_path)


def test_another_sites_page_gets_no_session_and_no_stream(tmp_path):
    async def work(node, url):
        async with httpx2.AsyncClient(base_url=url, headers={"origin": "https://elsewhere.example"}) as client:
            assert (await client.post("/session", json={"name": "mara", "password": PASSWORD})).status_code == 403
        async with person(url) as mara:
            cookie = f"tocsin_session={mara.cookies['tocsin_session']}"
            address = url.replace("http", "ws") + "/live?realm=live"
            headers = {"cookie": cookie, "origin": "https://elsewhere.example"}
            async with websockets.connect(address, additional_headers=headers) as stream:
                with pytest.raises(websockets.ConnectionClosed):
                    await asyncio.wait_for(stream.recv(), 10)

    run(work, tmp_path)


def test_pages_bear_a_strict_policy_and_api_answers_are_not_stored(tmp_path):
    async def work(node, url):
        async with httpx2.AsyncClient(base_url=url) as client:
            answer = await client.get("/health")
            policy = answer.headers["content-security-policy"]
            assert "default-src 'none'" in policy
            assert "unsafe" not in policy
            assert answer.headers["cache-control"] == "no-store"
            assert answer.headers["x-content-type-options"] == "nosniff"
        async with httpx2.AsyncClient(base_url=url.removesuffix("/api/v1")) as client:
            for path in ("/", "/icon.svg", "/nowhere.js"):
                page = await client.get(path)
                assert page.headers["content-security-policy"] == policy, path
                assert page.headers["x-frame-options"] == "DENY"

    run(work, tmp_path)


def test_a_report_as_said_is_kept_as_said(tmp_path):
    async def work(node, url):
        async with person(url) as mara:
            record = (await mara.post("/reports", json={**REPORT, "classification": "RESTRICTED", "releasable_to": []})).json()["record"]
            kept = node.journal.get(record)
            assert kept is not None
            assert json.loads(kept.data)["body"]["title"] == "Loading seen"
            body = Report(title="Loading seen", text="Trucks at the ramp.", source="harbour", grade="C3", graded_by="mara")
            assert body_of(kept.record) == body

    run(work, tmp_path)


def test_what_does_not_fit_is_named_and_never_quoted(tmp_path):
    async def work():
        async with opened(await make(tmp_path / "n")) as node, serving(node) as url, person(url) as mara:
            said = await mara.post("/session", json={})
            assert (said.status_code, said.json()["error"]) == (400, "this request does not fit: name is missing")
            claim = {"grade": "Kestrel", "text": "x", "source": "s", "realm": "live", "classification": "UNCLASSIFIED"}
            said = await mara.post("/claims", json=claim | {"releasable_to": [], "caveats": []})
            assert said.status_code == 400
            assert said.json()["error"].endswith("grade (a letter A to F and a digit 1 to 6, such as B2)")
            assert "Kestrel" not in said.text
            for sent, named in (
                ({"nmae": "mara"}, "there is no field nmae"),
                ({"name": 7}, "name (text)"),
                (["mara"], "the body (an object)"),
                ({"name mara; Kestrel": 1}, "the body"),
            ):
                said = await mara.post("/session", json=sent)
                assert (said.status_code, said.json()["error"]) == (400, f"this request does not fit: {named}")

    asyncio.run(work())


def test_a_probe_of_an_address_that_is_none_is_told_so_and_a_browser_gets_the_console(tmp_path):
    async def work():
        async with opened(await make(tmp_path / "n")) as node, serving(node) as url, person(url) as mara:
            at = url.replace("/api/v1", "/health")
            assert (await mara.get(at, headers={"accept": "*/*"})).status_code == 404
            assert (await mara.get(f"{url}/health", headers={"accept": "*/*"})).json() == {"ok": True}
            page = await mara.get(at, headers={"accept": "text/html,*/*;q=0.8"})
            assert page.headers["content-type"].startswith("text/html" if (STATIC / "index.html").is_file() else "application/json")

    asyncio.run(work())

"""People and machines at the API: second factors, invitations, leavers, machine clients, two persons."""

import asyncio
import contextlib
import datetime
import hashlib
import json
import ssl

import httpx2
import msgspec
import pyotp
import pytest
import websockets
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from msgspec import structs

from tocsin.core import LIVE
from tocsin.core.times import SECOND
from tocsin.node import config, personnel
from tocsin.node.config import HttpConfig, PeopleConfig
from tocsin.node.partnership import Named
from tocsin.node.seconding import Erase
from tocsin.people import Act

from .helpers import PASSWORD, add_person, make, opened, person, serving

REPORT = {"realm": LIVE, "title": "Loading", "text": "Trucks.", "source": "harbour", "classification": "RESTRICTED", "releasable_to": []}


def run(work, tmp_path, **people):
    async def whole():
        folder = await make(tmp_path / "aster")
        if people:
            config.write(folder, structs.replace(config.read(folder), people=PeopleConfig(**people)))
        async with opened(folder) as node, serving(node) as url:
            await work(node, url)

    asyncio.run(whole())


def code(secret: str, node, steps: int = 0) -> str:
    return pyotp.TOTP(secret).at(node.clock.now() // SECOND + 30 * steps)


@contextlib.asynccontextmanager
async def nobody(url):
    async with httpx2.AsyncClient(base_url=url, timeout=20) as client:
        yield client


async def add_codes(client, node) -> tuple[str, list[str]]:
    offered = (await client.post("/factors/totp/options")).json()
    added = await client.post("/factors/totp", json={"code": code(offered["secret"], node, -1), "name": "telephone"})
    assert added.status_code == 201, added.text
    return offered["secret"], added.json()["recovery"]


def test_a_person_adds_codes_and_is_asked_for_one_at_the_next_login(tmp_path):
    async def work(node, url):
        async with person(url) as mara, nobody(url) as browser:
            secret, recovery = await add_codes(mara, node)
            assert len(recovery) == 10
            begun = await browser.post("/session", json={"name": "mara", "password": PASSWORD})
            assert begun.status_code == 200
            assert "set-cookie" not in begun.headers
            assert begun.json()["second_factor"] == ["totp", "recovery"]
            assert (await browser.get("/session")).status_code == 401
            wrong = await browser.post("/session/totp", json={"pending": begun.json()["pending"], "code": "000000"})
            assert wrong.status_code == 401
            right = await browser.post("/session/totp", json={"pending": begun.json()["pending"], "code": code(secret, node)})
            assert right.json()["user"] == "mara"
            assert (await browser.get("/session")).status_code == 200
            listed = (await mara.get("/factors")).json()
            assert [one["name"] for one in listed["factors"]] == ["telephone"]
            assert secret not in json.dumps(listed)

    run(work, tmp_path)


def test_changing_factors_needs_a_fresh_one(tmp_path):
    async def work(node, url):
        async with person(url) as mara:
            secret, _ = await add_codes(mara, node)
            factor = (await mara.get("/factors")).json()["factors"][0]["id"]
            refused = await mara.delete(f"/factors/{factor}")
            assert refused.status_code == 428
            assert (await mara.post("/factors/recovery")).status_code == 428
            assert (await mara.post("/factors/prove/totp", json={"code": code(secret, node)})).json() == {"fresh": True}
            assert len((await mara.post("/factors/recovery")).json()["recovery"]) == 10
            assert (await mara.delete(f"/factors/{factor}")).status_code == 204
            assert (await mara.get("/factors")).json()["factors"] == []

    run(work, tmp_path)


def test_sensitive_acts_ask_for_a_fresh_factor_where_configured(tmp_path):
    async def work(node, url):
        async with person(url) as mara:
            wanted = {"name": "bo", "roles": ["reader"], "clearance": "RESTRICTED"}
            assert (await mara.post("/people/invitations", json=wanted)).status_code == 428
            assert (await mara.post("/log", json={"realm": LIVE, "text": "a quiet night"})).status_code == 201
            secret, _ = await add_codes(mara, node)
            assert (await mara.post("/people/invitations", json=wanted)).status_code == 428
            await mara.post("/factors/prove/totp", json={"code": code(secret, node)})
            assert (await mara.post("/people/invitations", json=wanted)).status_code == 201

    run(work, tmp_path, step_up=True)


def test_where_the_node_demands_a_factor_the_first_login_adds_one(tmp_path):
    async def work(node, url):
        async with nobody(url) as browser:
            begun = (await browser.post("/session", json={"name": "mara", "password": PASSWORD})).json()
            assert (begun["second_factor"], begun["enrol"]) == ([], True)
            offered = (await browser.post("/session/enrol/totp/options", json={"pending": begun["pending"]})).json()
            assert offered["address"].startswith("otpauth://totp/")
            done = await browser.post("/session/enrol/totp", json={"pending": begun["pending"], "code": code(offered["secret"], node)})
            assert done.json()["user"] == "mara"
            assert len(done.json()["recovery"]) == 10
            browser.headers["x-tocsin-csrf"] = done.json()["csrf"]
            only = (await browser.get("/factors")).json()["factors"][0]["id"]
            assert (await browser.delete(f"/factors/{only}")).status_code == 403, "the last one stays"

    run(work, tmp_path, second_factor="privileged")


def test_an_invited_person_sets_their_own_password(tmp_path):
    async def work(node, url):
        async with person(url) as mara, nobody(url) as browser:
            made = (await mara.post("/people/invitations", json={"name": "Bo", "roles": ["analyst"], "clearance": "RESTRICTED"})).json()
            assert made["link"].endswith(f"/#/invitation/{made['token']}")
            seen = (await browser.post("/session/invitation/look", json={"token": made["token"]})).json()
            assert (seen["name"], seen["roles"]) == ("Bo", ["analyst"])
            short = await browser.post("/session/invitation", json={"token": made["token"], "password": "short"})
            assert short.status_code == 400
            entered = await browser.post("/session/invitation", json={"token": made["token"], "password": PASSWORD})
            assert entered.json()["user"] == "Bo"
            assert (await browser.get("/session")).json()["roles"] == ["analyst"]
            again = await browser.post("/session/invitation", json={"token": made["token"], "password": PASSWORD})
            assert again.status_code == 401
            assert (await mara.get("/people")).json()["invitations"] == []
            assert made["token"] not in json.dumps([one._asdict() for one in node.people.acts()])

    run(work, tmp_path, origin="http://localhost:8700")


def test_nobody_hands_out_more_than_they_hold_or_changes_themselves(tmp_path):
    async def work(node, url):
        await add_person(node, "low", ["administrator"], "RESTRICTED")
        async with person(url, "low") as low:
            wanted = {"name": "bo", "roles": ["reader"], "clearance": "CONFIDENTIAL"}
            assert (await low.post("/people/invitations", json=wanted)).status_code == 403
            assert (await low.patch("/people/low", json={"roles": ["approver", "administrator"]})).status_code == 403
            assert (await low.patch("/people/LOW", json={"clearance": "CONFIDENTIAL"})).status_code == 403
            assert (await low.delete("/people/low")).status_code == 403
            assert (await low.patch("/people/mara", json={"roles": ["administrator", "analyst"]})).status_code == 200
            assert (await low.patch("/people/nobody", json={"roles": ["analyst"]})).status_code == 404

    run(work, tmp_path)


def test_a_leaver_loses_everything_at_once_and_their_stream_is_closed(tmp_path):
    async def work(node, url):
        await add_person(node, "bo", ["administrator", "analyst", "approver"], "RESTRICTED")
        async with person(url) as mara, person(url, "bo") as bo, nobody(url) as machine, nobody(url) as guest:
            token = (await bo.post("/clients", json={"name": "feeder", "roles": ["analyst"], "clearance": "RESTRICTED"})).json()["token"]
            machine.headers["authorization"] = f"Bearer {token}"
            assert (await machine.get("/reports", params={"realm": LIVE})).status_code == 200
            invited = (await bo.post("/people/invitations", json={"name": "cy", "roles": ["reader"]})).json()
            user = node.people.user("bo")
            proposal = await node.people.approvals.propose(user, Act.PARTNER_EXCLUDE, "BIRCH", b"exclude BIRCH")
            cookie = f"tocsin_session={bo.cookies['tocsin_session']}"
            address = url.replace("http", "ws") + "/live?realm=live"
            headers = [{"cookie": cookie}, {"authorization": f"Bearer {token}"}]
            async with contextlib.AsyncExitStack() as stack:
                streams = [await stack.enter_async_context(websockets.connect(address, additional_headers=one)) for one in headers]
                for stream in streams:
                    assert json.loads(await asyncio.wait_for(stream.recv(), 10))
                assert (await mara.delete("/people/bo")).status_code == 204
                for stream in streams:
                    with pytest.raises(websockets.ConnectionClosed):
                        for _ in range(50):
                            await asyncio.wait_for(stream.recv(), 10)
                    assert stream.protocol.close_code == 4401
            assert (await bo.get("/session")).status_code == 401
            assert (await machine.get("/reports", params={"realm": LIVE})).status_code == 401
            assert (await guest.post("/session/invitation", json={"token": invited["token"], "password": PASSWORD})).status_code == 401
            assert node.people.approvals.get(proposal.id).state == "withdrawn"
            assert (await mara.get("/clients")).json() == []

    run(work, tmp_path)


def test_a_machine_speaks_by_token_without_cookie_or_csrf(tmp_path):
    async def work(node, url):
        wanted = personnel.NewClient("feeder", ["analyst"], "RESTRICTED")
        made = await personnel.add_client(node, wanted)
        assert made["token"].startswith(f"tocsin_{made['prefix']}_")
        async with nobody(url) as machine:
            machine.headers["authorization"] = f"Bearer {made['token']}"
            said = await machine.post("/reports", json=REPORT)
            assert said.status_code == 201, said.text
            assert node.journal.get(said.json()["record"]).record.author == "client:feeder"
            assert (await machine.post("/people/invitations", json={"name": "x", "roles": ["reader"]})).status_code == 403
            assert (await machine.get("/factors")).status_code == 403
            assert "set-cookie" not in said.headers
            machine.headers["authorization"] = f"Bearer {made['token'][:-1]}x"
            assert (await machine.get("/reports", params={"realm": LIVE})).status_code == 401
            machine.headers["authorization"] = f"Bearer {made['token']}"
            await personnel.remove_client(node, Named("feeder"))
            assert (await machine.get("/reports", params={"realm": LIVE})).status_code == 401

    run(work, tmp_path)


def test_wrong_tokens_have_to_wait_and_the_right_one_never(tmp_path):
    async def work(node, url):
        made = await personnel.add_client(node, personnel.NewClient("feeder"))
        async with nobody(url) as machine:
            said = []
            for _ in range(8):
                machine.headers["authorization"] = f"Bearer {made['token'][:-2]}xx"
                said.append((await machine.get("/session")).json()["error"])
            assert said[0] == "log in first"
            assert said[-1].startswith("too many attempts")
            machine.headers["authorization"] = f"Bearer {made['token']}"
            assert (await machine.get("/feeds", params={"realm": LIVE})).status_code == 200
            await node.people.tend()
            (refused,) = node.people.acts(act="client:refuse")
            assert (refused.who, refused.what) == ("client:feeder", "8 wrong tokens")

    run(work, tmp_path)


def authority(name: str):
    key = ec.generate_private_key(ec.SECP256R1())
    return key, certificate(name, key.public_key(), name, key, ca=True)


def certificate(name, public, issuer, key, *, ca=False):
    now = datetime.datetime.now(datetime.UTC)
    names = [x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, one)]) for one in (name, issuer)]
    built = (
        x509.CertificateBuilder().subject_name(names[0]).issuer_name(names[1]).public_key(public).serial_number(x509.random_serial_number())
    )
    built = built.not_valid_before(now - datetime.timedelta(hours=1)).not_valid_after(now + datetime.timedelta(days=1))
    built = built.add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    built = built.add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
    built = built.add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    built = built.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
    if ca:
        usage = x509.KeyUsage(True, False, False, False, False, True, True, False, False)
        built = built.add_extension(usage, critical=True)
    return built.sign(key, hashes.SHA256())


def test_a_machine_speaks_by_the_certificate_that_is_pinned_for_it(tmp_path):
    """Real TLS over loopback: the pinned certificate gets in, another one of its authority does not, a stranger's has no TLS."""

    async def work():
        folder = await make(tmp_path / "aster")
        root, root_certificate = authority("Aster machines")
        stranger, stranger_certificate = authority("Elsewhere")
        files = {}
        for name, issuer, key in (("server", "Aster machines", root), ("feeder", "Aster machines", root), ("other", "Aster machines", root),
                                  ("stranger", "Elsewhere", stranger)):  # fmt: skip
            own = ec.generate_private_key(ec.SECP256R1())
            made = certificate(name, own.public_key(), issuer, key)
            files[name] = (folder / f"{name}.pem", folder / f"{name}.key", hashlib.sha256(made.public_bytes(Encoding.DER)).hexdigest())
            files[name][0].write_bytes(made.public_bytes(Encoding.PEM))
            files[name][1].write_bytes(own.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        (folder / "ca.pem").write_bytes(root_certificate.public_bytes(Encoding.PEM))
        assert stranger_certificate is not None
        http = HttpConfig(port=0, certificate="server.pem", key="server.key", client_ca="ca.pem")
        config.write(folder, structs.replace(config.read(folder), http=http))
        async with opened(folder) as node, serving(node) as at:
            assert at.startswith("https://")
            url = at.replace("127.0.0.1", "localhost")
            shown = ":".join(files["feeder"][2].upper()[i : i + 2] for i in range(0, 64, 2))
            await personnel.add_client(node, personnel.NewClient("feeder", ["analyst"], "RESTRICTED", certificate=shown))

            async def ask(name):
                context = ssl.create_default_context(cafile=str(folder / "ca.pem"))
                if name:
                    context.load_cert_chain(files[name][0], files[name][1])
                async with httpx2.AsyncClient(base_url=url, verify=context, timeout=20) as client:
                    return (await client.post("/reports", json=REPORT)).status_code

            assert await ask("feeder") == 201
            assert await ask("other") == 401
            assert await ask(None) == 401
            with pytest.raises(httpx2.TransportError):
                await ask("stranger")
            context = ssl.create_default_context(cafile=str(folder / "ca.pem"))
            async with httpx2.AsyncClient(base_url=url, verify=context, timeout=20) as browser:
                answer = await browser.post("/session", json={"name": "mara", "password": PASSWORD})
                assert "secure" in answer.headers["set-cookie"].lower()

    asyncio.run(work())


def test_two_persons_decide_at_the_api(tmp_path):
    async def work(node, url):
        await add_person(node, "sec", ["security-officer"], "RESTRICTED")
        async with person(url) as mara, person(url, "sec") as sec:
            report = (await mara.post("/reports", json=REPORT)).json()["record"]
            kept = node.journal.get(report)
            content = msgspec.json.encode(Erase(record=report, leaf=kept.leaf.hex(), reason="a court said so"))
            proposal = await node.people.approvals.propose(node.people.user("mara"), Act.JOURNAL_ERASE, report, content)
            (mine,) = (await mara.get("/approvals")).json()
            assert mine["may"] == {"approve": False}
            (shown,) = (await sec.get("/approvals")).json()
            assert shown["may"] == {"approve": True}
            assert (await mara.post(f"/approvals/{proposal.id}/approve", json={"digest": shown["digest"]})).status_code == 403
            assert (await sec.post(f"/approvals/{proposal.id}/approve", json={"digest": "0" * 64})).status_code == 403
            done = await sec.post(f"/approvals/{proposal.id}/approve", json={"digest": shown["digest"]})
            assert done.json()["says"] == "proposed by mara, approved by sec"
            assert (await sec.post(f"/approvals/{proposal.id}/approve", json={"digest": shown["digest"]})).status_code == 409

    run(work, tmp_path)


def test_sessions_are_listed_and_ended_by_their_owner_and_by_a_security_officer(tmp_path):
    async def work(node, url):
        await add_person(node, "sec", ["security-officer"], "RESTRICTED")
        async with person(url) as here, person(url) as there, person(url, "sec") as sec:
            found = (await here.get("/sessions")).json()
            assert [one["this"] for one in found].count(True) == 1
            other = next(one["id"] for one in found if not one["this"])
            assert (await sec.delete(f"/sessions/{other}")).status_code == 404, "not theirs"
            assert (await here.delete(f"/sessions/{other}")).status_code == 204
            assert (await there.get("/session")).status_code == 401
            assert (await here.delete("/people/sec/sessions")).status_code == 403
            assert (await sec.delete("/people/mara/sessions")).status_code == 204
            assert (await here.get("/session")).status_code == 401

    run(work, tmp_path)

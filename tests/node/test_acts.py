"""Nothing is changed without an act that the audit knows, and no act is done by a role that the table does not name."""

import asyncio

import pytest
from litestar.handlers import HTTPRouteHandler

from tocsin.node import operations
from tocsin.node.http import make_app
from tocsin.node.http.session_routes import acts_of
from tocsin.people import MAY, SECONDS, SENSITIVE, Act, Role, may

from .helpers import LEVELS, add_person, make, opened, person, serving

READING = {
    "status", "user.list", "user.invitations", "user.factors", "client.list", "receiver.list", "partner.card", "partner.list",
    "partner.chain", "user.removed", "audit.verify", "audit.prove", "audit.who",
}  # fmt: skip
"""Operations that change nothing."""


def routes(app):
    for route in app.routes:
        for handler in getattr(route, "route_handlers", ()):
            if isinstance(handler, HTTPRouteHandler):
                for method in handler.http_methods - {"GET", "HEAD", "OPTIONS"}:
                    yield method, route.path, handler


def test_every_route_that_changes_something_declares_its_act(tmp_path):
    async def work():
        async with opened(await make(tmp_path / "aster")) as node:
            found = list(routes(make_app(node)))
            assert len(found) > 40
            without = [(method, path) for method, path, handler in found if not acts_of(handler) and not handler.opt.get("reads")]
            assert without == [], "declare `act=Act...`, or `reads=True` if it changes nothing"
            unknown = [(path, act) for _, path, handler in found for act in acts_of(handler) if act not in Act]
            assert unknown == []
            # Who has no session yet is asked nothing about roles; everybody else's act is somebody's.
            nobodys = [
                (path, act)
                for _, path, handler in found
                for act in acts_of(handler)
                if act not in MAY and not path.startswith("/api/v1/session")
            ]
            assert nobodys == [], "say in people.roles.MAY whose act it is"

    asyncio.run(work())


def test_every_operation_that_changes_something_declares_its_act():
    without = {name for name, one in operations.OPERATIONS.items() if one.act is None}
    assert without - READING == set(), "give the operation its act, or name it among those that only read"


def test_the_table_names_acts_and_roles_and_lets_nobody_do_what_it_does_not_name():
    assert set(SECONDS) <= set(MAY) | {Act.RULE_AGREE}
    assert set(SENSITIVE) <= set(MAY)
    assert all(roles and roles <= set(Role) for roles in MAY.values())
    assert not any(may(Role, act) for act in Act if act not in MAY)
    assert not any(may({Role.READER}, act) for act in MAY if Role.WATCH_OFFICER not in MAY[act])
    for act in (Act.WARNING_APPROVE, Act.USER_ADD, Act.JOURNAL_ERASE, Act.LOG_WRITE, Act.REPORT_SAY):
        assert Role.READER not in MAY[act]


@pytest.mark.parametrize("role", [role.value for role in Role])
def test_each_role_is_refused_what_the_table_does_not_give_it(tmp_path, role):
    """Every changing route, asked by somebody of one role: 403 exactly where the table says so."""

    async def work():
        async with opened(await make(tmp_path / "aster")) as node, serving(node) as url:
            await add_person(node, "sam", [role], LEVELS[0])
            async with person(url, "sam") as sam:
                for method, path, handler in routes(make_app(node)):
                    acts = acts_of(handler)
                    inside = path.removeprefix("/api/v1")
                    if not acts or inside.startswith("/session"):
                        continue
                    for name, kind in handler.parsed_fn_signature.parameters.items():
                        inside = inside.replace("{" + name + ":str}", "nobody-such") if kind is not None else inside
                    allowed = any(may({Role(role)}, act) for act in acts)
                    answer = await sam.request(method, inside, params={"realm": "live"}, json=None if method == "DELETE" else {})
                    refused = answer.status_code == 403 and "this needs the role" in answer.text
                    assert refused != allowed, (method, inside, answer.status_code, answer.text)

    asyncio.run(work())

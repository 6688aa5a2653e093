"""What the walk asks of every route. **A new route needs a line here**: `"METHOD /path": ask(...)`.

A value that is a tuple is a pool: the first is taken, and then every other in turn while the rest stay at their first.
A `{name}` in a string stands for an id that the walk knows; see `walk.NAMES`. `CANARY` is the id of the record that only one node holds.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

Json = Any
BAD = ("", "x", "..%2f..%2fetc", "%00", "\u202eevil", "A" * 300, "' OR 1=1 --", "live\n")
REALMS = ("live", "{exercise}", "{hidden-exercise}", "exercise:never-was", "replay:file", "{replay}", *BAD)
SOME_REALMS = ("live", "{exercise}", "{hidden-exercise}", "exercise:never-was", "live\n")
WARNINGS = ("{warning}", "{own-warning}", "{canary-warning}", "warning--0", "{canary-report}", "{unknown-warning}", *BAD[1:])
RULES = ("{rule}", "{canary-rule}", "{unknown-rule}", "rule--0", *BAD[1:])
RECORDS = ("{report}", "{canary-report}", "{canary-finding}", "{unknown-report}", "{warning-record}", "x")
NUMBERS = (0, -1, 1, 2, 3, 10**9, -2, "x", "1e9", 2**70)


class Ask(NamedTuple):
    """One request, its pools not yet unfolded."""

    path: dict[str, Any]
    query: dict[str, Any]
    json: Json = None


def ask(*, json: Json = None, query: dict[str, Any] | None = None, **path: Any) -> Ask:
    """`path` by name, `query` and `json` as they are sent."""
    return Ask(path, query or {}, json)


REPORT = {"title": "Harbour", "text": "Ferries are late.", "source": "harbour office", "grade": ("", "B2", "Z9")}
CLAIM = {
    "text": ("They train.", "", "\u202e"), "source": "paper", "grade": ("", "B2", "Z9"), "indicator": ("", "training", "x"),
    "channel": ("document", "telephone", "x"), "latitude": (None, 47.0), "longitude": None, "claimed_at": (None, -1, 2**60),
}  # fmt: skip
COUNTS = {"series": ("aircraft", ""), "source": "ministry", "days": ([20000, 20001], [20000], [20000, 20000]), "counts": ([3.0, 4.0], [1])}
MARKED = {
    "realm": SOME_REALMS,
    "classification": ("UNCLASSIFIED", "RESTRICTED", "CONFIDENTIAL", "COSMIC", ""),
    "releasable_to": ([], ["BIRCH"], ["CEDAR"], ["NOBODY"], "BIRCH"),
    "caveats": ([], ["KITE"], ["NONE"]),
}
NOTED = {"note": ("", "Seen.", "\u202e", 7)}
RULE = {
    "name": "night", "topic": ("airborne-rapid-deployment", "x"), "level": ("warning", "x"), "audience": (["BIRCH"], ["NOBODY"], []),
    "realms": (["live"], ["{exercise}"], ["{hidden-exercise}"], ["replay:x"]), "valid_from": (1_800_000_000_000_000, -1),
    "valid_until": (1_800_010_000_000_000, 0),
}  # fmt: skip

ASKED = {
    "question": ("Who saw it?", ""), "why": ("", "\u202e"), "topic": ("", "x"), "priority": ("routine", "soon"), "wanted_by": (None, -1),
    "serves": ([], ["{canary-report}"], ["{unknown-report}"]), "area": ([], [[47, 8], [47, 9], [46, 8]], [[99, 8], [47, 9], [46, 8]]),
}  # fmt: skip
REQUIRED = {
    "number": ("PIR-1", ""),
    "text": ("What moves?", ""),
    "valid_from": (1, 9),
    "valid_until": (2_000_000_000_000_000, 0),
    "topic": "",
}
WANTED = {
    "name": ("north", ""), "kinds": (["report"], "x"), "topics": ([], ["x"]), "indicators": ([], ["x"]), "area": ([], [[1, 2]]),
    "to": ([], ["NOBODY"]), "end": (False, True),
}  # fmt: skip
PENDING = {"pending": ("x", "", "{unknown-report}")}
CODE = {"code": ("000000", "", "{canary-report}"), "name": ("", "phone")}
CREDENTIAL = {"id": "x", "rawId": "x", "type": "public-key", "response": {}}
PASSKEY = {"credential": (CREDENTIAL, {}, "x"), "name": ("", "key")}

STRANGERS = ("nobody here", "{canary-report}", *BAD[1:])
INVITED = {"name": ("guest", ""), "roles": (["reader"], ["x"], []), "clearance": ("", "RESTRICTED", "CONFIDENTIAL", "COSMIC")}

REQUESTS: dict[str, Ask] = {
    "GET /health": ask(),
    "GET /session": ask(),
    "POST /session": ask(json={"name": ("nobody", ""), "password": ("wrong password", "")}),
    "DELETE /session": ask(),
    "POST /session/totp": ask(json=PENDING | {"code": ("000000", "")}),
    "POST /session/passkey/options": ask(json=PENDING),
    "POST /session/passkey": ask(json=PENDING | {"credential": (CREDENTIAL, {})}),
    "POST /session/enrol/totp/options": ask(json=PENDING),
    "POST /session/enrol/totp": ask(json=PENDING | {"code": ("000000", "")}),
    "POST /session/enrol/passkey/options": ask(json=PENDING),
    "POST /session/enrol/passkey": ask(json=PENDING | {"credential": (CREDENTIAL, {})}),
    "GET /session/ways": ask(),
    "POST /session/invitation/look": ask(json={"token": ("x", "")}),
    "POST /session/invitation": ask(json={"token": ("x", ""), "password": ("a long enough password", "")}),
    "POST /session/oidc": ask(),
    "GET /session/oidc/callback": ask(query={"state": ("x", ""), "code": ("x", ""), "error": ("", "denied")}),
    "GET /people": ask(),
    "POST /people/invitations": ask(json=INVITED),
    "DELETE /people/invitations/{invitation}": ask(invitation=("x", "{canary-report}", *BAD[1:])),
    "PATCH /people/{name}": ask(name=STRANGERS, json={"roles": (["analyst"], ["x"], []), "clearance": ("RESTRICTED", "COSMIC")}),
    "DELETE /people/{name}": ask(name=STRANGERS),
    "GET /people/removed": ask(),
    "POST /people/readmit": ask(json={"subject": ("nobody", "", "{canary-report}")}),
    "DELETE /people/{name}/sessions": ask(name=STRANGERS),
    "DELETE /people/{name}/factors": ask(name=STRANGERS),
    "GET /clients": ask(),
    "POST /clients": ask(json=INVITED | {"days": (1, 0, "x"), "certificate": ("", "x")}),
    "DELETE /clients/{name}": ask(name=STRANGERS),
    "GET /receivers": ask(),
    "POST /receivers": ask(
        json={"name": ("desk", ""), "kind": ("mail", "x"), "address": ("desk@example.org", "x"), "partner": ("", "CEDAR", "NOBODY")}
    ),
    "DELETE /receivers/{name}": ask(name=STRANGERS),
    "POST /receivers/{name}/token": ask(name=STRANGERS, json={"days": (1, 0, "x")}),
    "GET /receivers/{name}/told": ask(name=("desk", "top", *STRANGERS)),
    "GET /told": ask(query={"realm": REALMS, "after": (None, *RECORDS), "limit": (None, *NUMBERS)}),
    "GET /told/{record}/cap": ask(record=("{drill-warning}", *RECORDS, *BAD[1:])),
    "GET /approvals": ask(),
    "POST /approvals/{proposal}/approve": ask(proposal=("x", "{canary-report}", *BAD[1:]), json={"digest": ("0" * 64, "")}),
    "POST /approvals/{proposal}/withdraw": ask(proposal=("x", "{canary-report}", *BAD[1:])),
    "POST /approvals/{proposal}/ask": ask(proposal=("x", "{canary-report}", *BAD[1:]), json={"partner": ("BIRCH", "NOBODY", "")}),
    "POST /records/{record}/erase": ask(record=("{canary-report}", "{unknown-report}", "x"), json={"reason": ("law", "", "\u202e")}),
    "POST /partners/{partner}/exclude": ask(partner=("NOBODY", *BAD[1:]), json={"reason": ("left", "", "x" * 999)}),
    "GET /settings": ask(),
    "POST /settings": ask(json={"name": ("x", "origin", ""), "value": (True, "x", 7)}),
    "POST /inbox/{record}/answer": ask(record=RECORDS, json={"digest": ("0" * 64, ""), "agree": (True, False, 7), "note": ("", "x")}),
    "GET /sessions": ask(),
    "DELETE /sessions/{session}": ask(session=("x", "{canary-report}", *BAD[1:])),
    "GET /factors": ask(),
    "DELETE /factors/{factor}": ask(factor=("x", "{canary-report}", *BAD[1:])),
    "POST /factors/recovery": ask(),
    "POST /factors/totp/options": ask(),
    "POST /factors/totp": ask(json=CODE),
    "POST /factors/passkey/options": ask(),
    "POST /factors/passkey": ask(json=PASSKEY),
    "POST /factors/prove/totp": ask(json=CODE),
    "POST /factors/prove/passkey/options": ask(),
    "POST /factors/prove/passkey": ask(json=PASSKEY),
    "GET /partners": ask(),
    "POST /partners/{partner}/test": ask(partner=("BIRCH", "NOBODY", *BAD[1:])),
    "POST /partners/{partner}/revoke": ask(partner=("NOBODY", *BAD[1:]), json={"reason": ("left", "", "x" * 9999)}),
    "POST /partners/{partner}/confirm": ask(partner=("BIRCH", "CEDAR", "NOBODY", *BAD[1:]), json={"words": ("x", "a b c")}),
    "GET /feeds": ask(query={"realm": REALMS}),
    "GET /places": ask(query={"realm": REALMS}),
    "GET /tracks": ask(query={"realm": REALMS}),
    "GET /assessments": ask(query={"realm": REALMS}),
    "GET /warnings": ask(query={"realm": REALMS}),
    "GET /warnings/{warning}": ask(warning=WARNINGS, query={"realm": REALMS}),
    "GET /warnings/{warning}/cap": ask(warning=WARNINGS, query={"realm": SOME_REALMS}),
    "GET /warnings/{warning}/cancellation": ask(warning=WARNINGS, query={"realm": SOME_REALMS}),
    "POST /warnings/{warning}/{word}": ask(
        warning=WARNINGS, word=("read", "hold", "acknowledge", "x"), query={"realm": SOME_REALMS}, json=NOTED
    ),
    "POST /warnings/{warning}/approve": ask(warning=WARNINGS, query={"realm": SOME_REALMS}, json=NOTED),
    "POST /warnings/{warning}/cancel": ask(warning=WARNINGS, query={"realm": SOME_REALMS}, json=NOTED),
    "GET /claims": ask(query={"realm": REALMS}),
    "GET /claims/indicators": ask(),
    "POST /claims": ask(json=CLAIM | MARKED),
    "GET /counts": ask(query={"realm": REALMS}),
    "POST /counts": ask(json=COUNTS | MARKED),
    "GET /reports": ask(query={"realm": REALMS, "before": (None, *RECORDS), "limit": (None, 1, 500, 501)}),
    "POST /reports": ask(json=REPORT | MARKED),
    "POST /release/preview": ask(json=MARKED),
    "GET /exchange": ask(query={"realm": SOME_REALMS}),
    "GET /journal": ask(query={"realm": REALMS, "after": (None, *NUMBERS), "limit": (None, *NUMBERS)}),
    "GET /search": ask(
        query={
            "realm": REALMS,
            "q": (
                "kestrel",
                "Kestrel nine",
                "kest",
                "ferry",
                "surge OR kestrel",
                '"',
                "NEAR(a b)",
                "4b1805",
                "HB-JCA",
                "N12345",
                "ü",
                *BAD,
            ),
            "limit": (None, *NUMBERS),
        }
    ),
    "GET /metrics": ask(),
    "GET /audit/acts": ask(query={"after": (None, *NUMBERS), "limit": (None, *NUMBERS)}),
    "GET /audit/checkpoint": ask(query={"realm": REALMS}),
    "GET /audit/proof/{record}": ask(record=RECORDS, query={"realm": SOME_REALMS}),
    "GET /log": ask(
        query={"realm": REALMS, "before": (None, "{canary-log}", "{canary-report}", "{unknown-report}"), "limit": (None, 1, 500)}
    ),
    "POST /log": ask(
        json={"realm": SOME_REALMS, "text": ("Changed over.", "", "\u202e", 5), "handed_to": ("", "low", "mara", "\u202e", 5)}
    ),
    "GET /backtests": ask(),
    "GET /backtests/{name}": ask(name=("night", "nowhere", "..", *BAD[1:])),
    "GET /rehearsal": ask(),
    "POST /rehearsal": ask(),
    "DELETE /rehearsal": ask(),
    "GET /labels": ask(),
    "POST /labels": ask(
        json={
            "record": RECORDS,
            "classification": ("UNCLASSIFIED", "CONFIDENTIAL", "COSMIC"),
            "releasable_to": ([], ["BIRCH"], ["NOBODY"]),
            "caveats": ([], ["KITE"]),
            "reason": ("", "x"),
        }
    ),
    "GET /labels/due": ask(query={"by": (None, *NUMBERS)}),
    "GET /labels/tear-lines/{record}": ask(record=RECORDS),
    "POST /labels/tear-lines": ask(
        json={
            "record": ("{canary-report}", "{unknown-report}", "x"),
            "paragraphs": ([1], [], [9], "x"),
            "fields": (["title", "source"], ["x"]),
            "title": ("", "Harbour"),
            "source": "",
            "classification": ("UNCLASSIFIED", "COSMIC"),
            "releasable_to": ([], ["BIRCH"], ["NOBODY"]),
        }
    ),
    "POST /labels/{record}/consent": ask(
        record=RECORDS, json={"audience": (["BIRCH"], [], ["NOBODY"]), "until": (2_000_000_000_000_000, 0, -1), "note": ("", "x")}
    ),
    "POST /labels/{lowering}/approve": ask(lowering=RECORDS),
    "GET /exchange/ledger": ask(query={"realm": REALMS, "after": (None, *RECORDS), "limit": (None, *NUMBERS)}),
    "GET /exchange/ledger/{record}": ask(record=RECORDS),
    "POST /exchange/ledger/{record}/recall": ask(record=RECORDS, json={"why": ("x", "", "\u202e")}),
    "GET /inbox": ask(
        query={
            "realm": REALMS,
            "before": (None, *NUMBERS),
            "limit": (None, *NUMBERS),
            "unread": (None, "true", "x"),
            "kind": (None, "report"),
            "origin": (None, "BIRCH"),
            "subscribed": (None, "true"),
        }
    ),
    "POST /inbox/{record}/read": ask(record=("{canary-report}", "{unknown-report}", "x", "{canary-finding}")),
    "GET /requests": ask(query={"realm": REALMS}),
    "GET /requests/{request_id}": ask(request_id=RECORDS),
    "POST /requests": ask(json=MARKED | ASKED),
    "POST /requests/{request_id}/answer": ask(request_id=RECORDS, json=REPORT | {"classification": ("UNCLASSIFIED", "COSMIC")}),
    "POST /requests/{request_id}/close": ask(request_id=RECORDS, json=NOTED),
    "GET /requirements": ask(query={"realm": REALMS}),
    "POST /requirements": ask(json=MARKED | REQUIRED),
    "POST /requirements/{requirement}/end": ask(requirement=RECORDS),
    "GET /subscriptions": ask(),
    "POST /subscriptions": ask(json=WANTED),
    "GET /rules": ask(),
    "POST /rules": ask(json=RULE),
    "POST /rules/{rule}/agree": ask(rule=RULES),
    "POST /rules/{rule}/withdraw": ask(rule=RULES),
}
"""One line for every route of the OpenAPI document, in any order."""

LAST = {"DELETE /session"}
"""Routes after which a reader can ask no more; they come at the end."""
OUTSIDE = ("/", "/index.html", "/nowhere", "/api/v1/nowhere", "/api/v1/schema/openapi.json", "/api/v1/reports/", "/metrics", "/.git/config")
"""Addresses that the OpenAPI document does not hold."""


def unfolded(one: Ask) -> Iterator[Ask]:
    """The first of every pool, then each other value of each pool, one at a time."""
    yield Ask(*(_first(part) for part in one))
    for place, part in enumerate(one):
        for key, pool in (part or {}).items() if isinstance(part, dict) else ():
            for value in pool[1:] if isinstance(pool, tuple) else ():
                parts = [_first(p) for p in one]
                parts[place] = parts[place] | {key: value}
                yield Ask(*parts)
    if isinstance(one.json, dict):
        first = _first(one.json)
        for key in first:
            yield Ask(_first(one.path), _first(one.query), {k: v for k, v in first.items() if k != key})
        yield Ask(_first(one.path), _first(one.query), first | {"colour": "blue"})
        yield Ask(_first(one.path), _first(one.query), [first])


def _first(part: Any) -> Any:
    return {k: v[0] if isinstance(v, tuple) else v for k, v in part.items()} if isinstance(part, dict) else part

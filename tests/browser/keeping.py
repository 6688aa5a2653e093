"""What the stand-in answers for the exchange's ledger and inbox, partners, people, acts and proofs; see `standin.py`."""

from __future__ import annotations

import json
from pathlib import Path

from tests.browser.shapes import MINUTE, NIGHT

OFFICER = [
    "claim:say", "count:say", "label:consent", "label:lower", "label:tear", "log:write", "partner:exclude", "proposal:approve",
    "proposal:make", "record:read", "record:recall", "report:say", "request:close", "request:say", "requirement:end",
    "requirement:say", "rule:agree", "rule:propose", "rule:withdraw", "subscription:change", "warning:answer", "warning:approve",
]  # fmt: skip
KEEPER = [
    "client:add", "client:remove", "invitation:add", "invitation:remove", "journal:erase", "partner:confirm", "partner:exclude",
    "partner:revoke", "partner:test", "receiver:add", "receiver:remove", "receiver:renew",
    "session:end", "setting:change", "user:change", "user:remove",
]  # fmt: skip
BANNER = "RESTRICTED REL TO ASTER, BIRCH"
WORDS = "babad lusab fudop kimon tarel bosid pimuk gador hutif"
PROOFS = Path(__file__).resolve().parents[2] / "console" / "tests" / "proof.json"


def fate(name: str, state: str, at: int | None, **more) -> dict:
    none = ("offered_at", "sent_at", "delivered_at", "read_at", "recalled_at", "recall_read_at")
    row = {"partner": name.lower(), "name": name, "state": state, "at": at, "reason": "", "read_by": "", "recall_read_by": ""}
    return row | dict.fromkeys(none) | more


def person(name: str, *roles: str, factor: str = "passkey") -> dict:
    return {"name": name, "roles": list(roles), "clearance": "RESTRICTED", "caveats": [], "second_factor": [factor] if factor else []}


def rule(name: str, begins: int, agreed: list[str], **more) -> dict:
    ends = begins + 30 * 1440 * MINUTE
    said = {"rule": f"rule--{name}", "name": name, "origin": "aster", "topic": "airborne-rapid-deployment", "level": "high"}
    said |= {"audience": ["birch"], "realms": ["live"], "valid_from": begins, "valid_until": ends, "until": "", "mode": "two-person"}
    standing = len(agreed) > 1
    says = f"agreed by {' and '.join(agreed)}" if standing else f"proposed by {agreed[0]}"
    return said | {"agreed_by": agreed, "state": "in force" if standing else "not in force", "says": says} | more


class Keeping:
    """The parts of a scene that these pages show; tests change them."""

    def __init__(self, now: int) -> None:
        self.now = now
        self.may = OFFICER + KEEPER
        self.stale = 0
        self.proofs = {answer["record"]: answer for answer in json.loads(PROOFS.read_text(encoding="utf-8"))}
        self.inbox = [self._told(n, kind) for n, kind in ((9, "report"), (7, "request"), (6, "warning"), (3, "report"))]
        self.inbox[3]["recalled"] = {"record": "recall--1", "by": "birch", "at": now - 3 * MINUTE, "why": "mistaken"}
        times = {"offered_at": now - 52 * MINUTE, "sent_at": now - 52 * MINUTE, "delivered_at": now - 51 * MINUTE}
        self.ledger = [
            {
                "record": f"report--{n}", "kind": "report", "author": "a.keller", "title": title, "protocol_time": now - 52 * MINUTE,
                "banner": BANNER, "recalled": None,
                "partners": [
                    fate("Birch", "read", now - 40 * MINUTE, **times, read_at=now - 40 * MINUTE, read_by="o.lind"),
                    fate("Cedar", "withheld", None, reason="not among those it may be released to"),
                    fate("Dune", "sent", now - 51 * MINUTE, offered_at=now - 52 * MINUTE, sent_at=now - 52 * MINUTE),
                ],
                "receivers": [{"receiver": "town hall", "partner": "aster", "at": now - 50 * MINUTE, "recalled_at": None}],
            }
            for n, title in ((0, "Loading seen at the northern ramp"), (1, "Fuel trucks at RHÔNE since midnight"))
        ]  # fmt: skip
        asked = {
            "realm": "live",
            "author": "o.lind",
            "topic": "airborne-rapid-deployment",
            "banner": BANNER,
            "protocol_time": now - 9 * MINUTE,
        }
        self.requests = [
            asked | {
                "record": "request--1", "origin": "birch", "mine": False, "question": "Has your radar held the stream since 02:45Z?",
                "why": "Ours was late for four minutes.", "state": "open", "indicator": "aircraft-in-stream", "priority": "priority",
                "wanted_by": now + 20 * MINUTE, "serves": ["requirement--1"], "answers": [], "who_knows": [],
            },
            asked | {
                "record": "request--2", "origin": "aster", "author": "m.weber", "mine": True,
                "question": "What do you see of the staging area?",
                "why": "", "state": "answered", "indicator": "", "priority": "routine", "wanted_by": None, "serves": [],
                "answers": [{"record": "report--5", "kind": "report", "origin": "birch", "author": "o.lind", "title": "Four columns",
                             "protocol_time": now - 4 * MINUTE}],
                "who_knows": [{"partner": "birch", "name": "Birch", "state": "read", "at": now - 5 * MINUTE,
                               "by": "o.lind", "reason": None}],
            },
        ]  # fmt: skip
        self.requirements = [
            {
                "record": "requirement--1", "origin": "birch", "mine": False, "number": "PR-3",
                "text": "Signs of an airborne move at RHÔNE.",
                "topic": "airborne-rapid-deployment", "state": "standing", "valid_from": now - 9000 * MINUTE,
                "valid_until": now + 9000 * MINUTE, "banner": BANNER, "served_by": [],
            }
        ]  # fmt: skip
        known = {"fingerprint": WORDS, "clearance": "RESTRICTED", "caveats": [], "reason": "", "compared_by": "", "compared_at": None}
        self.partners = [
            known | {"partner": "birch", "name": "Birch", "state": "pinned", "since": now - 9000 * MINUTE, "compared": True,
                     "compared_at": now - 8000 * MINUTE, "compared_by": "s.vogt"},
            known | {"partner": "cedar", "name": "Cedar", "state": "rotated", "since": now - 700 * MINUTE, "compared": False},
            known | {"partner": "elm", "name": "Elm", "state": "revoked", "since": now - 60 * MINUTE, "compared": False,
                     "reason": "Its keys were copied."},
        ]  # fmt: skip
        self.users = [
            person("a.keller", "analyst", factor=""),
            person("m.weber", "watch-officer", "approver"),
            person("s.vogt", "security-officer", "administrator"),
        ]
        self.invitations: list[dict] = []
        self.clients = [
            person("archive", "reader")
            | {"owner": "s.vogt", "prefix": "toc_7Fa2", "certificate": "", "expires": now + 90_000 * MINUTE, "used_at": None}
        ]
        self.receivers = [
            {"name": "duty desk", "kind": "mail", "address": "desk@aster.example", "partner": "aster", "clearance": "UNCLASSIFIED",
             "caveats": [], "added_by": "s.vogt", "told": False, "prefix": "", "expires": None, "used_at": None},
            {"name": "town hall", "kind": "feed", "address": "", "partner": "aster", "clearance": "UNCLASSIFIED", "caveats": [],
             "added_by": "s.vogt", "told": True, "prefix": "5f00aa31c2d4", "expires": now + 90_000 * MINUTE, "used_at": now - MINUTE},
        ]  # fmt: skip
        self.factors = [
            {"id": "f1", "kind": "passkey", "name": "yellow key", "added_at": now - 9000 * MINUTE, "used_at": now - 60 * MINUTE}
        ]
        self.proposals = [
            {"id": "p1", "act": "partner:exclude", "what": "elm", "digest": "5a" * 32, "proposed_by": "s.vogt",
             "proposed_at": now - 5 * MINUTE,
             "expires": now + 600 * MINUTE, "state": "open", "says": "proposed by s.vogt, not approved", "may": {"approve": True},
             "content": {"partner": "elm", "card": "7c" * 32, "reason": "Its keys were copied."}}
        ]  # fmt: skip
        self.settings = {"second_factor": "optional", "step_up": False, "single_approver": False, "session_hours": 12.0}
        wanted = {"kinds": [], "topics": [], "indicators": [], "area": [], "state": "in force"}
        self.subscriptions: dict[str, list[dict]] = {
            "mine": [wanted | {"name": "night", "kinds": ["report"], "area": [[46.0, 6.0], [47.0, 6.0], [47.0, 8.0]]}],
            "ours": [wanted | {"name": "loading", "indicators": ["airlift-surge"], "partner": "birch", "by": "m.weber", "at": now}],
            "theirs": [wanted | {"name": "all of it", "partner": "cedar", "by": "c.hall", "at": now - MINUTE}],
        }

        day = 1440 * MINUTE
        due = {"kind": "report", "realm": "live", "origin": "aster", "banner": BANNER, "classification": "RESTRICTED", "caveats": []}
        self.due = [
            due | {"record": "report--1", "title": "Fuel trucks at RHÔNE", "review": now - 2 * day, "overdue": True},
            due | {"record": "report--0", "title": "Loading seen", "review": now + 20 * day, "overdue": False},
            due | {"record": "report--n", "title": "Of the night", "review": now - day, "overdue": True, "realm": NIGHT},
        ]
        self.lowered: list[dict] = []
        self.rules = [
            rule("night", now, ["m.weber", "k.berg"]),
            rule("east", now, ["k.berg"], audience=["birch", "cedar"]),
            rule("mine", now, ["m.weber"]),
            rule("spring", now - 90 * day, ["m.weber", "k.berg"]),
            rule("theirs", now, ["o.lind", "p.olsen"], origin="birch", audience=["aster"]),
        ]

    def _told(self, n: int, kind: str) -> dict:
        said = {"report": "Nine fuel trucks", "request": "Has your radar held the stream?", "warning": "A stream left RHÔNE"}
        return {
            "index": n, "record": f"{kind}--in{n}", "kind": kind, "realm": "live", "origin": "birch", "author": "o.lind",
            "title": said[kind],
            "protocol_time": self.now - (12 - n) * MINUTE, "realm_time": self.now, "banner": BANNER,
            "read_at": None if n > 6 else self.now - MINUTE, "recalled": None, "fits": [],
        }  # fmt: skip

    def answer(self, method: str, parts: list[str], body: dict, query: dict) -> tuple[int, object]:
        """One answer; 428 `stale` times over for what wants a fresh factor."""
        if method != "GET" and parts[0] in {"people", "clients", "approvals"} and self.stale:
            self.stale -= 1
            return 428, {"error": "prove your second factor once more"}
        found = self._shown(parts, query) if method == "GET" else self._done(method, parts, body)
        return (200, found) if found is not None else (404, {"error": "there is nothing here by that name"})

    def _shown(self, parts: list[str], query: dict) -> object:
        match parts:
            case ["inbox"]:
                wanted = [row for row in self.inbox if "unread" not in query or row["read_at"] is None]
                return [row for row in wanted if row["kind"] in query.get("kind", [row["kind"]])]
            case ["requests"] | ["requirements"] | ["clients"] | ["receivers"]:
                return getattr(self, parts[0])
            case ["receivers", "town hall", "told"]:
                told = {"kind": "report", "realm": "live", "recalled": False}
                return [told | {"record": f"report--{n}", "at": self.now - n * MINUTE} for n in (1, 2)]
            case ["approvals"]:
                return self.proposals
            case ["labels"]:
                return self.lowered
            case ["labels", "due"]:
                by = int(query.get("by", [self.now])[0])
                return sorted((row for row in self.due if row["review"] <= by), key=lambda row: row["review"])
            case ["rules"]:
                return self.rules
            case ["labels", "tear-lines", record]:
                fields = {"title": "Fuel trucks at RHÔNE", "source": "civil airfield staff", "grade": "C3", "graded_by": "a.keller"}
                texts = ("Nine fuel trucks in two columns.", "Our man at the gate saw them.", "They went east.")
                rows = [{"number": n, "text": text} for n, text in enumerate(texts, 1)]
                return {"record": record, "banner": BANNER, "fields": fields, "paragraphs": rows}
            case ["settings"]:
                return [{"name": name, "value": value} for name, value in self.settings.items()]
            case ["subscriptions"]:
                return self.subscriptions
            case ["partners"]:
                return {"own": {"partner": "aster", "fingerprint": WORDS, "card": "# a card"}, "partners": self.partners, "revocations": [
                    {"by": "aster", "partner": "elm", "state": "revoked", "reason": "Its keys were copied.", "agreed": [], "time": self.now}
                ]}  # fmt: skip
            case ["people"]:
                return {"users": self.users, "invitations": self.invitations, "sessions": self._sessions()}
            case ["sessions"]:
                return [row | {"this": row["id"] == "s1"} for row in self._sessions()]
            case ["factors"]:
                return {"factors": self.factors, "recovery_left": 8, "fresh": True}
            case ["audit", "checkpoint"]:
                return {"realm": "live", "note": "x", "size": 4096, "at": self.now, "witnesses": ["birch"]}
            case ["audit", "acts"]:
                after = int(query.get("after", ["0"])[0])
                acts = ("session:open", "warning:approve", "report:say", "partner:confirm")
                rows = [{"id": n, "time": self.now + n, "who": "m.weber", "act": acts[n % 4], "what": f"thing {n}"} for n in range(1, 261)]
                return [row for row in rows if row["id"] > after][:200]
            case ["audit", "proof", record]:
                return self.proofs.get(record)
        return None

    def _sessions(self) -> list[dict]:
        row = {"user": "m.weber", "factor": "passkey", "opened_at": self.now - 90 * MINUTE, "seen_at": self.now, "expires": self.now}
        return [row | {"id": "s1"}, row | {"id": "s2", "factor": "", "opened_at": self.now - 900 * MINUTE}]

    def _done(self, method: str, parts: list[str], body: dict) -> object:
        match method, parts:
            case "POST", ["inbox", record, "read"]:
                row = next(row for row in self.inbox if row["record"] == record)
                row["read_at"] = self.now
                return row
            case "POST", ["requests"]:
                said = {**self.requests[1], **body, "record": "request--new", "state": "open", "answers": [], "who_knows": []}
                self.requests.insert(0, said)
                return said
            case "POST", ["requests", record, _]:
                row = next(row for row in self.requests if row["record"] == record)
                row["state"] = "closed" if parts[2] == "close" else "answered"
                return row
            case "POST", ["partners", partner, "confirm"]:
                row = next(row for row in self.partners if row["partner"] == partner)
                row |= {"compared": True, "compared_at": self.now, "compared_by": "m.weber"}
                return row
            case "POST", ["partners", partner, "revoke"]:
                next(row for row in self.partners if row["partner"] == partner)["state"] = "revoked"
                return {"revoked": partner, "record": "revocation--1", "relay": "the relay here knows"}
            case "POST", ["partners", partner, "test"]:
                steps = [("relay answers", True, "relay", "in 4 ms"), ("their node answers", False, "there", "nothing came back in 20 s")]
                return {"partner": partner, "well": False, "side": "there", "says": "", "steps": [
                    dict(zip(("what", "well", "side", "says"), step, strict=True)) for step in steps
                ]}  # fmt: skip
            case "POST", ["people", "invitations"]:
                row = {"id": "i1", "invited_by": "m.weber", "expires": self.now, **body}
                self.invitations.append(row)
                return row | {"token": "once-and-never-again", "link": ""}
            case "POST", ["clients"]:
                return body | {"token": "toc_once-and-never-again"}
            case "POST", ["receivers"] | ["receivers", _, "token"]:
                return {"name": "town hall", **body} | {"token": "tocsin_told_once-and-never-again"}
            case "POST", ["factors", "prove", "totp"]:
                return {"fresh": True}
            case "POST", ["factors", "totp", "options"]:
                return {
                    "secret": "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP",
                    "address": "otpauth://totp/Aster:m.weber?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP",
                }
            case "POST", ["rules"]:
                self.rules.insert(0, rule("new", self.now, ["m.weber"]) | body)
                return self.rules[0]
            case "POST", ["rules", which, what]:
                row = next(row for row in self.rules if row["rule"] == which)
                agreed = [*row["agreed_by"], "m.weber"]
                done = {"agreed_by": agreed, "state": "in force", "says": f"agreed by {' and '.join(agreed)}"}
                row |= done if what == "agree" else {"state": "withdrawn"}
                return row
            case "POST", ["labels", record, "consent"]:
                row = next(row for row in self.inbox if row["record"] == record)
                row["consents"].append({"consent": "consent--1", "by": "m.weber", "at": self.now, **body})
                return {"consent": "consent--1", "record": record, "origin": "birch", **body}
            case "POST", ["labels"]:
                open_ = {"lowering": "relabel--1", "record": body["record"], "state": "open", "proposed_by": "m.weber", "banner": BANNER}
                self.lowered.append(open_ | {"reason": body["reason"]})
                return open_
            case "POST", ["labels", "tear-lines"] | ["settings"] | ["records", _, "erase"] | ["partners", _, "exclude"]:
                return {"id": "p2", "state": "open", "says": "proposed by m.weber, not approved"}
            case "POST", ["subscriptions"]:
                into = self.subscriptions["ours" if body["to"] else "mine"]
                into[:] = [row for row in into if row["name"] != body["name"]]
                if not body.get("end"):
                    into.append({**body, "partner": body["to"][0]} if body["to"] else body)
                return self.subscriptions
            case "POST", ["inbox", record, "answer"]:
                next(row for row in self.inbox if row["record"] == record)["asks"]["answered"] = True
                return {"asked": record, "state": "approved" if body["agree"] else "declined"}
            case "POST", ["approvals", _, "ask"]:
                return self.proposals[0] | {"asked": body["partner"]}
            case "POST", ["approvals", _, "approve"]:
                self.proposals[0] |= {"state": "approved", "says": "approved by m.weber", "may": {"approve": False}}
                return self.proposals[0]
            case "DELETE", ["people", name]:
                self.users = [row for row in self.users if row["name"] != name]
                return {}
            case "PATCH", ["people", name]:
                row = next(row for row in self.users if row["name"] == name)
                row |= body
                return row
        return None

"""What the stand-in says: answers in the shapes of the HTTP contract, invented, of one exercise night."""

from __future__ import annotations

import math

NIGHT = "exercise:night-lantern"
START = 1_773_543_062_000_000 - 40 * 60_000_000  # forty minutes before 2026-03-15T02:51:02Z
MINUTE = 60_000_000
SENTENCE = (
    "Twelve transport-type aircraft left staging RHÔNE in a stream and hold course for watch line EAST."
    " An airborne deployment is likely (71 %)."
)


def ahead(lat: float, lon: float, course: float, km: float) -> tuple[float, float]:
    c = math.radians(course)
    return lat + km / 111.2 * math.cos(c), lon + km / 111.2 * math.sin(c) / math.cos(math.radians(lat))


PLACES = [
    {"name": "RHÔNE", "kind": "staging", "points": [[46.12, 6.55]], "radius_km": 22},
    {"name": "EAST", "kind": "line", "points": [[48.35, 8.85], [46.75, 10.65]], "radius_km": None},
    {"name": "south-east", "kind": "blind", "points": [[46.6, 10.5], [46.45, 11.9], [45.3, 11.8], [45.4, 10.0]], "radius_km": None},
]


def history_of(now: int) -> list:
    rows = []
    for minute in range(61):
        x = 1 / (1 + math.exp(-(minute - 48) / 3.2))
        deployment, training = 0.03 + 0.68 * x, 0.06 + 0.22 / (1 + math.exp(-(minute - 34) / 5)) - 0.04 * x
        rows.append(
            [now - (60 - minute) * MINUTE, {"routine": 1 - deployment - training, "their-training": training, "deployment": deployment}]
        )
    return rows


def warning_of(now: int) -> dict:
    def item(title, text, weight, minutes, feeds, at=(46.9, 8.2), identities=()):
        return {
            "indicator": title.lower().replace(" ", "-"),
            "title": title,
            "finding": f"finding--{title}",
            "text": text,
            "weight": weight,
            "since": now - minutes * MINUTE,
            "feeds": feeds,
            "latitude": at and at[0],
            "longitude": at and at[1],
            "identities": list(identities),
        }

    return {
        "warning": "warning--3f6c0a52-9c1e-4d0e-8a44-000000000001",
        "record": "warning--r1",
        "realm": NIGHT,
        "origin": "aster",
        "topic": "airborne-rapid-deployment",
        "topic_title": "Airborne rapid deployment",
        "state": "drafted",
        "level": "high",
        "was": "guarded",
        "sentence": SENTENCE,
        "probabilities": {"routine": 0.05, "their-training": 0.24, "deployment": 0.71},
        "words": {"routine": "remote", "their-training": "unlikely", "deployment": "likely"},
        "confidence": "moderate: two feeds agree, radar is late",
        "innocent": [
            "Streams of ten or more leave RHÔNE about twice a month; all of the last nine turned back before BERN.",
            "No exercise was announced for today.",
        ],
        "base_rate": "",
        "evidence": [
            item(
                "Aircraft in stream",
                "12 in trail, 2.1 km ± 0.3, like course and speed",
                9.0,
                6,
                ["readsb Jura", "Birch"],
                (46.9, 8.2),
                range(9000, 9012),
            ),
            item("Airlift surge", "14 departures in 20 min; usual for Sunday 03h: 0 to 2", 4.0, 19, ["readsb Jura"], (46.12, 6.55)),
            item("Approach to line", "course 049° steady for 5 min; reaches EAST 03:08Z", 3.0, 2, ["readsb Jura"], (47.5, 9.7)),
            item("No tankers seen", "watched, not there", 0.7, 11, [], None),
        ],
        "cannot_see": ["South-east: no feed.", "Radar Säntis 48 s late.", "Transponders may be off."],
        "would_change": "Has Cedar’s radar held the stream since 02:45Z?",
        "drafted_at": now - 9 * MINUTE,
        "issued_at": None,
        "approved_by": "",
        "eta": now + 18 * MINUTE,
        "eta_place": "EAST",
        "area": [[46.5, 7.0], [47.5, 7.0], [47.5, 10.0]],
        "version": 2,
        "banner": "RESTRICTED REL TO ASTER, BIRCH, CEDAR",
        "mine": True,
        "history": history_of(now),
        "who_knows": [
            {"partner": "aster", "name": "Aster", "state": "read", "at": now - MINUTE, "by": "m.weber", "reason": None},
            {"partner": "birch", "name": "Birch", "state": "draft", "at": None, "by": None, "reason": None},
            {"partner": "cedar", "name": "Cedar", "state": "draft", "at": None, "by": None, "reason": None},
            {
                "partner": "dune",
                "name": "Dune",
                "state": "withheld",
                "at": None,
                "by": None,
                "reason": "not among those it may be released to",
            },
        ],
        "may": {"approve": True, "acknowledge": True, "hold": True, "cancel": False},
        "changed_since_read": True,
    }


def assessment_of(now: int, *, high: bool) -> dict:
    p = (
        {"routine": 0.05, "their-training": 0.24, "deployment": 0.71}
        if high
        else {"routine": 0.93, "their-training": 0.06, "deployment": 0.01}
    )
    history = history_of(now)
    return {
        "topic": "airborne-rapid-deployment",
        "title": "Airborne rapid deployment",
        "realm": NIGHT,
        "time": now,
        "level": "high" if high else "low",
        "levels": [{"name": "low", "at": 0}, {"name": "guarded", "at": 0.2}, {"name": "high", "at": 0.5}],
        "probabilities": p,
        "words": {"routine": "remote", "their-training": "unlikely", "deployment": "likely"}
        if high
        else {"routine": "very likely", "their-training": "very unlikely", "deployment": "almost no chance"},
        "confidence": "moderate",
        "history": history if high else [[t, {"routine": 0.93, "their-training": 0.06, "deployment": 0.01}] for t, _ in history],
        "hypotheses": [
            {"id": "routine", "title": "routine"},
            {"id": "their-training", "title": "their training"},
            {"id": "deployment", "title": "deployment"},
        ],
        "indicators": [
            {
                "id": "aircraft-in-stream",
                "title": "Aircraft in stream",
                "state": "seen" if high else "not seen",
                "since": now - 6 * MINUTE if high else None,
                "weight": 9 if high else 0.7,
                "why": "",
                "trend": "stronger" if high else "steady",
            },
            {
                "id": "line-crossing",
                "title": "Crossing of a watch line",
                "state": "not seen",
                "since": now - 90 * MINUTE,
                "weight": 0.7,
                "why": "",
                "trend": "weaker",
            },
            {
                "id": "airlift-surge",
                "title": "Airlift surge",
                "state": "cannot say",
                "since": None,
                "weight": 1.0,
                "why": "nobody looks at RHÔNE",
                "trend": "",
            },
            {
                "id": "seen-by-officers",
                "title": "Loading, seen by officers",
                "state": "not seen",
                "since": None,
                "weight": 1.0,
                "why": "",
                "trend": "",
            },
        ],
        "was": "guarded" if high else "low",
        "since": now - 9 * MINUTE,
        "sentence": SENTENCE if high else "Nothing that this topic watches for is seen.",
        "because": "two feeds agree, radar is late",
        "base_rate": "Streams of ten or more leave RHÔNE about twice a month."
        " Before any evidence: routine 96 %, their training 3 %, deployment 1 %.",
        "innocent": ["Their training would explain it too (24 %).", "No exercise was announced for today."] if high else [],
        "evidence": warning_of(now)["evidence"] if high else [],
        "cannot_see": ["South-east: no feed.", "Radar Säntis 48 s late."],
        "would_change": "Has Cedar’s radar held the stream since 02:45Z?",
    }


def feeds_of(now: int) -> list:
    def feed(name, state, lateness, origin="aster"):
        return {
            "name": name,
            "state": state,
            "last": now - int(lateness * 1e6),
            "lateness_s": lateness,
            "observations": 4000,
            "says": None,
            "from": origin,
        }

    return [feed("readsb Jura", "ok", 0.4), feed("traffic", "ok", 1.1, "birch"), feed("radar Säntis", "late", 48.0)]


def report_of(now: int) -> dict:
    return {
        "record": "report--1",
        "realm": NIGHT,
        "origin": "aster",
        "title": "Fuel trucks at RHÔNE since midnight",
        "text": "Nine fuel trucks in two columns on the northern apron; lights off.\nSeen by a member of the public, told by telephone.",
        "source": "civil airfield staff",
        "grade": "C3",
        "graded_by": "a.keller",
        "author": "a.keller",
        "protocol_time": now - 52 * MINUTE,
        "banner": "RESTRICTED REL TO ASTER, BIRCH",
        "who_knows": [
            {"partner": "birch", "name": "Birch", "state": "delivered", "at": now - 51 * MINUTE, "by": None, "reason": None},
            {
                "partner": "cedar",
                "name": "Cedar",
                "state": "withheld",
                "at": None,
                "by": None,
                "reason": "not among those it may be released to",
            },
        ],
    }


def decisions(body: dict) -> list:
    def reason(partner: str) -> str:
        if partner not in body["releasable_to"]:
            return "not among those it may be released to"
        refused = [term for term in body.get("terms", []) if partner == "cedar"]
        return f"It has not accepted the feed term {refused[0]}." if refused else "named, and cleared high enough"

    names = {"birch": "Birch", "cedar": "Cedar", "dune": "Dune"}
    rows = [{"partner": p, "name": n, "reason": reason(p)} for p, n in names.items()]
    return [row | {"allowed": row["reason"].startswith("named")} for row in rows]


def exchange_of(now: int) -> dict:
    def link(name, state, ago, behind, refused=0, gaps=0):
        return {
            "id": name.lower(),
            "name": name,
            "fingerprint": "5f1c 9a20 77d3 e1b8 04aa 61c9 8e3d 2b7f",
            "state": state,
            "last_heard": now - int(ago * 1e6),
            "behind_in": 0,
            "behind_out": behind,
            "clock_off_s": 0.0,
            "refused": refused,
            "gaps": gaps,
        }

    return {
        "partners": [link("Birch", "up", 2.1, 0), link("Cedar", "down", 412, 4, gaps=1), link("Dune", "late", 11, 0, refused=1)],
        "refusals": [{"sender": "dune", "reason": "signature does not verify", "protocol_time": now - 8 * MINUTE, "digest": "b1" * 32}],
        "gaps": [{"sender": "cedar", "first": 118, "last": 131, "reason": "link was down; replaced by current tracks"}],
        "counters": {"lost": 0, "doubled": 0, "sent": 18231, "received": 20411, "refused": 1},
    }


def journal_of(now: int, after: int) -> list:
    kinds = ["finding", "warning", "report", "acknowledgement", "x-new-kind"]
    return [
        {
            "index": i,
            "id": f"{kinds[i % 5]}--{i}",
            "kind": kinds[i % 5],
            "origin": "aster" if i % 3 else "birch",
            "author": "node" if i % 2 else "m.weber",
            "protocol_time": now - (60 - i) * MINUTE,
            "realm_time": now - (60 - i) * MINUTE,
            "leaf": f"{i:02x}" * 32,
            "banner": "RESTRICTED REL TO ASTER, BIRCH",
            "understood": i % 5 != 4,
        }
        for i in range(after + 1, 40)
    ]


def rehearsal_of() -> dict:
    steps = ["quiet", "surge", "bell", "acknowledged", "issued", "changed"]
    return {
        "running": True,
        "realm": NIGHT,
        "elapsed_s": 71,
        "of_s": 240,
        "step": 2,
        "steps": [{"id": name, "at_s": 30 * i, "done": i < 2} for i, name in enumerate(steps)],
    }


ASSERTABLE = [
    {"topic": "airborne-rapid-deployment", "indicator": "loading", "title": "Loading, seen by officers", "by": "officers"},
    {"topic": "airborne-rapid-deployment", "indicator": "equipment", "title": "Equipment delivered, as claimed", "by": "claims"},
]


def claim_of(now: int) -> dict:
    return {
        "record": "claim--1",
        "realm": NIGHT,
        "origin": "aster",
        "author": "a.keller",
        "text": "Four transports are being loaded, lights off.",
        "source": "gate guard",
        "grade": "B2",
        "indicator": "loading",
        "root": "",
        "channel": "telephone",
        "claimed_at": now - 20 * MINUTE,
        "latitude": 46.12,
        "longitude": 6.55,
        "protocol_time": now - 18 * MINUTE,
        "banner": "RESTRICTED REL TO ASTER, BIRCH",
    }


COUNTS = [{"series": "flights over the strait", "source": "ministry", "days": [20522, 20523, 20525], "counts": [9.0, 31.0, 0.0],
           "banner": "UNCLASSIFIED REL TO ASTER"}]  # fmt: skip
BACKTEST = (
    "<!doctype html><html lang='en'><meta charset='utf-8'><title>Back-test</title><style>b{color:red}</style><body>"
    "<h1>Back-test: Daily surge</h1><p class='soft'>ministry, 2025-01-01 to 2025-12-31: 365 days, 3 missing.</p>"
    "<ul><li>n = 1: one event says little.</li></ul><h2>Against the other ways</h2><div class='scroll'><table><tr><th>way</th>"
    "<th class='n'>hits</th></tr><tr class='own'><td>This topic</td><td class='n'>1 of 1</td></tr></table></div>"
    "<script>document.title='owned'</script><img src='/x' onerror='document.title=1'><iframe src='/'></iframe>"
    "<a href='javascript:alert(1)'>link</a><form action='/x'><button>Log in</button></form>"
    "<div class='scroll' onclick='alert(1)' style='color:red'><svg viewBox='0 0 1080 200' role='img'>"
    "<rect x='300' y='8' width='40' height='168'"
    " fill='var(--event)'><title>exercise</title></rect><line x1='44' x2='1072' y1='92' y2='92' stroke='var(--rule)'/>"
    "<text x='38' y='96' text-anchor='end'>15</text><polyline points='44,150 200,140 320,30 340,40 700,150 1072,144' fill='none'"
    " stroke='var(--line)' stroke-width='1'/><circle cx='320' cy='30' r='3' fill='var(--mark)'/></svg></div></body></html>"
)


def backtests_of(now: int) -> list:
    row = {"name": "surge-2025", "title": "Back-test: Daily surge", "at": now - 900 * MINUTE, "bytes": len(BACKTEST)}
    return [row | {"banner": "RESTRICTED REL TO ASTER"}]

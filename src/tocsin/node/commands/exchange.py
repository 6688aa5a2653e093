"""`tocsin share`, `inbox`, `recall`, `ledger`, `request ...`, `bundle ...`: the exchange from the shell."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from tocsin.core import InputError, iso, parse_iso

from .calls import Console, call
from .output import give, give_rows

User = Annotated[str, Parameter(name=("--as", "--user"))]
MAX_TEXT = 20_000


def share(
    folder: Path, file: str = "-", *, user: User, title: str, source: str, to: str, classification: str, text: str = "", grade: str = "",
    caveats: str = "", communities: str = "", terms: str = "", expires: str = "", review: str = "", realm: str = "live", topic: str = "",
    indicator: str = "", area: str = "", corrects: str = "", serves: str = "", explain: bool = False, json: bool = False,
) -> None:  # fmt: skip
    """Say a report to partners; its label decides who gets it.

    Parameters
    ----------
    file
        The text, or - for standard input; --text says it in place of a file.
    to
        Partners it is released to, with commas.
    grade
        Of source and content, as B2.
    caveats
        Caveats, with commas.
    communities
        Only members of one of these get it, with commas; a semicolon begins a further such list.
    terms
        Terms of the feeds that it rests on, with commas; whoever has not accepted them does not get it.
    expires
        From when on nobody is given it any more, as 2027-01-31T00:00Z.
    review
        When its label is to be looked at again, as 2027-01-31T00:00Z.
    topic
        The topic that it is about.
    indicator
        The indicator that it is about.
    area
        The corners of the area that it is about as LATITUDE,LONGITUDE in degrees, with spaces between them.
    corrects
        A report of this node's that this one takes the place of.
    serves
        Requirements that it serves, with commas.
    explain
        Say nothing: show for every partner whether it would get it, and why.
    """
    said_text = "" if explain else _text(file, text)
    console = Console(folder, user)
    marked: dict[str, Any] = {"realm": realm, "classification": classification, "releasable_to": _list(to), "caveats": _list(caveats)}
    marked |= {"communities": [clause for one in communities.split(";") if (clause := _list(one))], "terms": _list(terms)}
    marked |= {name: parse_iso(time) for name, time in (("expires", expires), ("review", review)) if time}
    if explain:
        rows = console.post("/release/preview", marked)
        shown = [{**row, "gets": "yes" if row["allowed"] else "no"} for row in rows]
        give_rows(rows if json else shown, {"partner": "Partner", "gets": "Gets it", "reason": "Why"}, json=json, empty="No partner yet.")
        return
    body = marked | {"title": title, "text": said_text, "source": source, "grade": grade}
    about = {"topic": topic, "indicator": indicator, "area": _area(area)}
    said = console.post("/reports", {**body, **about, "corrects": corrects, "serves": _list(serves)})
    give(said, json=json, text=f"{said['record']}: {said['banner']}. {_fates(said['who_knows'])}")


def inbox(
    folder: Path, *, user: User, realm: str = "live", unread: bool = False, kind: str = "", origin: str = "", subscribed: bool = False,
    limit: int = 50, read: str = "", json: bool = False,
) -> None:  # fmt: skip
    """What partners said, the newest first; --read RECORD marks one as read."""
    console = Console(folder, user)
    if read:
        row = console.post(f"/inbox/{read}/read", {})
        give(row, json=json, text=f"read: {row['title'] or row['kind']}, of {row['origin']}")
        return
    asked = {"realm": realm, "unread": unread, "kind": kind, "origin": origin, "subscribed": subscribed, "limit": limit}
    rows = console.get("/inbox", **{key: value for key, value in asked.items() if value})
    shown = [{**row, "at": iso(row["protocol_time"]), "is": _state(row)} for row in rows]
    columns = {"is": "", "at": "Said", "origin": "From", "kind": "Kind", "title": "What", "banner": "Label", "record": "Id"}
    give_rows(rows if json else shown, columns, json=json, empty="Nothing here.", tall=True)


def subscribe(
    folder: Path, name: str, *, user: User, kinds: str = "", topics: str = "", indicators: str = "", area: str = "", to: str = "",
    end: bool = False, json: bool = False,
) -> None:  # fmt: skip
    """Subscribe to what fits, under a name of yours; of each list that is given one has to fit. The same name again changes it.

    Parameters
    ----------
    kinds
        Kinds of records with commas, as report,warning; and observation.
    topics
        Topics with commas.
    indicators
        Indicators with commas.
    area
        The corners of an area as LATITUDE,LONGITUDE in degrees, with spaces between them.
    to
        Partners with commas who are to send this node only that; without, it is your own inbox's.
    end
        End it.
    """
    lists = {"kinds": _list(kinds), "topics": _list(topics), "indicators": _list(indicators), "area": _area(area)}
    found = Console(folder, user).post("/subscriptions", {"name": name, **lists, "to": _list(to), "end": end})
    give(found, json=json, text=f"{name} is {'ended' if end else 'in force'}")


def subscriptions(folder: Path, *, user: User, json: bool = False) -> None:
    """Who wants what: you of your inbox, this node of partners, partners of this node."""
    found = Console(folder, user).get("/subscriptions")
    whose = {"mine": "you, here", "ours": "this node, of", "theirs": "of this node,"}
    if json:
        give(found, json=True)
        return
    rows = [{**row, "whose": f"{whose[key]} {row.get('partner', '')}".strip(), "wants": _wants(row)} for key in whose for row in found[key]]
    columns = {"whose": "Who", "name": "Name", "wants": "Wants"}
    give_rows(rows, columns, json=False, empty="No subscription: everything that may be sent is sent.")


def _wants(row: dict[str, Any]) -> str:
    said = [f"{name} {', '.join(row[name])}" for name in ("kinds", "topics", "indicators") if row[name]]
    return "; ".join([*said, *([f"an area of {len(row['area'])} corners"] if row["area"] else [])]) or "everything"


def _area(text: str) -> list[list[float]]:
    try:
        points = [[float(part) for part in corner.split(",")] for corner in text.split()]
    except ValueError:
        points = [[]]
    if any(len(point) != 2 for point in points):
        raise InputError("an area is corners as LATITUDE,LONGITUDE in degrees, with spaces between them")
    return points


def recall(folder: Path, record: str, *, user: User, why: str = "mistaken", json: bool = False) -> None:
    """Call a record of this node's back from everyone who had it.

    Parameters
    ----------
    why
        mistaken, released in error, withdrawn by its source, superseded, or required by law.
    """
    row = Console(folder, user).post(f"/exchange/ledger/{record}/recall", {"why": why})
    give(row, json=json, text=f"{record} is recalled ({why}). {_had(_ends(row))}")


def ledger(
    folder: Path, record: str = "", *, user: User, realm: str = "live", after: str = "", limit: int = 50, json: bool = False
) -> None:
    """What became of what this node said, partner by partner and receiver by receiver; of one record if it is named."""
    console = Console(folder, user)
    path, more = ("/exchange/ledger", {"realm": realm, "limit": limit}) if not record else (f"/exchange/ledger/{record}", {})
    found = console.get(path, **more | ({"after": after} if after else {}))
    rows = [found] if record else found
    shown = [{**row, "at": iso(row["protocol_time"]), "fates": _fates(_ends(row))} for row in rows]
    columns = {"at": "Said", "kind": "Kind", "title": "What", "fates": "Who", "record": "Id"}
    give_rows(found if json and not record else rows if json else shown, columns, json=json, empty="Nothing said yet.", tall=True)


# --- requests ---------------------------------------------------------------------------------------------------


def ask(
    folder: Path, question: str, *, user: User, to: str, classification: str, why: str = "", topic: str = "", indicator: str = "",
    wanted_by: str = "", priority: str = "routine", serves: str = "", realm: str = "live", json: bool = False,
) -> None:  # fmt: skip
    """Ask partners for information.

    Parameters
    ----------
    to
        Partners, with commas.
    wanted_by
        When, as 2026-11-22T18:00Z.
    priority
        routine, priority or immediate.
    """
    body: dict[str, Any] = {"realm": realm, "question": question, "why": why, "topic": topic, "indicator": indicator}
    body |= {"classification": classification, "releasable_to": _list(to), "priority": priority, "serves": _list(serves)}
    row = Console(folder, user).post("/requests", body | ({"wanted_by": parse_iso(wanted_by)} if wanted_by else {}))
    give(row, json=json, text=f"{row['record']} is asked. {_fates(row['who_knows'])}")


def requests(folder: Path, *, user: User, realm: str = "live", json: bool = False) -> None:
    """Requests of this node and of partners, with their answers."""
    rows = Console(folder, user).get("/requests", realm=realm)
    shown = [{**row, "said": "; ".join(f"{a['origin']}: {a['title']}" for a in row["answers"]) or "-"} for row in rows]
    columns = {"state": "State", "priority": "Priority", "origin": "From", "question": "Question", "said": "Answers", "record": "Id"}
    give_rows(rows if json else shown, columns, json=json, empty="Nobody asks anything.", tall=True)


def answer(
    folder: Path, request: str, file: str = "-", *, user: User, title: str, source: str, classification: str, text: str = "",
    grade: str = "", json: bool = False,
) -> None:  # fmt: skip
    """Answer a request by a report to its asker; the text from a file, standard input (-) or --text."""
    body = {"title": title, "text": _text(file, text), "source": source, "classification": classification, "grade": grade}
    row = Console(folder, user).post(f"/requests/{request}/answer", body)
    give(row, json=json, text=f"{request} is {row['state']}: {len(row['answers'])} answers")


def close(folder: Path, request: str, *, user: User, note: str = "", json: bool = False) -> None:
    """Close a request of this node's."""
    row = Console(folder, user).post(f"/requests/{request}/close", {"note": note})
    give(row, json=json, text=f"{request} is {row['state']}")


def require(
    folder: Path, number: str, text: str, *, user: User, to: str = "", classification: str, days: float = 30, realm: str = "live",
    json: bool = False,
) -> None:  # fmt: skip
    """Set up a priority requirement under a number, as PIR-1."""
    console = Console(folder, user)
    now = console.session["protocol_time"]
    body = {"realm": realm, "number": number, "text": text, "classification": classification, "releasable_to": _list(to)}
    row = console.post("/requirements", {**body, "valid_from": now, "valid_until": now + round(days * 86400e6)})
    give(row, json=json, text=f"{row['number']} stands until {iso(row['valid_until'])} ({row['record']})")


def requirements(folder: Path, *, user: User, realm: str = "live", json: bool = False) -> None:
    """Priority requirements, with what serves each."""
    rows = Console(folder, user).get("/requirements", realm=realm)
    shown = [{**row, "by": f"{len(row['served_by'])} records"} for row in rows]
    columns = {"number": "Number", "state": "State", "origin": "From", "text": "What", "by": "Served by", "record": "Id"}
    give_rows(rows if json else shown, columns, json=json, empty="No requirement stands.", tall=True)


# --- bundles ----------------------------------------------------------------------------------------------------


def export(folder: Path, file: Path, *, to: str, since: int = -1, json: bool = False) -> None:
    """Write what a partner is owed, and this node's receipts, into one sealed file for a partner behind an air gap.

    Parameters
    ----------
    since
        Begin at this number of each chain; at the first record without a receipt if left out.
    """
    made = call(folder, "bundle.export", to=to, since=since, file=str(file.resolve()))
    give(made, json=json, text=f"{file}: {made['records']} records and {made['receipts']} receipts for {to}, {made['bytes']:,} bytes")


def take_in(folder: Path, file: Path, *, json: bool = False) -> None:
    """Take in a file that a partner wrote: in any order, as often as it comes; refused whole if one byte is off."""
    found = call(folder, "bundle.import", file=str(file.resolve()))
    waits = "; the rest waits for an earlier file" if found["waiting"] else ""
    text = f"from {found['sender']}: {found['taken']} records are new, {found['repeated']} were here, {found['refused']} refused{waits}"
    give(found, json=json, text=text)


def _list(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def _text(file: str, said: str) -> str:
    if said:
        if file != "-":
            raise InputError("two texts were given, a file and --text: give one")
        return said
    try:
        return sys.stdin.read(MAX_TEXT + 1) if file == "-" else Path(file).read_text()
    except OSError as error:
        raise InputError(f"{file}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InputError(f"{file} cannot be read as text") from None


def _fates(rows: list[dict[str, Any]]) -> str:
    return (
        ", ".join(f"{row['partner']} {row['state']}" + (", recalled there" if row.get("recalled_at") else "") for row in rows) or "nobody"
    )


def _had(rows: list[dict[str, Any]]) -> str:
    """Who is told of a recall: those the record went out to; and who has said already that it is hidden there."""
    had = [f"{row['partner']}" + (" (hidden there)" if row.get("recalled_at") else "") for row in rows if row["state"] != "withheld"]
    return f"Had it and is told: {', '.join(had)}" if had else "Nobody had it"


def _ends(row: dict[str, Any]) -> list[dict[str, Any]]:
    # Partners, and receivers without a node that fetched it.
    return [*row["partners"], *({**one, "partner": f"receiver:{one['receiver']}", "state": "told"} for one in row["receivers"])]


def _state(row: dict[str, Any]) -> str:
    return "recalled" if row["recalled"] else "read" if row["read_at"] else "UNREAD"

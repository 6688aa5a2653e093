"""The strict reader, which stands before every decode of a signed body.

JSON lets two readers see two things in the same bytes: of two equal keys one takes the first, another the
last. What was signed must mean one thing, so the reader refuses duplicate keys, NaN and infinities, text
that is not UTF-8 or escapes half a character, anything after the value, and more bytes or deeper nesting than a record can need.
"""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

from .errors import BadRecord, TooLarge

MAX_BYTES = 1_048_576
MAX_DEPTH = 32
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_TOKENS = re.compile(rb'"(?:[^"\\]|\\.)*+"|[\[{\]}]', re.DOTALL)


def read_json(data: bytes, *, max_bytes: int = MAX_BYTES, max_depth: int = MAX_DEPTH) -> Any:
    """The one value that `data` holds; raises `BadRecord`, or `TooLarge` past a cap."""
    if len(data) > max_bytes:
        raise TooLarge("a signed body's bytes", len(data), max_bytes)
    _check_depth(data, max_depth)
    try:
        value = _DECODER.decode(data.decode("utf-8"))
        if _SURROGATE.search(data):
            json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise BadRecord("a signed body escapes half a character") from None
    except UnicodeDecodeError:
        raise BadRecord("a signed body is not UTF-8") from None
    except ValueError as error:
        if isinstance(error, json.JSONDecodeError):
            raise BadRecord(f"a signed body is not JSON at byte {error.pos}") from None
        raise BadRecord("a signed body holds a number too long to read") from None
    return value


def _check_depth(data: bytes, cap: int) -> None:
    if data.count(b"[") + data.count(b"{") <= cap:
        return
    # Strings are tokens of their own: a bracket inside one nests nothing.
    depth = 0
    for token in _TOKENS.finditer(data):
        first = data[token.start()]
        if first in b"[{":
            depth += 1
            if depth > cap:
                raise TooLarge("a signed body's depth", depth, cap)
        elif first in b"]}":
            depth -= 1


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise BadRecord("a signed body holds a key twice")
    return found


def _no_constant(name: str) -> NoReturn:
    raise BadRecord(f"a signed body holds {name}, which is no JSON number")


def _finite(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise BadRecord("a signed body holds a number past what can be represented")
    return value


# Made once: `json.loads` makes one for each call.
_DECODER = json.JSONDecoder(object_pairs_hook=_no_duplicates, parse_constant=_no_constant, parse_float=_finite)

"""JSON read with suspicion: the careful second look at a value, with a reason for everything it refuses.

The fast decoder passes over what it need not know. So a value may hold, in a field that is ignored, bytes that are no
UTF-8, half a surrogate pair or a thousand brackets; and where a key comes twice it takes the last and says nothing. Two
readers may differ on such a value, so it is refused. `exact` and `plain` tell in a microsecond or so which values
cannot hold any of that; the others are parsed by `parse`.
"""

import json
import re
from collections.abc import Iterable
from functools import cache
from typing import Any, NoReturn

import msgspec
import numpy as np

from driftline.records.data import Reason
from driftline.wire.rejects import Refused

MOST_NESTED = 100
"""Brackets within brackets that a value may have. A record needs two; parsers stop at depths of their own."""

_PLAIN_BYTES = 4_096
# Python converts no integer of more digits, as the time it takes grows with their square; other parsers hold the whole
# part of any number to the same.
_MOST_DIGITS = 4_300
OWN_FIELDS = ("record_id", "device_id", "event_time", "features", "label", "labelled_at", "schema_version")
"""Fields of the records that others send."""
# The one escape that can write a letter of a name, or a colon.
_BY_NUMBER = b"\\u"
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
_NO_BRACKET = bytes(set(range(256)) - set(b"[]{}"))
_STEPS = bytes.maketrans(b"[{]}", b"\x01\x01\xff\xff")
# How msgspec begins to say that a value is no JSON, and not that it is too large for it.
_MALFORMED = ("JSON is malformed", "Input data was truncated")
_decode = msgspec.json.Decoder().decode


class _Doubled(dict[str, Any]):
    """An object in which a key came twice."""

    twice: frozenset[str] = frozenset()


def exact(value: bytes, keys: int, strings: Iterable[str]) -> bool:
    """Whether a value that was decoded to a record of `keys` keys surely has no other key, and none twice.

    Every key has its colon. So as many colons as keys that are there leave room for no other key; those of the decoded
    `strings` do not count, unless one may have been written by its number.
    """
    spare = value.count(b":") - keys
    return spare == 0 or (_BY_NUMBER not in value and spare == sum(text.count(":") for text in strings))


def plain(value: bytes, own: Iterable[str] = OWN_FIELDS) -> bool:
    """Whether a value surely has none of a record's `own` fields twice, and decodes as what it seems to be.

    Most records with a field that is ignored are so: they need no second look. It does not tell about features by name.
    """
    if len(value) > _PLAIN_BYTES or _BY_NUMBER in value or value.count(b"[") + value.count(b"{") > MOST_NESTED:
        return False
    if any(value.count(name) > 1 for name in _quoted(tuple(own))):
        return False
    try:
        return value.isascii() or bool(value.decode("utf-8"))
    except UnicodeDecodeError:
        return False


@cache
def _quoted(names: tuple[str, ...]) -> tuple[bytes, ...]:
    return tuple(f'"{name}"'.encode() for name in names)


def parse(value: bytes, features: Iterable[str] = (), own: Iterable[str] = OWN_FIELDS) -> Any:
    """Parse JSON as RFC 8259 has it, where neither a field of a record nor a feature may come twice.

    What lies within a field that no record has is parsed and otherwise left alone.

    Raises
    ------
    Refused : with the reason.
    """
    document = _quick(value, own)
    if document is None:
        document = _slow(value)
        _check_twice(document, own)
        if isinstance(document, dict):
            _check_twice(document.get("features"), features)
    return document


def _quick(value: bytes, own: Iterable[str]) -> Any:
    """The same for a plain value at a fifth of the cost; None where it is not plain, or has features by name."""
    if not plain(value, own):
        return None
    try:
        document = _decode(value)
    except msgspec.MsgspecError as error:
        if b"NaN" not in value and b"Infinity" not in value and (said := str(error)).startswith(_MALFORMED):
            raise Refused(Reason.MALFORMED_JSON, said) from None
        return None
    return None if isinstance(document, dict) and isinstance(document.get("features"), dict) else document


def _slow(value: bytes) -> Any:
    _check_depth(value)
    try:
        text = value.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Refused(Reason.NOT_UTF8, f"byte {error.start}: {error.reason}") from None
    try:
        document = json.loads(text, parse_float=_float, parse_constant=_no_constant, object_pairs_hook=_pairs)
    except RecursionError:
        raise Refused(Reason.TOO_DEEP, "nested too deeply") from None
    except json.JSONDecodeError as error:
        raise Refused(Reason.MALFORMED_JSON, str(error)) from None
    except ValueError:
        raise Refused(Reason.NOT_FINITE, "an integer of thousands of digits") from None
    if "\\u" in text:
        _check_surrogates(document)
    return document


def _float(token: str) -> float:
    if len(token) > _MOST_DIGITS and len(re.split("[.eE]", token.lstrip("-"), maxsplit=1)[0]) > _MOST_DIGITS:
        raise Refused(Reason.NOT_FINITE, "a number of thousands of digits")
    return float(token)


def _no_constant(token: str) -> NoReturn:
    raise Refused(Reason.NOT_FINITE, f"the token {token}; JSON has no such number, send null for a missing value")


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    doubled, seen = _Doubled(found), set[str]()
    doubled.twice = frozenset(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
    return doubled


def _check_twice(value: Any, names: Iterable[str]) -> None:
    if isinstance(value, _Doubled):
        for name in names:
            if name in value.twice:
                raise Refused(Reason.DUPLICATE_KEY, f"{name}: there twice; which of the two is meant?")


def _check_depth(value: bytes) -> None:
    """Before parsing, so that the answer is the same wherever it is asked: a parser's limit depends on its caller's."""
    if value.count(b"[") + value.count(b"{") <= MOST_NESTED:
        return
    steps = np.frombuffer(_STRING.sub(b"", value).translate(_STEPS, _NO_BRACKET), np.int8)
    deepest = np.cumsum(steps, dtype=np.int32).max(initial=0)
    if deepest > MOST_NESTED:
        raise Refused(Reason.TOO_DEEP, f"nested {deepest} deep; allowed: {MOST_NESTED}")


def _check_surrogates(document: Any) -> None:
    try:
        json.dumps(document, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        half = f"\\u{ord(error.object[error.start]):04x}"
        raise Refused(Reason.NOT_UTF8, f"the escape {half} is half a surrogate pair; UTF-8 cannot hold it") from None


def kind_of(value: Any) -> str:
    """The JSON name of a parsed value's type.

    >>> kind_of([1])
    'array'
    """
    names = {list: "array", dict: "object", str: "string", bool: "boolean", type(None): "null"}
    return names.get(type(value), "number")


def shown(name: str) -> str:
    r"""A key as a message shows it: cut, and without characters that a terminal would obey.

    >>> shown("tempo\x1b[2J")
    'tempo\\x1b[2J'
    """
    return repr(name[:80])[1:-1]


def short(value: Any) -> str:
    """A value as a message shows it.

    >>> short("x" * 100)[-4:]
    'xxx…'
    """
    text = (
        f"a JSON {kind_of(value)}"
        if isinstance(value, (list, dict))
        else repr(value[:64] if isinstance(value, str) else value)
    )
    return text if len(text) <= 60 else text[:57] + "…"

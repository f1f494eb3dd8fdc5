"""Valid records, and edits that leave them nearly valid: what finds more than bytes drawn at random."""

import json
import re

from driftline.records import Label, Prediction
from tests.streams import NOW, feature_record

FEATURES = (
    feature_record([1.5, -2, None]),
    feature_record({"x2": None, "x0": 1e-3, "x1": 25}, "by:name", device_id="urn:1"),
    feature_record(["north", 1.5, "leaks: again", "2", 40], "ünï", device_id="urn:pump:7"),
    feature_record({"heat": 1, "shift": True, "note": None, "site": None, "load": -0.0}, firmware={"v": [1, "2"]}),
    json.dumps({"record_id": "r", "device_id": "d", "event_time": NOW, "features": [0, 1, 2]}, indent=1).encode(),
)
LABELS = (
    Label(record_id="r1", device_id="d1", label="ok", labelled_at=NOW).to_json(),
    Label(record_id="r:2", device_id="d", label=["ok", "worn"], labelled_at=0).to_json(),
    b'{"record_id": "r3", "device_id": "\\u00fc", "label": [], "labelled_at": -1, "by": ["someone"]}',
)
PREDICTIONS = tuple(
    Prediction(
        record_id="r:1",
        device_id="d1",
        event_time=NOW,
        prediction=answer,
        confidence=0.9,
        probabilities=[0.9, 0.1, 0.0],
        model_version=3,
        source_partition=2,
        source_offset=17,
        scored_at=NOW + 5,
    ).to_json()
    for answer in ("ok", ["ok", "worn"])
)

TOKENS: tuple[bytes, ...] = (
    *b'{ } [ ] : , " \\ 0 1 - . e null true false NaN Infinity -Infinity'.split(),
    *b"1e400 1e-400 -0 -0.0 01 1. .5 +1 0x1 3.5e38 3.4028235677973366e38 3.4028235677973362e38 1.0 2".split(),
    str(NOW).encode(),
    str(NOW // 1000).encode(),
    *(str(10**n).encode() for n in (18, 19, 20, 38, 39, 308, 309, 400)),
    str(2**62).encode(),
    str(2**62 + 1).encode(),
    str(2**63).encode(),
    b"9" * 4_300,
    b"9" * 4_301,
    b"\xff",
    b"\xef\xbb\xbf",
    b"\xed\xa0\x80",
    b"\xc3\xbc",
    b"\x00",
    b"\n",
    b"\\ud800",
    b"\\udc00",
    b"\\ud83d\\ude00",
    b"\\u0000",
    b"\\u003a",
    b'"record\\u005fid": "z"',
    b'"NaN"',
    b'"1"',
    b'""',
    b'"north"',
    b'"worn"',
    b"[" * 99,
    b"]" * 99,
    b'{"a":' * 98,
    b"}" * 98,
    b"[]",
    b"{}",
    b'"x": 1, ',
    b'"schema_version": 1, ',
    b'"schema_version": 2, ',
    b'"record_id": "again", ',
    b'"features": [1, 2, 3], ',
    b'"x0": 1, ',
    b'"heat": 2, ',
    b'"label": "ok", ',
    b'"champion_sequence": 4, ',
    b'"note": "' + b"n" * 128 + b'", ',
    b"r" * 128,
    "\N{GRINNING FACE}".encode() * 33,
)
_SPLIT = re.compile(rb'([{}\[\]:,]|"(?:[^"\\]|\\.)*"|\s+)')
KINDS = 6


def edit(value: bytes, kind: int, place: int, token: bytes) -> bytes:
    """One edit, counted by bytes or by JSON tokens; any `kind` and `place` will do."""
    kind %= KINDS
    if kind == 0:
        at = place % (len(value) + 1)
        return value[:at] + token + value[at:]
    if kind == 1:
        at = place % (len(value) + 1)
        return value[:at] + value[at + 1 + len(token) % 8 :]
    parts = [part for part in _SPLIT.split(value) if part] or [b""]
    at = place % len(parts)
    if kind == 2:
        parts[at] = token
    elif kind == 3:
        parts.insert(at, token)
    elif kind == 4:
        parts.insert(at, parts[(place // len(parts)) % len(parts)])
    else:
        del parts[at]
    return b"".join(parts)

"""Why a feature record could not be decoded: the slow, careful second look at a value the fast decoder refused."""

import json
import math
from dataclasses import dataclass
from typing import Any, NoReturn

from driftline.records.data import Reason
from driftline.spec.stream import StreamSpec

_FIELDS: tuple[tuple[str, type | tuple[type, ...], str], ...] = (
    ("record_id", str, "a string"),
    ("device_id", str, "a string"),
    ("event_time", int, "an integer (epoch milliseconds)"),
    ("features", (list, dict), "an array or an object"),
)


@dataclass(frozen=True, slots=True)
class Diagnosis:
    reason: Reason
    detail: str


class _Found(Exception):
    def __init__(self, reason: Reason, detail: str) -> None:
        self.diagnosis = Diagnosis(reason, detail)


def diagnose(value: bytes | None, spec: StreamSpec, decoder_said: str) -> Diagnosis:
    """Name the first thing that is wrong with `value`.

    Parameters
    ----------
    decoder_said : the fast decoder's own words, used where Python's parser finds nothing wrong (for example an
        integer beyond 64 bits, which is valid JSON).
    """
    try:
        _check(value, spec)
    except _Found as found:
        return found.diagnosis
    return Diagnosis(Reason.WRONG_TYPE, decoder_said)


def _check(value: bytes | None, spec: StreamSpec) -> None:
    if not value:
        raise _Found(Reason.EMPTY_VALUE, "no value" if value is None else "an empty value")
    if len(value) > spec.serving.max_record_bytes:
        raise _Found(Reason.TOO_LARGE, f"{len(value)} bytes; allowed: {spec.serving.max_record_bytes}")
    document = _parse(value)
    if not isinstance(document, dict):
        raise _Found(Reason.NOT_AN_OBJECT, f"a JSON {_type(document)}; a feature record is an object")
    version = document.get("schema_version", 1)
    if version != 1 or isinstance(version, bool):
        raise _Found(Reason.UNSUPPORTED_SCHEMA, f"schema_version: {_short(version)}; this version reads 1")
    for name, kind, expected in _FIELDS:
        if name not in document:
            raise _Found(Reason.MISSING_FIELD, f"{name}: not there")
        if not isinstance(document[name], kind) or isinstance(document[name], bool):
            raise _Found(Reason.WRONG_TYPE, f"{name}: {_short(document[name])}; expected {expected}")
    for name in ("record_id", "device_id"):
        if not 1 <= len(document[name]) <= 128:
            raise _Found(Reason.INVALID_ID, f"{name}: {len(document[name])} characters; allowed: 1 to 128")
    _check_features(document["features"], spec)


def _parse(value: bytes) -> Any:
    def constant(token: str) -> NoReturn:
        raise _Found(Reason.NOT_FINITE, f"the token {token}; JSON has no such number, send null for a missing value")

    try:
        return json.loads(value.decode("utf-8"), parse_constant=constant)
    except UnicodeDecodeError as error:
        raise _Found(Reason.NOT_UTF8, f"byte {error.start}: {error.reason}") from None
    except RecursionError:
        raise _Found(Reason.TOO_DEEP, "nested too deeply") from None
    except ValueError as error:
        raise _Found(Reason.MALFORMED_JSON, str(error)) from None


def _check_features(features: list[Any] | dict[str, Any], spec: StreamSpec) -> None:
    names = [f.name for f in spec.features]
    if isinstance(features, dict):
        if strange := [name for name in features if name not in set(names)]:
            raise _Found(Reason.UNKNOWN_FEATURE, f"features.{strange[0][:80]}: not a feature of {spec.stream}")
        if absent := [name for name in names if name not in features]:
            raise _Found(Reason.MISSING_FIELD, f"features.{absent[0]}: not there; send null for a missing value")
        values = [features[name] for name in names]
    else:
        values = features
        if len(values) != len(names):
            raise _Found(Reason.WRONG_WIDTH, f"features: {len(values)} values; {spec.stream} has {len(names)}")
    for feature, value in zip(spec.features, values, strict=True):
        if isinstance(value, (list, dict)):
            raise _Found(Reason.WRONG_TYPE, f"features.{feature.name}: a JSON {_type(value)}; expected one value")
        if value is None:
            continue
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if feature.type == "numeric" and not number:
            if isinstance(value, str) and value.strip().lower().lstrip("+-") in ("nan", "inf", "infinity"):
                raise _Found(Reason.NOT_FINITE, f"features.{feature.name}: {value!r}; send null for a missing value")
            raise _Found(Reason.WRONG_TYPE, f"features.{feature.name}: {_short(value)}; expected a number or null")
        if feature.type == "numeric" and (abs(value) > 3.4e38 or not math.isfinite(value)):
            raise _Found(Reason.NOT_FINITE, f"features.{feature.name}: outside the range of float32")
        if feature.type == "text" and not isinstance(value, str):
            raise _Found(Reason.WRONG_TYPE, f"features.{feature.name}: {_short(value)}; expected a string or null")
        if feature.type == "categorical" and isinstance(value, float):
            raise _Found(Reason.WRONG_TYPE, f"features.{feature.name}: {_short(value)}; expected a string or null")


def _type(value: Any) -> str:
    names = {list: "array", dict: "object", str: "string", bool: "boolean", type(None): "null"}
    return names.get(type(value), "number")


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "…"

"""What a value should become, found the slow way: pydantic's contract, Python's JSON parser, and the stream's rules.

Shares no code with `driftline.wire`, so that an error there is not an error here.
"""

import json
import math
from typing import Any, NoReturn

import numpy as np
from pydantic import ValidationError

from driftline.records import FeatureRecord, Label, Prediction, Record
from driftline.spec import StreamSpec

OWN = {"record_id", "device_id", "event_time", "features", "label", "labelled_at", "schema_version"}
FAR = 2**62

Row = tuple[str, str, int, list[Any]]


class Invalid(Exception):
    """The value is no record of its kind."""


def feature_row(value: bytes | None, spec: StreamSpec, now_ms: int) -> Row | None:
    """Id, device, event time and values in the specification's order of a valid feature record; else None."""
    try:
        if not value or len(value) > spec.serving.max_record_bytes:
            raise Invalid
        document = contract(FeatureRecord, value)
        time = document["event_time"]
        ahead, back = spec.serving.max_future_seconds * 1000, spec.serving.max_age_days * 86_400_000
        if not now_ms - back <= time <= now_ms + ahead:
            raise Invalid
        features = document["features"]
        names = [feature.name for feature in spec.features]
        if isinstance(features, dict):
            if set(features) != set(names):
                raise Invalid
            features = [features[name] for name in names]
        if len(features) != len(names):
            raise Invalid
        values = [_feature(feature, given) for feature, given in zip(spec.features, features, strict=True)]
    except Invalid:
        return None
    return document["record_id"], document["device_id"], time, values


def label_row(value: bytes | None, classes: list[str]) -> Row | None:
    """Id, device, time and classes of a valid label; else None."""
    try:
        document = contract(Label, value or b"")
        named = document["label"] if isinstance(document["label"], list) else [document["label"]]
        if len(named) > len(classes) or not set(named) <= set(classes) or abs(document["labelled_at"]) > FAR:
            raise Invalid
    except Invalid:
        return None
    return document["record_id"], document["device_id"], document["labelled_at"], named


def prediction_row(value: bytes | None, classes: int) -> Row | None:
    """Id, device, event time and probabilities of a valid prediction of `classes` classes; else None."""
    try:
        document = contract(Prediction, value or b"")
        shares = document["probabilities"]
        if len(shares) != classes or not all(0 <= share <= 1 for share in shares):
            raise Invalid
        if isinstance(document["prediction"], list) and len(document["prediction"]) > classes:
            raise Invalid
        if any(abs(n) > FAR for n in document.values() if isinstance(n, int)):
            raise Invalid
    except Invalid:
        return None
    return document["record_id"], document["device_id"], document["event_time"], shares


def contract(model: type[Record], value: bytes) -> dict[str, Any]:
    """The record's own fields as Python's parser reads them. Raises Invalid."""
    try:
        model.model_validate_json(value, strict=True)
        document = json.loads(value.decode(), object_pairs_hook=Pairs, parse_constant=_no_constant)
    except (ValidationError, ValueError) as error:
        raise Invalid from error
    own = OWN | set(model.model_fields)
    if _depth(document) > 100 or len({k for k, _ in document if k in own}) < sum(k in own for k, _ in document):
        raise Invalid
    found: dict[str, Any] = {name: given for name, given in document if name in model.model_fields}
    # pydantic takes true for 1; a version is a number.
    if type(found.get("schema_version", 1)) is not int:
        raise Invalid
    if isinstance(features := found.get("features"), Pairs):
        if len({name for name, _ in features}) < len(features):
            raise Invalid
        found["features"] = dict(features)
    return found


class Pairs(list[tuple[str, Any]]):
    """An object with all its keys, also those that come twice."""


def _no_constant(token: str) -> NoReturn:
    raise Invalid


def _depth(value: Any) -> int:
    inside = [given for _, given in value] if isinstance(value, Pairs) else value if isinstance(value, list) else None
    return 0 if inside is None else 1 + max(map(_depth, inside), default=0)


def _feature(feature: Any, given: Any) -> Any:
    """One value as the model is to see it. Raises Invalid."""
    if given is None:
        if feature.required:
            raise Invalid
        return None
    if feature.type == "numeric":
        if isinstance(given, bool) or not isinstance(given, (int, float)):
            raise Invalid
        try:
            with np.errstate(over="ignore"):
                number = np.float32(float(given))
        except OverflowError as error:
            raise Invalid from error
        if not math.isfinite(number):
            raise Invalid
        return number
    if feature.type == "text":
        if not isinstance(given, str):
            raise Invalid
        return given
    if isinstance(given, float):
        raise Invalid
    text = given if isinstance(given, str) else json.dumps(given)
    if feature.unknown == "dead-letter" and text not in feature.categories:
        raise Invalid
    return text

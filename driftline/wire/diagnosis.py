"""Why a feature record could not be decoded: the slow, careful second look at a value the fast decoder refused."""

from typing import Any

from driftline.records.data import Reason
from driftline.spec.stream import StreamSpec
from driftline.wire.json_text import kind_of, parse, short, shown
from driftline.wire.rejects import Diagnosis, Refused

Fields = tuple[tuple[str, type | tuple[type, ...], str], ...]

_FIELDS: Fields = (
    ("record_id", str, "a string"),
    ("device_id", str, "a string"),
    ("event_time", int, "an integer (epoch milliseconds)"),
    ("features", (list, dict), "an array or an object"),
)
# The first number that float32 rounds to infinity: half a step above its largest, 2**128 - 2**104. Exact as a float.
_INFINITE = float(2**128 - 2**103)


class FeatureDiagnosis:
    """Names the first thing that is wrong with a value.

    Parameters
    ----------
    spec : the stream.
    """

    def __init__(self, spec: StreamSpec) -> None:
        self._stream = spec.stream
        self._limit = spec.serving.max_record_bytes
        self._features = [(f.name, f.type) for f in spec.features]
        self._names = {f.name for f in spec.features}

    def of(self, value: bytes | None, decoder_said: str) -> Diagnosis:
        """Of a value that the fast decoder refused.

        Parameters
        ----------
        decoder_said : the fast decoder's own words, used where nothing else is found.
        """
        try:
            document = parse(self._sized(value), self._names)
            check_fields(document, _FIELDS, "a feature record")
            self._check_features(document["features"])
        except Refused as refused:
            return refused.diagnosis
        return Diagnosis(Reason.WRONG_TYPE, decoder_said)

    def _sized(self, value: bytes | None) -> bytes:
        if not value:
            raise Refused(Reason.EMPTY_VALUE, "no value" if value is None else "an empty value")
        if len(value) > self._limit:
            raise Refused(Reason.TOO_LARGE, f"{len(value)} bytes; allowed: {self._limit}")
        return value

    def _check_features(self, features: list[Any] | dict[str, Any]) -> None:
        if isinstance(features, dict):
            if strange := [name for name in features if name not in self._names]:
                raise Refused(Reason.UNKNOWN_FEATURE, f"features.{shown(strange[0])}: not a feature of {self._stream}")
            if absent := [name for name, _ in self._features if name not in features]:
                raise Refused(Reason.MISSING_FIELD, f"features.{absent[0]}: not there; send null for a missing value")
            values = [features[name] for name, _ in self._features]
        else:
            values = features
            if len(values) != len(self._features):
                raise Refused(
                    Reason.WRONG_WIDTH, f"features: {len(values)} values; {self._stream} has {len(self._features)}"
                )
        for (name, kind), value in zip(self._features, values, strict=True):
            ordinary = type(value) is float and kind == "numeric" and -_INFINITE < value < _INFINITE
            if not ordinary and value is not None:
                _check_value(name, kind, value)


def check_fields(document: Any, fields: Fields, what: str) -> None:
    """Check what all records have in common: an object of a known version, with these fields. Raises Refused."""
    if not isinstance(document, dict):
        raise Refused(Reason.NOT_AN_OBJECT, f"a JSON {kind_of(document)}; {what} is an object")
    version = document.get("schema_version", 1)
    if version != 1 or type(version) is not int:
        raise Refused(Reason.UNSUPPORTED_SCHEMA, f"schema_version: {short(version)}; this version reads 1")
    for name, kind, expected in fields:
        if name not in document:
            raise Refused(Reason.MISSING_FIELD, f"{name}: not there")
        if not isinstance(document[name], kind) or isinstance(document[name], bool):
            raise Refused(Reason.WRONG_TYPE, f"{name}: {short(document[name])}; expected {expected}")
    for name in ("record_id", "device_id"):
        if not 1 <= len(document[name]) <= 128:
            raise Refused(Reason.INVALID_ID, f"{name}: {len(document[name])} characters; allowed: 1 to 128")


def _check_value(name: str, kind: str, value: Any) -> None:
    if isinstance(value, (list, dict)):
        raise Refused(Reason.WRONG_TYPE, f"features.{name}: a JSON {kind_of(value)}; expected one value")
    if kind == "numeric":
        if type(value) is str and value.strip().lower().lstrip("+-") in ("nan", "inf", "infinity"):
            raise Refused(Reason.NOT_FINITE, f"features.{name}: {short(value)}; send null for a missing value")
        if type(value) is str or type(value) is bool:
            raise Refused(Reason.WRONG_TYPE, f"features.{name}: {short(value)}; expected a number or null")
        if abs(value) >= _INFINITE:
            raise Refused(Reason.NOT_FINITE, f"features.{name}: outside the range of float32")
    elif (kind == "text" and type(value) is not str) or type(value) is float:
        raise Refused(Reason.WRONG_TYPE, f"features.{name}: {short(value)}; expected a string or null")

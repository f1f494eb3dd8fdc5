"""What must hold of every value that is decoded; a `check_…` raises AssertionError where it does not."""

from collections.abc import Sequence

import numpy as np

from driftline.records import DeadLetter
from driftline.spec import StreamSpec
from driftline.wire.dead_letters import bury
from driftline.wire.features import Decoded, FeatureDecoder
from driftline.wire.labels import decode_labels
from driftline.wire.predictions import decode_predictions
from driftline.wire.rejects import Reject
from tests.fuzz.contract import feature_row, label_row, prediction_row
from tests.streams import NOW, batch, mixed_stream, numeric_stream

SPECS = (numeric_stream(), mixed_stream(), mixed_stream(serving={"max_record_bytes": 300}))
_DECODERS = [(spec, FeatureDecoder(spec)) for spec in SPECS]
CLASSES = ["ok", "worn", "broken"]
Values = Sequence[bytes | None]
Written = tuple[object, ...]


def check_features(values: Values) -> None:
    """Each value becomes the row of the contract or a reject, alone and in company alike."""
    for spec, decoder in _DECODERS:
        together = decoder.decode([batch(list(values))], NOW)
        refused = {reject.offset: reject for reject in together.rejects}
        rows = dict(zip(together.offsets.tolist(), _rows(together, spec), strict=True))
        assert sorted([*refused, *rows]) == list(range(len(values)))
        for place, value in enumerate(values):
            alone = decoder.decode([batch([value], start=place)], NOW)
            assert _rows(alone, spec) == ([rows[place]] if place in rows else [])
            assert alone.rejects == ([refused[place]] if place in refused else [])
            expected = feature_row(value, spec, NOW)
            assert (expected is None) == (place in refused), (value, refused.get(place))
            if expected is not None:
                record_id, device_id, time, given = expected
                assert rows[place] == (record_id, device_id, time, *map(_text, given))
        _check_letters(together.rejects, spec)


def check_labels(values: Values) -> None:
    """The same of labels."""
    together = decode_labels([batch(list(values))], CLASSES)
    refused = {reject.offset for reject in together.malformed}
    assert sorted([*refused, *together.offsets.tolist()]) == list(range(len(values)))
    _check_letters(together.malformed, SPECS[0])
    columns = (together.record_ids, together.device_ids, together.labelled_at.tolist(), together.labels)
    rows = dict(zip(together.offsets.tolist(), zip(*columns, strict=True), strict=True))
    for place, value in enumerate(values):
        alone = decode_labels([batch([value])], CLASSES)
        assert len(alone) == (place in rows)
        expected = label_row(value, CLASSES)
        assert (expected is None) == (place in refused), value
        if expected is not None:
            label = rows[place][3]
            assert (*rows[place][:3], [label] if isinstance(label, str) else label) == expected


def check_predictions(values: Values) -> None:
    """The same of predictions, which nobody but driftline should write."""
    together = decode_predictions([batch(list(values))], len(CLASSES))
    expected = [row for value in values if (row := prediction_row(value, len(CLASSES))) is not None]
    assert together.malformed == len(values) - len(expected), values
    columns = (together.record_ids, together.device_ids, together.event_times.tolist())
    assert list(zip(*columns, strict=True)) == [row[:3] for row in expected]
    shares = np.array([row[3] for row in expected], dtype=np.float32).reshape(len(expected), len(CLASSES))
    np.testing.assert_array_equal(together.probabilities, shares)
    assert sum(len(decode_predictions([batch([value])], len(CLASSES))) for value in values) == len(expected)


def _rows(decoded: Decoded, spec: StreamSpec) -> list[Written]:
    """Rows in the specification's order, with floats as their exact text, so that -0 is not 0 and a NaN is itself."""
    columns = {"numeric": decoded.columns.numeric, "categorical": decoded.columns.categorical}
    columns["text"] = decoded.columns.text
    parts = []
    for feature in spec.features:
        of_its_type = [other.name for other in spec.features if other.type == feature.type]
        parts.append(columns[feature.type][:, of_its_type.index(feature.name)])
    heads = zip(decoded.record_ids, decoded.device_ids, decoded.event_times.tolist(), strict=True)
    return [(*head, *(_text(part[i]) for part in parts)) for i, head in enumerate(heads)]


def _text(value: object) -> str | None:
    if isinstance(value, np.float32):
        return None if np.isnan(value) else value.tobytes().hex()
    return value if value is None or isinstance(value, str) else repr(value)


def _check_letters(rejects: Sequence[Reject], spec: StreamSpec) -> None:
    """Every reject makes one dead letter that can be read, is bounded, and leads back to its record."""
    outputs = bury(spec.topics.dead_letters, rejects, 100, NOW)
    letters = [DeadLetter.from_json(value or b"") for out in outputs for value in out.values]
    assert [letter.source_offset for letter in letters] == [reject.offset for reject in rejects]
    for letter, reject in zip(letters, rejects, strict=True):
        assert letter.reason == reject.reason
        assert 0 < len(letter.detail) <= 500
        assert len(letter.to_json()) < 4_000

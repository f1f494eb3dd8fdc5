"""What producers write is what the contract says."""

from hypothesis import given
from hypothesis import strategies as st

from driftline.records import FeatureRecord, Label
from producers.encode import encode_features, encode_labels

text = st.text(st.characters(codec="utf-8"), min_size=1, max_size=9)
value = st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=False), text)


class TestTheContractIsKept:
    @given(text, text, st.integers(0, 2**53), st.lists(value, max_size=5))
    def test_features(self, record: str, device: str, time: int, values: list[float | str | None]) -> None:
        (wire,) = encode_features([record], [device], time, [tuple(values)])
        assert FeatureRecord.from_json(wire) == FeatureRecord(
            record_id=record, device_id=device, event_time=time, features=list(values)
        )

    @given(text, text, st.integers(0, 2**53), st.one_of(text, st.lists(text, max_size=3)))
    def test_labels(self, record: str, device: str, time: int, label: str | list[str]) -> None:
        (wire,) = encode_labels([record], [device], [label], time)
        assert Label.from_json(wire) == Label(record_id=record, device_id=device, label=label, labelled_at=time)

    def test_no_field_more_or_less(self) -> None:
        (features,) = encode_features(["r"], ["d"], 1, [(0.1, None, "ERR")])
        assert (
            features
            == b'{"schema_version":1,"record_id":"r","device_id":"d","event_time":1,"features":[0.1,null,"ERR"]}'
        )
        (label,) = encode_labels(["r"], ["d"], ["x"], 1)
        assert label == b'{"schema_version":1,"record_id":"r","device_id":"d","label":"x","labelled_at":1}'

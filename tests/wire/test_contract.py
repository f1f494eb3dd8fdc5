"""The hot path writes and reads without pydantic; what it writes and reads is the contract all the same."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftline.records import Prediction
from driftline.wire.predictions import _Prediction, _Read, decode_predictions, encode_predictions
from tests.streams import NOW, batch

ids = st.text(min_size=1, max_size=20)


class TestPredictions:
    def test_fields_are_those_of_the_contract(self) -> None:
        assert set(_Prediction.__struct_fields__) == set(Prediction.model_fields)
        assert set(_Read.__struct_fields__) == set(Prediction.model_fields)

    @given(
        record_id=ids, device=ids, share=st.floats(0, 1), version=st.integers(1, 10**6), offset=st.integers(0, 2**60)
    )
    def test_what_is_written_is_valid_and_comes_back(
        self, record_id: str, device: str, share: float, version: int, offset: int
    ) -> None:
        probabilities = np.float32([[share, 1 - share]])
        value = encode_predictions(
            [record_id],
            [device],
            np.array([NOW]),
            ["ok"],
            probabilities.max(axis=1),
            probabilities,
            version,
            np.array([3]),
            np.array([offset]),
            NOW,
        )[0]
        prediction = Prediction.from_json(value)
        assert (prediction.record_id, prediction.device_id) == (record_id, device)
        assert (prediction.model_version, prediction.source_offset) == (version, offset)
        back = decode_predictions([batch([value])], 2)
        assert back.record_ids == [record_id]
        np.testing.assert_allclose(back.probabilities, probabilities, atol=1e-6)

    def test_what_is_no_prediction_is_counted(self) -> None:
        assert decode_predictions([batch([b"{", None, b"{}"])], 2).malformed == 3

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("event_time", 10**30),
            ("scored_at", -(10**30)),
            ("source_offset", 2**63),
            ("source_offset", -1),
            ("source_partition", 10**400),
            ("model_version", 0),
            ("confidence", 1.5),
            ("confidence", 10**400),
            ("probabilities", [0.5]),
            ("probabilities", [0.5, 10**39]),
            ("probabilities", [0.5, -0.1]),
            ("probabilities", [0.5, None]),
            ("record_id", ""),
            ("device_id", "d" * 129),
            ("prediction", ["ok"] * 3),
            ("schema_version", 2),
            ("schema_version", None),
        ],
    )
    def test_what_no_consumer_of_ours_writes_is_counted_and_nothing_more(self, field: str, value: object) -> None:
        good = self._written()
        broken = json.dumps(json.loads(good) | {field: value}).encode()
        decoded = decode_predictions([batch([good, broken, good])], 2)
        assert (len(decoded), decoded.malformed) == (2, 1)

    def test_nesting_without_end_is_counted_and_nothing_more(self) -> None:
        nested = self._written()[:-1] + b',"x":' + b"[" * 5_000 + b"]" * 5_000 + b"}"
        assert decode_predictions([batch([nested])], 2).malformed == 1

    @staticmethod
    def _written() -> bytes:
        shares = np.float32([[0.25, 0.75]])
        one, place = np.array([NOW]), np.array([3])
        return encode_predictions(["r"], ["d"], one, ["ok"], shares[:, 1], shares, 1, place, place, NOW)[0]

"""The hot path writes and reads without pydantic; what it writes and reads is the contract all the same."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftline.records import Label, Prediction
from driftline.wire.labels import _Label, decode_labels
from driftline.wire.predictions import _Prediction, decode_predictions, encode_predictions
from tests.streams import NOW, batch

ids = st.text(min_size=1, max_size=20)


class TestPredictions:
    def test_fields_are_those_of_the_contract(self) -> None:
        assert set(_Prediction.__struct_fields__) == set(Prediction.model_fields)

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


class TestLabels:
    def test_fields_are_those_of_the_contract(self) -> None:
        assert set(_Label.__struct_fields__) == set(Label.model_fields)

    @pytest.mark.parametrize("label", ["ok", ["ok", "worn"], []])
    def test_what_the_contract_writes_is_read(self, label: str | list[str]) -> None:
        value = Label(record_id="r", device_id="d", label=label, labelled_at=NOW).to_json()
        decoded = decode_labels([batch([value], start=4)], ["ok", "worn"])
        assert decoded.labels == [label]
        assert decoded.offsets.tolist() == [4]

    @pytest.mark.parametrize(
        ("value", "said"),
        [
            (b"", "empty"),
            (b'{"record_id":"r","device_id":"d","label":"odd","labelled_at":1}', "not a class"),
            (b'{"record_id":"r","device_id":"d","label":"ok","labelled_at":1,"schema_version":3}', "schema_version"),
        ],
    )
    def test_a_malformed_label_is_told_with_its_place(self, value: bytes, said: str) -> None:
        partition, offset, why = decode_labels([batch([value], partition=1, start=8)], ["ok"]).malformed[0]
        assert (partition, offset) == (1, 8)
        assert said in why or value == b""

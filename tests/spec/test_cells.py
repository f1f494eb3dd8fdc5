"""One cell, one meaning: for training from a frame and for replay onto the wire."""

import io
import math

import msgspec
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftline.cells import (
    category_text,
    columns_from_frame,
    labels_from_frame,
    numeric_cells,
    refused_rows,
    wire_rows,
)
from driftline.errors import UsageError
from driftline.kafka.interface import Batch
from driftline.spec import CategoricalFeature, NumericFeature, StreamSpec, TextFeature
from driftline.wire.features import FeatureDecoder

SPEC = StreamSpec(
    stream="s",
    task="binary",
    classes=("no", "yes"),
    features=(
        TextFeature(name="note"),
        NumericFeature(name="temp"),
        CategoricalFeature(name="mode", categories=("1", "2", "true", "on")),
        NumericFeature(name="load", required=True),
        CategoricalFeature(name="site", categories=("a",), unknown="bucket"),
    ),
)
NOW = 1_700_000_000_000

numbers = st.one_of(
    st.floats().map(repr),
    st.integers(-(10**40), 10**40).map(str),
    st.sampled_from(["", "NA", "?", "ERR", "1e400", "-inf", "1_000", "nan", " 7 ", "3.5e38", "1e-400", "0x10"]),
)
categories = st.sampled_from(["1", "1.0", "2", "True", "on", " on ", "off", "", "NA", "3"])
texts = st.one_of(st.sampled_from(["", "null", "NA", "Pump leaks"]), st.text(st.characters(codec="utf-8"), max_size=9))
frames = st.lists(st.tuples(texts, numbers, categories, numbers, categories), min_size=1, max_size=12).map(
    lambda rows: pd.DataFrame(
        [[cell or None for cell in row] for row in rows],
        columns=["note", "temp", "mode", "load", "site"],
        dtype=object,
    )
)


def on_the_wire(frame: pd.DataFrame) -> Batch:
    values = [
        msgspec.json.encode({"record_id": str(i), "device_id": "d", "event_time": NOW, "features": row})
        for i, row in enumerate(wire_rows(SPEC, frame))
    ]
    n = len(values)
    return Batch("s.features", 0, list(range(n)), [NOW] * n, [None] * n, values)


class TestTrainingAndReplayReadACellAlike:
    @given(frame=frames)
    def test_what_the_consumer_decodes_is_what_training_reads(self, frame: pd.DataFrame) -> None:
        decoded = FeatureDecoder(SPEC).decode([on_the_wire(frame)], NOW)
        refused = refused_rows(SPEC, frame)
        assert sorted(reject.offset for reject in decoded.rejects) == np.flatnonzero(refused).tolist()
        kept = columns_from_frame(SPEC, frame).take(~refused)
        np.testing.assert_array_equal(decoded.columns.numeric, kept.numeric)
        assert decoded.columns.categorical.tolist() == kept.categorical.tolist()
        assert decoded.columns.text.tolist() == kept.text.tolist()

    @given(frame=frames)
    def test_training_columns_hold_no_infinity(self, frame: pd.DataFrame) -> None:
        assert not np.isinf(columns_from_frame(SPEC, frame).numeric).any()

    @given(frame=frames, cut=st.integers(1, 11))
    def test_chunks_read_as_the_whole_does(self, frame: pd.DataFrame, cut: int) -> None:
        parts = [part for part in (frame.iloc[:cut], frame.iloc[cut:]) if len(part)]
        assert [row for part in parts for row in wire_rows(SPEC, part)] == wire_rows(SPEC, frame)


class TestNumbersAreExact:
    @given(st.floats(allow_nan=False, allow_infinity=False))
    def test_the_float64_of_the_file(self, value: float) -> None:
        assert numeric_cells(pd.Series([repr(value)], dtype=object)).values[0] == value

    def test_an_unreadable_cell_stays_as_it_stands(self) -> None:
        read = numeric_cells(pd.Series(["1", "ERR", None, "inf", "-9.5"], dtype=object))
        assert read.unreadable == {1: "ERR", 3: "inf"}
        np.testing.assert_array_equal(read.values, [1, math.nan, math.nan, math.nan, -9.5])

    def test_typed_columns(self) -> None:
        for column in (pd.Series([1, 2]), pd.Series([1, 2], dtype="Int64"), pd.Series([1.0, 2.0], dtype="float32")):
            assert numeric_cells(column).values.tolist() == [1, 2]
        assert np.isnan(numeric_cells(pd.Series([1, None], dtype="Int64")).values).tolist() == [False, True]
        assert numeric_cells(pd.Series([1.0, np.inf])).unreadable == {1: "inf"}


class TestACategoryIsTheSameHoweverItWasRead:
    @pytest.mark.parametrize(
        "cells",
        [["1", "2", "1"], ["1.0", "2.0", ""], ["true", "false", ""], ["True", "False", "True"], ["a b", "c", "a b"]],
    )
    def test_our_reader_and_pandas_agree(self, cells: list[str]) -> None:
        csv = "x,y\n" + "".join(f"{cell},0\n" for cell in cells)
        guessed = [category_text(cell) for cell in pd.read_csv(io.StringIO(csv))["x"].astype(object)]
        assert guessed == [category_text(cell or None) for cell in cells]

    def test_1_and_true_are_two_categories(self) -> None:
        spec = StreamSpec(stream="s", classes=("a", "b"), features=(CategoricalFeature(name="x", categories=("1",)),))
        frame = pd.DataFrame({"x": pd.Series([1, True, 1.0, None], dtype=object)})
        assert columns_from_frame(spec, frame).categorical[:, 0].tolist() == ["1", "true", "1", None]


class TestLabels:
    def test_numbers_strings_and_missing(self) -> None:
        spec = StreamSpec(stream="s", classes=("2", "11"), features=(NumericFeature(name="x"),))
        assert labels_from_frame(spec, pd.DataFrame({"label": [2.0, None, 11.0]})) == ["2", None, "11"]
        frame = pd.DataFrame({"label": ["lying down", None, "2"]}, dtype=object)
        assert labels_from_frame(spec, frame) == ["lying down", None, "2"]

    def test_multilabel_from_columns(self) -> None:
        spec = StreamSpec(stream="s", task="multilabel", classes=("heat", "wear"), features=(NumericFeature(name="x"),))
        frame = pd.DataFrame({"heat": ["1", "0", "no", None], "wear": ["true", "0", "YES", "1"]}, dtype=object)
        assert labels_from_frame(spec, frame) == [["heat", "wear"], [], ["wear"], None]
        with pytest.raises(UsageError, match=r"column 'heat', row 0: read '7'"):
            labels_from_frame(spec, pd.DataFrame({"heat": [7], "wear": [1]}))

    def test_multilabel_from_one_column(self) -> None:
        spec = StreamSpec(stream="s", task="multilabel", classes=("heat", "wear"), features=(NumericFeature(name="x"),))
        frame = pd.DataFrame({"label": ["heat; wear", None, "?", "wear"]}, dtype=object)
        assert labels_from_frame(spec, frame) == [["heat", "wear"], [], None, ["wear"]]

    def test_a_column_that_is_not_there_is_named_with_its_likeness(self) -> None:
        with pytest.raises(UsageError, match=r"column 'temp'.*did you mean 'temps'"):
            columns_from_frame(SPEC, pd.DataFrame({"temps": [1], "note": ["a"]}))

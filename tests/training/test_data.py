import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftline.errors import UsageError
from driftline.kafka.interface import Batch
from driftline.records import FeatureRecord, Label
from driftline.spec.stream import StreamSpec
from tests.training.conftest import numeric_frame, numeric_spec
from training.data import from_batches, from_frame
from training.npz import load_dataset, save_dataset

NOW = 1_700_000_000_000
SPEC = numeric_spec()


def batch(topic: str, values: list[bytes], partition: int = 0) -> Batch:
    n = len(values)
    return Batch(topic, partition, list(range(n)), [NOW] * n, [None] * n, values)


def feature(record_id: str, at: int, x: float = 1.0) -> bytes:
    return FeatureRecord(record_id=record_id, device_id="d", event_time=NOW + at, features=[x, 0.0, None]).to_json()


def label(record_id: str, name: str) -> bytes:
    return Label(record_id=record_id, device_id="d", label=name, labelled_at=NOW).to_json()


class TestJoinsLabelsToFeatures:
    def test_by_record_id_in_event_time_order_whatever_the_partition(self) -> None:
        features = [batch("f", [feature("r3", 3), feature("r1", 1)], 0), batch("f", [feature("r2", 2)], 1)]
        labels = [batch("l", [label("r1", "a"), label("r2", "b"), label("r3", "c")])]
        data = from_batches(SPEC, features, labels, NOW, fewest=1)
        assert data.record_ids == ["r1", "r2", "r3"]
        assert data.labels.tolist() == [0, 1, 2]
        assert np.isnan(data.columns.numeric[:, 2]).all()

    def test_first_label_wins(self) -> None:
        data = from_batches(
            SPEC, [batch("f", [feature("r", 0)])], [batch("l", [label("r", "b"), label("r", "c")])], NOW, fewest=1
        )
        assert data.labels.tolist() == [1]

    def test_equal_times_keep_partition_and_offset_order(self) -> None:
        features = [batch("f", [feature("p1o0", 0), feature("p1o1", 0)], 1), batch("f", [feature("p0o0", 0)], 0)]
        labels = [batch("l", [label(r, "a") for r in ("p1o0", "p1o1", "p0o0")])]
        assert from_batches(SPEC, features, labels, NOW, fewest=1).record_ids == ["p0o0", "p1o0", "p1o1"]

    def test_counts_what_it_drops(self) -> None:
        features = [batch("f", [feature("r1", 1), feature("r1", 1), feature("r2", 2), b"{", b"[]"])]
        data = from_batches(SPEC, features, [batch("l", [label("r1", "a"), label("zz", "a")])], NOW, fewest=1)
        assert data.record_ids == ["r1"]
        assert (data.dropped.unlabelled, data.dropped.rejected, data.dropped.repeated) == (1, 2, 1)

    def test_nothing_labelled_says_what_to_look_at(self) -> None:
        with pytest.raises(UsageError, match=r"0 labelled rows.*blobs\.labels.*record_id"):
            from_batches(SPEC, [batch("f", [feature("r", 0)])], [], NOW)


class TestAFileMeansWhatTheWireMeans:
    def test_mixed_columns(self, mixed_spec: StreamSpec, mixed_frame: pd.DataFrame) -> None:
        from driftline.cells import labels_from_frame, wire_rows

        rows = wire_rows(mixed_spec, mixed_frame)
        values = [
            json.dumps({"record_id": str(i), "device_id": "d", "event_time": NOW + i, "features": row}).encode()
            for i, row in enumerate(rows)
        ]
        truths = [label(str(i), str(a)) for i, a in enumerate(labels_from_frame(mixed_spec, mixed_frame))]
        wire = from_batches(mixed_spec, [batch("f", values)], [batch("l", truths)], NOW)
        file = from_frame(mixed_spec, mixed_frame)
        assert wire.record_ids == file.record_ids
        np.testing.assert_array_equal(wire.columns.numeric, file.columns.numeric)
        assert wire.columns.categorical.tolist() == file.columns.categorical.tolist()
        assert wire.columns.text.tolist() == file.columns.text.tolist()
        np.testing.assert_array_equal(wire.labels, file.labels)

    def test_unknown_and_missing_labels_are_dropped_and_refused_rows_too(self) -> None:
        frame = numeric_frame(30).astype({"x0": object})
        frame.loc[0, "label"] = None
        frame.loc[1, "label"] = "zebra"
        frame.loc[2, "x0"] = "broken"
        data = from_frame(SPEC, frame)
        assert len(data) == 27
        assert (data.dropped.unlabelled, data.dropped.rejected) == (2, 1)
        assert data.record_ids[0] == "3"

    def test_too_few_rows_name_the_strange_labels(self) -> None:
        frame = numeric_frame(30).assign(label="zebra")
        with pytest.raises(UsageError, match=r"0 labelled rows of 30.*'label'.*none of them: zebra"):
            from_frame(SPEC, frame)

    def test_multilabel_rows_without_any_class_are_labelled(self) -> None:
        spec = SPEC.model_copy(update={"task": "multilabel"})
        frame = numeric_frame(30).assign(label=["a;c", None] * 15)
        data = from_frame(spec, frame)
        assert data.labels[:2].tolist() == [[True, False, True], [False, False, False]]


class TestNothingLeaksAcrossTheSplit:
    @settings(max_examples=60, deadline=None)
    @given(
        ids=st.lists(st.integers(0, 60), min_size=2, max_size=120),
        times=st.data(),
        holdout=st.floats(0.01, 0.89),
    )
    def test_newest_last_and_no_row_on_both_sides(self, ids: list[int], times: st.DataObject, holdout: float) -> None:
        at = times.draw(st.lists(st.integers(0, 50), min_size=len(ids), max_size=len(ids)))
        values = [feature(f"r{i}", t) for i, t in zip(ids, at, strict=True)]
        features = [batch("f", values[::2], 0), batch("f", values[1::2], 1)]
        labels = [batch("l", [label(f"r{i}", "abc"[i % 3]) for i in set(ids)])]
        data = from_batches(SPEC, features, labels, NOW, fewest=0)
        if len(data) < 2:
            return
        older, newest = data.split_newest(holdout)
        assert len(older) >= 1
        assert len(newest) >= 1
        assert older.record_ids + newest.record_ids == data.record_ids
        assert len(set(data.record_ids)) == len(data) == len(set(ids))
        assert older.event_times.max() <= newest.event_times.min()

    def test_statistics_and_vocabulary_know_nothing_of_the_held_out_rows(self, mixed_spec: StreamSpec) -> None:
        from training.preprocessing import learn

        def frame(tail: str, far: float) -> pd.DataFrame:
            n = 50
            return pd.DataFrame(
                {
                    "temp": [float(i) for i in range(40)] + [far] * 10,
                    "constant": 1.0,
                    "colour": "red",
                    "city": "city 1",
                    "note": ["pump leaks"] * 40 + [tail] * 10,
                    "remark": "x",
                    "label": ["good", "bad"] * (n // 2),
                }
            )

        one, other = (
            learn(mixed_spec, from_frame(mixed_spec, f).split_newest(0.2)[0].columns)
            for f in (frame("pump", 1.0), frame("secret word", 1e9))
        )
        np.testing.assert_array_equal(one.mean, other.mean)
        np.testing.assert_array_equal(one.variance, other.variance)
        assert one.look_ups == other.look_ups
        assert one.look_ups.texts[0].vocabulary == ("leaks", "pump")


class TestTravelsWithoutPickle:
    def test_there_and_back(self, mixed_spec: StreamSpec, mixed_frame: pd.DataFrame, tmp_path: object) -> None:
        from pathlib import Path

        data = from_frame(mixed_spec, mixed_frame)
        path = Path(str(tmp_path)) / "d.npz"
        save_dataset(path, data)
        with np.load(path, allow_pickle=False) as file:
            assert all(file[name].dtype != object for name in file.files)
        back = load_dataset(path)
        np.testing.assert_array_equal(back.columns.numeric, data.columns.numeric)
        assert back.columns.categorical.tolist() == data.columns.categorical.tolist()
        assert back.columns.text.tolist() == data.columns.text.tolist()
        assert back.columns.text.dtype == object
        assert back.record_ids == data.record_ids
        assert back.dropped == data.dropped
        np.testing.assert_array_equal(back.labels, data.labels)
        np.testing.assert_array_equal(back.event_times, data.event_times)

    def test_a_pickle_is_refused(self, tmp_path: object) -> None:
        from pathlib import Path

        path = Path(str(tmp_path)) / "d.npz"
        np.savez(path, numeric=np.array([{}], dtype=object), allow_pickle=True)
        with pytest.raises(UsageError, match="not a dataset"):
            load_dataset(path)

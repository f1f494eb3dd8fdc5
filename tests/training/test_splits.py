"""No row that a model learns from is one it is judged on, whatever the split."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftline.errors import SpecError, UsageError
from driftline.model.columns import Columns
from driftline.model.scorer import LiteRTScorer
from driftline.records import FeatureRecord
from driftline.registry.manifest import LookUps
from driftline.spec.load import parse_spec
from driftline.spec.stream import StreamSpec
from tests.training.test_data import NOW, batch, label
from training.data import Dataset, from_batches, from_frame
from training.splits import groups_of, split

DEVICES = ["pump-1", "pump-2", "pump-3", "pump-4"]


def document(method: str = "time", **more: object) -> dict[str, object]:
    """A number and the device it comes from; three classes."""
    chosen = {"method": method, **({"group": "device"} if method == "grouped" else {})}
    return {
        "stream": "pumps",
        "classes": ["a", "b", "c"],
        "features": [
            {"name": "x", "type": "numeric"},
            {"name": "device", "type": "categorical", "categories": DEVICES, "unknown": "bucket"},
        ],
        "training": {"epochs": 3, "refit": False, "network": {"hidden": [8]}, "split": chosen},
        **more,
    }


def spec_of(method: str = "time", **more: object) -> StreamSpec:
    return parse_spec(document(method, **more))


def dataset_of(labels: object, devices: list[str | None], times: object = None) -> Dataset:
    codes = np.asarray(labels)
    n = len(codes)
    names = np.empty((n, 1), dtype=object)
    names[:, 0] = devices
    numbers = np.arange(n, dtype=np.float32)[:, None]
    when = np.arange(n, dtype=np.int64) if times is None else np.sort(np.asarray(times, dtype=np.int64))
    return Dataset(Columns(numbers, names, np.empty((n, 0), object)), codes, [f"r{i}" for i in range(n)], when)


@st.composite
def datasets(draw: st.DrawFn) -> Dataset:
    n = draw(st.integers(4, 80))
    labels = draw(st.lists(st.integers(0, 2), min_size=n, max_size=n))
    devices = draw(st.lists(st.sampled_from([*DEVICES, "new", None]), min_size=n, max_size=n))
    devices[:2] = ["pump-1", "pump-2"]
    return dataset_of(labels, devices, draw(st.lists(st.integers(0, 30), min_size=n, max_size=n)))


METHODS = st.sampled_from(["time", "stratified", "grouped"])
SHARES = st.floats(0.05, 0.6)


class TestNoLeak:
    @settings(max_examples=150, deadline=None)
    @given(datasets(), METHODS, SHARES, st.booleans())
    def test_each_row_is_on_one_side_and_both_keep_their_order(
        self, data: Dataset, method: str, share: float, validation: bool
    ) -> None:
        older, held = split(spec_of(method), data, share, validation=validation)
        assert len(older) and len(held)
        assert not set(older.record_ids) & set(held.record_ids)
        assert sorted(older.record_ids + held.record_ids) == sorted(data.record_ids)
        for part in (older, held):
            numbers = part.columns.numeric[:, 0].astype(int)
            assert (np.diff(numbers) > 0).all()
            # Features, label, time and id of a row stay together.
            assert [f"r{i}" for i in numbers] == part.record_ids
            np.testing.assert_array_equal(part.labels, data.labels[numbers])
            np.testing.assert_array_equal(part.event_times, data.event_times[numbers])

    @settings(max_examples=100, deadline=None)
    @given(datasets(), SHARES)
    def test_by_time_nothing_is_learnt_from_that_is_newer(self, data: Dataset, share: float) -> None:
        older, held = split(spec_of(), data, share)
        assert older.event_times.max() <= held.event_times.min()

    @settings(max_examples=150, deadline=None)
    @given(datasets(), SHARES)
    def test_no_group_is_on_both_sides(self, data: Dataset, share: float) -> None:
        spec = spec_of("grouped")
        older, held = split(spec, data, share)
        assert not set(groups_of(spec, older)) & set(groups_of(spec, held))

    @pytest.mark.parametrize("method", ["time", "stratified", "grouped"])
    def test_a_record_that_stands_twice_is_refused(self, method: str) -> None:
        data = dataset_of([0, 1] * 10, DEVICES * 5)
        data.record_ids[19] = data.record_ids[0]
        with pytest.raises(UsageError, match="record id stands twice"):
            split(spec_of(method), data, 0.2)

    @pytest.mark.parametrize("method", ["stratified", "grouped"])
    def test_the_seed_decides(self, method: str) -> None:
        rng = np.random.default_rng(0)
        data = dataset_of(rng.integers(0, 3, 200), [f"d{i}" for i in rng.integers(0, 40, 200)])
        training = {"split": document(method)["training"]["split"]}  # type: ignore[index]
        parts = [split(spec_of(method, training=training | {"seed": s}), data, 0.2)[1].record_ids for s in (1, 1, 2)]
        assert parts[0] == parts[1] != parts[2]

    @settings(max_examples=60, deadline=None)
    @given(st.lists(st.tuples(st.integers(0, 12), st.integers(0, 50)), min_size=30, max_size=60), METHODS, SHARES)
    def test_a_record_delivered_again_is_on_one_side_only(
        self, delivered: list[tuple[int, int]], method: str, share: float
    ) -> None:
        # The same record comes again with another time, so that its copies would fall on both sides.
        records = [(f"r{number}", at, number) for number, at in [*delivered, (0, 0), (1, 1), (0, 50), (1, 50)]]
        values = [
            FeatureRecord(
                record_id=name, device_id="d", event_time=NOW + at, features=[float(number), DEVICES[number % 2]]
            ).to_json()
            for name, at, number in records
        ]
        labels = [label(name, "ab"[number % 3 == 0]) for name, _, number in records]
        spec = spec_of(method)
        data = from_batches(spec, [batch("f", values)], [batch("l", labels)], NOW, fewest=1)
        assert data.dropped.repeated == len(records) - len({name for name, _, _ in records})
        older, held = split(spec, data, share)
        assert not set(older.record_ids) & set(held.record_ids)
        copies = older.columns.numeric[:, None, 0] == held.columns.numeric[None, :, 0]
        assert not copies.any()


class TestStratified:
    @settings(max_examples=100, deadline=None)
    @given(st.lists(st.integers(0, 2), min_size=20, max_size=200), SHARES)
    def test_each_class_has_its_share(self, labels: list[int], share: float) -> None:
        data = dataset_of(labels, ["pump-1"] * len(labels))
        older, held = split(spec_of("stratified"), data, share)
        for klass in set(labels):
            assert abs((held.labels == klass).sum() - share * labels.count(klass)) <= 1
            assert (older.labels == klass).any(), "a class was held out as a whole"

    def test_a_rare_class_at_the_end_is_on_both_sides(self) -> None:
        data = dataset_of([0] * 95 + [1] * 5, ["pump-1"] * 100)
        older, held = split(spec_of("stratified"), data, 0.2)
        assert [(part.labels == 1).sum() for part in (older, held)] == [4, 1]
        by_time = split(spec_of(), data, 0.05)
        assert (by_time[0].labels == 1).sum() == 0

    def test_multilabel_each_class_and_the_rows_without_any(self) -> None:
        rng = np.random.default_rng(3)
        labels = rng.random((1_000, 3)) < np.array([0.02, 0.1, 0.5])
        spec = spec_of("stratified", task="multilabel")
        older, held = split(spec, dataset_of(labels, ["pump-1"] * 1_000), 0.2)
        assert abs(len(held) - 200) <= 3
        for klass in range(3):
            assert held.labels[:, klass].sum() == pytest.approx(0.2 * labels[:, klass].sum(), abs=1.5)
        none = (~labels.any(axis=1)).sum()
        assert (~held.labels.any(axis=1)).sum() == pytest.approx(0.2 * none, abs=5)
        assert not set(older.record_ids) & set(held.record_ids)


class TestGrouped:
    def test_near_the_share_where_groups_allow_it(self) -> None:
        rng = np.random.default_rng(4)
        data = dataset_of(rng.integers(0, 3, 1_000), [f"d{i}" for i in rng.integers(0, 50, 1_000)])
        assert len(split(spec_of("grouped"), data, 0.2)[1]) == pytest.approx(200, abs=20)

    def test_two_groups_suffice_for_a_training(self, tmp_path: Path) -> None:
        from training.origin import Origin
        from training.train import Trained, train

        data = dataset_of([0, 1, 2] * 20, ["pump-1", "pump-2", "pump-2"] * 20)
        outcome = train(spec_of("grouped"), data, Origin(source="t", created_at=0), tmp_path / "model")
        assert isinstance(outcome, Trained)
        assert outcome.verdict.candidate.rows == 20
        assert any("whole groups of device" in reason for reason in outcome.verdict.reasons)

    def test_one_group_is_refused(self) -> None:
        with pytest.raises(UsageError, match=r"of one 'device' \(pump-1\); allowed: at least 2 groups"):
            split(spec_of("grouped"), dataset_of([0, 1] * 10, ["pump-1"] * 20), 0.2)

    @pytest.mark.parametrize(
        ("chosen", "said"),
        [
            ({"method": "grouped"}, r"training\.split\.group: required .* \('device'\)"),
            (
                {"method": "grouped", "group": "x"},
                r"training\.split\.group: read 'x'; allowed: a categorical .*'device'",
            ),
            ({"method": "grouped", "group": "nix"}, r"training\.split\.group: read 'nix'"),
            ({"method": "time", "group": "device"}, r"training\.split\.group: read 'device', which .*'time' would not"),
        ],
    )
    def test_a_specification_that_cannot_be_meant(self, chosen: dict[str, str], said: str) -> None:
        with pytest.raises(SpecError, match=said):
            spec_of(training={"split": chosen})


def poisoned(data: Dataset, rows: list[str]) -> Dataset:
    """The same, but with other numbers and devices in `rows`."""
    columns = Columns(data.columns.numeric.copy(), data.columns.categorical.copy(), data.columns.text)
    chosen = np.isin(data.record_ids, rows)
    columns.numeric[chosen] = -1e30
    return Dataset(columns, data.labels, data.record_ids, data.event_times)


class TestWhatIsHeldOutTeachesNothing:
    @pytest.mark.parametrize(
        ("method", "imbalance"),
        [("time", "none"), ("stratified", "none"), ("grouped", "none"), ("time", "class-weights")],
    )
    def test_poison_in_it_changes_no_weight_and_no_statistic(self, method: str, imbalance: str, tmp_path: Path) -> None:
        from training.origin import Origin
        from training.train import Trained, train

        rng = np.random.default_rng(5)
        labels = rng.integers(0, 3, 120)
        data = dataset_of(labels, [DEVICES[i] for i in rng.integers(0, 4, 120)])
        base = document(method)
        spec = parse_spec(
            {
                **base,
                "features": [
                    {"name": "x", "type": "numeric", "transform": "log", "clip": 0.05},
                    *base["features"][1:],  # type: ignore[index]
                ],
                "training": {**base["training"], "imbalance": {"method": imbalance}},  # type: ignore[dict-item]
            }
        )
        _, held = split(spec, data, spec.training.holdout)
        answers = []
        for name, rows in (("clean", data), ("poisoned", poisoned(data, held.record_ids))):
            outcome = train(spec, rows, Origin(source="t", created_at=0), tmp_path / name)
            assert isinstance(outcome, Trained)
            assert outcome.manifest is not None
            lite = LiteRTScorer((tmp_path / name / "model.tflite").read_bytes(), outcome.manifest.look_ups)
            answers.append(lite.score(data.columns))
        np.testing.assert_array_equal(answers[0], answers[1])
        if (method, imbalance) != ("time", "none"):
            return
        # The poison is one: a training that sees it answers otherwise.
        spoilt = train(spec, poisoned(data, data.record_ids[::3]), Origin(source="t", created_at=0), tmp_path / "all")
        assert isinstance(spoilt, Trained)
        lite = LiteRTScorer((tmp_path / "all" / "model.tflite").read_bytes(), LookUps(categories=(tuple(DEVICES),)))
        assert np.abs(lite.score(data.columns) - answers[0]).max() > 1e-4

    def test_the_rows_that_decide_when_to_stop_teach_no_statistic(self) -> None:
        from training.fit import VALIDATION, fit

        data = dataset_of([0, 1, 2] * 30, (DEVICES * 23)[:90])
        for method in ("time", "stratified", "grouped"):
            spec = spec_of(method)
            older, watched = split(spec, data, VALIDATION, validation=True)
            found = [
                fit(spec, rows).network.preprocessing.mean[0] for rows in (data, poisoned(data, watched.record_ids))
            ]
            assert found[0] == found[1] == np.float32(older.columns.numeric.astype(np.float64).mean())


def test_a_file_is_split_as_asked() -> None:
    import pandas as pd

    frame = pd.DataFrame({"x": range(60), "device": DEVICES * 15, "label": ["a", "b", "c"] * 20})
    spec = spec_of("grouped")
    older, held = split(spec, from_frame(spec, frame), 0.25)
    assert len(set(groups_of(spec, held))) == 1
    assert len(set(groups_of(spec, older))) == 3

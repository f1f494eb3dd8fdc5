"""Training from a Parquet file that stays where it is, piece by piece."""

import json
import os
import subprocess
import sys
from pathlib import Path

import fsspec
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from driftline.errors import UsageError
from driftline.registry import Registry
from driftline.spec.stream import StreamSpec
from tests.training.conftest import numeric_frame, numeric_spec
from training.data import from_frame
from training.fit import VALIDATION
from training.initial import train_streamed
from training.keras_fit import statistics
from training.keras_fit.statistics import Streamed, learn_streamed, open_streamed
from training.keras_fit.strategies import workers
from training.keras_fit.stream import batches_of, streaming
from training.preprocessing import learn

ROOT = Path(__file__).parents[3]


def write(frame: pd.DataFrame, url: str, group: int) -> str:
    with fsspec.open(url, "wb") as file:
        pq.write_table(pa.Table.from_pandas(frame, preserve_index=False), file, row_group_size=group)
    return url


@pytest.fixture
def mixed_file(mixed_frame: pd.DataFrame, tmp_path: Path) -> str:
    frame = mixed_frame.assign(colour=mixed_frame.colour.map(lambda c: None if c is None else str(c)))
    frame.loc[[3, 390], "label"] = None
    return write(frame, str(tmp_path / "mixed.parquet"), 70)


class TestStatistics:
    def test_one_pass_learns_what_all_rows_in_memory_teach(
        self, mixed_spec: StreamSpec, mixed_file: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from training.keras_fit import parquet

        note = mixed_spec.text[0].model_copy(update={"ngrams": 2})
        features = tuple(note if feature.name == note.name else feature for feature in mixed_spec.features)
        mixed_spec = mixed_spec.model_copy(update={"features": features})
        monkeypatch.setattr(parquet, "BLOCK", 33)
        whole = from_frame(mixed_spec, pd.read_parquet(mixed_file))
        rows = open_streamed(mixed_spec, mixed_file)
        assert len(rows) == len(whole) == 398 and rows.dropped == whole.dropped
        one, all_rows = learn_streamed(mixed_spec, rows), learn(mixed_spec, whole.columns)
        np.testing.assert_allclose(one.mean, all_rows.mean, rtol=1e-6)
        np.testing.assert_allclose(one.variance, all_rows.variance, rtol=1e-6)
        assert one.indicators == all_rows.indicators == (0,)
        assert one.look_ups == all_rows.look_ups
        assert len(one.look_ups.texts[0].vocabulary) > 5

    def test_far_from_zero_nothing_cancels(self) -> None:
        values = (1e7 + np.random.default_rng(0).normal(size=(1_000, 1))).astype(np.float32)
        values[5] = np.nan
        moments = statistics.Moments(1)
        for start in range(0, 1_000, 7):
            moments.add(values[start : start + 7])
        assert moments.variance[0] == pytest.approx(np.nanvar(values.astype(np.float64)), rel=1e-9)
        assert moments.missing.tolist() == [True]

    def test_words_beyond_the_most_are_forgotten_rarest_first(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(statistics, "MOST_WORDS", 4)
        counter = statistics.Counter({"a": 9, "b": 8, "c": 1, "d": 1, "e": 1})
        statistics._shorten(counter)
        assert set(counter) == {"a", "b"}

    def test_what_one_pass_cannot_learn_is_refused(self, tmp_path: Path) -> None:
        spec = numeric_spec()
        clipped = spec.features[0].model_copy(update={"clip": 0.01})
        with pytest.raises(UsageError, match=r"features\.x0: transform and clip .* without --stream"):
            open_streamed(spec.model_copy(update={"features": (clipped, *spec.features[1:])}), str(tmp_path / "x"))

    @pytest.mark.parametrize(
        "given", [{"missing": "drop"}, {"split": {"method": "stratified"}}, {"imbalance": {"method": "smote"}}]
    )
    def test_what_needs_all_rows_is_refused(self, given: dict[str, object]) -> None:
        with pytest.raises(UsageError, match=rf"training\.{next(iter(given))}.*allowed for rows that stay in a file"):
            open_streamed(numeric_spec(**given), "memory://not-opened.parquet")


class TestSplit:
    def test_the_newest_by_row_count_in_memory_the_older_in_the_file(self, tmp_path: Path) -> None:
        spec, frame = numeric_spec(), numeric_frame(500)
        rows = open_streamed(spec, write(frame, str(tmp_path / "b.parquet"), 90), 10, 480)
        older, newest = rows.split_newest(0.2)
        assert isinstance(older, Streamed) and not isinstance(newest, Streamed)
        assert (older.start, older.stop, len(older), len(newest)) == (10, 386, 376, 94)
        assert newest.record_ids == [str(i) for i in range(386, 480)]
        np.testing.assert_allclose(newest.columns.numeric, frame.to_numpy()[386:480, :3].astype(np.float32))
        assert [len(part) for part in older.split_newest(VALIDATION)] == [320, 56]

    def test_held_out_rows_are_bounded(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(statistics, "MOST_HELD", 30)
        rows = open_streamed(numeric_spec(), write(numeric_frame(500), str(tmp_path / "b.parquet"), 90))
        assert [len(part) for part in rows.split_newest(0.2)] == [470, 30]
        assert len(rows) == 500 and len(rows.columns) == len(rows.labels) == 30


class TestOrder:
    @pytest.mark.parametrize("size", [32, 7])
    def test_a_pass_has_every_row_once_shuffled_in_windows(self, tmp_path: Path, size: int) -> None:
        spec, frame = numeric_spec(), numeric_frame(500)
        rows = open_streamed(spec, write(frame, str(tmp_path / "b.parquet"), 50))
        begin = batches_of(rows, learn_streamed(spec, rows).encode, size, seed=3, window=120)
        first, second = [np.concatenate([x["numeric"] for x, _ in begin()]) for _ in range(2)]
        again = np.concatenate(
            [x["numeric"] for x, _ in batches_of(rows, learn_streamed(spec, rows).encode, size, seed=3, window=120)()]
        )
        np.testing.assert_array_equal(first, again)
        assert not np.array_equal(first, second)
        truth = frame.to_numpy()[:, :3].astype(np.float32)
        for seen in (first, second):
            np.testing.assert_array_equal(np.sort(seen[:, 0]), np.sort(truth[:, 0]))
        # The first window holds whole row groups of the file, and not its first rows in order.
        place = {value: i for i, value in enumerate(truth[:, 0].tolist())}
        groups = {place[value] // 50 for value in first[:100, 0].tolist()}
        assert len(groups) <= 3

    def test_labels_stay_with_their_rows_and_batches_are_full(self, tmp_path: Path) -> None:
        spec, frame = numeric_spec(), numeric_frame(500)
        rows = open_streamed(spec, write(frame, str(tmp_path / "b.parquet"), 50))
        feed = streaming(spec, learn_streamed(spec, rows), rows, None, workers("none"))
        batches = list(feed.training.as_numpy_iterator())
        assert [len(labels) for _, labels in batches] == [32] * 15 + [20] and feed.steps == 16
        truth = dict(zip(frame.x0.astype(np.float32).tolist(), frame.label, strict=True))
        for inputs, labels in batches:
            assert [truth[x] for x in inputs["numeric"][:, 0].tolist()] == ["abc"[k] for k in labels]


class TestAVersion:
    @pytest.mark.parametrize("scheme", ["memory", "file"])
    def test_is_made_judged_and_put_into_service(self, tmp_path: Path, scheme: str) -> None:
        spec = numeric_spec(learning_rate=0.01, epochs=4, network={"hidden": [16]})
        url = "memory://folder/blobs.parquet" if scheme == "memory" else f"file://{tmp_path}/blobs.parquet"
        registry = Registry(str(tmp_path / "models"), spec.stream)
        outcome = train_streamed(spec, write(numeric_frame(600), url, 100), registry, source="blobs.parquet")
        assert outcome.event is not None and outcome.manifest is not None
        assert registry.champion() is not None and outcome.rows == 600
        stored = registry.manifest(1)
        assert stored.data.rows == 600 and stored.data.refitted and stored.data.source == "blobs.parquet"
        assert (stored.data.first_record_id, stored.data.last_record_id) == ("0", "599")
        assert stored.verdict.candidate.rows == 120 and stored.verdict.candidate.accuracy > 0.9
        assert stored.runtime == "litert" and stored.parity is not None

    def test_the_same_gate_refuses(self, tmp_path: Path) -> None:
        spec = numeric_spec(learning_rate=0.01, epochs=2, network={"hidden": [8]}, refit=False)
        spec = spec.model_copy(update={"rollout": spec.rollout.model_copy(update={"minimum_gain": 0.5})})
        registry = Registry(str(tmp_path / "models"), spec.stream)
        url = write(numeric_frame(200), str(tmp_path / "b.parquet"), 100)
        assert train_streamed(spec, url, registry).event is not None
        second = train_streamed(spec, url, registry)
        assert second.event is None and second.manifest is None
        assert any("rollout.minimum_gain" in reason for reason in second.verdict.reasons)


class TestBadInput:
    def test_each_is_named(self, tmp_path: Path) -> None:
        spec = numeric_spec()
        (tmp_path / "text.parquet").write_text("no table")
        few = write(numeric_frame(15), str(tmp_path / "few.parquet"), 10)
        bare = write(numeric_frame(30).drop(columns="x1"), str(tmp_path / "bare.parquet"), 10)
        for url, said in (
            ("memory://none.parquet", "no such file"),
            (str(tmp_path / "none.parquet"), "no such file"),
            (str(tmp_path / "text.parquet"), "not a Parquet file"),
            ("nothing://x/y.parquet", "cannot be opened"),
            (few, "15 labelled rows"),
            (bare, "x1"),
        ):
            with pytest.raises(UsageError, match=said):
                open_streamed(spec, url)
        with pytest.raises(UsageError, match="--start-row: read 30"):
            open_streamed(spec, bare, 30)


# A file of float32 that do not compress. The process reads it as a training does: counts it, learns from it, takes a
# pass over its batches; `fit` sees nothing but those. First a part of the file, which fills every bounded buffer.
READS = """
import json, resource, sys
import numpy as np
from driftline.spec.stream import StreamSpec
from training.keras_fit.statistics import learn_streamed, open_streamed
from training.keras_fit import statistics, stream
statistics.MOST_HELD = 20_000
url, spec = sys.argv[1], StreamSpec.model_validate_json(sys.argv[2])
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
small = open_streamed(spec, url, 0, 45_000)
learn_streamed(spec, small)
for _ in stream.batches_of(small, learn_streamed(spec, small).encode, 1024, 1, window=16_384)():
    pass
before = peak()
rows = open_streamed(spec, url)
known = learn_streamed(spec, rows.split_newest(0.2)[0])
seen = sum(len(labels) for _, labels in stream.batches_of(rows, known.encode, 1024, 1, window=16_384)())
print(json.dumps({"before": before, "after": peak(), "seen": seen}))
"""

# Arrow's own allocator keeps what it was given back; how much depends on the machine.
ONE_POOL = {"ARROW_DEFAULT_MEMORY_POOL": "system"}


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss has other units elsewhere")
def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    spec = StreamSpec.model_validate(
        {
            "stream": "large",
            "task": "binary",
            "classes": ["0", "1"],
            "features": [{"name": f"x{i}", "type": "numeric"} for i in range(64)],
        }
    )
    url, rng, groups = tmp_path / "large.parquet", np.random.default_rng(0), 14
    schema = pa.schema([(f"x{i}", pa.float32()) for i in range(64)] + [("label", pa.int8())])
    with pq.ParquetWriter(url, schema, use_dictionary=False) as writer:
        for _ in range(groups):
            values = rng.random((64, 30_000), dtype=np.float32)
            columns = [pa.array(v) for v in values] + [pa.array((values[0] > 0.5).astype(np.int8))]
            writer.write_table(pa.Table.from_arrays(columns, schema=schema), row_group_size=30_000)
    megabytes = url.stat().st_size / 2**20
    assert megabytes > 100
    ran = subprocess.run(
        [sys.executable, "-c", READS, str(url), spec.model_dump_json()],
        capture_output=True, text=True, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT), **ONE_POOL}, timeout=120,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    found = json.loads(ran.stdout)
    assert found["seen"] == groups * 30_000
    # Read whole, the file would lie in memory at least twice: as a frame, and as the columns made of it.
    assert found["after"] - found["before"] < megabytes / 2, found

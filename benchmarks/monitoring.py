"""What a record costs the monitor: CPU time and memory by part, by width, and over a growing stream.

    python -m benchmarks.monitoring                                      # about three minutes
    python -m benchmarks.monitoring --grow 1000000 10000000              # and over as many records, ten minutes more
    python -m benchmarks.monitoring --standing                           # only what a drift that stands costs

Records are normal, in batches of 2,000 as the service reads them, at the defaults of a stream (window 400). Time is CPU
time of one process with one thread of linear algebra, so a rate is one of a core; each part is timed by itself, on
columns that are decoded already, and once the whole core from wire bytes to events. Memory is the process's resident
memory, and the size of the state as the monitor stores it.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

import numpy as np  # noqa: E402  (its threads are counted when it is loaded)
from numpy.typing import NDArray  # noqa: E402

from driftline.kafka.interface import Batch  # noqa: E402
from driftline.model.columns import Columns  # noqa: E402
from driftline.records.loop import DriftEvent, DriftKind  # noqa: E402
from driftline.registry import Reference, describe_features  # noqa: E402
from driftline.registry.reference import describe_pairs  # noqa: E402
from driftline.spec import StreamSpec, parse_spec  # noqa: E402
from driftline.wire.features import Decoded, FeatureDecoder  # noqa: E402
from driftline.wire.labels import Labels, decode_labels  # noqa: E402
from driftline.wire.predictions import Predictions, decode_predictions, encode_predictions  # noqa: E402
from monitoring.core import MonitorCore  # noqa: E402
from monitoring.distribution.criteria import Criteria  # noqa: E402
from monitoring.distribution.data import DataMonitor  # noqa: E402
from monitoring.distribution.geometry import Geometry  # noqa: E402
from monitoring.events.telling import Telling  # noqa: E402
from monitoring.labels.history import History  # noqa: E402
from monitoring.labels.join import LabelJoin  # noqa: E402
from monitoring.watch import Watch  # noqa: E402
from producers.encode import encode_features, encode_labels  # noqa: E402

BATCH, CLASSES, EPOCH = 2_000, ("a", "b", "c", "d", "e", "f"), 1_700_000_000_000
REFERENCE_ROWS, LABEL_DELAY = 5_000, 5


def spec_of(features: int, **data: Any) -> StreamSpec:
    names = [{"name": f"f{i}", "type": "numeric"} for i in range(features)]
    return parse_spec(
        {"stream": "benchmark", "classes": list(CLASSES), "features": names, "monitoring": {"data": data}}
    )


class Source:
    """Batches of a quiet stream: new ids and times each time, the values from a pool.

    `drifted` makes it another world: a third of the features are shifted by a deviation, and four of ten answers right.
    """

    def __init__(self, features: int, *, batch: int = BATCH, devices: int = 1) -> None:
        self.drifted = False
        self._batch, self._devices = batch, devices
        self._rng = np.random.default_rng(0)
        self._pool = self._rng.normal(size=(max(min(40_000, 4_000_000 // features), 4_000), features))
        probabilities = self._rng.dirichlet(np.full(len(CLASSES), 0.3), len(self._pool)).astype(np.float32)
        self._probabilities = probabilities
        self._answers = [CLASSES[i] for i in probabilities.argmax(axis=1)]
        self.next = 0

    def reference(self, spec: StreamSpec) -> Reference:
        columns = _columns(self._rng.normal(size=(REFERENCE_ROWS, self._pool.shape[1])))
        features = describe_features(spec, columns)
        edges = np.arange(1, 10) / 10
        sure = np.bincount(np.searchsorted(edges, self._probabilities.max(axis=1)), minlength=10)
        return Reference(
            rows=REFERENCE_ROWS,
            features=features,
            prediction_counts=tuple(int(self._answers.count(name)) for name in CLASSES),
            confidence_counts=tuple(int(count) for count in sure),
            error_rate=0.1,
            held_out_rows=1_000,
            dependence=describe_pairs(spec, columns, features),
        )

    def take(self) -> tuple[Decoded, Predictions, Labels]:
        """The next batch, as features, their predictions and their labels (right nine times of ten)."""
        n = self._batch
        rows = np.arange(self.next, self.next + n)
        self.next += n
        at = self._rng.integers(0, len(self._pool) - n + 1)
        ids = [f"r{row}" for row in rows.tolist()]
        devices = [f"d{row % self._devices}" for row in rows.tolist()]
        times, nothing = EPOCH + rows, np.zeros(n, dtype=np.int64)
        answers = self._answers[at : at + n]
        proba = self._probabilities[at : at + n]
        wrong = self._rng.random(n) < (0.6 if self.drifted else 0.1)
        truth = [CLASSES[CLASSES.index(a) - 1] if w else a for a, w in zip(answers, wrong.tolist(), strict=True)]
        values = self._pool[at : at + n]
        if self.drifted:
            values = values + (np.arange(values.shape[1]) % 3 == 0)
        features = Decoded(ids, devices, times, nothing, rows, _columns(values), [])
        predictions = Predictions(
            ids, devices, times, list(answers), proba.max(axis=1), proba, nothing + 1, nothing, rows, times + 5, 0
        )
        return features, predictions, Labels(ids, devices, truth, times + 1_000, nothing, rows, [])


def _columns(matrix: NDArray[Any]) -> Columns:
    empty = np.empty((len(matrix), 0), dtype=object)
    return Columns(matrix.astype(np.float32), empty, empty)


class Clock:
    """CPU seconds of each part."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)

    @contextmanager
    def of(self, part: str) -> Iterator[None]:
        start = time.process_time()
        yield
        self.seconds[part] += time.process_time() - start


def parts(features: int, records: int) -> dict[str, float]:
    """Microseconds of CPU a record of each part, on decoded columns."""
    spec, source = spec_of(features), Source(features)
    reference = source.reference(spec)
    watch, join, history = Watch(spec, 1, reference), LabelJoin(spec), History(20_000)
    without = DataMonitor(spec_of(features, multivariate=False), reference)
    smirnov = DataMonitor(spec_of(features, multivariate=False, statistic="kolmogorov-smirnov"), reference)
    binner, pairs = watch.data._binner, watch.data._pairs
    criteria = Criteria(spec.monitoring.data, binner.layout, Geometry.of_features(binner.references), 1e-3)
    clock, every = Clock(), np.ones(BATCH, dtype=bool)
    for _ in range(records // BATCH):
        decoded, predictions, labels = source.take()
        with clock.of("data: bins"):
            bins = binner.bins(decoded.columns, binner.values(decoded.columns))
        with clock.of("data: counts"):
            counts = np.bincount(bins.ravel(), minlength=len(binner.layout.counts))
        with clock.of("data: one evaluation in 100 records"):
            for _ in range(BATCH // 100):
                criteria.judge(counts)
        if pairs is not None:
            with clock.of("data: sums of pairs"):
                pairs.count(bins)
        with clock.of("data drift, each feature"):
            without.update(decoded, {0: source.next}, {})
        with clock.of("data drift, by kolmogorov-smirnov"):
            smirnov.update(decoded, {0: source.next}, {})
        with clock.of("data drift, features and pairs"):
            watch.data.update(decoded, {0: source.next}, {})
        with clock.of("prediction drift"):
            watch.prediction.update(predictions, every, {0: source.next}, {})
        with clock.of("join: predictions"):
            join.add_predictions(predictions, EPOCH)
        with clock.of("join: labels"):
            outcomes = join.add_labels(labels, EPOCH).by_event_time()
        with clock.of("outcomes: history and concept"):
            numbers = history.append(outcomes)
            watch.concept.update(~outcomes.correct, outcomes.event_time, numbers)
    assert not any(watch.standing.values()), "a quiet stream was said to drift"
    done = records // BATCH * BATCH
    return {part: round(1e6 * seconds / done, 3) for part, seconds in clock.seconds.items()}


def whole(features: int, records: int) -> dict[str, float]:
    """Microseconds of CPU a record from wire bytes to events: decoding by itself, and the core with its decoding."""
    spec, source = spec_of(features), Source(features)
    core, decoder = MonitorCore(spec), FeatureDecoder(spec)
    core.install(1, source.reference(spec), 1)
    clock, offset = Clock(), 0
    for _ in range(records // BATCH):
        batches, answered, labelled = _on_the_wire(spec, source, offset)
        now, offset = EPOCH + source.next, offset + BATCH
        with clock.of("decode: features"):
            decoder.decode(batches, now)
        with clock.of("decode: predictions"):
            decode_predictions(answered, len(CLASSES))
        with clock.of("decode: labels"):
            decode_labels(labelled, CLASSES)
        with clock.of("core: features"):
            core.process(batches, now)
        with clock.of("core: predictions"):
            core.process(answered, now)
        with clock.of("core: labels"):
            core.process(labelled, now)
    assert core.account()["outcomes"] == offset
    with clock.of("snapshot"):
        state = core.snapshot()
    done = records // BATCH * BATCH
    figures = {part: round(1e6 * seconds / done, 3) for part, seconds in clock.seconds.items() if part != "snapshot"}
    figures["state, MiB"] = round(sum(len(part) for part in state.values() if part is not None) / 2**20, 2)
    figures["resident, MiB"] = resident()
    return figures


REPEATS = 3
STAGES = ("nothing stands", "first 10,000 records of a drift", "later records of it")


def standing(features: int, batch: int) -> dict[str, dict[str, float]]:
    """What a drift that stands costs the whole core, from wire bytes: microseconds of CPU a record, by stage.

    The stream has 20 devices. 4,000 records before the first stage are not timed.
    """
    spec, source = spec_of(features), Source(features, batch=batch, devices=20)
    core, clock, offset = MonitorCore(spec), Clock(), 0
    core.install(1, source.reference(spec), 1)
    looks: dict[str, list[float]] = {stage: [] for stage in STAGES}
    stage, look = "", Telling._look

    def timed(telling: Telling, watch: Watch, kind: DriftKind) -> list[DriftEvent]:
        start = time.process_time()
        told = look(telling, watch, kind)
        if stage:
            looks[stage].append(time.process_time() - start)
        return told

    Telling._look = timed  # type: ignore[method-assign]
    done = dict.fromkeys(STAGES, 0)
    for stage, records in (("", 4_000), (STAGES[0], 40_000), (STAGES[1], 10_000), (STAGES[2], 60_000)):
        source.drifted = stage in STAGES[1:]
        for _ in range(records // batch):
            brought = _on_the_wire(spec, source, offset)
            offset += batch
            with clock.of(stage):
                for batches in brought:
                    core.process(batches, EPOCH + source.next)
        if stage:
            done[stage] = records // batch * batch
    stands = core.state().standing
    assert {"concept", "data"} <= set(stands), f"only {stands} stands: nothing was measured"
    return {
        stage: {
            "us_a_record": round(1e6 * clock.seconds[stage] / done[stage], 2),
            "looks": len(looks[stage]),
            "ms_a_look": round(1e3 * float(np.mean(looks[stage])), 2) if looks[stage] else 0.0,
        }
        for stage in STAGES
    }


def grow(features: int, stops: list[int]) -> list[dict[str, float]]:
    """The same monitor over more and more records: microseconds a record since the last stop, and memory at each."""
    spec, source = spec_of(features), Source(features)
    watch, join, history = Watch(spec, 1, source.reference(spec)), LabelJoin(spec), History(20_000)
    waiting: list[Labels] = []
    rows, clock, every = [], Clock(), np.ones(BATCH, dtype=bool)
    before, spent = 0, 0.0
    for stop in stops:
        while source.next < stop:
            decoded, predictions, labels = source.take()
            waiting.append(labels)
            with clock.of("all"):
                watch.data.update(decoded, {0: source.next}, {})
                watch.prediction.update(predictions, every, {0: source.next}, {})
                join.add_predictions(predictions, EPOCH)
                if len(waiting) > LABEL_DELAY:
                    outcomes = join.add_labels(waiting.pop(0), EPOCH).by_event_time()
                    numbers = history.append(outcomes)
                    watch.concept.update(~outcomes.correct, outcomes.event_time, numbers)
        rows.append(
            {
                "records": source.next,
                "us_a_record": round(1e6 * (clock.seconds["all"] - spent) / (source.next - before), 2),
                "resident_mib": resident(),
                "waiting": join.waiting_predictions,
            }
        )
        before, spent = source.next, clock.seconds["all"]
        print(rows[-1], file=sys.stderr, flush=True)
    return rows


def resident() -> float:
    """Resident memory of this process, MiB; nan where the system does not say."""
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return float("nan")
    kib = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))
    return round(kib / 2**10, 1)


def _on_the_wire(spec: StreamSpec, source: Source, offset: int) -> tuple[list[Batch], list[Batch], list[Batch]]:
    """The next batch as Kafka brings it: features, predictions, labels."""
    decoded, predictions, labels = source.take()
    values = encode_features(decoded.record_ids, decoded.device_ids, EPOCH, decoded.columns.numeric.tolist())
    answers = encode_predictions(
        predictions.record_ids,
        predictions.device_ids,
        predictions.event_times,
        predictions.answers,
        predictions.confidences,
        predictions.probabilities,
        1,
        predictions.source_partitions,
        predictions.source_offsets,
        EPOCH,
    )
    truth = encode_labels(labels.record_ids, labels.device_ids, labels.labels, EPOCH)
    topics = spec.topics
    return (
        [_batch(topics.features, offset, values)],
        [_batch(topics.predictions, offset, answers)],
        [_batch(topics.labels, offset, truth)],
    )


def _batch(topic: str, offset: int, values: list[bytes]) -> Batch:
    n = len(values)
    return Batch(topic, 0, range(offset, offset + n), [0] * n, [None] * n, values)


def _apart(*arguments: str) -> Any:
    """Measure in a process of its own, so that its memory is its own."""
    made = subprocess.run(
        [sys.executable, "-m", "benchmarks.monitoring", *arguments], check=True, stdout=subprocess.PIPE, text=True
    )
    return json.loads(made.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--features", type=int, nargs="+", default=[10, 33, 100, 1_000])
    parser.add_argument("--records", type=int, default=200_000, help="records a part is timed over, at 33 features")
    parser.add_argument("--grow", type=int, nargs="*", default=[], help="record counts at which to look")
    parser.add_argument("--standing", action="store_true", help="only: what a drift that stands costs")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/monitoring.json"))
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one == "parts":
        print(json.dumps(parts(options.features[0], options.records)))
    elif options.one == "whole":
        print(json.dumps(whole(options.features[0], options.records)))
    elif options.one == "standing":
        print(json.dumps(standing(options.features[0], options.records)))
    elif options.standing:
        _report_standing()
    elif options.one == "grow":
        print(json.dumps(grow(options.features[0], options.grow)))
    else:
        _report(options)


def _report_standing() -> None:
    rows = []
    for features in (33, 100):
        for batch in (100, 2_000):
            arguments = ["--one", "standing", "--features", str(features), "--records", str(batch)]
            runs = [_apart(*arguments) for _ in range(REPEATS)]
            # The least of several runs: what others do on the machine only ever adds to it.
            found = {stage: min((run[stage] for run in runs), key=lambda row: row["us_a_record"]) for stage in STAGES}
            rows += [{"features": features, "batch": batch, "stage": stage, **found[stage]} for stage in STAGES]
    out = Path("benchmarks/results/monitoring-standing.json")
    out.write_text(
        json.dumps({"machine": f"{os.cpu_count()} cores, {platform.machine()}", "rows": rows}, indent=1) + "\n"
    )
    print("| features | records a batch | | µs of CPU a record | looks | ms a look |\n|---|---|---|---|---|---|")
    for row in rows:
        print("| " + " | ".join(str(value) for value in row.values()) + " |")


def _report(options: argparse.Namespace) -> None:
    results: dict[str, Any] = {"machine": f"{os.cpu_count()} cores, {platform.machine()}", "widths": {}}
    for features in options.features:
        records = str(max(min(options.records, options.records * 33 // features), 10 * BATCH) // BATCH * BATCH)
        width = ["--features", str(features), "--records", records]
        results["widths"][features] = {**_apart("--one", "parts", *width), **_apart("--one", "whole", *width)}
    if options.grow:
        stops = [str(stop) for stop in options.grow]
        results["growing"] = {"features": 33, "rows": _apart("--one", "grow", "--features", "33", "--grow", *stops)}
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    widths = results["widths"]
    print("| µs of CPU a record | " + " | ".join(f"{features} features" for features in widths) + " |")
    print("|---|" + "---|" * len(widths))
    for part in next(iter(widths.values())):
        print(f"| {part} | " + " | ".join(str(column.get(part, "")) for column in widths.values()) + " |")
    for row in results.get("growing", {}).get("rows", []):
        print(row)


if __name__ == "__main__":
    main()

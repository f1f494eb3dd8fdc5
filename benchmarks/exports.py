"""The forms of one model beside each other: size, agreement with TensorFlow, cold start, time a record.

    python -m benchmarks.exports                       # 33 generated features, six classes
    python -m benchmarks.exports --data FILE.csv       # numbers of yours, the label in the last column

A cold start is a process of its own, from its start to its first prediction, the model's files being in the system's
cache; the median of several in turn, and its CPU time, which a busy machine changes less. What Python and driftline
themselves take is the row `nothing`.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import numpy as np

from driftline.registry.manifest import Manifest, Runtime
from driftline.spec.stream import StreamSpec

if TYPE_CHECKING:
    # Imported where it is used: a cold start must not pay for it.
    import pandas as pd

FEATURES, CLASSES = 33, 6
FORMS: tuple[Runtime, ...] = get_args(Runtime)
ALONE, BATCH = 500, 512


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="a data file of numbers, label last; generated if left out")
    parser.add_argument("--rows", type=int, default=2_000)
    parser.add_argument("--rounds", type=int, default=5, help="cold starts of each form")
    parser.add_argument("--report", type=Path, help="write the figures to this file, as JSON")
    parser.add_argument("--start", nargs=2, metavar=("FOLDER", "FORM"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.start:
        print(json.dumps(start(Path(arguments.start[0]), arguments.start[1])))
        return
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(Path(folder), arguments.data, arguments.rows, arguments.rounds)
    print(table(figures))
    if arguments.report:
        arguments.report.write_text(json.dumps(figures, indent=2) + "\n")


def measure(folder: Path, data: Path | None, rows: int, rounds: int) -> list[dict[str, Any]]:
    """Train, export in every form, and start each of them several times, in turn."""
    import pandas as pd

    frame = generated(rows) if data is None else pd.read_csv(data, nrows=rows)
    model = folder / "model"
    # In a process of its own: TensorFlow in this one would slow the starts that are measured.
    frame.to_parquet(folder / "rows.parquet")
    script = f"from benchmarks.exports import make; make({str(folder)!r})"
    subprocess.run([sys.executable, "-c", script], check=True)
    manifest = Manifest.model_validate_json((model / "manifest.json").read_text())
    starts: dict[str, list[dict[str, float]]] = {form: [] for form in ("nothing", *FORMS)}
    for _ in range(rounds):
        for form, found in starts.items():
            if form == "nothing" or manifest.exports[form].refused is None:
                found.append(cold_start(model, form))
    figures = []
    for form, found in starts.items():
        export = manifest.exports.get(form)
        parity = export.parity if export else None
        figures.append(
            {
                "form": form,
                "bytes": export.bytes if export else None,
                "parity": parity.model_dump() if parity else None,
                "refused": export.refused if export else None,
                "cold_start_s": [round(one["seconds"], 3) for one in found],
                "cold_start_cpu_s": round(statistics.median(one["cpu"] for one in found), 3) if found else None,
                "resident_mib": statistics.median(one["mib"] for one in found) if found else None,
                "alone_us": statistics.median(one["alone_us"] for one in found) if export and found else None,
                "batch_us": statistics.median(one["batch_us"] for one in found) if export and found else None,
            }
        )
    return figures


def make(folder: str) -> None:
    """Train on the rows in `folder` and write the model with its manifest; run in a process of its own."""
    import pandas as pd

    from training.data import from_frame
    from training.origin import Origin
    from training.train import Trained, train

    frame = pd.read_parquet(Path(folder) / "rows.parquet")
    label = frame.columns[-1]
    spec = StreamSpec.model_validate(
        {
            "stream": "benchmark",
            "label": label,
            "classes": sorted(map(str, frame[label].unique())),
            "features": [{"name": name, "type": "numeric"} for name in frame.columns[:-1]],
            "training": {
                "epochs": 30,
                "export": {"formats": ["litert-float16", "litert-int8", "onnx"], "maximum_changed": 0.2},
            },
        }
    )
    out = Path(folder) / "model"
    outcome = train(spec, from_frame(spec, frame.astype({label: str})), Origin(source="benchmark", created_at=0), out)
    assert isinstance(outcome, Trained)
    assert outcome.manifest is not None, outcome.verdict.reasons
    (out / "manifest.json").write_text(outcome.manifest.model_dump_json())
    rows = frame[frame.columns[:-1]].to_numpy(dtype=np.float32)[:BATCH]
    np.save(out / "rows.npy", rows)


def cold_start(model: Path, form: str) -> dict[str, float]:
    """Seconds from the start of a process to its first prediction, and what it measured of itself then."""
    environ = {**os.environ, "OMP_NUM_THREADS": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}
    began = time.time()
    ran = subprocess.run(
        [sys.executable, "-m", "benchmarks.exports", "--start", str(model), form],
        env=environ,
        capture_output=True,
        text=True,
        check=True,
    )
    told: dict[str, float] = json.loads(ran.stdout.splitlines()[-1])
    return told | {"seconds": told["answered_at"] - began}


def start(model: Path, form: str) -> dict[str, float]:
    """Load a form, answer one record, and tell when; then measure one record alone and a full batch."""
    from driftline.model.columns import Columns
    from driftline.model.scorer import open_scorer

    manifest = Manifest.model_validate_json((model / "manifest.json").read_text())
    numeric = np.load(model / "rows.npy")
    empty = np.empty((len(numeric), 0), dtype=object)
    rows = Columns(numeric, empty, empty)
    if form == "nothing":
        return {"answered_at": time.time(), "cpu": time.process_time(), "mib": resident_mib()}
    scorer = open_scorer(manifest.model_copy(update={"runtime": form}), model)
    one = rows.take(slice(0, 1))
    scorer.score(one)
    answered, cpu = time.time(), time.process_time()
    mib = resident_mib()
    return {
        "answered_at": answered,
        "cpu": cpu,
        "mib": mib,
        "alone_us": seconds(lambda: scorer.score(one), ALONE) * 1e6,
        "batch_us": seconds(lambda: scorer.score(rows), 20) / len(rows) * 1e6,
    }


def seconds(call: Any, times: int) -> float:
    """Median seconds of a call, after one that does not count."""
    call()
    found = []
    for _ in range(times):
        began = time.perf_counter()
        call()
        found.append(time.perf_counter() - began)
    return statistics.median(found)


def resident_mib() -> float:
    """This process's largest resident memory, MiB."""
    try:
        status = Path("/proc/self/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) / 1024
    except (OSError, IndexError):
        import resource

        # Linux would count the parent's memory before the start of this program in; others do not.
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


def generated(rows: int) -> "pd.DataFrame":
    """Six overlapping classes of 33 numbers on scales from 0.01 to 10,000, one cell in a hundred missing."""
    import pandas as pd

    rng = np.random.default_rng(3)
    truth = rng.integers(0, CLASSES, rows)
    values = rng.normal(size=(rows, FEATURES)) + rng.normal(scale=0.45, size=(CLASSES, FEATURES))[truth]
    values *= np.logspace(-2, 4, FEATURES)
    values[rng.random(values.shape) < 0.01] = np.nan
    frame = pd.DataFrame(values, columns=[f"x{i}" for i in range(FEATURES)])
    return frame.assign(label=[f"class {k}" for k in truth])


def table(figures: list[dict[str, Any]]) -> str:
    """The figures as the table that stands in docs/exporting.md."""
    heads = ["form", "KiB", "largest difference", "changed answers", "cold start, s", "CPU, s"]
    heads += ["resident, MiB", "alone, µs", "in a batch, µs"]
    lines = ["| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
    for one in figures:
        parity = one["parity"]
        starts = one["cold_start_s"]
        cells = [
            one["form"],
            f"{one['bytes'] / 1024:.0f}" if one["bytes"] else "",
            f"{parity['largest_difference']:.1e}" if parity else "",
            f"{parity['decisions_changed']} of {parity['rows']:,}" if parity else "",
            f"{statistics.median(starts):.2f} ({min(starts):.2f} to {max(starts):.2f})" if starts else one["refused"],
            f"{one['cold_start_cpu_s']:.2f}" if starts else "",
            f"{one['resident_mib']:.0f}" if one["resident_mib"] else "",
            f"{one['alone_us']:.1f}" if one["alone_us"] else "",
            f"{one['batch_us']:.2f}" if one["batch_us"] else "",
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()

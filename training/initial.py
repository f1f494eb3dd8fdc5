"""The first model, from a data file (`driftline train DATA`): the same pipeline as a retraining, in this process."""

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from driftline.records.loop import ModelEvent, ModelEventKind
from driftline.registry.manifest import Evaluation, Manifest, Verdict
from driftline.registry.registry import Registry
from driftline.spec.stream import StreamSpec
from training.archive import fits, load_decision, load_start, load_version
from training.baselines import Baseline
from training.data import Dataset, Dropped, from_frame
from training.gate import Gate
from training.messages import metrics_of
from training.origin import Origin
from training.train import Progress, Trained, train


@dataclass(frozen=True, slots=True)
class Initial:
    """What training from a file came to; `manifest` and `event` are None if the model in service is as good.

    They are also None in a worker that is not the chief, which has the chief's verdict and writes nothing.
    """

    verdict: Verdict
    manifest: Manifest | None
    event: ModelEvent | None
    rows: int
    dropped: Dropped
    seconds: dict[str, float]
    baselines: dict[str, Evaluation]
    chief: bool = True


def train_initial(
    spec: StreamSpec,
    frame: pd.DataFrame,
    registry: Registry,
    *,
    source: str = "data",
    progress: Progress = lambda stage, epoch: None,
    gate: Gate | None = None,
    now_ms: int | None = None,
    baselines: Sequence[Baseline] = ("logistic",),
) -> Initial:
    """Train on `frame`, oldest row first, and put the model into service if it is promoted.

    A champion built for another specification cannot answer these records, and is replaced as if there were none.

    Raises
    ------
    UsageError : columns missing, or too few labelled rows.
    RegistryError : the registry cannot be read or written.
    """
    return train_rows(
        spec,
        from_frame(spec, frame),
        registry,
        source=source,
        progress=progress,
        gate=gate,
        now_ms=now_ms,
        baselines=baselines,
    )


def train_streamed(
    spec: StreamSpec,
    url: str,
    registry: Registry,
    *,
    rows: tuple[int, int | None] = (0, None),
    source: str = "data",
    progress: Progress = lambda stage, epoch: None,
    baselines: Sequence[Baseline] = ("logistic",),
) -> Initial:
    """The same from a Parquet file that need not fit into memory, by `training.loop: fit`; see docs/large-data.md.

    Parameters
    ----------
    url : a path, or a URL that fsspec opens.
    rows : first row, and row to stop before.
    """
    from training.keras_fit.statistics import open_streamed

    spec = spec.model_copy(update={"training": spec.training.model_copy(update={"loop": "fit"})})
    dataset = open_streamed(spec, url, *rows)
    return train_rows(spec, dataset, registry, source=source, progress=progress, baselines=baselines)


def train_rows(
    spec: StreamSpec,
    dataset: Dataset,
    registry: Registry,
    *,
    source: str = "data",
    progress: Progress = lambda stage, epoch: None,
    gate: Gate | None = None,
    now_ms: int | None = None,
    baselines: Sequence[Baseline] = ("logistic",),
) -> Initial:
    """Train on labelled rows, oldest first. Of several workers only the chief writes (`training.strategy`)."""
    start = time.perf_counter()
    now_ms = int(time.time() * 1000) if now_ms is None else now_ms
    chief = spec.training.strategy == "none" or is_chief(spec)
    champion = registry.champion()
    comparable = champion is not None and fits(spec, registry, champion.version)
    scorer = load_version(registry, champion.version) if champion is not None and comparable else None
    decision = load_decision(spec, registry, champion.version) if champion is not None and comparable else None
    origin = Origin(source=source, created_at=now_ms, replaces=champion.version if champion else None)
    with tempfile.TemporaryDirectory(prefix="driftline-train-") as folder:
        outcome = train(
            spec,
            dataset,
            origin,
            Path(folder) / "model",
            champion=scorer,
            champion_decision=decision,
            start=load_start(spec, registry, champion.version if champion else None),
            progress=progress,
            gate=gate,
            baselines=baselines,
            baseline_rows=None,
        )
        assert isinstance(outcome, Trained), "nothing archived was offered for recall"
        if outcome.manifest is None or not chief:
            found = (len(dataset), dataset.dropped, outcome.seconds, outcome.baselines, chief)
            return Initial(outcome.verdict, None, None, *found)
        wish = outcome.manifest.model_copy(update={"version": registry.next_version()})
        manifest = registry.add(Path(folder) / "model", wish)
    event = registry.set_champion(
        manifest.version,
        ModelEventKind.PROMOTED,
        now_ms=now_ms,
        reasons=manifest.verdict.reasons,
        metrics=metrics_of(manifest.verdict.candidate, manifest.verdict.champion),
        seconds=round(time.perf_counter() - start, 3),
    )
    return Initial(manifest.verdict, manifest, event, len(dataset), dataset.dropped, outcome.seconds, outcome.baselines)


def is_chief(spec: StreamSpec) -> bool:
    """Whether this process writes the version; joins the cluster, which must happen before TensorFlow computes."""
    from training.keras_fit.strategies import workers

    return workers(spec.training.strategy).chief

"""The first model, from a data file (`driftline train DATA`): the same pipeline as a retraining, in this process."""

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from driftline.records.loop import ModelEvent, ModelEventKind
from driftline.registry.manifest import Manifest, Verdict
from driftline.registry.registry import Registry
from driftline.spec.stream import StreamSpec
from training.archive import fits, load_decision, load_version
from training.data import Dropped, from_frame
from training.gate import Gate, judge
from training.messages import metrics_of
from training.origin import Origin
from training.train import Progress, Trained, train


@dataclass(frozen=True, slots=True)
class Initial:
    """What training from a file came to; `manifest` and `event` are None if the model in service is as good."""

    verdict: Verdict
    manifest: Manifest | None
    event: ModelEvent | None
    rows: int
    dropped: Dropped
    seconds: dict[str, float]


def train_initial(
    spec: StreamSpec,
    frame: pd.DataFrame,
    registry: Registry,
    *,
    source: str = "data",
    progress: Progress = lambda stage, epoch: None,
    gate: Gate = judge,
    now_ms: int | None = None,
) -> Initial:
    """Train on `frame`, oldest row first, and put the model into service if it is promoted.

    A champion built for another specification cannot answer these records, and is replaced as if there were none.

    Raises
    ------
    UsageError : columns missing, or too few labelled rows.
    RegistryError : the registry cannot be read or written.
    """
    start = time.perf_counter()
    now_ms = int(time.time() * 1000) if now_ms is None else now_ms
    dataset = from_frame(spec, frame)
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
            progress=progress,
            gate=gate,
        )
        assert isinstance(outcome, Trained), "nothing archived was offered for recall"
        if outcome.manifest is None:
            return Initial(outcome.verdict, None, None, len(dataset), dataset.dropped, outcome.seconds)
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
    return Initial(manifest.verdict, manifest, event, len(dataset), dataset.dropped, outcome.seconds)

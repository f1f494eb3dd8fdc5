"""From labelled rows to a verdict, and to a version if the verdict is good: the one way every model is made."""

import platform
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from driftline.errors import UsageError
from driftline.model.answers import Decision
from driftline.model.scorer import Scorer, open_scorer
from driftline.registry.manifest import Evaluation, Manifest, TrainingData, Verdict
from driftline.spec.stream import StreamSpec
from training.baselines import MOST_ROWS, Baseline, baseline
from training.card import write_card
from training.data import Dataset
from training.evaluate import correct, evaluate_fully
from training.export import export, reference
from training.fit import Epoch, fit, refit
from training.gain import majority, paired_test
from training.gate import Gate, gate_of
from training.latency import latency, too_slow
from training.origin import Origin
from training.recall import Archived, Recall, best_archived
from training.runtime import keras, tf
from training.splits import how, split
from training.usable import usable
from training.warm import WEIGHTS, Start, save_weights

Progress = Callable[[str, Epoch | None], None]
"""Told of each stage as it begins (recall, fit, evaluate, refit, export) and of each epoch in it."""


@dataclass(frozen=True, slots=True)
class Trained:
    """What a training came to.

    Attributes
    ----------
    manifest : of the version whose files were written, `version` 1 (the registry gives it its number); None if the
        gate refused it. A refused candidate leaves no files: TensorFlow Serving takes the highest number it finds.
    seconds : by stage.
    baselines : other models on the same held-out rows, by name.
    """

    verdict: Verdict
    manifest: Manifest | None
    seconds: dict[str, float]
    baselines: dict[str, Evaluation]


def train(
    spec: StreamSpec,
    dataset: Dataset,
    origin: Origin,
    out: Path,
    *,
    champion: Scorer | None = None,
    champion_decision: Decision | None = None,
    archived: Sequence[Archived] = (),
    progress: Progress = lambda stage, epoch: None,
    gate: Gate | None = None,
    baselines: Sequence[Baseline] = ("logistic",),
    baseline_rows: int | None = MOST_ROWS,
    start: Start | None = None,
) -> Trained | Recall:
    """Answer a job: recall an archived version, or train a candidate, prove it, and write it into `out`.

    Parameters
    ----------
    champion : the model in service, None if there is none; `champion_decision` is how it decides, by its own
        thresholds (None: it has none).
    archived : versions that may be recalled instead (`rollout.recall`).
    out : folder for the version's files; made if the candidate is promoted.
    gate : instead of what `rollout` asks for.
    baselines : what is trained beside the network, on the newest `baseline_rows` of the same rows, and reported.
    start : weights to begin from (`training.warm_start`).

    Raises
    ------
    UsageError : no training row, or none to hold out.
    """
    clock, gate = _Stages(progress), gate or gate_of(spec.rollout)
    if champion is not None and archived and spec.rollout.recall:
        with clock.stage("recall"):
            recalled = best_archived(spec, dataset, champion, archived, champion_decision)
        if recalled is not None:
            return recalled
    older, held_out = split(spec, dataset, spec.training.holdout)
    older, incomplete = usable(spec, older)
    notes = (*how(spec), *incomplete)
    _require_two_answers(spec, older)
    with clock.stage("fit"):
        fitted = fit(spec, older, clock.epoch, start=start)
    with clock.stage("evaluate"):
        probabilities = fitted.score(held_out.columns)
        ours, their_way = fitted.decision(spec), champion_decision or Decision(spec)
        candidate = evaluate_fully(spec, probabilities, held_out.labels, decision=ours)
        in_service, p_value = None, None
        if champion is not None:
            theirs = champion.score(held_out.columns)
            in_service = evaluate_fully(spec, theirs, held_out.labels, decision=their_way)
            p_value = paired_test(spec, held_out.labels, (ours, probabilities), (their_way, theirs))
        frequent = majority(spec, held_out.labels)
        verdict = gate(spec.rollout, candidate, in_service, p_value, majority=frequent)
    beside: dict[str, Evaluation] = {}
    for name in baselines:
        with clock.stage(f"baseline {name}"):
            answers = baseline(spec, name, older, held_out.columns, most_rows=baseline_rows)
            beside[name] = evaluate_fully(spec, answers, held_out.labels)
    said = (*notes, *fitted.notes, *not_beaten(candidate, beside, spec.rollout.metric))
    verdict = verdict.model_copy(update={"reasons": (*verdict.reasons, *said)})
    if not verdict.promoted:
        return Trained(verdict, None, clock.seconds, beside)
    refitted, judged = spec.training.refit, fitted
    if refitted:
        with clock.stage("refit"):
            fitted = refit(spec, usable(spec, dataset)[0], fitted.epochs, clock.epoch, learnt=fitted, start=start)
        refitted = fitted is not judged
    with clock.stage("export"):
        exported = export(spec, fitted.network, dataset.columns, out, ours)
        save_weights(spec, fitted.network, out / WEIGHTS)
        right = correct(ours.codes(probabilities), held_out.labels)
        described = reference(
            spec, dataset.columns, probabilities, candidate, ours, dataset.labels, right, held_out.labels
        )
        document = described.model_dump_json()
        (out / "reference.json").write_text(document, encoding="utf-8")
        write_card(spec, judged, held_out, probabilities, ours, out)
    if exported.reason:
        by = "TensorFlow" if exported.runtime == "tensorflow" else "LiteRT"
        verdict = verdict.model_copy(update={"reasons": (*verdict.reasons, f"served by {by}: {exported.reason}")})
    manifest = Manifest(
        stream=spec.stream,
        version=1,
        created_at=origin.created_at,
        model_hash=spec.model_hash,
        task=spec.task,
        classes=spec.classes,
        thresholds=fitted.thresholds,
        cost=fitted.cost,
        runtime=exported.runtime,
        look_ups=fitted.network.preprocessing.look_ups,
        parity=exported.parity,
        exports=exported.exports,
        data=TrainingData(
            source=origin.source,
            rows=len(dataset),
            first_record_id=dataset.record_ids[0],
            last_record_id=dataset.record_ids[-1],
            window=origin.window,
            refitted=refitted,
        ),
        verdict=verdict,
        baselines=beside,
        job_id=origin.job_id,
        drift_event_id=origin.drift_event_id,
        replaced_version=origin.replaces,
        seconds=clock.seconds,
        libraries={
            "python": platform.python_version(),
            "numpy": np.__version__,
            "tensorflow": tf.__version__,
            "keras": keras.__version__,
        },
        seed=spec.training.seed,
    )
    with clock.stage("latency"):
        measured = latency(open_scorer(manifest, out), dataset.columns, spec.serving.batch_size)
    slow = too_slow(spec.rollout, measured)
    # As in the gate: a stream without a model gets one, and is told.
    refused = bool(slow) and champion is not None
    verdict = verdict.model_copy(update={"promoted": not refused, "reasons": (*verdict.reasons, *slow)})
    if refused:
        shutil.rmtree(out)
        return Trained(verdict, None, clock.seconds, beside)
    manifest = manifest.model_copy(update={"verdict": verdict, "latency": measured, "seconds": clock.seconds})
    return Trained(verdict, manifest, clock.seconds, beside)


def not_beaten(candidate: Evaluation, baselines: Mapping[str, Evaluation], metric: str = "accuracy") -> tuple[str, ...]:
    """A line for each baseline that is better than the candidate, in the metric that `rollout.metric` names."""
    names = {"logistic": "logistic regression", "boosted": "gradient-boosted trees"}
    ours = getattr(candidate, metric)
    return tuple(
        f"does not beat {names.get(name, name)}: {metric} {ours:.3f} against {theirs:.3f}"
        for name, other in baselines.items()
        if ours is not None and (theirs := getattr(other, metric)) is not None and theirs > ours
    )


def _require_two_answers(spec: StreamSpec, rows: Dataset) -> None:
    if len(np.unique(rows.labels, axis=0)) < 2:
        only = "" if rows.labels.ndim == 2 else f" ({spec.classes[int(rows.labels[0])]})"
        raise UsageError(
            f"all {len(rows)} training rows carry the same label{only}; there is nothing to tell apart. "
            "Take a longer window, or a file that is not sorted by label"
        )


class _Stages:
    """Seconds by stage, and the progress report."""

    def __init__(self, progress: Progress) -> None:
        self.seconds: dict[str, float] = {}
        self._progress = progress
        self._name = ""

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        self._name = name
        self._progress(name, None)
        start = time.perf_counter()
        yield
        self.seconds[name] = round(time.perf_counter() - start, 3)

    def epoch(self, epoch: Epoch) -> None:
        self._progress(self._name, epoch)

"""What a model card shows, measured cheaply while the network and its held-out rows are in memory.

A retraining runs beside a live stream, so every part is bounded: curves are thinned, rows are a sample, and all
shuffles of all features go through the network as one batch.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from driftline.model.answers import Decision
from driftline.registry.card import CARD, Calibration, Card, Counts, Curve, Epochs, Layer
from driftline.spec.stream import StreamSpec
from training.data import Codes, Dataset
from training.figures import BINS
from training.fit import Fitted
from training.importance import permutation
from training.runtime import keras, tf

MOST_CURVES = 12
MOST_POINTS = 200
LAYER_ROWS = 1_000


def write_card(
    spec: StreamSpec,
    fitted: Fitted,
    held_out: Dataset,
    probabilities: NDArray[np.float32],
    decision: Decision,
    out: Path,
) -> None:
    """Write `card.json` into the version's folder `out`; see `card_of`."""
    (out / CARD).write_text(
        card_of(spec, fitted, held_out, probabilities, decision).model_dump_json(), encoding="utf-8"
    )


def card_of(
    spec: StreamSpec, fitted: Fitted, held_out: Dataset, probabilities: NDArray[np.float32], decision: Decision
) -> Card:
    """Measure the network that was judged.

    Parameters
    ----------
    held_out : the rows that it was judged on; `probabilities` float32 [n, K] are its answers.
    decision : what turns probabilities into answers.
    """
    labels, codes = held_out.labels, decision.codes(probabilities)
    truth = labels.astype(bool) if labels.ndim == 2 else np.equal(labels[:, None], np.arange(len(spec.classes)))
    return Card(
        held_out_rows=len(held_out),
        epochs=Epochs(
            loss=tuple(_finite(epoch.loss) for epoch in fitted.history),
            val_loss=tuple(_finite(epoch.val_loss) for epoch in fitted.history),
            best=fitted.epochs,
        ),
        curves=_curves(spec, probabilities, truth),
        calibration=_calibration(probabilities, codes, labels),
        permutation=permutation(spec, fitted.network, held_out, decision),
        layers=_layers(spec, fitted, held_out),
        decisions=_decisions(spec, codes, labels) if labels.ndim == 2 else (),
    )


def _finite(value: float | None) -> float | None:
    return float(value) if value is not None and np.isfinite(value) else None


def _curves(spec: StreamSpec, probabilities: NDArray[np.float32], truth: NDArray[np.bool_]) -> tuple[Curve, ...]:
    counts = truth.sum(axis=0)
    # Of two classes the second is the positive one, and the other curve is the same seen from behind.
    chosen = [1] if spec.task == "binary" else np.argsort(-counts, kind="stable")[:MOST_CURVES].tolist()
    found = []
    for k in chosen:
        if not 0 < counts[k] < len(truth):
            continue
        order = np.argsort(-probabilities[:, k], kind="stable")
        scores, positive = probabilities[order, k], truth[order, k]
        ends = np.flatnonzero(np.append(np.diff(scores) != 0, True))
        hits = np.cumsum(positive)[ends].astype(np.float64)
        said = (ends + 1).astype(np.float64)
        if len(ends) > MOST_POINTS - 1:
            kept = np.unique(np.linspace(0, len(ends) - 1, MOST_POINTS - 1).round().astype(np.intp))
            hits, said = hits[kept], said[kept]
        found.append(
            Curve(
                name=spec.classes[k],
                rows=int(counts[k]),
                false_positive_rate=_rounded([0.0, *((said - hits) / (len(truth) - counts[k]))]),
                recall=_rounded([0.0, *(hits / counts[k])]),
                # With no answer given none is wrong; the curve begins as high as it goes on.
                precision=_rounded([hits[0] / said[0], *(hits / said)]),
            )
        )
    return tuple(found)


def _rounded(values: list[float]) -> tuple[float, ...]:
    return tuple(round(float(value), 5) for value in values)


def _calibration(probabilities: NDArray[np.float32], codes: Codes, labels: Codes) -> Calibration:
    """The bins of `calibration_error`."""
    if labels.ndim == 2:
        confidence, right = probabilities.ravel(), labels.astype(bool).ravel()
    else:
        confidence, right = probabilities[np.arange(len(codes)), codes.astype(np.int64)], np.equal(codes, labels)
    bins = np.clip(np.ceil(confidence.astype(np.float64) * BINS).astype(np.int64) - 1, 0, BINS - 1)
    rows = np.bincount(bins, minlength=BINS)
    sums = (np.bincount(bins, weights=w.astype(np.float64), minlength=BINS) for w in (confidence, right))
    means = [[float(s / n) if n else None for s, n in zip(line, rows, strict=True)] for line in sums]
    return Calibration(rows=tuple(int(n) for n in rows), confidence=tuple(means[0]), right=tuple(means[1]))


def _layers(spec: StreamSpec, fitted: Fitted, held_out: Dataset) -> tuple[Layer, ...]:
    settings = spec.training.network
    kind = "activation" if settings.batch_normalization else "hidden"
    names = [f"{kind}_{i}" for i in range(len(settings.hidden))]
    if not names:
        return ()
    logits = fitted.network.logits
    view = keras.Model(logits.inputs, [logits.get_layer(name).output for name in names])
    some = held_out.rows(max(0, len(held_out) - LAYER_ROWS), len(held_out))
    inputs = {key: tf.constant(values) for key, values in fitted.network.preprocessing.encode(some.columns).items()}
    outputs = view([inputs[tensor.name] for tensor in logits.inputs], training=False)
    found = []
    for name, output in zip(names, outputs if isinstance(outputs, list | tuple) else [outputs], strict=True):
        values = output.numpy().astype(np.float64)
        zero = values == 0
        found.append(
            Layer(
                name=name,
                units=values.shape[1],
                mean=float(values.mean()),
                std=float(values.std()),
                zeros=float(zero.mean()),
                dead=float(zero.all(axis=0).mean()),
            )
        )
    return tuple(found)


def _decisions(spec: StreamSpec, codes: Codes, labels: Codes) -> tuple[Counts, ...]:
    said, true = codes.astype(bool), labels.astype(bool)
    return tuple(
        Counts(
            name=name,
            true_positive=int((said[:, k] & true[:, k]).sum()),
            false_positive=int((said[:, k] & ~true[:, k]).sum()),
            false_negative=int((~said[:, k] & true[:, k]).sum()),
            true_negative=int((~said[:, k] & ~true[:, k]).sum()),
        )
        for k, name in enumerate(spec.classes)
    )

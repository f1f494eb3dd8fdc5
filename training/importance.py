"""Permutation importance: what it costs when one feature's values are shuffled among the held-out rows."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from driftline.model.answers import Decision
from driftline.model.scorer import as_probabilities
from driftline.registry.card import Importance, Permutation
from driftline.spec.stream import StreamSpec
from training.data import Codes, Dataset
from training.evaluate import correct
from training.network import Network
from training.runtime import tf

MOST_FEATURES = 50
# Rows times features times repeats that go through the network, and how many of them at once.
WORK, AT_ONCE = 60_000, 10_000
REPEATS = 5
SEED = 1


def permutation(spec: StreamSpec, network: Network, held_out: Dataset, decision: Decision) -> Permutation:
    """Measure up to 50 features: if there are more, those that alone say most of the label.

    Notes
    -----
    Breiman, "Random forests", Machine Learning 45 (2001), section 10; Fisher, Rudin and Dominici, "All models are
    wrong, but many are useful", JMLR 20 (2019). Of two features that say the same, neither may cost much: the other
    is there.
    """
    names, inputs = _places(spec, network, held_out)
    chosen = _first(names, inputs, held_out.labels)
    if not chosen:
        return Permutation()
    random = np.random.default_rng(SEED)
    most = max(WORK // len(chosen), 1)
    rows = np.arange(len(held_out))
    if len(rows) > most:
        rows = np.sort(random.choice(len(rows), most, replace=False))
    n, labels = len(rows), held_out.labels[rows]
    inputs = {key: values[rows] for key, values in inputs.items()}
    repeats = int(np.clip(most // n, 1, REPEATS))
    shuffles = np.stack([random.permutation(n) for _ in range(repeats)])
    loss, right = _quality(spec, _score(network, inputs), labels, decision)
    found = []
    per_batch = max(AT_ONCE // (n * repeats), 1)
    for start in range(0, len(chosen), per_batch):
        part = chosen[start : start + per_batch]
        copies = {key: np.concatenate([values] * (len(part) * repeats)) for key, values in inputs.items()}
        for i, j in enumerate(part):
            _, key, column = names[j]
            for r in range(repeats):
                first = (i * repeats + r) * n
                where: Any = np.s_[first : first + n] if column is None else np.s_[first : first + n, column]
                source = inputs[key] if column is None else inputs[key][:, column]
                copies[key][where] = source[shuffles[r]]
        scores = _score(network, copies)
        for i, j in enumerate(part):
            answers = scores[i * repeats * n : (i + 1) * repeats * n].reshape(repeats, n, -1)
            measured = [_quality(spec, answer, labels, decision) for answer in answers]
            losses = np.array([one[0] for one in measured]) - loss
            found.append(
                Importance(
                    name=names[j][0],
                    log_loss=float(losses.mean()),
                    log_loss_spread=float(losses.std()),
                    accuracy=float(right - np.mean([one[1] for one in measured])),
                )
            )
    found.sort(key=lambda one: -one.log_loss)
    return Permutation(features=tuple(found), rows=n, repeats=repeats, left_out=len(names) - len(chosen))


def _places(
    spec: StreamSpec, network: Network, rows: Dataset
) -> tuple[list[tuple[str, str, int | None]], dict[str, NDArray[Any]]]:
    """Each feature's name, the input of the inner model that carries it, and its column there (None: all of it).

    Codes are shuffled, not strings: a row's words are then looked up once, not once a shuffle.
    """
    inputs = network.preprocessing.encode(rows.columns)
    places: list[tuple[str, str, int | None]] = []
    places += [(feature.name, "numeric", j) for j, feature in enumerate(spec.numeric)]
    places += [(feature.name, "categorical", j) for j, feature in enumerate(spec.categorical)]
    places += [(feature.name, f"tokens_{j}", None) for j, feature in enumerate(spec.text)]
    return places, inputs


def _first(names: list[tuple[str, str, int | None]], inputs: dict[str, NDArray[Any]], labels: Codes) -> list[int]:
    """Features to measure, in the specification's order."""
    if len(names) <= MOST_FEATURES:
        return list(range(len(names)))
    groups = np.unique(labels, axis=0, return_inverse=True)[1].ravel()
    scores = []
    for _, key, column in names:
        # A text has no one number, and there are seldom many: always measured.
        scores.append(np.inf if column is None else _between(inputs[key][:, column], groups, key == "categorical"))
    best = np.argsort(-np.array(scores), kind="stable")[:MOST_FEATURES]
    return sorted(int(j) for j in best)


def _between(values: NDArray[Any], groups: NDArray[np.intp], categorical: bool) -> float:
    """Share of the variance that lies between classes (the correlation ratio); of a category, its largest code's."""
    if categorical:
        return max(_between(values == code, groups, False) for code in np.unique(values)[:50])
    numbers = values.astype(np.float64)
    there = np.isfinite(numbers)
    numbers, groups = numbers[there], groups[there]
    if len(numbers) < 2 or (variance := numbers.var()) <= 0 or not np.isfinite(variance):
        return 0.0
    counts = np.bincount(groups)
    sums = np.bincount(groups, weights=numbers)
    used = counts > 0
    return float((counts[used] * (sums[used] / counts[used] - numbers.mean()) ** 2).sum() / (len(numbers) * variance))


def _score(network: Network, inputs: dict[str, NDArray[Any]]) -> NDArray[np.float32]:
    tensors = {key: tf.constant(values) for key, values in inputs.items()}
    output: NDArray[np.float32] = network.inner(tensors, training=False).numpy()
    return as_probabilities(output)


def _quality(
    spec: StreamSpec, probabilities: NDArray[np.float32], labels: Codes, decision: Decision
) -> tuple[float, float]:
    """Log loss and accuracy, as `training.evaluate` defines them."""
    p = np.clip(probabilities.astype(np.float64), 1e-7, 1 - 1e-7)
    if labels.ndim == 2:
        loss = -np.where(labels, np.log(p), np.log(1 - p)).mean()
    else:
        loss = -np.log(p[np.arange(len(labels)), labels.astype(np.int64)] / p.sum(axis=1)).mean()
    return float(loss), float(correct(decision.codes(probabilities), labels).mean())

"""From probabilities to answers."""

from collections.abc import Sequence
from typing import Self

import numpy as np
from numpy.typing import NDArray

from driftline.registry.manifest import Manifest
from driftline.spec.stream import StreamSpec

Answer = str | list[str]


class Decision:
    """How a stream's probabilities become answers.

    Parameters
    ----------
    spec : the stream; its task and classes.
    thresholds : for multilabel, one a class (default 0.5 each); for binary, one for the positive class.
    cost : for multiclass, K × K: what it costs to answer class j (column) where class i (line) is true. The answer is
        then the one of least expected cost, not the most probable one (Elkan, "The foundations of cost-sensitive
        learning", IJCAI 2001, §1).

    Notes
    -----
    Probabilities are always float32 [n, K] with K = len(classes): a binary model's single sigmoid p is
    widened to (1 - p, p), so that nothing after the model treats binary as a special case.
    """

    def __init__(
        self,
        spec: StreamSpec,
        thresholds: Sequence[float] | None = None,
        cost: Sequence[Sequence[float]] | None = None,
    ) -> None:
        self._multilabel = spec.task == "multilabel"
        self._classes = spec.classes
        self._names = np.array(spec.classes, dtype=object)
        self._binary_threshold = float(thresholds[-1]) if thresholds and spec.task == "binary" else 0.5
        self._thresholds = np.array(thresholds or [0.5] * len(spec.classes), dtype=np.float32)
        self._cost = np.array(cost, dtype=np.float32) if cost and spec.task == "multiclass" else None

    @classmethod
    def of(cls, spec: StreamSpec, manifest: Manifest) -> Self:
        """How this version decides."""
        return cls(spec, manifest.thresholds, manifest.cost)

    def codes(self, probabilities: NDArray[np.float32]) -> NDArray[np.int64] | NDArray[np.bool_]:
        """Chosen class indices int64 [n]; for multilabel a mask bool [n, K]."""
        if self._multilabel:
            chosen: NDArray[np.bool_] = probabilities >= self._thresholds
            return chosen
        if self._cost is not None:
            cheapest: NDArray[np.int64] = (probabilities @ self._cost).argmin(axis=1)
            return cheapest
        if len(self._classes) == 2:
            return (probabilities[:, 1] >= self._binary_threshold).astype(np.int64)
        best: NDArray[np.int64] = probabilities.argmax(axis=1)
        return best

    def answers(self, probabilities: NDArray[np.float32]) -> tuple[list[Answer], NDArray[np.float32]]:
        """Answers by class name, and the confidence of each, float32 [n].

        The confidence is the probability given to the chosen class; for multilabel, that of the least sure of
        all its yes-and-no decisions.
        """
        codes = self.codes(probabilities)
        if self._multilabel:
            chosen = [[self._classes[k] for k in np.flatnonzero(row)] for row in codes]
            return list(chosen), np.where(codes, probabilities, 1 - probabilities).min(axis=1)
        confidence = probabilities[np.arange(len(codes)), codes]
        names: list[Answer] = self._names[codes].tolist()
        return names, confidence

    def encode(self, labels: Sequence[Answer]) -> NDArray[np.int64] | NDArray[np.bool_]:
        """True answers as codes, in the form of `codes`; for a single-label task, -1 where the class is unknown."""
        index = {name: k for k, name in enumerate(self._classes)}
        if not self._multilabel:
            return np.fromiter(
                (index.get(label, -1) if isinstance(label, str) else -1 for label in labels), dtype=np.int64
            )
        mask = np.zeros((len(labels), len(self._classes)), dtype=bool)
        for row, label in enumerate(labels):
            for name in [label] if isinstance(label, str) else label:
                if name in index:
                    mask[row, index[name]] = True
        return mask

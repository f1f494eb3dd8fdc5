"""The classifiers whose answers are watched."""

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from benchmarks.drift.changes import Rows

LearnerName = Literal["tree", "naive-bayes", "hoeffding-tree"]
HELD_OUT = 0.2
"""Share of the training rows, the newest, on which the error before the watch is measured."""
# Prequential batches: at one by one, scikit-learn takes 100 times as long, and 50 records teach a model little.
_BATCH = 50


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What is known of a model when the watch begins: its error on rows it had not seen."""

    error_rate: float
    rows: int


class Learner(Protocol):
    """A classifier of a stream."""

    def start(self, rows: Rows) -> Evaluation:
        """Learn the first rows."""

    def answer(self, rows: Rows) -> NDArray[np.int64]:
        """Predicted class codes int64 [n], each given before its label is known."""


class Tree:
    """A decision tree that is trained once and then serves, as a model does between two promotions."""

    def __init__(self, seed: int) -> None:
        from sklearn.tree import DecisionTreeClassifier

        self._tree = DecisionTreeClassifier(min_samples_leaf=5, ccp_alpha=2e-4, random_state=seed)

    def start(self, rows: Rows) -> Evaluation:
        kept = len(rows) - round(HELD_OUT * len(rows))
        self._tree.fit(rows.x[:kept], rows.y[:kept])
        return Evaluation(float((self.answer(rows[kept:]) != rows.y[kept:]).mean()), len(rows) - kept)

    def answer(self, rows: Rows) -> NDArray[np.int64]:
        return self._tree.predict(rows.x).astype(np.int64) if len(rows) else np.empty(0, np.int64)


class NaiveBayes:
    """Gaussian naive Bayes that goes on learning from every label, drift or not, as in the protocol."""

    def __init__(self, classes: int) -> None:
        from sklearn.naive_bayes import GaussianNB

        self._model = GaussianNB()
        self._classes = np.arange(classes)

    def start(self, rows: Rows) -> Evaluation:
        kept = len(rows) - round(HELD_OUT * len(rows))
        self._model.partial_fit(rows.x[:kept], rows.y[:kept], classes=self._classes)
        return Evaluation(float((self.answer(rows[kept:]) != rows.y[kept:]).mean()), len(rows) - kept)

    def answer(self, rows: Rows) -> NDArray[np.int64]:
        answers = [np.empty(0, np.int64)]
        for at in range(0, len(rows), _BATCH):
            part = rows[at : at + _BATCH]
            answers.append(self._model.predict(part.x).astype(np.int64))
            self._model.partial_fit(part.x, part.y)
        return np.concatenate(answers)


class HoeffdingTree:
    """River's Hoeffding tree, which goes on learning: the protocol's own learner, and by far the slowest."""

    def __init__(self) -> None:
        from river.tree import HoeffdingTreeClassifier

        self._tree = HoeffdingTreeClassifier()

    def start(self, rows: Rows) -> Evaluation:
        kept = len(rows) - round(HELD_OUT * len(rows))
        self.answer(rows[:kept])
        return Evaluation(float((self.answer(rows[kept:]) != rows.y[kept:]).mean()), len(rows) - kept)

    def answer(self, rows: Rows) -> NDArray[np.int64]:
        answers = np.empty(len(rows), np.int64)
        for i, (values, label) in enumerate(zip(rows.x.tolist(), rows.y.tolist(), strict=True)):
            record = dict(enumerate(values))
            answer = self._tree.predict_one(record)
            answers[i] = -1 if answer is None else answer
            self._tree.learn_one(record, label)
        return answers


def make_learner(name: LearnerName, classes: int, seed: int) -> Learner:
    """A new learner by its name."""
    if name == "tree":
        return Tree(seed)
    return NaiveBayes(classes) if name == "naive-bayes" else HoeffdingTree()

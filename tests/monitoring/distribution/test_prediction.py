from dataclasses import replace

import numpy as np

from driftline.model.answers import Decision
from driftline.records import Blame
from driftline.spec import StreamSpec
from driftline.wire.predictions import Predictions, decode_predictions
from monitoring.distribution.prediction import PredictionMonitor
from tests.monitoring.stream import Broker, make_reference, make_spec, numeric_columns


def monitor(spec: StreamSpec) -> PredictionMonitor:
    reference = make_reference(
        spec,
        numeric_columns(np.zeros((10, 4))),
        prediction_counts=(100, 100, 100),
        confidence_counts=(0, 0, 0, 0, 0, 60, 60, 60, 60, 60),
    )
    return PredictionMonitor(spec, reference)


def predictions(
    spec: StreamSpec, n: int, mix: list[float], confidence: tuple[float, float], version: int = 1
) -> Predictions:
    rng = np.random.default_rng(2)
    probabilities = np.zeros((n, 3), np.float32)
    probabilities[:, 0] = rng.uniform(*confidence, n)
    answers = rng.choice(spec.classes, n, p=mix).tolist()
    return decode_predictions(Broker(spec).predictions(range(n), answers, version, probabilities), 3)


def run(spec: StreamSpec, decoded: Predictions) -> list[list[Blame]]:
    watch = monitor(spec)
    found = watch.update(decoded, decoded.model_versions == 1, {}, {})
    return [watch.blame(finding) for finding in found]


class TestAnswersAreWatched:
    def test_the_same_answers_are_no_drift(self) -> None:
        spec = make_spec()
        decoded = predictions(spec, 3_000, [1 / 3] * 3, (0.5, 1.0))
        assert run(spec, decoded) == []

    def test_another_mix_of_classes(self) -> None:
        spec = make_spec()
        (blame,) = run(spec, predictions(spec, 1_200, [0.8, 0.1, 0.1], (0.5, 1.0)))
        assert blame[0].feature == "(classes)"
        assert blame[0].detail.startswith('class "a" 33% → ')

    def test_less_confidence(self) -> None:
        spec = make_spec()
        (blame,) = run(spec, predictions(spec, 1_200, [1 / 3] * 3, (0.3, 0.5)))
        assert [b.feature for b in blame] == ["(confidence)"]
        assert blame[0].detail.startswith("confidence 0.3 to 0.4 0% → ")

    def test_another_versions_answers_are_not_looked_at(self) -> None:
        spec = make_spec()
        assert run(spec, predictions(spec, 1_200, [0.8, 0.1, 0.1], (0.5, 1.0), version=2)) == []

    def test_multilabel_answers_count_each_class(self) -> None:
        spec = make_spec(task="multilabel")
        rows = 1_200
        proba = np.full((rows, 3), 0.75, np.float32)
        decoded = decode_predictions(Broker(spec).predictions(range(rows), [["a", "b"]] * rows, 1, proba), 3)
        (blame,) = run(spec, decoded)
        assert "(classes)" in [b.feature for b in blame]


class TestAVersionThatDecidesByAThreshold:
    def test_is_compared_with_answers_by_that_threshold(self) -> None:
        spec = make_spec(task="binary", classes=["a", "b"])
        rng = np.random.default_rng(4)

        def decided(n: int, threshold: float) -> tuple[list[str], np.ndarray, np.ndarray]:
            b = rng.beta(2, 5, n).astype(np.float32)
            p = np.stack([1 - b, b], axis=1)
            answers, confidence = Decision(spec, [threshold]).answers(p)
            return [str(a) for a in answers], confidence, p

        held_out, sure, _ = decided(3_000, 0.25)
        edges = make_reference(spec, numeric_columns(np.zeros((10, 4)))).confidence_edges
        bins = np.searchsorted(np.asarray(edges, np.float32), sure, side="left")
        reference = make_reference(
            spec,
            numeric_columns(np.zeros((10, 4))),
            prediction_counts=(held_out.count("a"), held_out.count("b")),
            confidence_counts=tuple(np.bincount(bins, minlength=len(edges) + 1).tolist()),
        )

        def drifted(threshold: float) -> bool:
            answers, confidence, p = decided(3_000, threshold)
            given = decode_predictions(Broker(spec).predictions(range(3_000), answers, 1, p), 2)
            # The helper writes the greatest probability; a consumer writes that of the answer.
            given = replace(given, confidences=np.stack([confidence[int(i[1:])] for i in given.record_ids]))
            watch = PredictionMonitor(spec, reference)
            return bool(watch.update(given, given.model_versions == 1, {}, {}))

        assert not drifted(0.25)
        assert drifted(0.5)

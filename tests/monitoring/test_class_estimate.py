"""F1 and confusion without labels: one class a record and several, with intervals that hold, alone and in the core."""

from dataclasses import asdict
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftline.registry.reference import Reference, describe_answers
from driftline.spec import StreamSpec
from driftline.wire.predictions import Predictions
from monitoring.class_estimate import ClassEstimate
from monitoring.core import MonitorCore
from monitoring.store.ledger import Ledger
from tests.monitoring.stream import CLASSES, EPOCH, Broker, make_reference, make_spec, numeric_columns

EDGES = tuple(round(i / 10, 1) for i in range(1, 10))
MANY = {"task": "multilabel"}


def drawn(rng: np.random.Generator, n: int, several: bool, boast: float = 0.0) -> tuple[Any, Any, Any]:
    """Probabilities [n, 3], answers and truth; `boast` is how far the model's probabilities are drawn to the ends."""
    if several:
        true = rng.beta([0.3, 1.0, 2.0], [3.0, 1.0, 2.0], (n, 3))
        truth = rng.random((n, 3)) < true
        p = true + boast * (np.round(true) - true)
        return p.astype(np.float32), p >= 0.5, truth
    true = rng.dirichlet([0.7, 0.4, 0.2], n)
    truth = (rng.random(n)[:, None] > true.cumsum(axis=1)).sum(axis=1).clip(0, 2)
    p = true ** (1 + 2 * boast)
    p = (p / p.sum(axis=1, keepdims=True)).astype(np.float32)
    return p, p.argmax(axis=1), truth


def reference_of(p: Any, answers: Any, truth: Any) -> Reference:
    return Reference(
        rows=len(p), features=(), prediction_counts=(), confidence_counts=(), error_rate=0.2, held_out_rows=len(p),
        **describe_answers(p, answers, truth, EDGES),
    )  # fmt: skip


def predictions_of(p: Any, answers: Any) -> Predictions:
    n, nothing = len(p), np.zeros(len(p), np.int64)
    told = [[CLASSES[k] for k in np.flatnonzero(row)] for row in answers] if answers.ndim == 2 else [
        CLASSES[k] for k in answers
    ]  # fmt: skip
    return Predictions(
        [f"r{i}" for i in range(n)], ["d"] * n, nothing, told, confidence(p, answers), p, nothing + 1, nothing,
        np.arange(n), nothing, 0,
    )  # fmt: skip


def confidence(p: Any, answers: Any) -> Any:
    if answers.ndim == 2:
        return np.where(answers, p, 1 - p).min(axis=1)
    return p[np.arange(len(p)), answers]


def real_f1(answers: Any, truth: Any) -> Any:
    if answers.ndim == 1:
        answers, truth = answers[:, None] == np.arange(3), truth[:, None] == np.arange(3)
    return 2 * (answers & truth).sum(axis=0) / (answers.sum(axis=0) + truth.sum(axis=0))


def spec_of(several: bool) -> StreamSpec:
    return make_spec(**(MANY if several else {}))


@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize("boast", [0.0, 0.5])
def test_the_interval_holds_the_truth_calibrated_or_not(several: bool, boast: float) -> None:
    rng, held, near = np.random.default_rng(7), 0, []
    for _ in range(150):
        estimate = ClassEstimate(spec_of(several), reference_of(*drawn(rng, 600, several, boast)), 500)
        p, answers, truth = drawn(rng, 500, several, boast)
        estimate.answered(predictions_of(p, answers), np.arange(500))
        found, real = estimate.now(), real_f1(answers, truth)
        held += int(((found.low <= real) & (real <= found.high)).sum())
        near.append(np.abs(found.f1 - real).mean())
        assert found.rows == 500 and found.confusion.sum() == pytest.approx(500 * (3 if several else 1))
    assert 0.90 <= held / 450 <= 0.995
    assert np.mean(near) < 0.05


@pytest.mark.parametrize("several", [False, True])
def test_labels_teach_it_what_probabilities_hide_and_are_told_of(several: bool) -> None:
    rng = np.random.default_rng(5)
    estimate = ClassEstimate(spec_of(several), reference_of(*drawn(rng, 600, several)), 500)
    off = []
    for _ in range(8):
        p, answers, truth = drawn(rng, 500, several)
        # Half of the time class 0 is class 1 in truth: the probabilities know nothing of it.
        turned = rng.random(500) < 0.5
        if several:
            truth[turned, 1] = ~truth[turned, 1]
        else:
            truth = np.where(turned & (truth == 0), 1, truth)
        estimate.answered(predictions_of(p, answers), np.arange(500))
        off.append(float(np.abs(estimate.now().f1 - real_f1(answers, truth)).max()))
        estimate.judged(answers, truth, confidence(p, answers))
    assert off[0] > 0.15 and np.mean(off[4:]) < off[0] / 2
    told = estimate.reconciled
    assert told.windows == 8 and told.error > 0.02 and 0 < told.covered <= 1


@given(st.booleans(), st.lists(st.integers(1, 300), min_size=1, max_size=6), st.integers(0, 2**16))
def test_neither_cuts_nor_a_restart_change_it(several: bool, cuts: list[int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    made = reference_of(*drawn(rng, 300, several))
    p, answers, truth = drawn(rng, sum(cuts), several)
    whole, parts = (ClassEstimate(spec_of(several), made, 100) for _ in range(2))
    predictions, sure = predictions_of(p, answers), confidence(p, answers)
    whole.answered(predictions, np.arange(len(p)))
    start = 0
    for cut in cuts:
        parts.answered(predictions, np.arange(start, start + cut))
        start += cut
    for one in (whole, parts):
        one.judged(answers, truth, sure)
    ledger = Ledger()
    state = parts.snapshot(ledger)
    other = ClassEstimate(spec_of(several), made, 100)
    other.restore(state, {name: value for name, value in ledger.close().items() if value is not None})
    for found, wanted in ((other.now(), whole.now()), (other.since_promotion(), whole.since_promotion())):
        np.testing.assert_allclose(found.f1, wanted.f1)
        np.testing.assert_allclose(found.confusion, wanted.confusion)
        np.testing.assert_allclose(found.high, wanted.high)
    # Sums of probabilities differ in their last bits with the order in which they were added.
    assert asdict(other.reconciled) == pytest.approx(asdict(whole.reconciled), nan_ok=True)


def test_a_version_without_the_counts_is_taken_at_its_word() -> None:
    rng = np.random.default_rng(2)
    p, answers, truth = drawn(rng, 4_000, False)
    bare = Reference(
        rows=1, features=(), prediction_counts=(), confidence_counts=(), error_rate=0.2, held_out_rows=300
    )  # fmt: skip
    estimate = ClassEstimate(spec_of(False), bare, 4_000)
    assert estimate.now().rows == 0 and np.isnan(estimate.now().macro_f1)
    estimate.answered(predictions_of(p, answers), np.arange(4_000))
    assert np.abs(estimate.now().f1 - real_f1(answers, truth)).max() < 0.06


def test_a_stream_of_very_many_classes_is_left_alone() -> None:
    names = [f"c{i}" for i in range(101)]
    spec = make_spec(classes=names)
    estimate = ClassEstimate(spec, reference_of(*drawn(np.random.default_rng(0), 50, False)), 100)
    p = np.full((5, 101), 1 / 101, np.float32)
    told = predictions_of(np.zeros((5, 3), np.float32), np.zeros(5, int))
    estimate.answered(Predictions(*[getattr(told, name) for name in told.__slots__][:5], p, *[None] * 5), np.arange(5))
    assert not estimate.watching and estimate.now().rows == 0


@pytest.mark.parametrize("several", [False, True])
def test_through_the_core_now_and_since_the_promotion_and_after_a_restart(several: bool) -> None:
    spec = spec_of(several)
    spec = spec.model_copy(update={"monitoring": spec.monitoring.model_copy(update={"accuracy_window": 100})})
    rng, broker = np.random.default_rng(3), Broker(spec)
    held = drawn(rng, 400, several)
    reference = make_reference(spec, numeric_columns(rng.normal(size=(200, 4))), **describe_answers(*held, EDGES))
    core = MonitorCore(spec)
    core.install(1, reference, 1)
    p, answers, truth = drawn(rng, 400, several)
    told = predictions_of(p, answers).answers
    core.process(broker.predictions(range(400), told, 1, p), EPOCH + 40_000)
    state = core.state()
    assert state.classes.rows == 100 and state.classes_since_promotion.rows == 400
    assert np.abs(state.classes_since_promotion.f1 - real_f1(answers, truth)).max() < 0.12
    names = predictions_of(p, truth).answers
    core.process(broker.labels(range(400), names), EPOCH + 41_000)
    state = core.state()
    assert state.classes_reconciled.windows == 4
    other = MonitorCore(spec)
    other.restore({name: value for name, value in core.snapshot().items() if value is not None})
    np.testing.assert_array_equal(other.state().classes.f1, state.classes.f1)
    np.testing.assert_array_equal(
        other.state().classes_since_promotion.confusion, state.classes_since_promotion.confusion
    )
    # A new version has promised nothing yet.
    core.install(2, reference, 2)
    assert core.state().classes_since_promotion.rows == 0

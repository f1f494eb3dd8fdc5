"""Accuracy without labels: calibrated or not, with an honest interval, reconciled with the truth."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftline.registry.reference import Reference
from monitoring.estimate import AccuracyEstimate
from monitoring.store.ledger import Ledger

EDGES = tuple(round(i / 10, 1) for i in range(1, 10))


def reference_of(confidence: np.ndarray, right: np.ndarray | None) -> Reference:
    bins = np.searchsorted(np.array(EDGES, np.float32), confidence, side="left")
    return Reference(
        rows=len(confidence), features=(), prediction_counts=(), error_rate=0.2, held_out_rows=len(confidence),
        confidence_counts=tuple(np.bincount(bins, minlength=10).tolist()),
        confidence_right=() if right is None else tuple(np.bincount(bins[right], minlength=10).tolist()),
    )  # fmt: skip


def answers(rng: np.random.Generator, n: int, boast: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Confidences and whether right; `boast` is how much surer they are than right."""
    truth = rng.uniform(0.5, 1.0, n)
    return np.minimum(truth + boast, 1.0).astype(np.float32), rng.random(n) < truth


class TestTheInterval:
    @pytest.mark.parametrize("boast", [0.0, 0.2])
    def test_holds_the_truth_as_often_as_it_says_calibrated_or_not(self, boast: float) -> None:
        rng = np.random.default_rng(3)
        held = 0
        for _ in range(400):
            estimate = AccuracyEstimate(reference_of(*answers(rng, 400, boast)), 500)
            confidence, right = answers(rng, 500, boast)
            estimate.answered(confidence)
            found = estimate.now()
            held += found.low <= right.mean() <= found.high
        # 95 % of 400, less three standard errors.
        assert 367 <= held <= 397

    def test_an_old_version_is_taken_at_its_word(self) -> None:
        rng = np.random.default_rng(1)
        estimate = AccuracyEstimate(reference_of(answers(rng, 400)[0], None), 500)
        assert np.isnan(estimate.now().accuracy)
        estimate.answered(np.full(500, 0.85, np.float32))
        assert estimate.now().accuracy == pytest.approx(0.85)


class TestReconciled:
    def test_tells_how_far_it_was_off_and_learns_from_labels(self) -> None:
        rng = np.random.default_rng(5)
        estimate = AccuracyEstimate(reference_of(*answers(rng, 400)), 500)
        assert estimate.reconciled.windows == 0
        # The world changes: the same confidences, right 30 points less often.
        confidence, _ = answers(rng, 500)
        right = rng.random(500) < confidence - 0.3
        estimate.answered(confidence)
        before = estimate.now().accuracy
        estimate.judged(confidence, right)
        first = estimate.reconciled
        assert first.windows == 1 and first.error == pytest.approx(0.3, abs=0.06) and first.covered == 0
        assert first.bias == first.error
        for _ in range(4):
            confidence, _ = answers(rng, 500)
            estimate.judged(confidence, rng.random(500) < confidence - 0.3)
        # What labels have shown is in the estimate now, in spite of the held-out rows.
        assert before - estimate.now().accuracy > 0.2
        assert estimate.reconciled.windows == 5

    def test_an_estimate_is_never_checked_on_what_it_has_learnt_from(self) -> None:
        """Confidences that say nothing: an estimate that had seen the window's own labels would be right by chance."""
        estimate = AccuracyEstimate(reference_of(np.full(100, 0.9, np.float32), np.ones(100, bool)), 50)
        estimate.judged(np.full(50, 0.9, np.float32), np.zeros(50, bool))
        assert estimate.reconciled.error > 0.9


@given(st.lists(st.integers(1, 400), min_size=1, max_size=8), st.integers(0, 2**16))
def test_it_does_not_matter_how_the_stream_is_cut(cuts: list[int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    made = reference_of(*answers(rng, 300))
    confidence, right = answers(rng, sum(cuts))
    whole, parts = AccuracyEstimate(made, 100), AccuracyEstimate(made, 100)
    whole.answered(confidence)
    whole.judged(confidence, right)
    start = 0
    for cut in cuts:
        parts.answered(confidence[start : start + cut])
        parts.judged(confidence[start : start + cut], right[start : start + cut])
        start += cut
    assert whole.now() == parts.now()
    assert whole.reconciled == pytest.approx(parts.reconciled, nan_ok=True) or whole.reconciled == parts.reconciled


def test_it_goes_on_after_a_restart() -> None:
    rng = np.random.default_rng(2)
    made = reference_of(*answers(rng, 300))
    one, other, ledger = AccuracyEstimate(made, 100), AccuracyEstimate(made, 100), Ledger()
    confidence, right = answers(rng, 730)
    one.answered(confidence)
    one.judged(confidence, right)
    state = one.snapshot(ledger)
    parts = {name: value for name, value in ledger.close().items() if value is not None}
    other.restore(state, parts)
    for estimate in (one, other):
        estimate.answered(confidence[:50])
        estimate.judged(confidence[:50], right[:50])
    assert one.now() == other.now()
    assert one.reconciled == other.reconciled and one.reconciled.windows == 7


def test_the_calibration_error_is_the_boast() -> None:
    rng = np.random.default_rng(4)
    estimate = AccuracyEstimate(reference_of(*answers(rng, 300)), 2_000)
    assert np.isnan(estimate.calibration_error)
    confidence = rng.uniform(0.5, 0.9, 2_000).astype(np.float32)
    estimate.judged(confidence, rng.random(2_000) < confidence - 0.2)
    assert estimate.calibration_error == pytest.approx(0.2, abs=0.03)

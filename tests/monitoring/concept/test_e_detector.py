import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import kstest, poisson

from monitoring.concept.changepoint import Baseline, surely_worse
from monitoring.concept.conformal import conformal_p_values, uniforms
from monitoring.concept.detector_state import DetectorState
from monitoring.concept.e_detector import EDetector


def rings(detector: EDetector, wrong: NDArray[np.bool_]) -> list[tuple[int, bool]]:
    found, start = [], 0
    while (at := detector.until_ring(wrong[start:])) is not None:
        start += at + 1
        found.append((start, detector.rose))
    return found


def changing(seed: int, n: int) -> NDArray[np.bool_]:
    rng = np.random.default_rng(seed)
    rates = np.repeat(rng.choice([0.02, 0.1, 0.3, 0.8], -(-n // 400)), 400)[:n]
    out: NDArray[np.bool_] = rng.random(n) < rates
    return out


def through_bytes(state: DetectorState) -> DetectorState:
    return msgspec.msgpack.decode(msgspec.msgpack.encode(state), type=DetectorState)


class TestPValues:
    @pytest.mark.parametrize("rate", [0.01, 0.3])
    def test_are_uniform_whatever_the_rate(self, rate: float) -> None:
        rng = np.random.default_rng(1)
        pooled = np.concatenate([conformal_p_values(rng.random(50) < rate, 0, 0, 50 * i) for i in range(2_000)])
        assert kstest(pooled, "uniform").pvalue > 1e-3

    def test_and_independent_of_each_other(self) -> None:
        p = conformal_p_values(np.random.default_rng(2).random(100_000) < 0.1, 0, 0, 0)
        assert abs(np.corrcoef(p[1:], p[:-1])[0, 1]) < 0.012

    def test_the_random_numbers_are_spread_evenly(self) -> None:
        assert kstest(uniforms(10**12, 100_000), "uniform").pvalue > 1e-3


class TestTheBoundOnFalseAlarms:
    @pytest.mark.parametrize("rate", [0.01, 0.1, 0.5])
    def test_rings_are_no_more_than_allowed(self, rate: float) -> None:
        """At 1 in 1,000 outcomes; a count this high has a chance of 1e-4 if the bound holds just so."""
        wrong = np.random.default_rng(3).random(60_000) < rate
        found = rings(EDetector(1e-3), wrong)
        assert sum(rose for _, rose in found) <= poisson.isf(1e-4, 60)
        assert sum(not rose for _, rose in found) <= poisson.isf(1e-4, 60)
        assert found

    def test_wealth_less_outcomes_falls_or_stays_in_the_mean(self) -> None:
        """E[M(t)] ≤ t, so the mean over many streams may exceed t by chance only; the bets are bounded here."""
        rng, n, streams = np.random.default_rng(4), 8, 3_000
        ends = []
        for stream in range(streams):
            detector = EDetector(1e-9)
            detector._number = stream * n
            detector.learn(rng.random(500) < 0.2)
            detector.update(rng.random(n) < 0.2)
            ends.append(detector.evidence)
        assert np.mean(ends) <= n + 4 * np.std(ends) / np.sqrt(streams)
        assert np.mean(ends) >= n / 2

    def test_a_model_as_good_as_its_evaluation_is_rarely_called_bad(self) -> None:
        rng, level, found = np.random.default_rng(5), 0.05, 0
        for _ in range(1_000):
            known = Baseline(100.0, float((rng.random(100) < 0.1).sum()))
            found += surely_worse(rng.random(500) < 0.1, 0, 0, known, level, 1e-9) is not None
        assert found <= poisson.isf(1e-4, 1_000 * level)


class TestAChangeIsFound:
    @pytest.mark.parametrize(
        ("before", "after", "within"), [(0.1, 0.6, 60), (0.05, 0.95, 20), (0.3, 0.5, 500), (0.02, 0.1, 500)]
    )
    def test_soon(self, before: float, after: float, within: int) -> None:
        rng, delays = np.random.default_rng(6), []
        for _ in range(20):
            detector = EDetector(5e-7)
            stream = np.concatenate([rng.random(2_000) < before, rng.random(3_000) < after])
            ((at, rose), *_) = rings(detector, stream)
            assert rose
            delays.append(at - 2_000)
        assert min(delays) > 0
        assert np.quantile(delays, 0.9) <= within

    def test_a_fall_rings_as_a_fall(self) -> None:
        rng = np.random.default_rng(7)
        ((at, rose),) = rings(EDetector(5e-7), np.concatenate([rng.random(1_000) < 0.4, rng.random(500) < 0.05]))
        assert not rose
        assert 1_000 < at < 1_200


class TestTheSameHoweverItIsCut:
    @settings(max_examples=20, deadline=None)
    @given(seed=st.integers(0, 2**32 - 1), cuts=st.lists(st.integers(0, 1_600), max_size=12))
    def test_bit_for_bit(self, seed: int, cuts: list[int]) -> None:
        wrong = changing(seed, 1_600)
        one, other = EDetector(1e-4), EDetector(1e-4)
        whole, pieces = rings(one, wrong), []
        for start, end in zip([0, *sorted(cuts)], [*sorted(cuts), 1_600], strict=True):
            pieces += [(start + at, rose) for at, rose in rings(other, wrong[start:end])]
        assert pieces == whole
        assert through_bytes(one.snapshot()) == through_bytes(other.snapshot())

    @settings(max_examples=20, deadline=None)
    @given(seed=st.integers(0, 2**32 - 1), cut=st.integers(0, 1_600))
    def test_and_restored_in_between(self, seed: int, cut: int) -> None:
        wrong = changing(seed, 2_400)
        one, other = EDetector(1e-4), EDetector(1e-4)
        one.update(wrong[:cut])
        assert other.restore(through_bytes(one.snapshot()))
        assert rings(other, wrong[cut:]) == rings(one, wrong[cut:])
        assert through_bytes(one.snapshot()) == through_bytes(other.snapshot())

    def test_a_state_that_does_not_fit_changes_nothing(self) -> None:
        detector = EDetector(1e-6)
        detector.update(changing(1, 500))
        before = through_bytes(detector.snapshot())
        strange = through_bytes(before)
        strange.past["wealth"] = [1.0]
        for state in (None, EDetector(1e-5).snapshot(), DetectorState("1", "ADWIN", {}, {}), strange):
            assert not detector.restore(state)
        assert through_bytes(detector.snapshot()) == before

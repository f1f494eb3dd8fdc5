import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import poisson

from driftline.spec import ConceptDriftSpec
from monitoring.concept.dependence import BLOCK, Dependence, powers
from monitoring.concept.monitor import ConceptMonitor


def markov(rng: np.random.Generator, n: int, rate: float, correlation: float) -> NDArray[np.bool_]:
    stay, come = rate + correlation * (1 - rate), rate * (1 - correlation)
    state, out = False, []
    for u in rng.random(n).tolist():
        state = u < (stay if state else come)
        out.append(state)
    return np.array(out)


def measured(wrong: NDArray[np.bool_]) -> Dependence:
    found, last = Dependence(), False
    for start in range(0, len(wrong) - BLOCK + 1, BLOCK):
        block = wrong[start : start + BLOCK]
        both = int((block[1:] & block[:-1]).sum()) + int(last and block[0])
        found.add(int(block.sum()), both, float(wrong.mean()))
        last = bool(block[-1])
    return found


class TestTheCorrelationIsMeasured:
    @pytest.mark.parametrize("correlation", [0.0, 0.3, 0.6, 0.9])
    def test_of_a_markov_chain(self, correlation: float) -> None:
        wrong = markov(np.random.default_rng(1), 60_000, 0.2, correlation)
        found = measured(wrong).correlation(0.2)
        assert found[:3] == pytest.approx(correlation, abs=0.1)

    def test_a_season_shows_at_its_own_scale_and_not_below(self) -> None:
        rng = np.random.default_rng(2)
        rates = 0.15 + 0.1 * np.sin(np.arange(60_000) * 2 * np.pi / 1_000)
        found = measured(rng.random(60_000) < rates).correlation(0.15)
        assert found[0] < 0.1
        assert found[2] > 0.5

    def test_one_jump_is_no_dependence(self) -> None:
        wrong = np.random.default_rng(3).random(20_000) < np.repeat([0.1, 0.5], 10_000)
        assert measured(wrong).correlation(0.3)[0] < 0.25

    def test_what_it_remembers_makes_another_the_same(self) -> None:
        one, other = measured(markov(np.random.default_rng(4), 5_000, 0.2, 0.5)), Dependence()
        other.become(one.state())
        assert other.state() == one.state()
        with pytest.raises(ValueError, match="shape"):
            other.become([[1.0], [], [], [], []])


class TestPowers:
    def test_of_independent_outcomes_are_one(self) -> None:
        limits, bets = np.array([0.1, 0.3]), np.array([0.4, 0.5])
        hit, miss = np.log(bets / limits), np.log((1 - bets) / (1 - limits))
        assert powers(0.2, np.zeros(2), limits, hit, miss).tolist() == [1.0, 1.0]
        # Nearly no correlation gives nearly 1: the root is where theory says.
        assert powers(0.2, np.full(2, 1e-6), limits, hit, miss) == pytest.approx(1.0, abs=1e-3)

    def test_of_small_bets_are_one_over_the_dispersion(self) -> None:
        """The diffusion limit: a chain of correlation 1/2 varies three times as much."""
        limits, bets = np.array([0.2]), np.array([0.21])
        hit, miss = np.log(bets / limits), np.log((1 - bets) / (1 - limits))
        assert powers(0.2, np.array([0.5]), limits, hit, miss)[0] == pytest.approx(1 / 3, abs=0.02)


class TestDependentErrorsAreNoDrift:
    @pytest.mark.parametrize("correlation", [0.3, 0.6])
    def test_rises_are_about_as_rare_as_allowed(self, correlation: float) -> None:
        """Calibration, no theorem: twice the bound is granted."""
        rng = np.random.default_rng(5)
        n, share = 100_000, 2e-5
        watch = ConceptMonitor(
            ConceptDriftSpec(), 20_000, 500, float(markov(rng, 1_000, 0.1, correlation).mean()), 1_000, share=share
        )
        found = watch.update(markov(rng, n, 0.1, correlation), np.arange(n), np.arange(n))
        assert sum(not f.escalated for f in found) <= poisson.isf(1e-3, 2 * n * share)

    def test_and_a_real_rise_is_still_found(self) -> None:
        rng = np.random.default_rng(6)
        wrong = np.concatenate([markov(rng, 10_000, 0.1, 0.5), markov(rng, 1_000, 0.6, 0.5)])
        watch = ConceptMonitor(ConceptDriftSpec(), 20_000, 500, 0.1, 1_000)
        found = watch.update(wrong, np.arange(11_000), np.arange(11_000))
        assert found
        assert abs(found[0].onset.number - 10_000) <= 30

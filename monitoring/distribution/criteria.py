"""When a variable counts as drifted: an effect that matters, and a test that excludes chance."""

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from driftline.spec.monitoring import DataDriftSpec
from monitoring.distribution.correlation import Correlations, Pairs
from monitoring.distribution.distances import distances
from monitoring.distribution.divergence import Comparison, Floats, compare, directed_p_values, holm
from monitoring.distribution.geometry import Geometry
from monitoring.distribution.layout import Layout
from monitoring.distribution.rates import Rates, rates

# One look is enough if it leaves no doubt: twice the effect at the cube of the level.
_OVERWHELMING_EFFECT = 2.0
_OVERWHELMING_POWER = 3
_NONE: NDArray[np.int64] = np.zeros(0, dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Judgement:
    """What was measured of V variables, and what of it counts.

    Attributes
    ----------
    comparison : its `adjusted` is the smallest p-value of a variable's tests, corrected for every test of this
        evaluation.
    missing, unseen : shares of missing values and of unknown categories, each with its test.
    moved, went_missing, became_unseen : which test says drift, bool [V].
    drifted : indices of the variables of which any says so, most drifted first.
    correlations : of the pairs of variables; None where they are not watched.
    apart : indices of the pairs that have changed though neither of their variables has drifted, most changed first.
    overwhelming : whether one of them leaves no doubt.
    """

    comparison: Comparison
    missing: Rates
    unseen: Rates
    moved: NDArray[np.bool_]
    went_missing: NDArray[np.bool_]
    became_unseen: NDArray[np.bool_]
    drifted: NDArray[np.int64]
    overwhelming: bool
    correlations: Correlations | None = None
    apart: NDArray[np.int64] = field(default_factory=lambda: _NONE)

    @property
    def anything(self) -> bool:
        return bool(len(self.drifted) or len(self.apart))


@dataclass(frozen=True, slots=True)
class Criteria:
    """The rules of the data-drift section.

    A variable has drifted if its chi-square test says so at `level` and the effect size that
    `spec.statistic` names is at least its minimum; or if the share of its missing values, or of its unknown categories,
    has changed by `spec.minimum_rate` at that level. All tests of one evaluation are corrected together (Holm).
    A test that cannot say anything (no record was ever missing) is not counted: it could not have been a false alarm.

    Parameters
    ----------
    spec : the data-drift section.
    layout, geometry : the bins, their reference counts and their meaning.
    level : chance of a false alarm over all tests of one evaluation. Where pairs are watched, half of it is theirs.
    pairs : the pairs of variables to watch; None for none.
    """

    spec: DataDriftSpec
    layout: Layout
    geometry: Geometry
    level: float
    pairs: Pairs | None = None
    _least: Floats = field(init=False)

    def __post_init__(self) -> None:
        spec, ordered = self.spec, self.geometry.ordered
        least = {
            "psi": spec.minimum_psi,
            "jensen-shannon": spec.minimum_jensen_shannon,
            "kolmogorov-smirnov": spec.minimum_kolmogorov_smirnov,
            "wasserstein": spec.minimum_wasserstein,
        }[spec.statistic]
        other = spec.minimum_psi if spec.statistic == "psi" else spec.minimum_jensen_shannon
        rate = np.full(len(ordered), spec.minimum_rate)
        object.__setattr__(self, "_least", np.stack([np.where(ordered, least, other), rate, rate]))

    @property
    def detector(self) -> str:
        """The name of these rules in an event, e.g. psi+chi-square."""
        return f"{self.spec.statistic}+chi-square"

    def effect(self, comparison: Comparison, current: NDArray[np.int64]) -> Floats:
        """The effect size that decides, float64 [V]."""
        if self.spec.statistic == "psi":
            return comparison.psi
        found = distances(self.layout, self.geometry, current)
        chosen = {
            "jensen-shannon": found.jensen_shannon_corrected,
            "kolmogorov-smirnov": found.kolmogorov_smirnov,
            "wasserstein": found.wasserstein_relative,
        }[self.spec.statistic]
        return np.where(self.geometry.ordered, chosen, found.jensen_shannon_corrected)

    def judge(self, current: NDArray[np.int64], products: NDArray[np.int64] | None = None) -> Judgement:
        """Judge counts of all variables, int64 [bins], and sums of products of all pairs, int64 [P]."""
        layout, geometry, least = self.layout, self.geometry, self._least
        level = self.level if self.pairs is None else self.level / 2
        comparison = compare(layout, current, corrected=False)
        missing, unseen = rates(layout, geometry.missing, current), rates(layout, geometry.unseen, current)
        effects = np.stack([self.effect(comparison, current), np.abs(missing.change), np.abs(unseen.change)])
        of_missing, of_unseen = (directed_p_values(layout, found.p_value) for found in (missing, unseen))
        p_values = np.stack([comparison.p_value, of_missing, of_unseen])
        asked = np.stack([comparison.p_value <= 1, missing.asked, unseen.asked])
        adjusted = np.ones(p_values.shape)
        adjusted[asked] = holm(p_values[asked])
        told = (adjusted < level) & (effects >= least)
        drifted = np.flatnonzero(told.any(axis=0))
        correlations, apart, sure = None, _NONE, False
        if self.pairs is not None and products is not None:
            correlations = self.pairs.compare(current, products)
            apart, sure = self._apart(self.pairs, correlations, drifted, level)
        if len(drifted):
            very = (adjusted < level**_OVERWHELMING_POWER) & (effects >= _OVERWHELMING_EFFECT * least)
            sure = sure or bool(very.any())
        return Judgement(
            comparison=replace(comparison, adjusted=adjusted.min(axis=0)),
            missing=missing,
            unseen=unseen,
            moved=told[0],
            went_missing=told[1],
            became_unseen=told[2],
            drifted=drifted[np.argsort(-comparison.psi[drifted], kind="stable")],
            overwhelming=sure,
            correlations=correlations,
            apart=apart,
        )

    def _apart(
        self, pairs: Pairs, found: Correlations, drifted: NDArray[np.int64], level: float
    ) -> tuple[NDArray[np.int64], bool]:
        """The pairs that have changed though neither of their variables has; and whether one leaves no doubt."""
        least, size = self.spec.minimum_correlation, np.abs(found.change)
        if not size.max(initial=0.0) >= least:
            return _NONE, False
        still = np.ones(len(self.geometry.ordered), dtype=np.bool_)
        still[drifted] = False
        large = (size >= least) & still[pairs.first] & still[pairs.second]
        adjusted = found.adjusted
        apart = np.flatnonzero(large & (adjusted < level))
        very = (adjusted[apart] < level**_OVERWHELMING_POWER) & (size[apart] >= _OVERWHELMING_EFFECT * least)
        return apart[np.argsort(-size[apart], kind="stable")], bool(very.any())

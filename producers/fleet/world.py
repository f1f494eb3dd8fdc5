"""The world that a fleet measures: a mixture of Gaussian regions, each with an answer. Drawn once from a seed."""

import numpy as np
from numpy.typing import NDArray

from driftline.spec.stream import StreamSpec
from producers.fleet.words import Speech

Answer = str | list[str]

# Regions of each answer. One would make every class a single blob that a linear model separates; a concept drift of
# half the magnitude needs two.
REGIONS_PER_ANSWER = 2
# Numeric features beyond this many carry no signal: full covariances cost the square of it.
MOST_INFORMATIVE = 32
# How much a category says about the answer: this share of the records has the answer's own favourite.
FAVOURITE_SHARE = 0.5


class World:
    """The geometry of a stream's regions, and what each of them says.

    Parameters
    ----------
    spec : the stream.
    seed : of everything drawn here.
    separation : typical distance between regions, in standard deviations within one.

    Attributes
    ----------
    answers : the A possible answers: the classes; for multilabel none of them, each alone, and some pairs.
    weights : float64 [M], the regions' weights.
    region_answer : int64 [M], index of each region's answer.
    """

    def __init__(self, spec: StreamSpec, seed: int, separation: float) -> None:
        random = np.random.default_rng([seed, 0])
        self.answers = _answers(spec, random)
        self.numeric = len(spec.numeric)
        count = len(self.answers)
        self.regions = REGIONS_PER_ANSWER * count
        self.region_answer = np.tile(np.arange(count), REGIONS_PER_ANSWER)
        prior = np.full(count, 1.0 / count)
        if spec.task == "multilabel":
            # Most records have nothing to report, or the question would not be asked of each.
            prior = np.array([0.4] + [0.6 / (count - 1)] * (count - 1)) if count > 1 else prior
        self.weights = np.tile(prior / REGIONS_PER_ANSWER, REGIONS_PER_ANSWER)
        # A stream without numbers has its regions in a hidden plane, and shows them by categories and words.
        total = self.numeric or 2
        self.informative = np.sort(random.permutation(total)[:MOST_INFORMATIVE])
        dimensions = len(self.informative)
        self._centres = _centres(self.regions, dimensions, separation, random)
        spreads = random.uniform(0.55, 1.3, size=(self.regions, dimensions))
        turns = np.linalg.qr(random.standard_normal((self.regions, dimensions, dimensions)))[0]
        # Region m is centre + factor ε: the principal axes `turns` with standard deviations `spreads`.
        self._factors = turns * spreads[:, None, :]
        self._inverses = np.swapaxes(turns, 1, 2) / spreads[:, :, None]
        self._log_norm = np.log(self.weights) - np.log(spreads).sum(axis=1)
        variance = (self._factors**2).sum(axis=2) + self._centres**2
        self._mean = self.weights @ self._centres
        self._std = np.sqrt(self.weights @ variance - self._mean**2)
        # What a sensor shows: each quantity has a unit and a zero of its own.
        self._level = random.uniform(-50, 50, size=total)
        self._scale = random.uniform(0.5, 10, size=total)
        self._category_shares = [
            _category_shares(count, len(feature.categories), random) for feature in spec.categorical
        ]
        self._categories = [np.array(feature.categories, dtype=object) for feature in spec.categorical]
        self._speeches = [Speech(count, random) for _ in spec.text]

    def positions(self, regions: NDArray[np.int64], noise: NDArray[np.float64]) -> NDArray[np.float64]:
        """Standardised quantities float64 [n, total] of records in `regions` [n], from standard normal `noise`.

        Over the world as it was made, every column has mean 0 and standard deviation 1.
        """
        out = noise.copy()
        for region in np.unique(regions):
            chosen = np.flatnonzero(regions == region)
            inner = noise[np.ix_(chosen, self.informative)] @ self._factors[region].T + self._centres[region]
            out[np.ix_(chosen, self.informative)] = (inner - self._mean) / self._std
        return out

    def region_probabilities(self, positions: NDArray[np.float64]) -> NDArray[np.float64]:
        """P(region | position) float64 [n, M] in the world as it was made, by Bayes."""
        inner = positions[:, self.informative] * self._std + self._mean
        log = np.empty((len(positions), self.regions))
        for region in range(self.regions):
            white = (inner - self._centres[region]) @ self._inverses[region].T
            log[:, region] = self._log_norm[region] - 0.5 * (white**2).sum(axis=1)
        log -= log.max(axis=1, keepdims=True)
        odds = np.exp(log)
        return np.asarray(odds / odds.sum(axis=1, keepdims=True))

    def readings(self, positions: NDArray[np.float64]) -> NDArray[np.float64]:
        """Positions in the sensors' units, to four decimals: float64 [n, N]."""
        shown = positions[:, : self.numeric] * self._scale[: self.numeric] + self._level[: self.numeric]
        return np.round(shown, 4)

    def standardise(self, readings: NDArray[np.float64]) -> NDArray[np.float64]:
        """The inverse of `readings`, up to its rounding."""
        return np.asarray((readings - self._level[: self.numeric]) / self._scale[: self.numeric])

    @property
    def units(self) -> NDArray[np.float64]:
        """One standard deviation of each numeric feature in its own unit, float64 [N]."""
        return self._scale[: self.numeric]

    def categories(self, feature: int, said: NDArray[np.int64], chance: NDArray[np.float64]) -> NDArray[np.object_]:
        """Categories object [n] of categorical feature number `feature`; `said` [n] is the region's first answer."""
        edges = np.cumsum(self._category_shares[feature], axis=1)[said]
        index = (chance[:, None] >= edges[:, :-1]).sum(axis=1)
        chosen: NDArray[np.object_] = self._categories[feature][index]
        return chosen

    def texts(self, feature: int, said: NDArray[np.int64], random: np.random.Generator) -> list[str]:
        """Texts of text feature number `feature`; `said` [n] is the region's first answer."""
        return self._speeches[feature].say(said, random)


def _answers(spec: StreamSpec, random: np.random.Generator) -> list[Answer]:
    if spec.task != "multilabel":
        return list(spec.classes)
    singles: list[Answer] = [[name] for name in spec.classes]
    pairs: list[Answer] = []
    if len(spec.classes) > 2:
        order = random.permutation(len(spec.classes))
        pairs = [
            [spec.classes[i] for i in sorted((int(a), int(b)))] for a, b in zip(order[::2], order[1::2], strict=False)
        ]
    return [[], *singles, *pairs]


def _centres(count: int, dimensions: int, separation: float, random: np.random.Generator) -> NDArray[np.float64]:
    """Points whose distances are about `separation`: of several random sets, the one with no two points close."""
    # In few dimensions so many points need more room: the radius grows as their number's root of that order.
    radius = separation / np.sqrt(2) * max(1.0, count ** (1 / dimensions) / 2)
    best, widest = np.zeros((count, dimensions)), -1.0
    for _ in range(64):
        points = random.standard_normal((count, dimensions))
        points *= radius / np.linalg.norm(points, axis=1, keepdims=True)
        if dimensions < 4:
            points *= random.uniform(0.2, 1.5, size=(count, 1))
        gaps = ((points[:, None, :] - points[None, :, :]) ** 2).sum(axis=2) + np.diag(np.full(count, np.inf))
        if gaps.min() > widest:
            best, widest = points, float(gaps.min())
    return best


def _category_shares(answers: int, categories: int, random: np.random.Generator) -> NDArray[np.float64]:
    shares = np.full((answers, categories), (1 - FAVOURITE_SHARE) / categories)
    favourites = (random.permutation(categories)[np.arange(answers) % categories]) if categories else 0
    shares[np.arange(answers), favourites] += FAVOURITE_SHARE
    return shares

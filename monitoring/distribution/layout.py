"""Where the bins of many variables lie in one flat array, and what the reference counted in them."""

import hashlib
import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from driftline.registry.overdispersion import SHORTEST

# From here on a factor above 1 is no chance: one variable in a thousand.
_STANDARD_ERRORS = 3.0
_SATURATED = 0.8


class Layout:
    """Bins of all variables, variable after variable, in one flat array.

    So a variable with 3 bins and one with 300 cost what they hold, and nothing is done once for each variable.

    Parameters
    ----------
    counts : variable → reference count of each of its bins, at least one.
    overdispersion : variable → factors by length of a stretch, as `driftline.registry.overdispersion` gives them;
        nothing is known of a variable that is not there.
    window : records that are compared with the reference.
    meaning : what the bins stand for (edges, categories), as bytes; quantile bins of other edges have the same counts.

    Attributes
    ----------
    names : the variables.
    starts : first bin of each variable, int64 [V].
    owner : variable of each bin, int64 [bins].
    counts : reference counts, int64 [bins].
    totals : reference records of each variable, float64 [V].
    factors : overdispersion of a window's counts, at least 1, float64 [V]; 1 where more is not sure.
    directed : the same if what is more than 1 is all in one direction, say in one bin, float64 [V].
    stretches : of the reference, from which the factor is known, float64 [V].
    digest : the same for the same variables, reference counts and meaning, and for no others.
    """

    def __init__(
        self,
        counts: Mapping[str, Sequence[int]],
        overdispersion: Mapping[str, Sequence[float]] | None = None,
        window: int = SHORTEST,
        *,
        meaning: bytes = b"",
    ) -> None:
        widths = [len(values) for values in counts.values()]
        self.names = tuple(counts)
        self.starts: NDArray[np.int64] = np.concatenate([[0], np.cumsum(widths)[:-1]]).astype(np.int64)
        self.owner: NDArray[np.int64] = np.repeat(np.arange(len(widths)), widths)
        self.counts: NDArray[np.int64] = np.array([c for values in counts.values() for c in values], dtype=np.int64)
        self.weights: NDArray[np.float64] = self.counts.astype(np.float64)
        self.totals: NDArray[np.float64] = np.add.reduceat(self.weights, self.starts)
        digest = hashlib.sha256("\0".join(self.names).encode("utf-8", "surrogatepass") + meaning)
        digest.update(self.starts.tobytes() + self.counts.tobytes())
        self.digest = digest.hexdigest()[:16]
        self.factors = np.ones(len(widths))
        self.directed = np.ones(len(widths))
        self.stretches = np.full(len(widths), np.inf)
        for variable, name in enumerate(self.names):
            known = (overdispersion or {}).get(name, ())
            if not known:
                continue
            scale = min(max(round(math.log2(window / SHORTEST)), 0), len(known) - 1)
            factor = max(known[: scale + 1])
            # Where shorter stretches vary as much already, there are more of them to know it from.
            shortest = next(i for i, shorter in enumerate(known) if shorter >= _SATURATED * factor)
            stretches = max(self.totals[variable] // (SHORTEST * 2**shortest), 2.0)
            freedom = max(int((self.counts[self.bins(variable)] > 0).sum()) - 1, 1)
            if factor > 1.0 + _STANDARD_ERRORS * math.sqrt(2.0 / (stretches * freedom)):
                self.factors[variable], self.stretches[variable] = factor, stretches
                self.directed[variable] = 1.0 + (factor - 1.0) * freedom

    def bins(self, variable: int) -> slice:
        """The flat bins of one variable."""
        end = self.starts[variable + 1] if variable + 1 < len(self.starts) else len(self.counts)
        return slice(int(self.starts[variable]), int(end))

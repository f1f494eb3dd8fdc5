"""Where the bins of many variables lie in one flat array, and what the reference counted in them."""

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray


class Layout:
    """Bins of all variables, variable after variable, in one flat array.

    So a variable with 3 bins and one with 300 cost what they hold, and nothing is done once for each variable.

    Parameters
    ----------
    counts : variable → reference count of each of its bins, at least one.
    meaning : what the bins stand for (edges, categories), as bytes; quantile bins of other edges have the same counts.

    Attributes
    ----------
    names : the variables.
    starts : first bin of each variable, int64 [V].
    owner : variable of each bin, int64 [bins].
    counts : reference counts, int64 [bins].
    totals : reference records of each variable, float64 [V].
    digest : the same for the same variables, reference counts and meaning, and for no others.
    """

    def __init__(self, counts: Mapping[str, Sequence[int]], *, meaning: bytes = b"") -> None:
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

    def bins(self, variable: int) -> slice:
        """The flat bins of one variable."""
        end = self.starts[variable + 1] if variable + 1 < len(self.starts) else len(self.counts)
        return slice(int(self.starts[variable]), int(end))

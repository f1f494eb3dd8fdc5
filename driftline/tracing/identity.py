"""Which records are followed, and under which ids: computed from what everybody knows, so nobody has to be asked."""

import hashlib
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from driftline.tracing.context import Context

_ODD = 0x9E3779B97F4A7C15
_WORD = 1 << 64


class Identity:
    """Ids of the traces and spans of one stream.

    A record's trace id is a hash of its record id, and a loop's that of its drift event. So producer, consumer and
    monitor agree on who is followed without a look-up, a batch that is processed again has the ids it had, and a drift
    event can point to the trace of the record at which it was found.

    Parameters
    ----------
    stream : its name; equal record ids of two streams are two records.
    share : of the records that are followed, decided as OpenTelemetry's sampler `traceidratio` does: by the low 64 bits
        of the trace id.
    """

    def __init__(self, stream: str, share: float) -> None:
        digest = hashlib.blake2b(stream.encode(), digest_size=16).digest()
        self._high = np.uint64(int.from_bytes(digest[:8]))
        self._low = np.uint64(int.from_bytes(digest[8:]))
        bound = round(share * _WORD)
        self._most = np.uint64(bound - 1) if bound else None

    def followed(self, record_ids: Sequence[str]) -> dict[int, int]:
        """Row → trace id of those of n records that are followed. Makes no object for any other."""
        if self._most is None or not record_ids:
            return {}
        hashes = hashed(record_ids)
        low = _mixed(hashes ^ self._low)
        rows = np.flatnonzero(low <= self._most)
        if not len(rows):
            return {}
        high = _mixed(hashes[rows] ^ self._high)
        return dict(zip(rows.tolist(), map(_joined, high.tolist(), low[rows].tolist()), strict=True))

    def trace(self, name: str) -> int:
        """The trace id of a record by its id, followed or not, or of a drift event or job by its own."""
        hashes = hashed([name])
        return _joined(int(_mixed(hashes ^ self._high)[0]), int(_mixed(hashes ^ self._low)[0]))

    def span(self, trace: int, what: str) -> int:
        """The id of a span: `what` is unlike that of every other span of the trace."""
        return int(_mixed(hashed([what]) ^ np.uint64(trace % _WORD))[0]) or 1

    def context(self, trace: int, what: str) -> Context:
        return Context(trace, self.span(trace, what))


def hashed(texts: Sequence[str]) -> NDArray[np.uint64]:
    """64 bits of each of n texts, by array operations over all of them at once.

    A polynomial in an odd number over the code points, modulo 2^64; `_mixed` makes its bits even.
    """
    rows = np.array(texts, dtype=np.str_)
    codes = rows.view(np.uint32).reshape(len(texts), -1)  # the shorter ones are filled up with 0, which adds nothing
    found: NDArray[np.uint64] = codes.astype(np.uint64) @ _powers(codes.shape[1])
    return found


@lru_cache
def _powers(count: int) -> NDArray[np.uint64]:
    return np.full(count, _ODD, np.uint64).cumprod()


_SHIFTS = np.array([30, 27, 31], np.uint64)
_FACTORS = np.array([0xBF58476D1CE4E5B9, 0x94D049BB133111EB], np.uint64)


def _mixed(words: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The finaliser of SplitMix64 (Steele, Lea and Flood 2014)."""
    words = (words ^ (words >> _SHIFTS[0])) * _FACTORS[0]
    words = (words ^ (words >> _SHIFTS[1])) * _FACTORS[1]
    mixed: NDArray[np.uint64] = words ^ (words >> _SHIFTS[2])
    return mixed


def _joined(high: int, low: int) -> int:
    return (high << 64 | low) or 1

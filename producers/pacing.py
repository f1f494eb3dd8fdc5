"""How many records are due now: a steady rate, kept over stalls without bursts."""

import math

# After a stall the backlog is worked off at this multiple of the rate: at 1 it never would be, and much more would be
# the very burst that is to be avoided.
CATCH_UP = 2.0
# The most that may go out at once, in seconds of the rate. Half of it would tie a fast stream to the scheduler's own
# 10-50 ms of jitter; double makes bursts that a live view shows.
BURST_SECONDS = 0.1
# Seconds since 1970 as a float come in steps of 2.4e-7: a record due between two of them must not wait for a moment
# that no clock will ever show.
_RESOLUTION = 1e-6


class Pacer:
    """Releases records at `rate` a second, counted from the first call.

    Promises: by time t after the start at most ``rate * t + 1`` records are released; between any two moments dt
    apart at most ``CATCH_UP * rate * dt`` and one burst (`BURST_SECONDS` of the rate, at least one record); and a
    backlog that a stall left is worked off while the caller comes back when `next_due` says.

    Parameters
    ----------
    rate : records a second; None is no limit.
    """

    def __init__(self, rate: float | None) -> None:
        self._rate = rate
        self._burst = max(1.0, (rate or 0) * BURST_SECONDS)
        self._start: float | None = None
        self._released = 0
        self._allowance = self._burst
        self._last = 0.0

    def release(self, now: float, most: int) -> int:
        """How many of `most` waiting records go out at time `now` (seconds)."""
        if self._rate is None:
            return most
        if self._start is None:
            self._start = self._last = now
        self._allowance = min(self._burst, self._allowance + CATCH_UP * self._rate * max(0.0, now - self._last))
        self._last = max(self._last, now)
        # Record i is due at start + i / rate.
        due = math.floor((now - self._start + _RESOLUTION) * self._rate) + 1 - self._released
        allowed = math.floor(self._allowance + CATCH_UP * self._rate * _RESOLUTION)
        count = max(0, min(most, due, allowed))
        self._released += count
        self._allowance -= count
        return count

    def next_due(self, now: float) -> float:
        """When the next record may go out, in seconds; not before `now`."""
        if self._rate is None or self._start is None:
            return now
        on_schedule = self._start + self._released / self._rate
        allowed = self._last + max(0.0, 1 - self._allowance) / (CATCH_UP * self._rate)
        return max(now, on_schedule, allowed)

"""Log lines that a flood cannot multiply."""

from collections import Counter
from collections.abc import Callable

EVERY = 10.0


class Sparing:
    """Says whether to log about something now: at once the first time, then at most once in `every` seconds.

    Parameters
    ----------
    monotonic : tells the time, seconds.
    """

    def __init__(self, monotonic: Callable[[], float], every: float = EVERY) -> None:
        self._monotonic, self._every = monotonic, every
        self._last: dict[str, float] = {}
        self._passed_over: Counter[str] = Counter()

    def times(self, what: str) -> int:
        """How often `what` has happened since it was last logged, this time included; 0 if it is not to be logged."""
        now = self._monotonic()
        self._passed_over[what] += 1
        if now - self._last.get(what, float("-inf")) < self._every:
            return 0
        self._last[what] = now
        return self._passed_over.pop(what)

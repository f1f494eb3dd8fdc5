"""Time as the shell sees it; tests turn their own by hand."""

import time
from typing import Protocol


class Clock(Protocol):
    def now(self) -> float:
        """Seconds since 1970-01-01 UTC; never goes back."""

    def sleep(self, seconds: float) -> None:
        """Let at least roughly that much time pass."""


class SystemClock:
    """The machine's clock, anchored once: a correction of the wall clock must not stall or burst a replay."""

    def __init__(self) -> None:
        self._anchor = time.time() - time.monotonic()

    def now(self) -> float:
        return self._anchor + time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)

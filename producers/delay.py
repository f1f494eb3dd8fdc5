"""How long the truth takes: the delay between a record and its label, and the labels that are on their way."""

import heapq
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from driftline.errors import UsageError

Answer = str | list[str]
_PATTERN = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(\w*)\s*")
_UNITS = {
    "": ("records", 1.0), "r": ("records", 1.0), "record": ("records", 1.0), "records": ("records", 1.0),
    "rows": ("records", 1.0),
    "ms": ("seconds", 1e-3), "s": ("seconds", 1.0), "sec": ("seconds", 1.0), "second": ("seconds", 1.0),
    "seconds": ("seconds", 1.0), "m": ("seconds", 60.0), "min": ("seconds", 60.0), "minutes": ("seconds", 60.0),
    "h": ("seconds", 3600.0), "hours": ("seconds", 3600.0),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class LabelDelay:
    """A time budget of the truth: so many records later, or so many seconds."""

    amount: float
    unit: Literal["records", "seconds"]

    @classmethod
    def parse(cls, text: str) -> "LabelDelay":
        """Read '200', '200 records', '30s', '5 seconds', '10 min'.

        >>> LabelDelay.parse("1.5 min")
        LabelDelay(amount=90.0, unit='seconds')

        Raises
        ------
        UsageError : anything else.
        """
        match = _PATTERN.fullmatch(text)
        unit = _UNITS.get(match[2].lower()) if match else None
        if match is None or unit is None:
            raise UsageError(
                f"label delay: read {text!r}; allowed: a number of records ('200 records') or a time ('5s', '2 min')"
            )
        return cls(float(match[1]) * unit[1], "records" if unit[0] == "records" else "seconds")

    def __str__(self) -> str:
        return f"{self.amount:g} {self.unit}"


@dataclass(frozen=True, slots=True)
class PendingLabel:
    record_id: str
    device_id: str
    label: Answer


class LabelQueue:
    """Labels on their way, by the time or the record count at which they arrive.

    Holds as many as the delay is long; equal arrivals keep the records' order.
    """

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, PendingLabel]] = []
        self._pushed = 0

    def __len__(self) -> int:
        return len(self._heap)

    def push(self, due: float, label: PendingLabel) -> None:
        heapq.heappush(self._heap, (due, self._pushed, label))
        self._pushed += 1

    def pop_due(self, now: float) -> Sequence[PendingLabel]:
        """Labels with ``due <= now``, in order of arrival."""
        out = []
        while self._heap and self._heap[0][0] <= now:
            out.append(heapq.heappop(self._heap)[2])
        return out

    def next_due(self) -> float | None:
        """When the next one arrives; None if none is on its way."""
        return self._heap[0][0] if self._heap else None

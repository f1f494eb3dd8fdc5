"""How the stream flows: how much of each kind has come, how fast, when last, and how far the answers are behind."""

from collections import deque
from typing import Literal

from driftline.kafka.interface import Batch

Kind = Literal["records", "answers", "labels", "letters"]
_RATED: tuple[Kind, ...] = ("records", "answers", "labels")
# Rates are over so many seconds: long enough not to flicker, short enough to be believed.
RATE_SECONDS = 5


class Pulse:
    """Counts what comes.

    Attributes
    ----------
    totals : records of each kind since the console began; 'skipped' were passed over, 'outcomes' met their label.
    newest : when the newest record of each kind was written, epoch ms; None before the first.
    """

    def __init__(self) -> None:
        self.totals = {"records": 0, "answers": 0, "labels": 0, "outcomes": 0, "letters": 0, "skipped": 0}
        self.newest: dict[Kind, int | None] = {"records": None, "answers": None, "labels": None, "letters": None}
        self._come: dict[int, int] = {}
        self._answered: dict[int, int] = {}
        self._seen: deque[tuple[int, tuple[int, ...]]] = deque()

    def came(self, kind: Kind, batch: Batch) -> None:
        """Count a batch."""
        self.totals[kind] += len(batch)
        self.newest[kind] = max(self.newest[kind] or 0, max(batch.timestamps))
        if kind == "records":
            self._come[batch.partition] = batch.next_offset

    def answered(self, partition: int, offset: int) -> None:
        """The feature record at this place was answered, or refused."""
        self._answered[partition] = max(self._answered.get(partition, 0), offset + 1)

    @property
    def behind(self) -> int | None:
        """Offsets of NAME.features that have come and are not answered yet; None before the first answer.

        Counted from what the console has read: a batch that is just being answered is in it, and so are a transaction's
        markers (one offset each).
        """
        known = [max(self._come[p] - done, 0) for p, done in self._answered.items() if p in self._come]
        return sum(known) if known else None

    def tick(self, now_ms: int) -> None:
        """Time passes: rates fall when nothing comes."""
        self._seen.append((now_ms, tuple(self.totals[kind] for kind in _RATED)))
        while len(self._seen) > 2 and self._seen[0][0] < now_ms - RATE_SECONDS * 1_000:
            self._seen.popleft()

    def rates(self) -> dict[str, float]:
        """Records a second of each kind, over the last seconds."""
        if len(self._seen) < 2:
            return dict.fromkeys(_RATED, 0.0)
        (first, before), (last, after) = self._seen[0], self._seen[-1]
        seconds = max(last - first, 1) / 1_000
        return {kind: round((after[i] - before[i]) / seconds, 1) for i, kind in enumerate(_RATED)}

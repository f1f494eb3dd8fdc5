"""Dead letters for people: how many of what, and the newest as samples, with their values hidden until asked for."""

import base64
import re
from collections import Counter, deque
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from driftline.kafka.interface import Batch
from driftline.records.data import DeadLetter

SAMPLES = 60
# Of a sample's value, what a person looks at.
SHOWN_BYTES = 2_000
# Of one flood, what is looked into beyond counting.
MOST_READ = 2_000
# "features.load: …": a place in the record. What follows it may quote the value.
_PLACE = re.compile(r"^([A-Za-z_][\w.\-]{0,80}):")


@dataclass(frozen=True, slots=True)
class _Sample:
    letter: DeadLetter
    number: int


class Letters:
    """Counts and samples.

    Parameters
    ----------
    places : names that may be shown of a refused record without showing anything of it: its fields and features.
    """

    def __init__(self, places: frozenset[str]) -> None:
        self._places = places
        self.total = 0
        self.malformed = 0
        self.reasons: Counter[str] = Counter()
        self.refused: dict[int, int] = {}
        self._samples: deque[_Sample] = deque(maxlen=SAMPLES)

    def take(self, batch: Batch) -> None:
        """Take a batch of NAME.dead-letters."""
        for value in batch.values[-MOST_READ:]:
            try:
                letter = DeadLetter.from_json(value or b"")
            except ValidationError:
                self.malformed += 1
                continue
            self.reasons[letter.reason.value] += 1
            self.refused[letter.source_partition] = letter.source_offset
            self._samples.append(_Sample(letter, self.total))
            self.total += 1
        self.total += max(len(batch) - MOST_READ, 0)

    def shown(self) -> dict[str, Any]:
        """What everybody may see."""
        return {
            "total": self.total,
            "reasons": self.reasons.most_common(12),
            "samples": [
                {
                    "number": one.number,
                    "at": one.letter.dead_at,
                    "reason": one.letter.reason.value,
                    "place": self._place(one.letter.detail),
                    "partition": one.letter.source_partition,
                    "offset": one.letter.source_offset,
                    "bytes": one.letter.payload_bytes,
                }
                for one in reversed(self._samples)
            ],
        }

    def opened(self, number: int) -> dict[str, Any] | None:
        """One sample with its values; None if it is no longer kept."""
        for one in self._samples:
            if one.number == number:
                payload = base64.b64decode(one.letter.payload_base64)
                return {
                    "detail": one.letter.detail,
                    "payload": payload[:SHOWN_BYTES].decode("utf-8", "replace"),
                    "cut": one.letter.payload_bytes > min(len(payload), SHOWN_BYTES),
                }
        return None

    def _place(self, detail: str) -> str:
        found = _PLACE.match(detail)
        return found[1] if found and found[1] in self._places else ""

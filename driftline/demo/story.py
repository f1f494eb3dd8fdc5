"""What the demo replays, and what is known of it."""

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

DATA = "insects_abrupt.csv.gz"
# Rows at which the stream's world is known to change: the middle third has its features shuffled.
CHANGES = (1_775, 3_550)
# The first model sees these rows, about half of what comes before the first change. A third of them cost 3 points of
# accuracy; nearly all would leave no stream to show that nothing is alarmed before the change.
TRAINING_ROWS = 900
# Labels come this many records after theirs: a third of a second of stream.
LABEL_DELAY = 10


@dataclass(frozen=True, slots=True)
class DemoSettings:
    """How the demo is to run.

    Attributes
    ----------
    rate : records a second. 29 replays the stream in two and a half minutes; the loop works at any rate, but a
        faster replay passes more records while a training takes its few seconds.
    """

    folder: Path
    rate: float
    headless: bool
    report: Path | None


def shipped(name: str) -> bytes:
    """A data file that comes with the package."""
    return (files("driftline.demo") / "data" / name).read_bytes()


def row_of(record_id: str | None) -> int | None:
    """The file's row of a replayed record.

    >>> row_of("insects-1775")
    1775
    """
    if record_id is None:
        return None
    tail = record_id.rsplit("-", 1)[-1]
    return int(tail) if tail.isdigit() else None

"""What the demo replays, and what is known of it."""

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

DATA = "insects_abrupt.csv.gz"
# Rows at which the stream's world is known to change: the middle third has its features shuffled.
CHANGES = (1_775, 3_550)
# The first model sees these rows. Half as many cost 3 points of accuracy, twice as many leave little stream to watch
# before the first change.
TRAINING_ROWS = 600
# Labels come this many records after theirs: about half a second of stream.
LABEL_DELAY = 20


@dataclass(frozen=True, slots=True)
class DemoSettings:
    """How the demo is to run.

    Attributes
    ----------
    rate : records a second. 34 replays the stream in a little over two minutes; the loop works at any rate, but a
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

"""How a recording is replayed."""

from dataclasses import dataclass

from driftline.errors import UsageError

# Rows of the first model where nothing else is said: a tenth of the data, within these.
FEWEST_START, MOST_START = 200, 2_000


def default_start(rows: int) -> int:
    """Rows that the first model is trained on.

    >>> [default_start(rows) for rows in (1_000, 5_325, 45_312)]
    [200, 532, 2000]
    """
    return min(max(rows // 10, FEWEST_START), MOST_START)


def default_every(rows: int) -> int:
    """Records between two periodic retrainings.

    >>> [default_every(rows) for rows in (3_000, 45_312)]
    [500, 2265]
    """
    return max(rows // 20, 500)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Simulated time is counted in records.

    Attributes
    ----------
    start : rows of the first model; the replay begins behind them.
    label_delay : records by which a label follows its own.
    every : records between two retrainings of `periodic`.
    window : newest labelled records that `periodic` trains on.
    training_takes : records that pass while a training runs; None measures its seconds and multiplies them by `rate`,
        which makes the result depend on this machine.
    rate : records a second.
    block : records between two looks: labels are delivered, models swapped and retrainings asked for at its ends.
    seed : of every model.
    drift_at : rows at which the world is known to change.
    within : records after a known change in which an alarm counts as its detection.
    """

    start: int
    label_delay: int = 0
    every: int
    window: int
    training_takes: int | None = 100
    rate: float = 10.0
    block: int = 32
    seed: int = 1
    drift_at: tuple[int, ...] = ()
    within: int = 2_500

    def check(self, rows: int) -> None:
        """Raise UsageError, naming the option, unless this fits data of so many rows."""
        if not 20 <= self.start < rows:
            raise UsageError(
                f"--start-rows: read {self.start}; allowed: 20 to {rows - 1}, for the data has {rows:,} rows"
            )
        for name, value, least in (
            ("--label-delay", self.label_delay, 0),
            ("--every", self.every, 20),
            ("--window", self.window, 20),
            ("--training-takes", self.training_takes or 0, 0),
            ("--block", self.block, 1),
            ("--drift-within", self.within, 1),
        ):
            if value < least:
                raise UsageError(f"{name}: read {value}; allowed: {least} or more")
        if not self.rate > 0:
            raise UsageError(f"--rate: read {self.rate}; allowed: more than 0")
        for row in self.drift_at:
            if not self.start <= row < rows:
                raise UsageError(
                    f"--drift-at: read {row}; allowed: {self.start} (the first row behind the first model's) "
                    f"to {rows - 1}"
                )

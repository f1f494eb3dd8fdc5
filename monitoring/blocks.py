"""A sliding window over binned records, kept as counts of blocks: memory that does not grow with the window."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec
import numpy as np
from numpy.typing import NDArray

from driftline.spec.monitoring import DataDriftSpec
from monitoring.block import Block, Start, pack_block, unpack_block
from monitoring.divergence import Comparison, compare
from monitoring.history import lowest_offsets
from monitoring.layout import Layout
from monitoring.ledger import Ledger, part_of

# A window moves on by a quarter of itself. By half, a change is seen up to a quarter of a window later; by an
# eighth, twice the evaluations see nearly the same records.
BLOCKS_IN_WINDOW = 4
# Blocks kept to look for an onset and to score features since one: 16 windows back.
_KEPT = 64
# Two evaluations in a row make an alarm, or one that leaves no doubt: twice the effect at the cube of the level.
_OVERWHELMING_EFFECT = 2.0
_OVERWHELMING_POWER = 3
# A block's own test, when looking back for the onset: it is asked of a few blocks, after the alarm.
_BLOCK_LEVEL = 0.01


@dataclass(frozen=True, slots=True)
class Rows:
    """n records on their way into the window, in the order of event time.

    Attributes
    ----------
    bins : flat bins, int64 [n, columns]; -1 for none.
    values : numbers whose mean and spread a person wants to read, float [n, M]; NaN is missing.
    partitions, offsets : place of each feature record, int64 [n].
    feature_ends, label_ends : next offsets once these records are read.
    """

    record_ids: list[str]
    event_times: NDArray[np.int64]
    bins: NDArray[np.int64]
    values: NDArray[np.float32]
    partitions: NDArray[np.int64]
    offsets: NDArray[np.int64]
    feature_ends: Mapping[int, int]
    label_ends: Mapping[int, int]

    def __len__(self) -> int:
        return len(self.record_ids)


@dataclass(frozen=True, slots=True)
class Current:
    """Some blocks together, compared with the reference."""

    comparison: Comparison
    counts: NDArray[np.int64]
    moments: NDArray[np.float64]
    rows: int


@dataclass(frozen=True, slots=True)
class BlockFinding:
    """The distribution has changed: since which block, and how it looks since then."""

    onset: Start
    drifted: NDArray[np.int64]
    window: Current


class BlocksState(msgspec.Struct):
    """The small things of a sliding window; each block's counts are a part of its own.

    Attributes
    ----------
    closed : blocks ever finished, of which the newest `kept` are remembered.
    open : whether there is one being filled.
    """

    block_rows: int
    closed: int
    kept: int
    open: bool
    standing: bool
    in_a_row: int
    quiet: int


@dataclass(slots=True)
class SlidingBlocks:
    """Watches the distribution of some variables against their reference counts.

    A variable has drifted if its adjusted p-value is below `spec.confidence` and its corrected index at least
    `spec.minimum_psi`. Two evaluations in a row with a drifted variable make a finding, or one that leaves no doubt.
    Then there is silence until nothing has drifted for `cool_down` records.

    Parameters
    ----------
    layout : the bins and their reference counts.
    spec : the data-drift section.
    values : M, how many numbers a record has beside its bins.
    cool_down : records without drift after which the next drift is an event of its own.
    """

    layout: Layout
    spec: DataDriftSpec
    values: int
    cool_down: int
    latest: Current | None = None
    """The newest evaluation."""
    standing: bool = False
    _blocks: deque[Block] = field(default_factory=lambda: deque(maxlen=_KEPT))
    _open: Block | None = None
    _in_a_row: int = 0
    _quiet: int = 0
    _closed: int = 0
    _stored: int = 0

    @property
    def block_rows(self) -> int:
        return max(self.spec.window // BLOCKS_IN_WINDOW, 1)

    @property
    def kept(self) -> list[Block]:
        """The finished blocks that are remembered, oldest first."""
        return list(self._blocks)

    def update(self, rows: Rows) -> list[BlockFinding]:
        """Take records; gives a finding where one begins."""
        findings, start, n = [], 0, len(rows)
        while start < n:
            if self._open is None:
                self._open = self._begin(rows, start)
            block = self._open
            end = min(start + self.block_rows - block.rows, n)
            self._count(block, rows, start, end)
            start = end
            if block.rows == self.block_rows:
                self._blocks.append(block)
                self._open = None
                self._closed += 1
                if len(self._blocks) >= BLOCKS_IN_WINDOW:
                    finding = self._evaluate()
                    if finding is not None:
                        findings.append(finding)
        return findings

    def since(self, event_time: int) -> Current | None:
        """The records from `event_time` on, as far as whole blocks tell; at least the newest block."""
        kept = [*self._blocks, *([self._open] if self._open is not None else [])]
        if not kept:
            return None
        chosen = [block for block in kept if block.start.event_time >= event_time]
        # An unfinished block alone may be a handful of records; the one before it is then better than none.
        if sum(block.rows for block in chosen) < self.block_rows:
            chosen = kept[-2:]
        return self._compare(chosen)

    def drifted(self, comparison: Comparison) -> NDArray[np.int64]:
        """Indices of the drifted variables, most drifted first."""
        found = np.flatnonzero((comparison.adjusted < self.spec.confidence) & (comparison.psi >= self.spec.minimum_psi))
        return found[np.argsort(-comparison.psi[found], kind="stable")]

    def snapshot(self, ledger: Ledger, name: str) -> BlocksState:
        """Put the blocks into the ledger as NAME/0, NAME/1 …; a finished one is written once."""
        for number, block in enumerate(self._blocks, self._closed - len(self._blocks)):
            if number < self._stored:
                ledger.keep(f"{name}/{number}")
            else:
                ledger.put(f"{name}/{number}", pack_block(block))
        if self._open is not None:
            ledger.put(f"{name}/{self._closed}", pack_block(self._open))
        self._stored = self._closed
        return BlocksState(
            block_rows=self.block_rows,
            closed=self._closed,
            kept=len(self._blocks),
            open=self._open is not None,
            standing=self.standing,
            in_a_row=self._in_a_row,
            quiet=self._quiet,
        )

    def restore(self, state: BlocksState, parts: Mapping[str, bytes], name: str) -> bool:
        """Become what a snapshot said; this window must be new.

        Returns
        -------
        False if the window is of another length now: then only what stands is taken over, and counting starts afresh.

        Raises
        ------
        DamagedState : a block is missing or does not fit.
        """
        self.standing, self._quiet = state.standing, state.quiet
        if state.block_rows != self.block_rows:
            return False
        self._in_a_row = state.in_a_row
        self._closed = self._stored = state.closed
        for number in range(state.closed - state.kept, state.closed):
            self._blocks.append(self._stored_block(f"{name}/{number}", parts))
        if state.open:
            self._open = self._stored_block(f"{name}/{state.closed}", parts)
        if len(self._blocks) >= BLOCKS_IN_WINDOW:
            self.latest = self._compare(list(self._blocks)[-BLOCKS_IN_WINDOW:])
        return True

    def _stored_block(self, part: str, parts: Mapping[str, bytes]) -> Block:
        return unpack_block(part, part_of(parts, part), bins=len(self.layout.counts), values=self.values)

    def _evaluate(self) -> BlockFinding | None:
        window = self._compare(list(self._blocks)[-BLOCKS_IN_WINDOW:])
        self.latest = window
        drifted = self.drifted(window.comparison)
        if self.standing:
            self._quiet = 0 if len(drifted) else self._quiet + self.block_rows
            if self._quiet >= max(self.cool_down, self.spec.window):
                self.standing, self._in_a_row = False, 0
            return None
        self._in_a_row = self._in_a_row + 1 if len(drifted) else 0
        if not len(drifted) or (self._in_a_row < 2 and not self._overwhelming(window.comparison)):
            return None
        self.standing, self._quiet = True, 0
        return BlockFinding(self._onset(drifted), drifted, window)

    def _overwhelming(self, comparison: Comparison) -> bool:
        return bool(
            (
                (comparison.adjusted < self.spec.confidence**_OVERWHELMING_POWER)
                & (comparison.psi >= _OVERWHELMING_EFFECT * self.spec.minimum_psi)
            ).any()
        )

    def _onset(self, drifted: NDArray[np.int64]) -> Start:
        """The first of the newest run of blocks that differ by themselves in what has drifted."""
        onset = self._blocks[-1]
        for block in reversed(self._blocks):
            own = compare(self.layout, block.counts)
            # Bonferroni over the drifted variables: they are the only ones asked.
            if float(own.p_value[drifted].min()) * len(drifted) >= _BLOCK_LEVEL:
                break
            onset = block
        return onset.start

    def _compare(self, blocks: list[Block]) -> Current:
        counts = np.sum([block.counts for block in blocks], axis=0)
        moments = np.sum([block.moments for block in blocks], axis=0)
        comparison = compare(self.layout, counts)
        return Current(comparison, counts, moments, sum(block.rows for block in blocks))

    def _begin(self, rows: Rows, at: int) -> Block:
        start = Start(
            rows.record_ids[at],
            int(rows.event_times[at]),
            lowest_offsets(rows.partitions[at:], rows.offsets[at:], rows.feature_ends),
            dict(rows.label_ends),
        )
        return Block(start, np.zeros(len(self.layout.counts), dtype=np.int64), np.zeros((3, self.values)))

    def _count(self, block: Block, rows: Rows, start: int, end: int) -> None:
        bins = rows.bins[start:end].ravel()
        if len(bins) and bins.min() < 0:
            bins = bins[bins >= 0]
        block.counts += np.bincount(bins, minlength=len(block.counts))
        values = rows.values[start:end].astype(np.float64)
        present = ~np.isnan(values)
        if not present.all():
            values = np.where(present, values, 0.0)
        block.moments += np.stack([present.sum(axis=0), values.sum(axis=0), (values * values).sum(axis=0)])
        block.rows += end - start

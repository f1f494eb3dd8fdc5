"""A sliding window over binned records, kept as counts of blocks: memory that does not grow with the window."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec
import numpy as np
from numpy.typing import NDArray

from driftline.spec.monitoring import DataDriftSpec
from monitoring.budget import Budget
from monitoring.distribution.block import Block, Start, pack_block, unpack_block
from monitoring.distribution.correlation import Pairs
from monitoring.distribution.criteria import Criteria, Judgement
from monitoring.distribution.divergence import compare
from monitoring.distribution.geometry import Geometry
from monitoring.distribution.layout import Layout
from monitoring.distribution.sketch import Sketch
from monitoring.distribution.stretch import BlockFinding, Current, Rows
from monitoring.labels.lowest import LowestOffsets
from monitoring.store.ledger import Ledger, part_of

# A window moves on by a quarter of itself. By half, a change is seen up to a quarter of a window later; by an
# eighth, twice the evaluations see nearly the same records.
BLOCKS_IN_WINDOW = 4
# Blocks kept to look for an onset and to score features since one: 16 windows back.
_KEPT = 64
# A block's own test, when looking back for the onset: it is asked of a few blocks, after the alarm.
_BLOCK_LEVEL = 0.01


def block_rows(spec: DataDriftSpec) -> int:
    """Records from one evaluation to the next."""
    return max(spec.window // BLOCKS_IN_WINDOW, 1)


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

    What counts as drifted `monitoring.criteria.Criteria` says. Two evaluations in a row with a drifted variable make a
    finding, or one that leaves no doubt. Then there is silence until nothing has drifted for `cool_down` records.

    Parameters
    ----------
    layout, geometry : the bins, their reference counts and their meaning.
    spec : the data-drift section.
    values : M, how many numbers a record has beside its bins.
    cool_down : records without drift after which the next drift is an event of its own.
    level : of one evaluation over all variables; see `monitoring.budget.evaluation_level`.
    pairs : the pairs of variables to watch; None for none.
    """

    layout: Layout
    geometry: Geometry
    spec: DataDriftSpec
    values: int
    cool_down: int
    level: float = Budget.data * 100
    pairs: Pairs | None = None
    latest: Current | None = None
    """The newest evaluation."""
    standing: bool = False
    _blocks: deque[Block] = field(default_factory=lambda: deque(maxlen=_KEPT))
    _open: Block | None = None
    _in_a_row: int = 0
    _quiet: int = 0
    _closed: int = 0
    _stored: int = 0
    _criteria: Criteria = field(init=False)

    def __post_init__(self) -> None:
        self._criteria = Criteria(self.spec, self.layout, self.geometry, self.level, self.pairs)

    @property
    def detector(self) -> str:
        """The name of what is watched by, e.g. psi+chi-square."""
        return self._criteria.detector

    @property
    def block_rows(self) -> int:
        return block_rows(self.spec)

    @property
    def kept(self) -> list[Block]:
        """The finished blocks that are remembered, oldest first."""
        return list(self._blocks)

    def update(self, rows: Rows) -> list[BlockFinding]:
        """Take records; gives a finding where one begins."""
        findings, start, n = [], 0, len(rows)
        lowest = LowestOffsets(rows.partitions, rows.offsets)
        while start < n:
            if self._open is None:
                self._open = self._begin(rows, start, lowest)
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
        return self.compare(self._sum(chosen))

    def sketch(self) -> Sketch | None:
        """The newest window, to be added to that of other instances; None before the first is full."""
        window = list(self._blocks)[-BLOCKS_IN_WINDOW:]
        return self._sum(window) if len(window) == BLOCKS_IN_WINDOW else None

    def compare(self, sketch: Sketch) -> Current:
        """Some records against the reference."""
        return Current(self._criteria.judge(sketch.counts, sketch.products), sketch.counts, sketch.moments, sketch.rows)

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
        False if the window is of another length now, or the pairs are others: then only what stands is taken over, and
        counting starts afresh.

        Raises
        ------
        DamagedState : a block is missing or does not fit.
        """
        self.standing, self._quiet = state.standing, state.quiet
        if state.block_rows != self.block_rows:
            return False
        kept = range(state.closed - state.kept, state.closed + state.open)
        blocks = [self._stored_block(f"{name}/{number}", parts) for number in kept]
        if any(block.products.shape != self._no_products().shape for block in blocks):
            return False
        self._in_a_row = state.in_a_row
        self._closed = self._stored = state.closed
        self._open = blocks.pop() if state.open else None
        self._blocks.extend(blocks)
        if len(self._blocks) >= BLOCKS_IN_WINDOW:
            self.latest = self.compare(self._sum(list(self._blocks)[-BLOCKS_IN_WINDOW:]))
        return True

    def _stored_block(self, part: str, parts: Mapping[str, bytes]) -> Block:
        return unpack_block(part, part_of(parts, part), bins=len(self.layout.counts), values=self.values)

    def _evaluate(self) -> BlockFinding | None:
        window = self.compare(self._sum(list(self._blocks)[-BLOCKS_IN_WINDOW:]))
        self.latest = window
        anything = window.judgement.anything
        if self.standing:
            self._quiet = 0 if anything else self._quiet + self.block_rows
            if self._quiet >= max(self.cool_down, self.spec.window):
                self.standing, self._in_a_row = False, 0
            return None
        self._in_a_row = self._in_a_row + 1 if anything else 0
        if not anything or (self._in_a_row < 2 and not window.judgement.overwhelming):
            return None
        self.standing, self._quiet = True, 0
        return BlockFinding(self._onset(window.judgement), window)

    def _onset(self, judgement: Judgement) -> Start:
        """The first of the newest run of blocks that differ by themselves in what has drifted."""
        onset = self._blocks[-1]
        for block in reversed(self._blocks):
            own = compare(self.layout, block.counts).p_value[judgement.drifted]
            if self.pairs is not None and len(judgement.apart):
                pairs = self.pairs.compare(block.counts, block.products).p_value[judgement.apart]
                own = np.concatenate([own, pairs])
            # Bonferroni over what has drifted: nothing else is asked.
            if float(own.min()) * len(own) >= _BLOCK_LEVEL:
                break
            onset = block
        return onset.start

    def _sum(self, blocks: list[Block]) -> Sketch:
        first, *rest = blocks
        return Sketch(
            self.layout.digest,
            sum((block.counts for block in rest), first.counts.copy()),
            sum((block.moments for block in rest), first.moments.copy()),
            sum((block.products for block in rest), first.products.copy()),
            sum(block.rows for block in blocks),
        )

    def _begin(self, rows: Rows, at: int, lowest: LowestOffsets) -> Block:
        start = Start(
            rows.record_ids[at],
            int(rows.event_times[at]),
            lowest.since(at, rows.feature_ends),
            dict(rows.label_ends),
        )
        return Block(start, np.zeros_like(self.layout.counts), np.zeros((3, self.values)), products=self._no_products())

    def _no_products(self) -> NDArray[np.int64]:
        return np.zeros(len(self.pairs) if self.pairs is not None else 0, dtype=np.int64)

    def _count(self, block: Block, rows: Rows, start: int, end: int) -> None:
        bins = rows.bins[start:end].ravel()
        if len(bins) and bins.min() < 0:
            bins = bins[bins >= 0]
        block.counts += np.bincount(bins, minlength=len(block.counts))
        if self.pairs is not None:
            block.products += self.pairs.count(rows.bins[start:end])
        values = rows.values[start:end].astype(np.float64)
        present = ~np.isnan(values)
        if not present.all():
            values = np.where(present, values, 0.0)
        block.moments += np.stack([present.sum(axis=0), values.sum(axis=0), (values * values).sum(axis=0)])
        block.rows += end - start

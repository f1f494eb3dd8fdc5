"""Class-prior drift: are the classes as frequent as in the rows the model was trained on?"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from driftline.records.loop import Blame, BlamedPart
from driftline.registry.reference import Reference
from driftline.spec.stream import StreamSpec
from monitoring.budget import budget_of, evaluation_level
from monitoring.distribution.blame import share, shares_of
from monitoring.distribution.blocks import SlidingBlocks, block_rows
from monitoring.distribution.geometry import Geometry
from monitoring.distribution.layout import Layout
from monitoring.distribution.parts import MOST_NAMED
from monitoring.distribution.stretch import BlockFinding, Rows
from monitoring.distribution.window_monitor import WindowMonitor
from monitoring.labels.outcomes import Outcomes

CLASSES = "(classes)"
"""Name of the one variable, as in `monitoring.distribution.prediction`."""
# A class whose share moved by less is not named.
_LEAST_MOVE = 0.02


class PriorMonitor(WindowMonitor):
    """Watches P(y): the classes of the labels that come, against those of the training window.

    It asks the labels and not the model, so it is the same whichever version answers; but only outcomes of the watched
    version are shown to it, for labels of the time before belong to the world that version was not trained on.
    Without class counts in the reference (older versions have none) it watches nothing.

    Parameters
    ----------
    spec : the stream.
    reference : what training wrote beside the model.
    """

    def __init__(self, spec: StreamSpec, reference: Reference) -> None:
        self._classes = spec.classes
        known = len(reference.class_counts) == len(spec.classes) and sum(reference.class_counts) > 0
        # Labels come in runs (a machine is ill for a while): twice the window of the features, for as few false alarms.
        settings = spec.monitoring.data.model_copy(update={"window": 2 * spec.monitoring.data.window})
        self._layout = Layout(
            {CLASSES: reference.class_counts if known else (0,) * len(spec.classes)},
            {CLASSES: reference.class_overdispersion},
            settings.window,
        )
        window = SlidingBlocks(
            self._layout,
            _one_list(len(spec.classes)),
            settings,
            values=0,
            cool_down=spec.monitoring.policy.cool_down_records,
            level=evaluation_level(settings, budget_of(spec.monitoring).prior, block_rows(settings)),
        )
        super().__init__(window, "prior")
        self.watching = known
        """Whether there is a class mix to compare with."""

    def update(
        self,
        outcomes: Outcomes,
        rows: NDArray[np.intp],
        feature_ends: Mapping[int, int],
        label_ends: Mapping[int, int],
    ) -> list[BlockFinding]:
        """Take those outcomes that `rows` (int [n]) chooses, in the order of event time."""
        if not self.watching or not len(rows):
            return []
        labels = outcomes.labels[rows]
        several = labels.ndim == 2
        bins = np.where(labels, np.arange(labels.shape[1]), -1) if several else labels[:, None]
        return self._window.update(
            Rows(
                record_ids=(
                    outcomes.record_ids
                    if len(rows) == len(outcomes)
                    else [outcomes.record_ids[row] for row in rows.tolist()]
                ),
                event_times=outcomes.event_time[rows],
                bins=bins.astype(np.int64),
                values=np.empty((len(rows), 0), dtype=np.float32),
                partitions=outcomes.source_partition[rows],
                offsets=outcomes.source_offset[rows],
                feature_ends=feature_ends,
                label_ends=label_ends,
            )
        )

    def blame(self, finding: BlockFinding) -> list[Blame]:
        """The class mix, with the class that moved most."""
        before, after = shares_of(self._layout, 0, finding.window)
        strongest = int(np.argmax(finding.window.comparison.shares))
        comparison = finding.window.comparison
        return [
            Blame(
                feature=CLASSES,
                score=round(float(comparison.psi[0]), 4),
                p_value=float(comparison.adjusted[0]),
                detail=f'class "{self._classes[strongest]}" {share(float(before[strongest]), float(after[strongest]))}',
            )
        ]

    def classes(self, finding: BlockFinding) -> list[BlamedPart]:
        """The classes whose share moved, those that moved furthest first."""
        before, after = shares_of(self._layout, 0, finding.window)
        counts = finding.window.counts
        moved = np.argsort(-np.abs(after - before), kind="stable")[:MOST_NAMED]
        return [
            BlamedPart(
                name=self._classes[i],
                part_of="class",
                before=round(float(before[i]), 4),
                after=round(float(after[i]), 4),
                records=int(counts[i]),
                detail=f'class "{self._classes[i]}" share {share(float(before[i]), float(after[i]))}',
            )
            for i in moved.tolist()
            if abs(after[i] - before[i]) >= _LEAST_MOVE
        ]


def _one_list(classes: int) -> Geometry:
    """Of one variable whose values have no order and are never missing."""
    nothing = np.full(1, -1, dtype=np.int64)
    return Geometry(
        np.zeros(classes), np.ones(classes, dtype=np.bool_), np.zeros(1, dtype=np.bool_), np.ones(1), nothing, nothing
    )

"""Prediction drift: does the model still answer as it did on its held-out rows?"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from driftline.model.answers import Decision
from driftline.records.loop import Blame
from driftline.registry.reference import Reference
from driftline.spec.stream import StreamSpec
from driftline.wire.predictions import Predictions
from monitoring.budget import budget_of, evaluation_level
from monitoring.distribution.bin_words import answer_words
from monitoring.distribution.blame import effects_of, share, shares_of
from monitoring.distribution.blocks import SlidingBlocks, block_rows
from monitoring.distribution.device_window import DeviceWindow
from monitoring.distribution.distances import distances
from monitoring.distribution.geometry import Geometry
from monitoring.distribution.layout import Layout
from monitoring.distribution.stretch import BlockFinding, Rows
from monitoring.distribution.window_monitor import WindowMonitor

CLASSES = "(classes)"
CONFIDENCE = "(confidence)"
"""Names of the two variables in an event's list; in brackets, which no feature's name can hold."""


class PredictionMonitor(WindowMonitor):
    """Watches the mix of classes and the confidences of one model version against its held-out answers.

    Parameters
    ----------
    spec : the stream.
    reference : what training wrote beside the model.
    """

    def __init__(self, spec: StreamSpec, reference: Reference) -> None:
        self._classes = spec.classes
        self._decision = Decision(spec)
        self._layout = Layout(
            {CLASSES: reference.prediction_counts, CONFIDENCE: reference.confidence_counts},
            {CLASSES: reference.prediction_overdispersion, CONFIDENCE: reference.confidence_overdispersion},
            spec.monitoring.data.window,
        )
        self._edges = np.array(reference.confidence_edges, dtype=np.float32)
        self._geometry = Geometry.of_answers(len(spec.classes), reference.confidence_edges, reference.confidence_counts)
        settings = spec.monitoring.data
        window = SlidingBlocks(
            self._layout,
            self._geometry,
            settings,
            values=1,
            cool_down=spec.monitoring.policy.cool_down_records,
            level=evaluation_level(settings, budget_of(spec.monitoring).prediction, block_rows(settings)),
        )
        super().__init__(window, "prediction")
        columns = 1 + (len(spec.classes) if spec.task == "multilabel" else 1)
        self.devices = DeviceWindow(
            self._layout,
            columns,
            spec.monitoring.data,
            window.level,
            lambda variable, index: answer_words(spec.classes, reference.confidence_edges, variable, index),
        )
        """The newest answers by device."""

    def update(
        self,
        predictions: Predictions,
        rows: NDArray[np.bool_],
        feature_ends: Mapping[int, int],
        label_ends: Mapping[int, int],
    ) -> list[BlockFinding]:
        """Take those of the predictions that `rows` (bool [n]) chooses: the watched version's own."""
        chosen = np.flatnonzero(rows)
        if not len(chosen):
            return []
        order = chosen[np.argsort(predictions.event_times[chosen], kind="stable")]
        codes = self._decision.encode([predictions.answers[i] for i in order])
        if codes.ndim == 2:
            classes = np.where(codes, np.arange(codes.shape[1]), -1).astype(np.int64)
        else:
            classes = codes.astype(np.int64)[:, None]
        confidence = predictions.confidences[order]
        sure = np.searchsorted(self._edges, confidence, side="left") + int(self._layout.starts[1])
        bins = np.concatenate([classes, sure[:, None]], axis=1)
        self.devices.append(predictions.device_ids, bins, order)
        return self._window.update(
            Rows(
                record_ids=[predictions.record_ids[i] for i in order],
                event_times=predictions.event_times[order],
                bins=bins,
                values=confidence[:, None],
                partitions=predictions.source_partitions[order],
                offsets=predictions.source_offsets[order],
                feature_ends=feature_ends,
                label_ends=label_ends,
            )
        )

    def blame(self, finding: BlockFinding) -> list[Blame]:
        """Class mix or confidence, whichever drifted."""
        comparison = finding.window.comparison
        found = distances(self._layout, self._geometry, finding.window.counts)
        return [
            Blame(
                feature=self._layout.names[i],
                score=round(float(comparison.psi[i]), 4),
                p_value=float(comparison.adjusted[i]),
                detail=self._detail(i, finding),
                effects=effects_of(found, self._geometry, finding.window.judgement, i),
            )
            for i in finding.drifted.tolist()
        ]

    def _detail(self, variable: int, finding: BlockFinding) -> str:
        before, after = shares_of(self._layout, variable, finding.window)
        strongest = int(np.argmax(finding.window.comparison.shares[self._layout.bins(variable)]))
        if variable == 0:
            return f'class "{self._classes[strongest]}" {share(before[strongest], after[strongest])}'
        bounds = [0.0, *self._edges.tolist(), 1.0]
        return (
            f"confidence {bounds[strongest]:.2g} to {bounds[strongest + 1]:.2g} "
            f"{share(before[strongest], after[strongest])}"
        )

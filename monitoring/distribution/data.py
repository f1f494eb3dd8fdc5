"""Data drift: do the features still look like those the model was trained on?"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from driftline.records.loop import Blame
from driftline.registry.reference import FeatureReference, Reference
from driftline.spec.stream import StreamSpec
from driftline.wire.features import Decoded
from monitoring.budget import budget_of, evaluation_level
from monitoring.distribution.bin_words import feature_words
from monitoring.distribution.binning import FeatureBinner
from monitoring.distribution.blame import MOST_BLAMED, blame_features, blame_pairs
from monitoring.distribution.blocks import SlidingBlocks, block_rows
from monitoring.distribution.correlation import Pairs
from monitoring.distribution.device_window import DeviceWindow
from monitoring.distribution.geometry import Geometry
from monitoring.distribution.sketch import Sketch
from monitoring.distribution.stretch import BlockFinding, Current, Rows
from monitoring.distribution.window_monitor import WindowMonitor


class DataMonitor(WindowMonitor):
    """Watches every feature of the stream against one model's reference.

    Parameters
    ----------
    spec : the stream.
    reference : what training wrote beside the model.

    Raises
    ------
    UsageError : the reference is of other features than the stream's.
    """

    def __init__(self, spec: StreamSpec, reference: Reference) -> None:
        settings = spec.monitoring.data
        self._binner = FeatureBinner(spec, reference)
        self._geometry = Geometry.of_features(self._binner.references)
        self._pairs: Pairs | None = None
        if spec.monitoring.data.multivariate and reference.dependence is not None:
            self._pairs = Pairs(reference.dependence, reference.features, self._binner.references, self._binner.layout)
        window = SlidingBlocks(
            self._binner.layout,
            self._geometry,
            settings,
            values=self._binner.scaled,
            cool_down=spec.monitoring.policy.cool_down_records,
            level=evaluation_level(settings, budget_of(spec.monitoring).data, block_rows(settings)),
            pairs=self._pairs,
        )
        super().__init__(window, "data")
        references = self._binner.references
        self.devices = DeviceWindow(
            self._binner.layout,
            len(references),
            spec.monitoring.data,
            window.level,
            lambda variable, index: feature_words(references[variable], index),
        )
        """The newest records by device."""

    @property
    def references(self) -> tuple[FeatureReference, ...]:
        """Of the features, in the order of the window's variables."""
        return self._binner.references

    def update(
        self, features: Decoded, feature_ends: Mapping[int, int], label_ends: Mapping[int, int]
    ) -> list[BlockFinding]:
        """Take feature records; see `monitoring.stretch.Rows` for the ends."""
        n = len(features)
        if not n:
            return []
        order: NDArray[np.intp] | slice = slice(None)
        ids = features.record_ids
        if n > 1 and (np.diff(features.event_times) < 0).any():
            order = np.argsort(features.event_times, kind="stable")
            ids = [ids[i] for i in order]
        columns = features.columns if isinstance(order, slice) else features.columns.take(order)
        values = self._binner.values(columns)
        bins = self._binner.bins(columns, values)
        self.devices.append(features.device_ids, bins, None if isinstance(order, slice) else order)
        return self._window.update(
            Rows(
                record_ids=ids,
                event_times=features.event_times[order],
                bins=bins,
                values=values,
                partitions=features.partitions[order],
                offsets=features.offsets[order],
                feature_ends=feature_ends,
                label_ends=label_ends,
            )
        )

    def blame(self, finding: BlockFinding) -> list[Blame]:
        """The features to blame for a finding."""
        return self._blame(finding.window)

    def sketch(self) -> Sketch | None:
        """The newest window as counts, to be added to that of instances that read other partitions; None before the
        first is full."""
        return self._window.sketch()

    def compare(self, sketch: Sketch) -> tuple[Current, list[Blame]]:
        """What this monitor would say of the records of a sketch, merged from several instances or not."""
        current = self._window.compare(sketch)
        return current, self._blame(current)

    def blame_since(self, event_time: int) -> list[Blame]:
        """The features that look drifted in the records from `event_time` on; empty if none does."""
        current = self._window.since(event_time)
        if current is None:
            return []
        return self._blame(current)

    def _blame(self, current: Current) -> list[Blame]:
        layout = self._binner.layout
        blamed = blame_features(self._binner.references, layout, self._geometry, current.judgement.drifted, current)
        return [*blamed, *blame_pairs(self._pairs, layout, current.judgement)][:MOST_BLAMED]

"""The detectors of one model version, made together when it is installed."""

from driftline.records.loop import DriftKind
from driftline.registry.reference import Reference
from driftline.spec.stream import StreamSpec
from monitoring.concept import ConceptMonitor
from monitoring.data import DataMonitor
from monitoring.history import Moment
from monitoring.prediction import PredictionMonitor


class Watch:
    """Everything that is judged against one version's reference. A new version gets a new watch: its own promotion is
    never drift.

    Parameters
    ----------
    spec : the stream.
    version : the version in service.
    reference : what training wrote beside it.

    Raises
    ------
    UsageError : the reference is of other features than the stream's.
    """

    def __init__(self, spec: StreamSpec, version: int, reference: Reference) -> None:
        policy = spec.monitoring.policy
        self.version = version
        self.reference = reference
        self.data = DataMonitor(spec, reference)
        self.prediction = PredictionMonitor(spec, reference)
        self.concept = ConceptMonitor(
            spec.monitoring.concept,
            capacity=policy.maximum_window,
            cool_down=policy.cool_down_records,
            error_rate=reference.error_rate,
            held_out_rows=reference.held_out_rows,
        )
        self.events: dict[DriftKind, str] = {}
        """Standing events: kind → id."""
        self.onsets: dict[str, Moment] = {}
        """Onset of each event of this watch, by its id."""

    @property
    def standing(self) -> dict[DriftKind, bool]:
        return {
            DriftKind.CONCEPT: self.concept.standing is not None,
            DriftKind.DATA: self.data.standing,
            DriftKind.PREDICTION: self.prediction.standing,
        }

    def over(self) -> list[str]:
        """Ids of the events that have ended since the last call."""
        standing = self.standing
        ended = {kind: event for kind, event in self.events.items() if not standing[kind]}
        for kind in ended:
            del self.events[kind]
        return list(ended.values())

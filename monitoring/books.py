"""What the monitor has counted, beside what its parts count themselves."""

import msgspec
import numpy as np

from monitoring.labels.outcomes import Outcomes

# Versions whose own accuracy is remembered; as many as a registry keeps by default.
_VERSIONS = 20


class Books(msgspec.Struct):
    """Totals since the stream began; a part of the state.

    Attributes
    ----------
    wrong : outcomes whose answer was wrong, of all versions.
    malformed : values of the predictions and labels topics that could not be read.
    events : [kind, severity] → drift events told.
    jobs : retraining jobs asked for.
    by_version : version → (outcomes, right ones), of the versions met last, without records picked to be labelled.
    last : record id and event time of the newest outcome.
    judged : partition of the features → next offset after the last record judged there.
    newest : the highest version watched.
    paused : a person has paused the policy: it asks for no retraining.
    paused_at : when a person last said so or the opposite, epoch ms.
    """

    wrong: int = 0
    malformed: int = 0
    jobs: int = 0
    events: dict[tuple[str, str], int] = {}
    by_version: dict[int, tuple[int, int]] = {}
    last: tuple[str, int] | None = None
    judged: dict[int, int] = {}
    newest: int = 0
    paused: bool = False
    paused_at: int = 0

    def outcomes(self, outcomes: Outcomes) -> None:
        """Enter outcomes, at least one."""
        self.last = (outcomes.record_ids[-1], int(outcomes.event_time[-1]))
        self.wrong += int(np.count_nonzero(~outcomes.correct))
        for partition in np.unique(outcomes.source_partition).tolist():
            end = int(outcomes.source_offset[outcomes.source_partition == partition].max()) + 1
            self.judged[partition] = max(self.judged.get(partition, 0), end)
        for version in np.unique(outcomes.model_version).tolist():
            own = outcomes.model_version == version
            seen, right = self.by_version.pop(version, (0, 0))
            own &= ~outcomes.biased
            self.by_version[version] = (seen + int(own.sum()), right + int(outcomes.correct[own].sum()))
            while len(self.by_version) > _VERSIONS:
                del self.by_version[next(iter(self.by_version))]

    def event(self, kind: str, severity: str) -> None:
        """Enter a drift event."""
        self.events[kind, severity] = self.events.get((kind, severity), 0) + 1

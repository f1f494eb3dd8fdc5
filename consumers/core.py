"""The consumer's core: batches of feature records in, predictions and dead letters out."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from driftline.kafka.interface import Batch, Outgoing, TopicPartition
from driftline.model.answers import Decision
from driftline.model.scorer import Scorer
from driftline.records.data import Reason
from driftline.service.core import Step
from driftline.spec.stream import StreamSpec
from driftline.wire.dead_letters import bury
from driftline.wire.features import Decoded, FeatureDecoder
from driftline.wire.predictions import encode_predictions
from driftline.wire.rejects import Reject

_REMARK = "champion="


def sequence_of(remark: str) -> int:
    """The champion's sequence that a remark names; 0 for a remark of somebody else's.

    >>> sequence_of("champion=12"), sequence_of("")
    (12, 0)
    """
    number = remark.removeprefix(_REMARK)
    return int(number) if remark.startswith(_REMARK) and number.isascii() and number.isdigit() else 0


@dataclass(frozen=True, slots=True)
class Version:
    """A model in service; `sequence` says which change of champion put it there."""

    number: int
    sequence: int
    scorer: Scorer
    decision: Decision


@dataclass(slots=True)
class Counts:
    """What the core has done so far; the shell copies it into metrics."""

    predictions: Counter[int] = field(default_factory=Counter)
    """By model version."""
    dead_letters: Counter[Reason] = field(default_factory=Counter)
    swaps: int = 0


class ConsumerCore:
    """Answers feature records. Its only state is the model in service, so any batch can be processed again.

    The fence: with every offset it commits, it remarks which champion answered up to there. The next owner of the
    partition answers only once it has that champion, or a newer one. So in each partition there is one offset up to
    which the former version answered and from which on the new one does, whoever owned it and whoever died.

    Parameters
    ----------
    spec : the stream.
    """

    def __init__(self, spec: StreamSpec) -> None:
        self._spec = spec
        self._decoder = FeatureDecoder(spec)
        self._kept = spec.serving.dead_letter_payload_bytes
        self.version: Version | None = None
        self.fence = 0
        """The newest champion that has answered on any partition owned: no older one may."""
        self.counts = Counts()
        self.answered: Decoded | None = None
        """The records that the last `process` answered."""

    def install(self, version: Version) -> None:
        """Answer with `version` from the next batch on. It is loaded and warm already: this only changes a name."""
        self.counts.swaps += self.version is not None
        self.version = version

    @property
    def open(self) -> bool:
        """Whether there is a model in service that may answer."""
        return self.version is not None and self.version.sequence >= self.fence

    def remarked(self, remarks: Iterable[str]) -> None:
        """What earlier owners remarked with their offsets on partitions that are now this member's."""
        self.fence = max([self.fence, *map(sequence_of, remarks)])

    def process(self, batches: Sequence[Batch], now_ms: int) -> Step:
        """One prediction for each valid record and one dead letter for each other, in each partition's own order."""
        if self.version is None:
            raise RuntimeError("records before the first model: the shell holds the stream until one is installed")
        decoded = self._decoder.decode(batches, now_ms)
        outputs = self._predict(decoded, self.version, now_ms) if len(decoded) else []
        self.answered = decoded
        return Step(outputs + self._bury(decoded.rejects, now_ms), remark=f"{_REMARK}{self.version.sequence}")

    def tick(self, now_ms: int) -> Step:
        return Step()

    def assigned(self, partitions: frozenset[TopicPartition]) -> None:
        """Nothing is remembered of partitions."""

    def revoked(self, partitions: frozenset[TopicPartition]) -> None:
        """Nothing is remembered of partitions."""

    def _predict(self, decoded: Decoded, version: Version, now_ms: int) -> list[Outgoing]:
        probabilities = version.scorer.score(decoded.columns)
        answers, confidences = version.decision.answers(probabilities)
        values = encode_predictions(
            decoded.record_ids,
            decoded.device_ids,
            decoded.event_times,
            answers,
            confidences,
            probabilities,
            version.number,
            decoded.partitions,
            decoded.offsets,
            now_ms,
            version.sequence,
        )
        self.counts.predictions[version.number] += len(values)
        keys = [device.encode() for device in decoded.device_ids]
        # Records come partition by partition, so each run of equal numbers is one batch to one partition.
        edges = [0, *(np.flatnonzero(np.diff(decoded.partitions)) + 1).tolist(), len(values)]
        return [
            Outgoing(self._spec.topics.predictions, values[a:b], keys[a:b], int(decoded.partitions[a]))
            for a, b in pairwise(edges)
        ]

    def _bury(self, rejects: Sequence[Reject], now_ms: int) -> list[Outgoing]:
        self.counts.dead_letters.update(reject.reason for reject in rejects)
        return bury(self._spec.topics.dead_letters, rejects, self._kept, now_ms)

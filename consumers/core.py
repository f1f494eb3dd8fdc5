"""The consumer's core: batches of feature records in, predictions and dead letters out."""

import base64
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from driftline.kafka.interface import Batch, Outgoing, TopicPartition
from driftline.model.answers import Decision
from driftline.model.scorer import Scorer
from driftline.records.data import DeadLetter, Reason
from driftline.service.core import Step
from driftline.spec.stream import StreamSpec
from driftline.wire.features import Decoded, FeatureDecoder, Reject
from driftline.wire.predictions import encode_predictions


@dataclass(frozen=True, slots=True)
class Version:
    """A model in service."""

    number: int
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

    Parameters
    ----------
    spec : the stream.
    """

    def __init__(self, spec: StreamSpec) -> None:
        self._spec = spec
        self._decoder = FeatureDecoder(spec)
        self._kept = spec.serving.dead_letter_payload_bytes
        self.version: Version | None = None
        self.counts = Counts()

    def install(self, version: Version) -> None:
        """Answer with `version` from the next batch on. It is loaded and warm already: this only changes a name."""
        self.counts.swaps += self.version is not None
        self.version = version

    def process(self, batches: Sequence[Batch], now_ms: int) -> Step:
        """One prediction for each valid record and one dead letter for each other, in each partition's own order."""
        if self.version is None:
            raise RuntimeError("records before the first model: the shell holds the stream until one is installed")
        decoded = self._decoder.decode(batches, now_ms)
        outputs = self._predict(decoded, self.version, now_ms) if len(decoded) else []
        return Step(outputs + self._bury(decoded.rejects, now_ms))

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
        outputs = []
        for reject in rejects:
            value = reject.value or b""
            letter = DeadLetter(
                source_topic=reject.topic,
                source_partition=reject.partition,
                source_offset=reject.offset,
                reason=reject.reason,
                detail=reject.detail[:500],
                payload_base64=base64.b64encode(value[: self._kept]).decode(),
                payload_bytes=len(value),
                dead_at=now_ms,
            )
            self.counts.dead_letters[reject.reason] += 1
            key = reject.key if reject.key is None or len(reject.key) <= 256 else reject.key[:256]
            outputs.append(Outgoing(self._spec.topics.dead_letters, [letter.to_json()], [key], reject.partition))
        return outputs

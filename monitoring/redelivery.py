"""What to do with records that are read again after an aborted commit."""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain

from driftline.kafka.interface import Batch, Outgoing, TopicPartition

# Rounds with outputs that can be sent again. Outputs are rare (drift events, jobs) and a commit is aborted at once or
# not at all, so even one would nearly always do.
_REMEMBERED = 64


class Redelivery:
    """Lets every record through once, and sends again what an aborted round had sent.

    The service loop reads on from the committed offsets when a commit is aborted. The detectors have counted those
    records already, and must not count them twice; but the events that they raised were never visible, and must be
    sent again. Their ids are the same, so a reader that did see them is not misled.
    """

    def __init__(self) -> None:
        self._next: dict[TopicPartition, int] = {}
        self._sent: deque[tuple[Mapping[TopicPartition, int], list[Outgoing]]] = deque(maxlen=_REMEMBERED)

    def fresh(self, batches: Iterable[Batch]) -> tuple[list[Batch], list[Outgoing]]:
        """The records not seen before, and the outputs to send again."""
        fresh: list[Batch] = []
        again: dict[TopicPartition, int] = {}
        for batch in batches:
            if not len(batch):
                continue
            place = (batch.topic, batch.partition)
            known = self._next.get(place, 0)
            if batch.offsets[0] < known:
                again[place] = min(batch.offsets[0], again.get(place, known))
                batch = _from(batch, known)
                if not len(batch):
                    continue
            self._next[place] = batch.next_offset
            fresh.append(batch)
        return fresh, list(chain.from_iterable(self._due(again))) if again else []

    def sent(self, batches: Sequence[Batch], outputs: list[Outgoing]) -> None:
        """These outputs were made of these (fresh) batches."""
        if outputs:
            starts = {(b.topic, b.partition): b.offsets[0] for b in reversed(batches) if len(b)}
            self._sent.append((starts, outputs))

    def ends(self, topic: str) -> dict[int, int]:
        """Partition → next offset, of what was read of `topic`."""
        return {partition: end for (name, partition), end in self._next.items() if name == topic}

    def forget(self, partitions: Iterable[TopicPartition]) -> None:
        """Another member goes on from here."""
        for place in partitions:
            self._next.pop(place, None)

    def _due(self, again: Mapping[TopicPartition, int]) -> Iterable[list[Outgoing]]:
        for starts, outputs in self._sent:
            if any(starts.get(place, -1) >= offset for place, offset in again.items()):
                yield outputs


def _from(batch: Batch, offset: int) -> Batch:
    keep = next((i for i, at in enumerate(batch.offsets) if at >= offset), len(batch))
    return Batch(
        batch.topic,
        batch.partition,
        batch.offsets[keep:],
        batch.timestamps[keep:],
        batch.keys[keep:],
        batch.values[keep:],
    )

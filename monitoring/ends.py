"""How far each input was read, and what to do with a record that comes a second time."""

from collections.abc import Iterable

import msgspec

from driftline.kafka.interface import Batch


class _End(msgspec.Struct, array_like=True):
    """Next offset of a partition, and the timestamp of the record before it."""

    offset: int
    timestamp: int


class Ends(msgspec.Struct):
    """Next offsets by topic and partition: a part of the monitor's state, as much as what was made of the records.

    The service loop seeks to the offsets that belong to a state, so no record should come twice. If one does, it was
    counted, and is left out. A partition whose offsets have fallen back while its records are newer than all before is
    another matter: its topic was made anew, and its records are new ones.

    Attributes
    ----------
    reread : records left out.
    """

    reread: int = 0
    known: dict[str, dict[int, _End]] = {}

    def fresh(self, batches: Iterable[Batch]) -> list[Batch]:
        """The records not seen before; from now on they are."""
        fresh = []
        for batch in batches:
            if not len(batch):
                continue
            ends = self.known.setdefault(batch.topic, {})
            end = ends.get(batch.partition)
            if end is not None and batch.offsets[0] < end.offset:
                again = sum(offset < end.offset for offset in batch.offsets)
                if min(batch.timestamps[:again]) <= end.timestamp:
                    self.reread += again
                    batch = _from(batch, again)
                    if not len(batch):
                        continue
            ends[batch.partition] = _End(batch.next_offset, batch.timestamps[-1])
            fresh.append(batch)
        return fresh

    def of(self, topic: str) -> dict[int, int]:
        """Partition → next offset."""
        return {partition: end.offset for partition, end in self.known.get(topic, {}).items()}


def _from(batch: Batch, row: int) -> Batch:
    return Batch(
        batch.topic,
        batch.partition,
        batch.offsets[row:],
        batch.timestamps[row:],
        batch.keys[row:],
        batch.values[row:],
    )

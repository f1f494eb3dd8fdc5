"""Reading a core's last committed state back from its topic."""

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass

import structlog

from driftline.kafka.interface import Client, KafkaFault, Offsets
from driftline.service.checkpoint import CheckpointFold
from driftline.service.clock import Clock

log = structlog.get_logger()

# The coordinator marks the offsets' partition and the state's partition one after the other; a reader in between sees
# offsets that are ahead of the state. A transaction left open by a dead process ends after its time-out of 15 s.
CATCH_UP = 30.0
# Longest time without a single record while more are known to be there: then the broker does not answer.
SILENCE = 30.0
_PROGRESS_EVERY = 2.0
_REST = 0.2


@dataclass(frozen=True, slots=True)
class Checkpointing:
    """Where and how often a core's state is committed.

    Attributes
    ----------
    topic : a compacted topic of one partition.
    every : seconds between two checkpoints. What a kill makes the successor read again is at most this much of the
        stream; outputs do not wait for it, they bring a checkpoint forward.
    """

    topic: str
    every: float = 2.0


def read_checkpoint(
    client: Client, topic: str, committed: Offsets, clock: Clock, alive: Callable[[], None] = lambda: None
) -> CheckpointFold:
    """Read the state topic to its end, and once more while it is behind the group's committed offsets.

    Memory is bounded by the state and one unfinished checkpoint, time by the length of a topic that is compacted.

    Parameters
    ----------
    committed : the group's offsets, read after whatever was pending on them was settled.
    alive : called between polls, so that a long restore is not taken for a hang.

    Raises
    ------
    KafkaFault : the topic cannot be read.
    DamagedCheckpoint : a head cannot be read.
    """
    deadline = clock.monotonic() + CATCH_UP
    while True:
        fold = _read(client, topic, clock, alive)
        behind = {place: at for place, at in committed.items() if fold.positions.get(place, 0) < at}
        if not behind:
            return fold
        if clock.monotonic() > deadline:
            # Nothing is lost by going on: the state and its own positions belong together, whatever the group says.
            log.warning("the state on the topic is older than the group's offsets", topic=topic, partitions=len(behind))
            return fold
        alive()
        clock.sleep(_REST)


def _read(client: Client, topic: str, clock: Clock, alive: Callable[[], None]) -> CheckpointFold:
    fold = CheckpointFold()
    with closing(client.tail([topic])) as tail:
        ends = tail.ends()
        heard = told = clock.monotonic()
        while any(tail.positions().get(place, 0) < end for place, end in ends.items()):
            batches = tail.poll(0.5)
            for batch in batches:
                for key, value in zip(batch.keys, batch.values, strict=True):
                    fold.take(key, value)
            now = clock.monotonic()
            alive()
            if batches:
                heard = now
            elif now - heard > SILENCE:
                raise KafkaFault(f"topic {topic}: nothing came for {SILENCE:g} s although there is more to read")
            if now - told > _PROGRESS_EVERY:
                told = now
                log.info("reading the state back", topic=topic, at=tail.positions(), of=ends, records=fold.records)
    return fold

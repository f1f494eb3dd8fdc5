"""What the consumer says of its work: swaps, refused records at most now and then, and each batch where it is asked."""

import logging
from collections import Counter
from collections.abc import Callable, Mapping

import structlog

from consumers.core import ConsumerCore
from driftline.registry.manifest import Champion
from driftline.service.sparing import Sparing
from driftline.wire.features import Decoded

log = structlog.get_logger()


class AnswerLog:
    """Quiet while all is well: at level info, a line a swap, and one in ten seconds for all dead letters.

    Parameters
    ----------
    monotonic : tells the time, seconds.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._sparing = Sparing(monotonic)
        self._refused: Counter[str] = Counter()
        # Asked once: a line for each batch is made of many parts.
        self._each = log.is_enabled_for(logging.DEBUG)

    def installed(self, champion: Champion, waited: float) -> None:
        """`waited`: seconds from ready to in service."""
        log.info(
            "version in service",
            version=champion.version,
            sequence=champion.sequence,
            previous=champion.previous_version,
            waited_seconds=round(waited, 3),
        )

    def committed(self, core: ConsumerCore, traces: Mapping[int, int]) -> None:
        """The batch that the core made last is committed; `traces` as `consumers.tracing.AnswerTraces.followed`."""
        done, version = core.answered, core.version
        if done is None or version is None:
            return
        if done.rejects:
            self._refuse(done)
        if self._each:
            log.debug(
                "batch answered",
                records=len(done),
                refused=len(done.rejects),
                version=version.number,
                sequence=version.sequence,
                offsets=_spans(done),
                traces={done.record_ids[row]: f"{trace:032x}" for row, trace in traces.items()},
            )

    def _refuse(self, done: Decoded) -> None:
        """One line for all reasons: a flood of every kind of bad record is no reason for a flood of lines."""
        self._refused.update(reject.reason.value for reject in done.rejects)
        if not self._sparing.times("refused"):
            return
        example = done.rejects[0]
        log.warning(
            "records refused",
            since_the_last_such_line=dict(self._refused.most_common()),
            reason=example.reason.value,
            partition=example.partition,
            offset=example.offset,
            detail=example.detail,
        )
        self._refused.clear()


def _spans(done: Decoded) -> dict[int, list[int]]:
    """Partition → first and last offset answered."""
    found: dict[int, list[int]] = {}
    for partition, offset in zip(done.partitions.tolist(), done.offsets.tolist(), strict=True):
        found.setdefault(partition, [offset, offset])[1] = offset
    return found

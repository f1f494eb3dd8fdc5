"""The traces of answers: each followed record's, from its poll to its committed prediction."""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import replace

from consumers.core import ConsumerCore
from driftline.kafka.interface import Batch, Outgoing
from driftline.records.loop import ModelEvent
from driftline.registry.manifest import Champion
from driftline.spec.stream import StreamSpec
from driftline.tracing.context import Context, Headers, read_context
from driftline.tracing.identity import Identity
from driftline.tracing.loop import LoopIdentity
from driftline.tracing.spans import Span, Spans


class AnswerTraces:
    """Satisfies `driftline.service.loop.Tracing`: prolongs the trace that a record brings, or begins its own.

    Parameters
    ----------
    now : epoch ns.
    """

    def __init__(
        self, spec: StreamSpec, core: ConsumerCore, identity: Identity, spans: Spans, now: Callable[[], int]
    ) -> None:
        self._core, self._identity, self._spans, self._now = core, identity, spans, now
        self._topics, self._group = spec.topics, f"{spec.stream}.consumers"
        self._batches: Sequence[Batch] = ()
        self._started = 0
        self._followed: dict[int, tuple[Context, Context | None]] = {}

    def read(self, batches: Sequence[Batch]) -> None:
        self._batches, self._started = batches, self._now()

    def sending(self, outputs: Sequence[Outgoing]) -> list[Outgoing]:
        self._followed = self._contexts()
        if not self._followed:
            return list(outputs)
        marked, first = [], 0
        for out in outputs:
            if out.topic == self._topics.predictions:
                end = first + len(out.values)
                each: dict[int, Headers] = {
                    row - first: context.headers() for row, (context, _) in self._followed.items() if first <= row < end
                }
                out, first = replace(out, each=each), end
            marked.append(out)
        return marked

    def committed(self) -> None:
        if self._followed:
            self._spans.take(self._told())
            self._followed = {}

    @property
    def followed(self) -> dict[int, int]:
        """Row of the batch being committed → trace id."""
        return {row: context.trace for row, (context, _) in self._followed.items()}

    def _contexts(self) -> dict[int, tuple[Context, Context | None]]:
        answered = self._core.answered
        if answered is None:
            return {}
        found = {}
        for row, trace in self._identity.followed(answered.record_ids).items():
            brought = self._brought(int(answered.partitions[row]), int(answered.offsets[row]))
            what = f"predict {answered.record_ids[row]}"
            context = self._identity.context(brought.trace if brought else trace, what)
            found[row] = (replace(context, state=brought.state) if brought else context, brought)
        return found

    def _brought(self, partition: int, offset: int) -> Context | None:
        for batch in self._batches:
            if batch.partition == partition and batch.headers and batch.offsets[0] <= offset < batch.next_offset:
                return read_context(batch.headers[bisect_left(batch.offsets, offset)])
        return None

    def _told(self) -> list[Span]:
        answered, version, now = self._core.answered, self._core.version, self._now()
        assert answered is not None and version is not None  # something of it is followed
        return [
            Span(
                name=f"predict {self._topics.features}",
                context=context,
                parent=parent,
                start=min(self._started, now),
                end=now,
                kind="consumer",
                attributes={
                    "messaging.system": "kafka",
                    "messaging.destination.name": self._topics.features,
                    "messaging.destination.partition.id": str(int(answered.partitions[row])),
                    "messaging.kafka.offset": int(answered.offsets[row]),
                    "messaging.consumer.group.name": self._group,
                    "messaging.batch.message_count": len(answered),
                    "driftline.record_id": answered.record_ids[row],
                    "driftline.device_id": answered.device_ids[row],
                    "driftline.model.version": version.number,
                    "driftline.champion.sequence": version.sequence,
                },
            )
            for row, (context, parent) in self._followed.items()
        ]


class SwapTraces:
    """Tells of swaps, each in the trace of the drift that led to it, which only its model event names.

    The event may come before the swap or after it: the newest of both are kept until they meet. The first version after
    a start is no swap.
    """

    def __init__(self, identity: Identity, spans: Spans, now: Callable[[], int]) -> None:
        self._loop, self._spans, self._now = LoopIdentity(identity), spans, now
        self._first = True
        self._event: ModelEvent | None = None
        self._swap: tuple[Champion, int] | None = None

    def installed(self, champion: Champion) -> None:
        if not self._first:
            self._swap = (champion, self._now())
        self._first = False

    def heard(self, events: Sequence[ModelEvent]) -> None:
        """Model events, in order; called in every round, so also a swap that came after its event is told of."""
        for event in events:
            if event.kind.changes_champion:
                self._event = event
        if self._event is not None and self._swap is not None and self._event.event_id == self._swap[0].event_id:
            self._spans.take([self._loop.of_swap(self._event, *self._swap)])
            self._swap = None

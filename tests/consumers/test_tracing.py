"""Which predictions carry which context, under the real loop, whatever commits fail."""

import json
from collections.abc import Sequence
from dataclasses import replace

from prometheus_client import CollectorRegistry

from consumers.tracing import AnswerTraces, SwapTraces
from driftline.kafka.interface import Batch, KafkaFault
from driftline.records.loop import ModelEvent, ModelEventKind
from driftline.registry.manifest import Champion
from driftline.service.loop import Hooks, LoopSettings, ServiceLoop
from driftline.service.metrics import LoopMetrics
from driftline.tracing.context import Context, read_context
from driftline.tracing.identity import Identity
from driftline.tracing.spans import Span
from tests.consumers.test_core import SPEC, core
from tests.service.scripted import HandClock, ScriptedClient
from tests.streams import NOW, batch, feature_record

FOREIGN = Context(0xABC, 0x1, b"vendor=1")


class Kept:
    """Where spans go here."""

    def __init__(self) -> None:
        self.spans: list[Span] = []

    def take(self, spans: list[Span]) -> None:
        self.spans += spans


def answer(
    share: float, batches: Sequence[Batch], kept: Kept | None = None
) -> list[tuple[str, int | None, Context | None]]:
    """Of each prediction: its record, its partition and its context."""
    consumer = core()
    traces = AnswerTraces(SPEC, consumer, Identity(SPEC.stream, share), kept or Kept(), lambda: NOW * 1_000_000)
    traces.read(batches)
    sent = traces.sending(consumer.process(batches, NOW).outputs)
    traces.committed()
    return [
        (json.loads(value or b"")["record_id"], out.partition, read_context(out.each.get(row)))
        for out in sent
        if out.topic == SPEC.topics.predictions
        for row, value in enumerate(out.values)
    ]


def some(ids: list[str], partition: int, start: int = 0) -> Batch:
    return batch([feature_record([0, 0, 0], one) for one in ids], partition=partition, start=start)


def test_exactly_the_records_followed_carry_a_context() -> None:
    ids = [f"r{i}" for i in range(300)]
    identity = Identity(SPEC.stream, 0.2)
    expected = {ids[row]: trace for row, trace in identity.followed(ids).items()}
    kept = Kept()
    found = answer(0.2, [some(ids[:100], 3), some(ids[100:], 1, 50)], kept)
    assert {record: context.trace for record, _, context in found if context} == expected
    assert 20 < len(expected) < 100
    assert {(span.attributes["driftline.record_id"], span.context.trace) for span in kept.spans} == set(
        expected.items()
    )
    places = {span.attributes["driftline.record_id"]: span.attributes for span in kept.spans}
    record = next(one for one in expected if int(one[1:]) >= 100)
    assert places[record]["messaging.kafka.offset"] == 50 + int(record[1:]) - 100
    assert places[record]["messaging.destination.partition.id"] == "1"


def test_a_trace_that_a_record_brings_goes_on_also_behind_a_dead_letter() -> None:
    values: list[bytes | None] = [b"{", feature_record([0, 0, 0], "mine"), feature_record([0, 0, 0], "theirs")]
    brought = replace(batch(values, start=7), headers=[[], None, FOREIGN.headers()])
    kept = Kept()
    (_, _, mine), (_, _, theirs) = answer(1.0, [brought], kept)
    assert mine is not None and mine.trace == Identity(SPEC.stream, 1.0).trace("mine")
    assert theirs is not None and (theirs.trace, theirs.state) == (FOREIGN.trace, FOREIGN.state)
    assert [span.parent for span in kept.spans] == [None, FOREIGN]


def test_nobody_is_followed_at_a_share_of_nothing() -> None:
    kept = Kept()
    assert {context for _, _, context in answer(0.0, [some(["r1", "r2"], 0)], kept)} == {None}
    assert kept.spans == []


def test_an_aborted_round_is_told_of_once_when_it_is_done_again() -> None:
    values = [feature_record([0, 0, 0], f"r{i}") for i in range(6)]
    client = ScriptedClient(values, HandClock(), faults={0: KafkaFault("gone")})
    client.clock.now = NOW / 1_000
    consumer, kept = core(), Kept()
    clock = client.clock
    traces = AnswerTraces(SPEC, consumer, Identity(SPEC.stream, 1.0), kept, lambda: clock.now_ms() * 1_000_000)
    settings = LoopSettings("g", ["t"], batch_size=4, max_wait=0.01)
    loop = ServiceLoop(
        consumer,
        client,
        settings,
        client.clock,
        LoopMetrics(CollectorRegistry()),
        Hooks(tracing=traces),  # type: ignore[arg-type]
    )
    for _ in range(8):
        loop.round()
    assert client.committed == 6
    assert sorted(str(span.attributes["driftline.record_id"]) for span in kept.spans) == [f"r{i}" for i in range(6)]


def champion(version: int) -> Champion:
    return Champion(version=version, sequence=version, changed_at=NOW, event_id=f"event-{version}")


def promoted(version: int) -> ModelEvent:
    return ModelEvent(
        event_id=f"event-{version}", stream=SPEC.stream, kind=ModelEventKind.PROMOTED, version=version,
        sequence=version, job_id="job-1", drift_event_id="drift-1", at=NOW,
    )  # fmt: skip


def test_a_swap_is_in_the_trace_of_its_drift_whichever_is_heard_of_first() -> None:
    identity = Identity(SPEC.stream, 0.0)
    for event_first in (True, False):
        kept = Kept()
        swaps = SwapTraces(identity, kept, lambda: NOW * 1_000_000)
        swaps.installed(champion(1))
        if event_first:
            swaps.heard([promoted(2)])
        swaps.installed(champion(2))
        swaps.heard([] if event_first else [promoted(2)])
        swaps.heard([])
        (span,) = kept.spans
        assert (span.name, span.context.trace) == ("swap", identity.trace("drift-1"))


def test_the_first_version_after_a_start_is_no_swap() -> None:
    kept = Kept()
    swaps = SwapTraces(Identity(SPEC.stream, 0.0), kept, lambda: NOW)
    swaps.heard([promoted(1)])
    swaps.installed(champion(1))
    swaps.heard([])
    assert kept.spans == []

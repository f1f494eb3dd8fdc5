"""Which records leave with a trace context, and that each is told of once it is confirmed."""

import json

from driftline.spec import NumericFeature, StreamSpec
from driftline.tracing.context import read_context
from driftline.tracing.identity import Identity
from driftline.tracing.spans import Span
from producers.fleet.plan import parse_fleet
from producers.run import run_fleet
from producers.tracing import SendTraces
from tests.producers.hand import HandClock, KeptWriter

SPEC = StreamSpec(stream="s", task="binary", classes=("0", "1"), features=(NumericFeature(name="x"),))


class Kept:
    """Where spans go here; knows how much was confirmed when they came."""

    def __init__(self, writer: KeptWriter) -> None:
        self.spans: list[Span] = []
        self.writer = writer

    def take(self, spans: list[Span]) -> None:
        assert self.writer.committed == len(self.writer.sent)
        self.spans += spans


def test_the_records_followed_carry_their_context_and_no_other() -> None:
    clock = HandClock()
    writer = KeptWriter(clock)
    kept, identity = Kept(writer), Identity("s", 0.1)
    traces = SendTraces(SPEC.topics.features, identity, kept, lambda: int(clock.now() * 1e9))
    fleet = parse_fleet({"records": 2_000, "rate": 500.0, "drift": []})
    run_fleet(SPEC, fleet, writer, clock, lambda progress: None, lambda: False, traces)
    ids, carried = [], {}
    for _, out in writer.sent:
        for row, value in enumerate(out.values):
            record = json.loads(value or b"")["record_id"]
            context = read_context(out.each.get(row))
            if out.topic == SPEC.topics.features:
                ids.append(record)
                if context is not None:
                    carried[record] = context
            else:
                assert context is None
    assert len(ids) == 2_000
    assert {record: context.trace for record, context in carried.items()} == {
        ids[row]: trace for row, trace in identity.followed(ids).items()
    }
    assert 100 < len(carried) < 300
    assert {(span.attributes["driftline.record_id"], span.context) for span in kept.spans} == set(carried.items())
    assert all(span.start <= span.end for span in kept.spans)
    assert len(kept.spans) == len(carried)


def test_without_traces_no_record_has_headers() -> None:
    clock = HandClock()
    writer = KeptWriter(clock)
    fleet = parse_fleet({"records": 50, "rate": "max", "drift": []})
    run_fleet(SPEC, fleet, writer, clock, lambda progress: None, lambda: False)
    assert all(not out.each and not out.headers for _, out in writer.sent)

"""The consumer's log: quiet under a flood, and exact where it is asked to be."""

import structlog
from structlog.testing import capture_logs

from consumers.logs import AnswerLog
from driftline.service.sparing import EVERY
from tests.consumers.test_core import core
from tests.service.scripted import HandClock
from tests.streams import NOW, batch, feature_record


def test_a_flood_of_refused_records_is_a_line_now_and_then() -> None:
    clock, consumer = HandClock(), core()
    with capture_logs() as lines:
        said = AnswerLog(clock.monotonic)
        for number in range(100):
            consumer.process([batch([b"{", b"{", None], partition=2, start=3 * number)], NOW)
            said.committed(consumer, {})
            clock.sleep(EVERY / 50)
    first, second = (line for line in lines if line["event"] == "records refused")
    assert first["since_the_last_such_line"] == {"malformed-json": 2, "empty-value": 1}
    assert (first["reason"], first["partition"], first["offset"]) == ("malformed-json", 2, 0)
    batches = second["offset"] // 3
    assert second["since_the_last_such_line"] == {"malformed-json": 2 * batches, "empty-value": batches}
    assert second["log_level"] == "warning"


def test_a_batch_is_a_line_where_it_is_asked() -> None:
    consumer = core(7, 3)
    with capture_logs() as lines:
        said = AnswerLog(HandClock().monotonic)
        batches = [batch([feature_record([0, 0, 0], f"r{i}") for i in range(3)], partition=1, start=5)]
        consumer.process(batches, NOW)
        said.committed(consumer, {2: 0xABC})
    (line,) = lines
    assert line == {
        "event": "batch answered", "log_level": "debug", "records": 3, "refused": 0, "version": 7, "sequence": 3,
        "offsets": {1: [5, 7]}, "traces": {"r2": f"{0xABC:032x}"},
    }  # fmt: skip


def test_it_is_not_asked_by_default() -> None:
    usual = structlog.get_config()["wrapper_class"]
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(20))
    try:
        with capture_logs() as lines:
            said, consumer = AnswerLog(HandClock().monotonic), core()
            consumer.process([batch([feature_record([0, 0, 0])])], NOW)
            said.committed(consumer, {})
    finally:
        structlog.configure(wrapper_class=usual)
    assert lines == []

"""A drift, its job and what became of it are one trace, by their own ids alone."""

from driftline.kafka.interface import Outgoing
from driftline.records.loop import DriftEvent, DriftKind, ModelEvent, ModelEventKind, Position, RetrainingJob, Window
from driftline.topics import Topics
from driftline.tracing.context import read_context
from driftline.tracing.identity import Identity
from driftline.tracing.loop import LoopTraces
from driftline.tracing.spans import Span
from tests.streams import NOW

TOPICS = Topics("pumps")


class Kept:
    """Where spans go here."""

    def __init__(self) -> None:
        self.spans: list[Span] = []

    def take(self, spans: list[Span]) -> None:
        self.spans += spans


def drift(state: str = "opened", revision: int = 0, told_at: int = NOW) -> DriftEvent:
    return DriftEvent(
        event_id="drift-1", state=state, revision=revision, stream="pumps", kind=DriftKind.CONCEPT, severity="alarm",
        detector="e-detector", model_version=1, detected_at=NOW, told_at=told_at, summary="It changed.",
        detected=Position(record_id="r200", event_time=NOW - 10),
        onset=Position(record_id="r100", event_time=NOW - 5_000),
    )  # type: ignore[arg-type] # fmt: skip


def job(job_id: str, drift_event: str | None) -> RetrainingJob:
    return RetrainingJob(
        job_id=job_id, stream="pumps", requested_by="policy", reason="drift", requested_at=NOW + 100,
        champion_version=1, drift_event_id=drift_event, window=Window(features={}, labels={}), labelled_records=0,
    )  # fmt: skip


def verdict(job_id: str, drift_event: str | None) -> ModelEvent:
    return ModelEvent(
        event_id=f"of-{job_id}", stream="pumps", kind=ModelEventKind.PROMOTED, version=2, job_id=job_id,
        drift_event_id=drift_event, at=NOW + 9_000, seconds=8.5,
    )  # fmt: skip


def told(*records: tuple[str, bytes], share: float = 0.0) -> tuple[list[Span], list[Outgoing]]:
    """Spans of these records, and what was sent, as services that know nothing of each other tell them."""
    spans, sent = [], []
    for topic, value in records:
        kept = Kept()
        traces = LoopTraces(TOPICS, Identity("pumps", share), kept)
        sent += traces.sending([Outgoing(topic, [value])])
        assert kept.spans == []  # not before it is committed
        traces.committed()
        spans += kept.spans
    return spans, sent


def test_each_step_is_caused_by_the_one_before() -> None:
    spans, sent = told(
        (TOPICS.drift_events, drift().to_json()),
        (TOPICS.retraining_jobs, job("job-1", "drift-1").to_json()),
        (TOPICS.model_events, verdict("job-1", "drift-1").to_json()),
    )
    assert [span.name for span in spans] == ["drift opened", "retraining asked for", "retraining promoted"]
    assert [span.parent for span in spans] == [None, spans[0].context, spans[1].context]
    assert len({span.context.trace for span in spans}) == 1
    assert [read_context(out.each[0]) for out in sent] == [span.context for span in spans]
    assert [(span.end - span.start) // 1_000_000 for span in spans] == [5_000, 0, 8_500]


def test_what_becomes_known_later_hangs_below_the_drift() -> None:
    spans, _ = told(
        (TOPICS.drift_events, drift().to_json()),
        (TOPICS.drift_events, drift("updated", 1, NOW + 50).to_json()),
        (TOPICS.drift_events, drift("closed", 2, NOW + 90).to_json()),
    )
    assert [span.parent for span in spans] == [None, spans[0].context, spans[0].context]
    assert len({span.context for span in spans}) == 3


def test_a_job_that_somebody_asked_for_has_a_trace_of_its_own() -> None:
    (asked, done), _ = told(
        (TOPICS.retraining_jobs, job("job-2", None).to_json()), (TOPICS.model_events, verdict("job-2", None).to_json())
    )
    assert (asked.parent, done.parent) == (None, asked.context)
    assert asked.context.trace != Identity("pumps", 0.0).trace("drift-1")


def test_a_drift_points_to_the_records_it_was_found_at() -> None:
    identity = Identity("pumps", 1.0)
    (span,), _ = told((TOPICS.drift_events, drift().to_json()), share=1.0)
    assert [link.trace for link in span.links] == [identity.trace("r100"), identity.trace("r200")]
    (alone,), _ = told((TOPICS.drift_events, drift().to_json()), share=0.0)
    assert alone.links == ()


def test_other_topics_are_none_of_its_business() -> None:
    spans, sent = told((TOPICS.monitor_state, b"not JSON"), (TOPICS.dead_letters, b"{}"))
    assert spans == []
    assert all(not out.each for out in sent)


def test_an_aborted_commit_is_not_told_of() -> None:
    kept = Kept()
    traces = LoopTraces(TOPICS, Identity("pumps", 0.0), kept)
    traces.sending([Outgoing(TOPICS.drift_events, [drift().to_json()])])
    traces.sending([Outgoing(TOPICS.drift_events, [drift().to_json()])])
    traces.committed()
    traces.committed()
    assert len(kept.spans) == 1

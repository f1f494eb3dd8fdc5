"""What the books promise: each record accounted for once, whatever order the topics are read in."""

from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from driftline.kafka.interface import Batch
from driftline.records import DriftEvent, DriftKind, ModelEvent, ModelEventKind, Position, Reason, RetrainingJob, Window
from driftline.spec import parse_spec
from driftline.watch.ledger import Ledger, Outcome
from tests.streams import NOW, batch
from tests.watch.books import SPEC, TOPICS, features, label, letter, prediction


def books(*batches: Batch) -> Ledger:
    made = Ledger(SPEC)
    for one in batches:
        made.take([one])
    return made


class TestEveryRecordIsAccountedFor:
    def test_answered_refused_and_lost(self) -> None:
        made = books(features(0, 4), prediction(0), letter(1, Reason.WRONG_WIDTH), prediction(3))
        assert (made.lost, made.duplicates, made.settled) == (1, 0, False)
        made.take([prediction(2)])
        assert (made.lost, made.duplicates, made.settled) == (0, 0, True)
        assert made.reasons == {"wrong-width": 1}

    def test_answers_beyond_the_first_are_duplicates(self) -> None:
        made = books(features(0, 2), prediction(0), prediction(0), prediction(0), prediction(1))
        assert (made.lost, made.duplicates) == (0, 2)
        assert made.versions == {1: 2}

    def test_so_is_an_answer_to_a_record_that_was_refused(self) -> None:
        assert books(features(0), prediction(0), letter(0)).duplicates == 1
        assert books(features(0), letter(0), letter(0)).duplicates == 1

    def test_records_are_known_by_their_place_not_by_their_id(self) -> None:
        made = books(features(0, 2), prediction(0, record_id="same"), prediction(1, record_id="same"))
        assert (made.lost, made.duplicates) == (0, 0)

    def test_partitions_are_kept_apart(self) -> None:
        made = books(features(0, 1, partition=0), features(0, 1, partition=1), prediction(0))
        assert made.lost == 1

    def test_an_empty_run(self) -> None:
        made = books()
        assert (made.lost, made.duplicates, made.settled, made.accuracy(), made.latency()) == (0, 0, True, None, None)


class TestAccuracy:
    def test_joined_in_either_order(self) -> None:
        for order in ((prediction(0, "worn"), label(0, "worn")), (label(0, "worn"), prediction(0, "worn"))):
            assert books(*order).outcomes == [Outcome("r0", 1, True)]

    def test_of_all_and_of_the_newest(self) -> None:
        made = books(*[b for i in range(4) for b in (prediction(i, "ok"), label(i, "ok" if i >= 2 else "worn"))])
        assert made.accuracy() == 0.5
        assert made.accuracy(last=2) == 1.0
        assert made.accuracy(last=3) == 2 / 3

    def test_a_records_first_label_counts_whenever_it_comes(self) -> None:
        first, second = label(0, "ok"), label(0, "worn")
        for order in (
            (prediction(0, "ok"), first, second),
            (first, prediction(0, "ok"), second),
            (first, second, prediction(0, "ok")),
        ):
            assert books(*order).outcomes == [Outcome("r0", 1, True)]

    def test_labels_without_a_prediction_or_that_are_none_are_counted_and_not_joined(self) -> None:
        made = books(label(7), batch([b"{", None], TOPICS.labels), label(8, "no such class"))
        assert made.labels == 4
        assert made.outcomes == []

    def test_the_version_that_answered_is_kept(self) -> None:
        made = books(prediction(0, version=1), prediction(1, version=2), label(1), label(0))
        assert [(o.record_id, o.version) for o in made.outcomes] == [("r1", 2), ("r0", 1)]
        assert made.version_at == {"r0": 1, "r1": 2}

    def test_of_a_multilabel_stream_the_set_counts_not_the_order(self) -> None:
        spec = parse_spec(
            {
                "stream": "pumps",
                "task": "multilabel",
                "classes": ["ok", "worn", "hot"],
                "features": [{"name": "x", "type": "numeric"}],
            }
        )
        made = Ledger(spec)
        for i, (said, truth) in enumerate(
            [('["hot","worn"]', '["worn","hot"]'), ("[]", "[]"), ('["hot"]', '["hot","worn"]'), ('["hot"]', '"hot"')]
        ):
            answer = (
                f'{{"record_id":"r{i}","prediction":{said},"model_version":1,"source_partition":0,"source_offset":{i}}}'
            )
            value = f'{{"record_id":"r{i}","device_id":"d","label":{truth},"labelled_at":1}}'
            made.take([batch([answer.encode()], TOPICS.predictions), batch([value.encode()], TOPICS.labels)])
        assert [o.correct for o in made.outcomes] == [True, True, False, True]


class TestLatency:
    def test_from_arrival_to_answer(self) -> None:
        sent = Batch(TOPICS.features, 0, [0, 1], [100, 200], [None] * 2, [b"{}"] * 2)
        answers = [
            Batch(TOPICS.predictions, 0, [i], [at], [None], prediction(i).values) for i, at in ((0, 104), (1, 220))
        ]
        made = books(sent, *answers)
        assert list(made.latencies) == [4, 20]
        assert made.latency() == (12.0, 19.84)


class TestWhatHappened:
    def test_events_jobs_and_verdicts_are_kept_in_order(self) -> None:
        window = Window(features={0: (0, 5)}, labels={})
        event = DriftEvent(
            event_id="e", stream="pumps", kind=DriftKind.CONCEPT, severity="alarm", detector="adwin", model_version=1,
            detected_at=NOW, detected=Position(), onset=Position(), summary="worse",
        )  # fmt: skip
        job = RetrainingJob(
            job_id="j", stream="pumps", requested_by="policy", reason="drift", requested_at=NOW, champion_version=1,
            window=window, labelled_records=300,
        )  # fmt: skip
        verdict = ModelEvent(event_id="v", stream="pumps", kind=ModelEventKind.REFUSED, job_id="j", at=NOW)
        made = books(
            batch([event.to_json(), None], TOPICS.drift_events),
            batch([job.to_json()], TOPICS.retraining_jobs),
            batch([verdict.to_json(), verdict.to_json()], TOPICS.model_events),
        )
        assert (made.drift_events, made.jobs, made.model_events) == ([event], [job], [verdict, verdict])

    def test_an_event_is_one_alarm_however_often_it_is_told(self) -> None:
        opened = DriftEvent(
            event_id="e", stream="pumps", kind=DriftKind.CONCEPT, severity="warning", detector="adwin", model_version=1,
            detected_at=NOW, detected=Position(), onset=Position(), summary="worse",
        )  # fmt: skip
        life = [
            opened,
            opened.model_copy(update={"state": "updated", "revision": 1}),
            opened.model_copy(update={"state": "updated", "revision": 2, "severity": "alarm", "grown": True}),
            opened.model_copy(update={"state": "updated", "revision": 3, "severity": "alarm", "shape": "abrupt"}),
            opened.model_copy(update={"state": "closed", "revision": 4, "severity": "alarm"}),
        ]
        made = books(batch([event.to_json() for event in life], TOPICS.drift_events))
        assert made.drift_events == life
        assert made.alarms == [life[0], life[2]]


# -- any order --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Fate:
    """What becomes of one record."""

    answers: int
    refused: bool
    right: bool
    labelled: bool


fates = st.lists(
    st.builds(Fate, st.sampled_from([0, 1, 1, 1, 2]), st.booleans(), st.booleans(), st.booleans()), max_size=12
)


def summary(made: Ledger) -> tuple[object, ...]:
    return (
        made.lost,
        made.duplicates,
        made.settled,
        made.accuracy(),
        made.labels,
        dict(made.reasons),
        dict(made.versions),
        sorted((o.record_id, o.version, o.correct) for o in made.outcomes),
        len(made.sent),
    )


@settings(max_examples=200)
@given(fates=fates, data=st.data())
def test_the_order_of_arrival_changes_nothing(fates: list[Fate], data: st.DataObject) -> None:
    arriving: list[Batch] = []
    for i, fate in enumerate(fates):
        arriving.append(features(i))
        arriving += [prediction(i, "ok", version=1 + i % 3)] * fate.answers
        arriving += [letter(i)] * fate.refused
        arriving += [label(i, "ok" if fate.right else "worn")] * fate.labelled
    in_order = books(*arriving)
    assert summary(books(*data.draw(st.permutations(arriving)))) == summary(in_order)
    # and it is what happened
    total = [fate.answers + fate.refused for fate in fates]
    assert in_order.lost == total.count(0)
    assert in_order.duplicates == sum(max(count - 1, 0) for count in total)
    judged = [fate.right for fate in fates if fate.labelled and fate.answers]
    assert in_order.accuracy() == (sum(judged) / len(judged) if judged else None)

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftline.spec import StreamSpec
from driftline.wire.labels import Labels, decode_labels
from driftline.wire.predictions import Predictions, decode_predictions
from monitoring.labels.join import LabelJoin
from tests.monitoring.stream import EPOCH, Broker, make_spec


def predictions(spec: StreamSpec, rows: list[int], answer: object = "a") -> Predictions:
    return decode_predictions(Broker(spec).predictions(rows, [answer] * len(rows)), len(spec.classes))


def labels(spec: StreamSpec, rows: list[int], label: object = "a", lag_ms: int = 1_000) -> Labels:
    return decode_labels(Broker(spec).labels(rows, [label] * len(rows), lag_ms), spec.classes)


@pytest.fixture
def spec() -> StreamSpec:
    return make_spec(monitoring={"max_pending": 100, "label_timeout_seconds": 60})


class TestEveryLabelFindsItsPrediction:
    @settings(max_examples=60, deadline=None)
    @given(
        order=st.permutations([(side, row) for side in "pl" for row in range(12)]),
        cuts=st.lists(st.integers(1, 5), min_size=24, max_size=24),
    )
    def test_in_any_order_and_any_batches(self, order: list[tuple[str, int]], cuts: list[int]) -> None:
        spec = make_spec()
        join, joined = LabelJoin(spec), []
        while order:
            part, order = order[: cuts[0]], order[cuts[0] :]
            cuts = cuts[1:]
            joined += join.add_predictions(predictions(spec, [r for s, r in part if s == "p"]), EPOCH).record_ids
            joined += join.add_labels(labels(spec, [r for s, r in part if s == "l"]), EPOCH).record_ids
        assert sorted(joined) == sorted(f"r{row}" for row in range(12))
        assert join.counts.joined == 12
        assert join.waiting_predictions == join.waiting_labels == 0

    def test_the_outcome_says_where_both_stand(self, spec: StreamSpec) -> None:
        broker, join = Broker(spec), LabelJoin(spec)
        join.add_predictions(decode_predictions(broker.predictions([0, 1, 2, 3], ["a", "b", "c", "a"]), 3), EPOCH)
        outcomes = join.add_labels(decode_labels(broker.labels([3, 2], ["a", "a"]), spec.classes), EPOCH)
        at = {record_id: i for i, record_id in enumerate(outcomes.record_ids)}
        assert outcomes.correct[[at["r2"], at["r3"]]].tolist() == [False, True]
        assert outcomes.answers[at["r2"]] == 2
        assert outcomes.labels[at["r2"]] == 0
        assert (outcomes.source_partition[at["r3"]], outcomes.source_offset[at["r3"]]) == (1, 1)
        assert (outcomes.label_partition[at["r3"]], outcomes.label_offset[at["r3"]]) == (1, 0)

    def test_a_set_of_classes_is_right_only_as_a_whole(self) -> None:
        spec = make_spec(task="multilabel")
        join = LabelJoin(spec)
        join.add_predictions(predictions(spec, [0, 1], ["c", "a"]), EPOCH)
        first = join.add_labels(labels(spec, [0], ["a", "c"]), EPOCH)
        second = join.add_labels(labels(spec, [1], ["a"]), EPOCH)
        assert first.correct.tolist() == [True]
        assert second.correct.tolist() == [False]

    def test_a_list_of_classes_is_no_label_of_a_single_label_stream(self, spec: StreamSpec) -> None:
        join = LabelJoin(spec)
        join.add_predictions(predictions(spec, [0]), EPOCH)
        assert len(join.add_labels(labels(spec, [0], ["a"]), EPOCH)) == 0
        assert join.counts.malformed == 1
        assert len(join.add_labels(labels(spec, [0], "a"), EPOCH)) == 1


class TestTheFirstCounts:
    def test_a_second_label_is_a_duplicate_and_changes_nothing(self, spec: StreamSpec) -> None:
        join = LabelJoin(spec)
        join.add_predictions(predictions(spec, [0, 1]), EPOCH)
        assert join.add_labels(labels(spec, [0], "a"), EPOCH).correct.tolist() == [True]
        assert len(join.add_labels(labels(spec, [0], "b"), EPOCH)) == 0
        assert len(join.add_labels(labels(spec, [1, 1], "b"), EPOCH)) == 1
        assert join.counts.duplicates == 2
        assert join.waiting_labels == 0

    def test_a_second_early_label_is_a_duplicate_too(self, spec: StreamSpec) -> None:
        join = LabelJoin(spec)
        join.add_labels(labels(spec, [0], "a"), EPOCH)
        join.add_labels(labels(spec, [0], "b"), EPOCH)
        assert join.add_predictions(predictions(spec, [0]), EPOCH).correct.tolist() == [True]
        assert join.counts.duplicates == 1

    def test_a_prediction_delivered_again_is_not_waited_for_again(self, spec: StreamSpec) -> None:
        join = LabelJoin(spec)
        join.add_predictions(predictions(spec, [0, 1]), EPOCH)
        join.add_labels(labels(spec, [0]), EPOCH)
        join.add_predictions(predictions(spec, [0, 1]), EPOCH)
        assert join.waiting_predictions == 1
        assert join.counts.repeated == 2


class TestMemoryIsBounded:
    def test_the_oldest_prediction_gives_way(self, spec: StreamSpec) -> None:
        join = LabelJoin(spec)
        for start in range(0, 500, 20):
            join.add_predictions(predictions(spec, list(range(start, start + 20))), EPOCH)
        assert join.waiting_predictions == 100
        assert join.counts.evicted == 400
        assert len(join.add_labels(labels(spec, [399, 400, 499]), EPOCH)) == 2

    def test_a_batch_larger_than_all_the_room(self, spec: StreamSpec) -> None:
        join = LabelJoin(spec)
        join.add_predictions(predictions(spec, list(range(250))), EPOCH)
        assert join.waiting_predictions == 100
        assert join.counts.evicted == 150

    def test_early_labels_give_way_as_orphans(self, spec: StreamSpec) -> None:
        join = LabelJoin(spec)
        join.add_labels(labels(spec, list(range(130))), EPOCH)
        assert join.waiting_labels == 100
        assert join.counts.orphans == 30

    @settings(max_examples=20, deadline=None)
    @given(st.lists(st.tuples(st.booleans(), st.lists(st.integers(0, 400), max_size=40, unique=True)), max_size=25))
    def test_nothing_is_lost_from_the_books(self, rounds: list[tuple[bool, list[int]]]) -> None:
        spec = make_spec(monitoring={"max_pending": 100})
        join = LabelJoin(spec)
        taken = 0
        for is_prediction, rows in rounds:
            if is_prediction:
                join.add_predictions(predictions(spec, rows), EPOCH)
                taken += len(rows)
            else:
                join.add_labels(labels(spec, rows), EPOCH)
        counts = join.counts
        assert taken == counts.predictions
        assert taken == counts.joined + counts.evicted + counts.repeated + join.waiting_predictions
        assert counts.labels == counts.joined + counts.orphans + counts.duplicates + join.waiting_labels
        assert join.waiting_predictions <= 100
        assert join.waiting_labels <= 100


class TestNobodyWaitsForEver:
    def test_time_runs_from_the_arrival(self, spec: StreamSpec) -> None:
        join = LabelJoin(spec)
        # A monitor that reads yesterday's predictions today: they are old already when they come.
        today = EPOCH + 86_400_000
        join.add_predictions(predictions(spec, [0]), today)
        join.expire(today + 59_000)
        assert join.waiting_predictions == 1
        join.expire(today + 60_000)
        assert join.waiting_predictions == 0
        assert join.counts.expired == 1

    def test_coverage_is_the_share_of_the_settled(self, spec: StreamSpec) -> None:
        join = LabelJoin(spec)
        assert join.counts.coverage == 1.0
        join.add_predictions(predictions(spec, [0, 1, 2, 3]), EPOCH)
        join.add_labels(labels(spec, [0, 1, 2]), EPOCH)
        join.expire(EPOCH + 60_000)
        assert join.counts.coverage == 0.75

    def test_a_label_without_a_prediction_is_an_orphan(self, spec: StreamSpec) -> None:
        join = LabelJoin(spec)
        join.add_labels(labels(spec, [7]), EPOCH)
        join.expire(EPOCH + 60_000)
        assert join.counts.orphans == 1
        assert join.counts.coverage == 1.0


class TestLagIsReported:
    def test_percentiles_and_histogram(self, spec: StreamSpec) -> None:
        join = LabelJoin(spec)
        join.add_predictions(predictions(spec, [0, 1, 2, 3]), EPOCH)
        for row, lag in enumerate((50, 500, 500, 5_000)):
            join.add_labels(labels(spec, [row], lag_ms=lag), EPOCH)
        assert join.lag_percentiles(50) == [500.0]
        assert join.lag_histogram[:3].tolist() == [1, 2, 1]
        assert join.lag_sum_ms == 6_050

    def test_without_labels_there_is_none(self, spec: StreamSpec) -> None:
        assert np.isnan(LabelJoin(spec).lag_percentiles(50)[0])

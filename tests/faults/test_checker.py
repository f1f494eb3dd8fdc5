"""The checker finds every fault there is a name for, and none in a healthy stream."""

import ast
import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from confluent_kafka import Producer

from tests.faults.checker import check
from tests.faults.checker.reading import Unreadable
from tests.faults.checker.report import FAULTS
from tests.faults.stories import Story, job, label, make_topics, prediction, verdict
from tests.kafka.apache import ApacheKafka

CHECKER = Path(__file__).parent / "checker"
ROOMS = {"driftline", "producers", "consumers", "monitoring", "training"}


def test_it_shares_no_code_with_what_it_checks() -> None:
    allowed = {*sys.stdlib_module_names, "numpy", "confluent_kafka"}
    for path in CHECKER.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            for name in names:
                assert name.split(".")[0] not in ROOMS
                assert name.split(".")[0] in allowed or name.startswith("tests.faults.checker"), (path.name, name)


def lose_one(story: Story) -> None:
    del story.topics["predictions"][1]


def answer_twice(story: Story) -> None:
    story.topics["predictions"].append((0, prediction(5, 5, "worn", 2, 2)))


def bury_twice(story: Story) -> None:
    story.topics["dead-letters"] *= 2


def answer_and_bury(story: Story) -> None:
    story.topics["dead-letters"].append((0, {"source_partition": 0, "source_offset": 2}))


def bury_a_valid_one(story: Story) -> None:
    story.invalid.clear()


def answer_what_is_not_there(story: Story) -> None:
    story.topics["predictions"].append((0, prediction(6, 6, version=2, sequence=2)))


def swap_two_answers(story: Story) -> None:
    answers = story.topics["predictions"]
    answers[0], answers[1] = answers[1], answers[0]


def fall_back_to_the_older_champion(story: Story) -> None:
    story.values("predictions")[4].update(model_version=1, champion_sequence=1)


def answer_without_a_sequence(story: Story) -> None:
    del story.values("predictions")[3]["champion_sequence"]


def answer_with_a_version_of_another_sequence(story: Story) -> None:
    story.values("predictions")[4]["model_version"] = 3


def promote_two_at_once(story: Story) -> None:
    story.topics["model-events"].append((0, verdict("j2", "recalled", version=7, sequence=2)))
    story.topics["retraining-jobs"].append((0, job("j2", None, "operator")))


def count_a_label_twice(story: Story) -> None:
    story.values("monitor-state")[1]["account"]["outcomes"] += 1


def skip_a_label(story: Story) -> None:
    story.values("monitor-state")[1]["account"]["labels"] = 3


def skip_a_wrong_answer(story: Story) -> None:
    story.values("monitor-state")[1]["account"]["wrong"] -= 1


def take_the_second_label(story: Story) -> None:
    labels = story.topics["labels"]
    labels[1], labels[2] = labels[2], labels[1]


def go_back(story: Story) -> None:
    heads = story.topics["monitor-state"]
    heads.reverse()
    heads[0][1]["number"], heads[1][1]["number"] = 1, 2


def write_a_head_again(story: Story) -> None:
    story.topics["monitor-state"] *= 1
    story.topics["monitor-state"].append(story.topics["monitor-state"][-1])


def repeat_an_event(story: Story) -> None:
    story.topics["drift-events"] *= 2


def repeat_a_job(story: Story) -> None:
    story.topics["retraining-jobs"] *= 2


def ask_again_after_a_promotion(story: Story) -> None:
    story.topics["retraining-jobs"].append((0, job("j2")))
    story.topics["model-events"].append((0, verdict("j2", "refused")))


def leave_a_job(story: Story) -> None:
    story.topics["retraining-jobs"].append((0, job("j2", None, "operator")))


def decide_twice(story: Story) -> None:
    story.topics["model-events"].append((0, verdict("j1", "refused")))


def say_it_twice(story: Story) -> None:
    story.topics["model-events"] *= 2


def write_nonsense(story: Story) -> None:
    del story.values("dead-letters")[0]["source_offset"]


Break = Callable[[Story], None]


@pytest.fixture
def story(fresh_name: str) -> Story:
    return Story.default(fresh_name)


def broken(story: Story, kafka: ApacheKafka, stream: str) -> dict[str, int]:
    story.write(kafka.bootstrap, stream)
    return check(kafka.bootstrap, stream).broken()


class TestAHealthyStream:
    def test_nothing_is_reported(self, apache_kafka: ApacheKafka, story: Story, fresh_name: str) -> None:
        story.write(apache_kafka.bootstrap, fresh_name)
        report = check(apache_kafka.bootstrap, fresh_name)
        assert report.clean, report.lines()
        assert report.sizes == {
            "accepted": 6, "predictions": 5, "dead_letters": 1, "champions": 2, "swaps_in_partitions": 1,
            "labels": 5, "outcomes": 4, "heads": 2, "outcomes_counted": 4, "events": 1, "jobs": 1, "verdicts": 1,
        }  # fmt: skip
        assert report.partitions[0] == {"accepted": 6, "lost": 0, "duplicated": 0, "reordered": 0, "sequence_fell": 0}

    def test_a_refused_drift_may_ask_again(self, apache_kafka: ApacheKafka, story: Story, fresh_name: str) -> None:
        story.topics["model-events"] = [(0, verdict("j1", "refused"))]
        for answer in story.values("predictions"):
            answer.update(model_version=1, champion_sequence=1)
        story.write(apache_kafka.bootstrap, fresh_name)
        late = Producer({"bootstrap.servers": apache_kafka.bootstrap})
        late.produce(f"{fresh_name}.retraining-jobs", json.dumps(job("j2")).encode())
        late.flush()
        late.produce(f"{fresh_name}.model-events", json.dumps(verdict("j2", "failed")).encode())
        late.flush()
        assert check(apache_kafka.bootstrap, fresh_name).broken() == {}


class TestEachFault:
    @pytest.mark.parametrize(
        ("spoil", "found"),
        [
            (lose_one, {"lost": 1, "heads_wrong": 2}),
            (answer_twice, {"duplicated": 1}),
            (bury_twice, {"duplicated": 1}),
            (answer_and_bury, {"both": 1, "mis_answered": 1}),
            (bury_a_valid_one, {"mis_answered": 1}),
            (answer_what_is_not_there, {"invented": 1}),
            (swap_two_answers, {"reordered": 1}),
            (fall_back_to_the_older_champion, {"sequence_fell": 1}),
            (answer_without_a_sequence, {"sequence_fell": 1, "wrong_version": 1}),
            (answer_with_a_version_of_another_sequence, {"wrong_version": 1}),
            (promote_two_at_once, {"ambiguous_champions": 1}),
            (count_a_label_twice, {"heads_wrong": 1}),
            (skip_a_wrong_answer, {"heads_wrong": 1}),
            (skip_a_label, {"heads_misread": 1}),
            (take_the_second_label, {"heads_wrong": 2}),
            (go_back, {"heads_back": 1}),
            (write_a_head_again, {"heads_back": 1}),
            (repeat_an_event, {"events_repeated": 1}),
            (repeat_a_job, {"jobs_repeated": 1}),
            (ask_again_after_a_promotion, {"jobs_unasked": 1, "jobs_overlapping": 1}),
            (leave_a_job, {"jobs_unanswered": 1}),
            (decide_twice, {"verdicts_contradictory": 1}),
            (say_it_twice, {"verdicts_repeated": 1}),
            (write_nonsense, {"malformed": 1, "lost": 1}),
        ],
        ids=lambda value: value.__name__ if callable(value) else "",
    )
    def test_is_reported_and_nothing_else(
        self, apache_kafka: ApacheKafka, story: Story, fresh_name: str, spoil: Break, found: dict[str, int]
    ) -> None:
        spoil(story)
        assert broken(story, apache_kafka, fresh_name) == found

    def test_every_name_is_tried_above(self) -> None:
        source = Path(__file__).read_text()
        assert [name for name in FAULTS if f'"{name}": ' not in source] == []


class TestAStreamAtRest:
    def test_must_have_counted_everything(self, apache_kafka: ApacheKafka, story: Story, fresh_name: str) -> None:
        del story.topics["monitor-state"][1]
        story.write(apache_kafka.bootstrap, fresh_name)
        assert check(apache_kafka.bootstrap, fresh_name).clean
        assert check(apache_kafka.bootstrap, fresh_name, drained=True).broken() == {"labels_uncounted": 2}


class TestReading:
    def test_what_was_aborted_does_not_count(self, apache_kafka: ApacheKafka, story: Story, fresh_name: str) -> None:
        story.write(apache_kafka.bootstrap, fresh_name)
        producer = Producer({"bootstrap.servers": apache_kafka.bootstrap, "transactional.id": fresh_name})
        producer.init_transactions()
        producer.begin_transaction()
        producer.produce(f"{fresh_name}.predictions", b"never", b"d", 0)
        producer.flush()
        producer.abort_transaction()
        assert check(apache_kafka.bootstrap, fresh_name).broken() == {}

    def test_what_is_still_open_is_waited_for(self, apache_kafka: ApacheKafka, story: Story, fresh_name: str) -> None:
        lost = story.topics["predictions"].pop()
        story.write(apache_kafka.bootstrap, fresh_name)
        settings = {
            "bootstrap.servers": apache_kafka.bootstrap,
            "transactional.id": fresh_name,
            "transaction.timeout.ms": 3_000,
        }
        producer = Producer(settings)
        producer.init_transactions()
        producer.begin_transaction()
        producer.produce(f"{fresh_name}.predictions", json.dumps(lost[1]).encode(), b"d", 0)
        producer.flush()
        # Nobody ends it: the coordinator does, some seconds on, and only then is the end of the topic known.
        report = check(apache_kafka.bootstrap, fresh_name)
        assert report.faults["lost"] == 1

    def test_a_topic_that_is_not_there_is_said(self, apache_kafka: ApacheKafka, fresh_name: str) -> None:
        with pytest.raises(Unreadable, match="no such topics"):
            check(apache_kafka.bootstrap, fresh_name)

    def test_empty_topics_are_clean(self, apache_kafka: ApacheKafka, fresh_name: str) -> None:
        make_topics(apache_kafka.bootstrap, fresh_name)
        report = check(apache_kafka.bootstrap, fresh_name)
        assert report.clean
        assert report.sizes["accepted"] == 0

    def test_labels_of_two_partitions_keep_apart(
        self, apache_kafka: ApacheKafka, story: Story, fresh_name: str
    ) -> None:
        story.topics["labels"].append((1, label(99)))
        assert broken(story, apache_kafka, fresh_name) == {}

"""A topic is deleted under running services, and made again."""

import pytest
from confluent_kafka.admin import AdminClient

from driftline.kafka.connect import Endpoint, connect, topic_requests
from driftline.workspace import Workspace
from tests.faults.broker.follower import Answered, ends
from tests.faults.broker.heads import last_head
from tests.faults.broker.trial import PARTITIONS, Start, Trial

ALL = ("consumer-0", "monitor-0")


def _delete(stream: Trial, topic: str) -> None:
    admin = AdminClient({"bootstrap.servers": stream.cluster.bootstrap, "log_level": 0})
    admin.delete_topics([f"{stream.stream}.{topic}"])[f"{stream.stream}.{topic}"].result(20)
    stream.injected += 1


def _make_again(stream: Trial) -> None:
    spec = Workspace(stream.spec).spec
    client = connect(Endpoint(stream.cluster.bootstrap, spec.kafka))
    client.ensure_topics(topic_requests(spec))
    client.close()


def _outcomes(stream: Trial) -> int:
    head = last_head(stream.cluster.bootstrap, stream.stream)
    return int(head["account"]["outcomes"]) if head else 0


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_services_wait_for_a_feature_topic_that_is_gone_and_answer_the_new_one(stream_on: Start) -> None:
    with stream_on() as stream:
        stream.begin(*ALL)
        stream.loader_rests()
        stream.catch_up()
        _delete(stream, "features")
        stream.wait("the consumer to say that it has nothing", lambda: stream.fleet.ready("consumer-0") is not None)
        assert stream.fleet.said("consumer-0", "partitions revoked")
        burnt = stream.fleet.metric("consumer-0", "process_cpu_seconds_total")
        stream.last(5)
        assert stream.fleet.metric("consumer-0", "process_cpu_seconds_total") - burnt < 2.5, "it spins"

        before = sum(ends(stream.cluster.bootstrap, f"{stream.stream}.predictions", PARTITIONS).values())
        _make_again(stream)
        again = stream.load_again(seed=8)
        stream.wait("records to be sent", lambda: again.sent > 300)
        again.stop()
        again.wait()
        fresh = sum(ends(stream.cluster.bootstrap, f"{stream.stream}.features", PARTITIONS).values())
        stream.wait(
            "the new topic to be answered",
            lambda: (
                sum(ends(stream.cluster.bootstrap, f"{stream.stream}.predictions", PARTITIONS).values()) - before
                >= fresh * 0.9
            ),
        )
        assert not any(map(stream.fleet.restarts, ALL))


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_a_prediction_topic_that_is_gone_is_named_and_nothing_is_committed_without_it(stream_on: Start) -> None:
    with stream_on() as stream:
        stream.begin(*ALL)
        _delete(stream, "predictions")
        stream.wait(
            "the consumer to name it",
            lambda: any(
                f"{stream.stream}.predictions" in line["error"]
                for line in stream.fleet.said("consumer-0", "round aborted")
            ),
        )
        stream.answered.close()
        _make_again(stream)
        stream.answered = Answered(stream.cluster.bootstrap, stream.stream, PARTITIONS)
        counted = _outcomes(stream)
        stream.healed()
        stream.flows()
        stream.wait("the monitor to count on", lambda: _outcomes(stream) > counted)


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_a_monitor_whose_state_topic_is_gone_goes_on_when_it_is_back(stream_on: Start) -> None:
    with stream_on() as stream:
        stream.begin(*ALL)
        stream.wait("a checkpoint", lambda: _outcomes(stream) > 0)
        _delete(stream, "monitor-state")
        stream.last(5)
        _make_again(stream)
        stream.wait("a checkpoint on the new topic", lambda: _outcomes(stream) > 0)
        stream.fleet.kill("monitor-0")
        stream.wait("it to count again", lambda: stream.fleet.ready("monitor-0") is None)
        counted = _outcomes(stream)
        stream.wait("the monitor to count on", lambda: _outcomes(stream) > counted)

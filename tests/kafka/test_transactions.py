"""Transactions that end otherwise than by a commit: replaced, too slow, an outcome that nobody told."""

import os
import signal
from pathlib import Path

import pytest
from kafka import KafkaAdminClient

from driftline.kafka.interface import Fenced, KafkaFault, Outgoing, Replaced, TopicRequest
from tests.kafka.apache import ApacheKafka
from tests.kafka.conftest import Connect
from tests.kafka.hurry import impatient_writer, short_waits
from tests.kafka.polling import collect, ends, produce, until


def test_the_one_who_was_replaced_is_told_so_and_stays_away(on_apache: Connect, fresh_name: str) -> None:
    client = on_apache()
    client.ensure_topics([TopicRequest(fresh_name, 1, 1, {})])
    old = client.writer(f"tx-{fresh_name}")
    old.send(Outgoing(fresh_name, [b"old"]))
    new = client.writer(f"tx-{fresh_name}")
    with pytest.raises(Replaced):
        old.commit(None, {})
    old.abort()
    with pytest.raises(Replaced):
        old.send(Outgoing(fresh_name, [b"old again"]))
    new.send(Outgoing(fresh_name, [b"new"]))
    new.commit(None, {})
    tail = client.tail([fresh_name])
    assert [v for *_, v in collect(tail, 2, seconds=2)] == [b"new"]
    for closing in (tail, old, new):
        closing.close()


@pytest.mark.slow
def test_a_transaction_that_took_too_long_is_aborted_and_the_same_writer_goes_on(
    on_apache: Connect, fresh_name: str, apache_kafka: ApacheKafka
) -> None:
    client = on_apache()
    client.ensure_topics([TopicRequest(fresh_name, 1, 1, {})])
    name = f"tx-{fresh_name}"
    writer = impatient_writer(client, name, transaction_timeout_ms=1_000)
    writer.send(Outgoing(fresh_name, [b"late"]))
    admin = KafkaAdminClient(bootstrap_servers=apache_kafka.bootstrap)
    # The coordinator looks for transactions that took too long every ten seconds.
    aborted = lambda: admin.describe_transactions([name])[name].state.value == "CompleteAbort"  # noqa: E731
    assert until(aborted, lambda: None, seconds=30)
    admin.close()
    with pytest.raises(Fenced) as raised:
        writer.commit(None, {})
    assert not isinstance(raised.value, Replaced)
    writer.abort()
    writer.send(Outgoing(fresh_name, [b"in time"]))
    writer.commit(None, {})
    tail = client.tail([fresh_name])
    assert [v for *_, v in collect(tail, 2, seconds=2)] == [b"in time"]
    tail.close()
    writer.close()


@pytest.mark.slow
def test_a_commit_whose_outcome_nobody_told_ends_in_time_and_is_read_back_right(
    on_apache: Connect, fresh_name: str, kafka_installed: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    short_waits(monkeypatch)
    cluster = ApacheKafka(tmp_path)
    cluster.start()
    try:
        client = on_apache(bootstrap=cluster.bootstrap, session_timeout_ms=30_000)
        client.ensure_topics([TopicRequest(fresh_name, 1, 1, {}), TopicRequest(f"{fresh_name}.out", 1, 1, {})])
        produce(client, fresh_name, 20)
        reader, writer = client.reader(f"g-{fresh_name}", [fresh_name]), client.writer(f"tx-{fresh_name}")
        committed = lambda: reader.committed().get((fresh_name, 0), 0)  # noqa: E731
        stands_still = True
        while committed() < 20:
            seen = collect(reader, 20, seconds=5)
            assert seen
            writer.send(Outgoing(f"{fresh_name}.out", [v for *_, v in seen]))
            if not stands_still:
                writer.commit(reader, ends(fresh_name, seen))
                continue
            # The broker's machine stands still: what is sent waits in its network card.
            os.kill(cluster._processes[0].pid, signal.SIGSTOP)
            with pytest.raises(KafkaFault):
                writer.commit(reader, ends(fresh_name, seen))
            os.kill(cluster._processes[0].pid, signal.SIGCONT)
            stands_still = False
            writer.abort()
            reader.rewind()
        tail = client.tail([f"{fresh_name}.out"])
        assert sorted(int(v or b"-1") for *_, v in collect(tail, 21, seconds=2)) == list(range(20))
        for closing in (tail, reader, writer):
            closing.close()
    finally:
        cluster.kill()

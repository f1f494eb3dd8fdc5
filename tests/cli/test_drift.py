"""`driftline drift` on a real broker, of what the real monitor told of a short stream."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from driftline.broker.embedded import EmbeddedBroker
from driftline.kafka.connect import Endpoint, connect, topic_requests
from driftline.kafka.interface import Outgoing
from driftline.records import DriftEvent, DriftKind, ModelEvent, ModelEventKind
from driftline.spec import StreamSpec, dump_spec
from tests.cli.conftest import Run
from tests.monitoring.fleet import CLASSES, FEATURES, Patrol, fleet_spec
from tests.monitoring.stream import make_spec


def named(stream: str, broker: EmbeddedBroker) -> StreamSpec:
    """The fleet's stream under a name of its own."""
    return make_spec(
        FEATURES,
        stream=stream,
        classes=list(CLASSES),
        monitoring={"segments": ["site"]},
        kafka={"bootstrap": broker.bootstrap, "partitions": 1},
    )


@pytest.fixture(scope="module")
def patrol() -> Patrol:
    """Two faults of the world: the concept changes at 4,000, the features at 5,500."""
    run = Patrol("devices: 10\ndrift: [{at: 4000}, {at: 5500, target: data}]", spec=fleet_spec(segments=["site"]))
    run.run()
    return run


@pytest.fixture
def stream(tmp_path: Path, embedded_broker: EmbeddedBroker, fresh_name: str, patrol: Patrol) -> Patrol:
    """The same on topics of a stream of its own, with a verdict for the job; no service runs."""
    spec = named(fresh_name, embedded_broker)
    (tmp_path / "stream.yaml").write_text(dump_spec(spec))
    (job,) = patrol.jobs
    verdict = ModelEvent(
        event_id="v", stream=fresh_name, kind=ModelEventKind.PROMOTED, version=2, previous_version=1, sequence=2,
        job_id=job.job_id, at=job.requested_at + 9_000, seconds=8.5,
    )  # fmt: skip
    client = connect(Endpoint(embedded_broker.bootstrap, spec.kafka))
    client.ensure_topics(topic_requests(spec))
    writer = client.writer()

    def send(topic: str, values: Sequence[bytes], keys: Sequence[bytes]) -> None:
        writer.send(Outgoing(topic, list(values), list(keys), 0))

    events = [event for _, event in patrol.events]
    send(spec.topics.drift_events, [e.to_json() for e in events], [e.event_id.encode() for e in events])
    send(spec.topics.retraining_jobs, [job.to_json()], [job.job_id.encode()])
    send(spec.topics.model_events, [verdict.to_json()], [verdict.key])
    writer.commit(None, {})
    writer.close()
    client.close()
    return patrol


def newest(run: Patrol, kind: DriftKind) -> DriftEvent:
    return run.of(kind)[-1][1]


def test_lists_tells_and_draws_what_the_monitor_told(cli: Run, tmp_path: Path, stream: Patrol) -> None:
    concept = newest(stream, DriftKind.CONCEPT)
    opened = [event.event_id for _, event in stream.events if event.state == "opened"]
    listed = cli("drift")
    assert listed.code == 0, listed.err
    rows = listed.out.splitlines()[1:]
    assert [row.split()[0] for row in rows] == opened
    assert "concept P(y|x)" in rows[0] and "(retrain-onset) promoted → version 2" in rows[0]
    assert "data P(x)" in listed.out

    said = cli("drift", concept.event_id[:10], "--html", "e.html", "--png", "pictures")
    assert said.code == 0, said.err
    for words in (
        concept.summary, "record r4000", "with 95% confidence", "abrupt: from one record", "the world: the other",
        'class "c" error', 'site "south" error', "version 2 promoted, replacing version 1 after 8.5 s", "page: e.html",
    ):  # fmt: skip
        assert words in said.out
    for blame in concept.features:
        assert f"feature {blame.feature}" in said.out and blame.detail in said.out
    html = (tmp_path / "e.html").read_text()
    pictures = {path.stem for path in (tmp_path / "pictures").iterdir()}
    assert {"accuracy", "effects", "feature-1", "classes", "devices", "segment-1"} <= pictures
    assert html.count("<img") == len(pictures)

    told = json.loads(cli("drift", concept.event_id, "--json").out)
    # Every field of the record, as it is on the topic.
    assert DriftEvent.model_validate(told) == concept
    assert [one["job_id"] for one in told["jobs"]] == [job.job_id for job in stream.jobs]
    assert told["verdicts"][0]["version"] == 2
    assert len(told["records"]) == len(stream.of(DriftKind.CONCEPT))
    every = json.loads(cli("drift", "--json").out)
    assert [one["event_id"] for one in every["events"]] == opened
    assert json.loads(cli("drift", "last", "--json").out)["event_id"] == opened[-1]

    (tmp_path / "file").write_text("")
    assert cli("drift", "last", "--html", "file/e.html").refusal().startswith("--html file/e.html: cannot be written: ")
    unknown = cli("drift", "nonsense")
    assert unknown.code == 2
    assert unknown.refusal().startswith("EVENT: read 'nonsense'; allowed: `last`, or the beginning of one of 4 ids: ")


def test_a_stream_without_drift(cli: Run, tmp_path: Path, embedded_broker: EmbeddedBroker, fresh_name: str) -> None:
    spec = named(fresh_name, embedded_broker)
    (tmp_path / "stream.yaml").write_text(dump_spec(spec))
    client = connect(Endpoint(embedded_broker.bootstrap, spec.kafka))
    client.ensure_topics(topic_requests(spec))
    client.close()
    assert cli("drift").out == f"no drift was told on {fresh_name} yet\n"
    assert cli("drift", "last").refusal() == "EVENT: read 'last', but no drift was told on this stream yet"


def test_words_of_a_record_are_no_orders_to_the_terminal(
    cli: Run, tmp_path: Path, embedded_broker: EmbeddedBroker, fresh_name: str, patrol: Patrol
) -> None:
    spec = named(fresh_name, embedded_broker)
    (tmp_path / "stream.yaml").write_text(dump_spec(spec))
    client = connect(Endpoint(embedded_broker.bootstrap, spec.kafka))
    client.ensure_topics(topic_requests(spec))
    evil = patrol.events[0][1].model_copy(update={"summary": "so\x1b[2J [red]it[/red] is", "event_id": "a\x1b[2Jb"})
    writer = client.writer()
    writer.send(Outgoing(spec.topics.drift_events, [evil.to_json()], [b"a"], 0))
    writer.commit(None, {})
    writer.close()
    client.close()
    said = cli("drift").out + cli("drift", "last").out
    assert "\x1b" not in said and "[red]it[/red]" in said and "a [2Jb" in said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--html", "e.html"), "--html: read without EVENT; allowed: the page of one event, such as `last`"),
        (("last", "--png", "p"), "--png: read without --html; the pictures are those of the page"),
    ],
)
def test_a_page_of_nothing_is_refused_before_the_broker_is_asked(
    cli: Run, arguments: tuple[str, ...], said: str
) -> None:
    refused = cli("drift", *arguments)
    assert (refused.code, refused.refusal()) == (2, said)

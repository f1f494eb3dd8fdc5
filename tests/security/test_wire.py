"""Records pass through every secured way into Apache Kafka, by both client libraries, with their guarantees."""

import time
from pathlib import Path

import pytest

from driftline.kafka.connect import Endpoint, connect
from driftline.kafka.interface import Batch, Client, Outgoing, Reader, Tail, TopicRequest
from driftline.spec.sections import KafkaSpec
from tests.kafka.apache import ApacheKafka
from tests.security.certificates import Certificates
from tests.security.clients import CLIENTS
from tests.security.cluster import USER, unsecured_token
from tests.security.doors import DOORS, House

RECORDS = [b"record-%d" % i for i in range(50)]


@pytest.fixture
def house(secured: ApacheKafka, certificates: Certificates, tmp_path: Path) -> House:
    return House(secured, certificates, tmp_path)


@pytest.fixture(params=CLIENTS)
def library(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def collect(source: Reader | Tail, count: int, seconds: float = 20.0) -> list[Batch]:
    found: list[Batch] = []
    deadline = time.monotonic() + seconds
    while sum(map(len, found)) < count and time.monotonic() < deadline:
        found += source.poll(0.2, 1_000)
    return found


def values(batches: list[Batch]) -> list[bytes | None]:
    return [value for batch in batches for value in batch.values]


def pass_records(client: Client, name: str) -> None:
    """Produce, consume in a group, and commit outputs with the offsets that they answer."""
    topics = [TopicRequest(f"{name}.in", 1, 1, {}), TopicRequest(f"{name}.out", 1, 1, {})]
    assert client.ensure_topics(topics) == [topic.name for topic in topics]
    source = client.writer()
    source.send(Outgoing(f"{name}.in", RECORDS))
    source.commit(None, {})
    reader, writer = client.reader(f"{name}.group", [f"{name}.in"]), client.writer(f"{name}.tx")
    read = collect(reader, len(RECORDS))
    assert values(read) == RECORDS
    writer.send(Outgoing(f"{name}.out", values(read)))
    writer.commit(reader, {(f"{name}.in", 0): read[-1].next_offset})
    assert reader.committed() == {(f"{name}.in", 0): len(RECORDS)}
    tail = client.tail([f"{name}.out"])
    assert values(collect(tail, len(RECORDS))) == RECORDS
    for part in (tail, reader, writer, source, client):
        part.close()


class TestEveryWayIn:
    @pytest.mark.parametrize("door", DOORS)
    def test_outputs_and_offsets_are_committed_together(
        self, house: House, door: str, library: str, fresh_name: str
    ) -> None:
        client = connect(house.endpoint(door, library))
        assert client.name == library
        pass_records(client, fresh_name)

    def test_secrets_are_read_from_files(self, house: House, library: str, fresh_name: str) -> None:
        held = house.folder / "password"
        _, settings = house.settings("scram-sha-512")
        held.write_text(f"{settings['sasl_password']}\n")
        files = {"sasl_password": None, "sasl_password_file": str(held)}
        pass_records(connect(house.endpoint("scram-sha-512", library, **files)), fresh_name)

    def test_another_host_name_passes_only_where_it_was_allowed_to(
        self, house: House, library: str, fresh_name: str
    ) -> None:
        endpoint = house.endpoint("tls", library, host="localhost", ssl_check_hostname=False)
        pass_records(connect(endpoint), fresh_name)


class TestTokens:
    def test_a_replaced_token_file_carries_a_connection_past_the_old_token_s_end(
        self, house: House, library: str, fresh_name: str
    ) -> None:
        endpoint = house.endpoint("oauthbearer", library)
        token = Path(str(endpoint.spec.sasl_token_file))
        short = 4.0
        token.write_text(unsecured_token(USER, short))
        ended = time.time() + short
        client = connect(endpoint)
        client.ensure_topics([TopicRequest(fresh_name, 1, 1, {})])
        writer, reader = client.writer(), client.reader(f"{fresh_name}.group", [fresh_name])
        sent, read = 0, 0
        # Kafka refuses every request of a session whose token has ended.
        while time.time() < ended + 2.0:
            token.write_text(unsecured_token(USER, short))
            writer.send(Outgoing(fresh_name, [b"%d" % sent]))
            writer.commit(None, {})
            sent += 1
            if batches := collect(reader, 1, 0.2):
                reader.commit({(fresh_name, 0): batches[-1].next_offset})
                read += sum(map(len, batches))
        read += sum(map(len, collect(reader, sent - read)))
        assert read == sent
        for part in (reader, writer, client):
            part.close()


class TestWithoutSecurity:
    def test_a_plain_stream_pays_nothing_for_it(self, secured: ApacheKafka, library: str, fresh_name: str) -> None:
        spec = KafkaSpec(bootstrap=secured.bootstrap, client=library)  # type: ignore[arg-type]
        pass_records(connect(Endpoint(secured.bootstrap, spec)), fresh_name)

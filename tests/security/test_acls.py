"""Each service does its whole job with the rights that `driftline acls` prints, and with none of them less."""

import shlex
import shutil
from collections.abc import Iterator

import pytest

from driftline.kafka.acls import SERVICES, Acl, Service, acls, commands
from driftline.kafka.connect import Endpoint, connect, topic_requests
from driftline.kafka.interface import KafkaFault, Outgoing
from driftline.spec.sections import KafkaSpec
from driftline.spec.stream import StreamSpec
from tests.kafka.apache import ApacheKafka
from tests.security.clients import CLIENTS
from tests.security.cluster import PASSWORD, guarded_kafka
from tests.security.jobs import do
from tests.security.rights import allow
from tests.streams import numeric_stream

USERS = [*SERVICES, "nobody"]
EACH_RIGHT = [(service, number) for service in SERVICES for number in range(len(acls(numeric_stream(), service)))]


def told(case: tuple[Service, int]) -> str:
    acl = acls(numeric_stream(), case[0])[case[1]]
    return f"{case[0]}-{acl.operation}-{acl.resource}-{acl.name}".lower()


@pytest.fixture(scope="module")
def guarded(kafka_installed: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApacheKafka]:
    """Yield a node where everything is forbidden that no ACL allows."""
    directory = tmp_path_factory.mktemp("guarded")
    cluster = guarded_kafka(directory, USERS)
    cluster.start()
    yield cluster
    cluster.stop()
    shutil.rmtree(directory / "node-0", ignore_errors=True)


def endpoint(guarded: ApacheKafka, user: str, library: str = "kafka-python") -> Endpoint:
    bootstrap = guarded.bootstrap_at("OPEN")
    spec = KafkaSpec.model_validate(
        {
            "bootstrap": bootstrap,
            "client": library,
            "security_protocol": "SASL_PLAINTEXT",
            "sasl_mechanism": "PLAIN",
            "sasl_username": user,
            "sasl_password": PASSWORD,
        }
    )
    return Endpoint(bootstrap, spec, f"{user}-0")


@pytest.fixture
def spec(fresh_name: str) -> StreamSpec:
    return numeric_stream(stream=fresh_name, kafka={"partitions": 1})


def prepared(guarded: ApacheKafka, spec: StreamSpec) -> None:
    """The topics are there, and hold a record each."""
    client = connect(Endpoint(guarded.bootstrap, KafkaSpec(bootstrap=guarded.bootstrap)))
    client.ensure_topics(topic_requests(spec))
    writer = client.writer()
    for plan in spec.topics.plans():
        writer.send(Outgoing(plan.name, [b"{}"], [b"d1"], 0))
    writer.commit(None, {})
    writer.close()
    client.close()


class TestEnough:
    @pytest.mark.parametrize("library", CLIENTS)
    @pytest.mark.parametrize("service", SERVICES)
    def test_a_service_does_its_job(
        self, guarded: ApacheKafka, spec: StreamSpec, service: Service, library: str
    ) -> None:
        prepared(guarded, spec)
        allow(guarded.bootstrap, service, acls(spec, service))
        do(service, spec, endpoint(guarded, service, library))

    def test_the_operator_creates_the_topics(self, guarded: ApacheKafka, spec: StreamSpec) -> None:
        allow(guarded.bootstrap, "operator", acls(spec, "operator"))
        requests = topic_requests(spec)
        client = connect(endpoint(guarded, "operator"))
        assert sorted(client.ensure_topics(requests)) == sorted(request.name for request in requests)
        assert client.ensure_topics(requests) == []
        client.close()


class TestTheCommandsPrinted:
    @pytest.mark.parametrize("service", SERVICES)
    def test_say_exactly_these_rights(self, service: Service) -> None:
        spec = numeric_stream()
        said: list[Acl] = []
        for line in commands(acls(spec, service), "User:it's me", "kafka-1:9093"):
            words = shlex.split(line)
            assert words[:5] == ["kafka-acls.sh", "--bootstrap-server", "kafka-1:9093", "--command-config", words[4]]
            assert words[5:8] == ["--add", "--allow-principal", "User:it's me"]
            pairs = list(zip(words[8::2], words[9::2], strict=True))
            prefixed = pairs[-1] == ("--resource-pattern-type", "prefixed")
            (_, operation), *names = pairs[:-1] if prefixed else pairs
            said += [Acl(flag.removeprefix("--"), name, operation, prefixed) for flag, name in names]  # type: ignore[arg-type]
        assert sorted(map(repr, said)) == sorted(map(repr, acls(spec, service)))


class TestNotMore:
    @pytest.mark.parametrize("case", EACH_RIGHT, ids=told)
    def test_without_any_one_of_them_it_does_not(
        self, guarded: ApacheKafka, spec: StreamSpec, case: tuple[Service, int]
    ) -> None:
        service, number = case
        rights = acls(spec, service)
        missing = rights.pop(number)
        if missing.operation != "Create":
            prepared(guarded, spec)
        allow(guarded.bootstrap, service, rights)
        with pytest.raises(KafkaFault, match=r"Authorization|not allowed|may not create") as caught:
            do(service, spec, endpoint(guarded, service))
        assert PASSWORD not in str(caught.value)

    def test_somebody_without_rights_reads_and_creates_nothing(self, guarded: ApacheKafka, spec: StreamSpec) -> None:
        prepared(guarded, spec)
        client = connect(endpoint(guarded, "nobody"))
        assert client.ensure_topics(topic_requests(spec)) == []
        with pytest.raises(KafkaFault, match="not allowed: this user has no right to read it"):
            client.tail([spec.topics.features])
        client.close()

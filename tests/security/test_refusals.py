"""Who is not let in is told which setting is wrong: at once, in one line, and without a secret in it."""

import time
from pathlib import Path
from typing import Any

import pytest

from driftline.errors import UsageError
from driftline.kafka.connect import NoCluster, connect
from tests.kafka.apache import ApacheKafka
from tests.security.certificates import Certificates
from tests.security.cluster import PASSWORD, USER, unsecured_token
from tests.security.doors import House

WRONG = "no-such-pass-4242"
AT = "127.0.0.1:"
# The longest that a person is kept waiting for the answer; it comes after half a second.
PATIENCE = 15.0


@pytest.fixture
def house(secured: ApacheKafka, certificates: Certificates, tmp_path: Path) -> House:
    return House(secured, certificates, tmp_path)


def refusal(house: House, door: str, **changes: Any) -> str:
    """What `connect` says."""
    endpoint = house.endpoint(door, **changes)
    began = time.monotonic()
    with pytest.raises(UsageError) as caught:
        connect(endpoint)
    assert time.monotonic() - began < PATIENCE
    said = str(caught.value)
    assert "\n" not in said
    for secret in (PASSWORD, WRONG, "eyJ"):
        assert secret not in said
        assert secret not in repr(caught.value)
    return said


class TestWrongPassword:
    @pytest.mark.parametrize("mechanism", ["plain", "scram-sha-256", "scram-sha-512", "scram-in-the-open"])
    def test_the_password_and_the_user_are_named(self, house: House, mechanism: str) -> None:
        said = refusal(house, mechanism, sasl_password=WRONG)
        assert said.startswith(f"kafka.sasl_password: {AT}")
        assert f"does not accept kafka.sasl_username {USER} with this password by " in said

    @pytest.mark.parametrize("mechanism", ["plain", "scram-sha-512"])
    def test_so_they_are_for_a_user_who_is_unknown(self, house: House, mechanism: str) -> None:
        said = refusal(house, mechanism, sasl_username="nobody")
        assert "does not accept kafka.sasl_username nobody with this password" in said

    def test_an_ended_token_is_named_by_its_file(self, house: House) -> None:
        ended = house.folder / "ended"
        ended.write_text(unsecured_token(USER, lifetime=-60))
        said = refusal(house, "oauthbearer", sasl_token_file=str(ended))
        assert said.startswith(f"kafka.sasl_token_file: {AT}")
        assert said.endswith("does not accept the token; it may have expired, or be for something else")


class TestWrongCertificate:
    def test_of_an_authority_that_is_not_trusted(self, house: House) -> None:
        other = str(house.certificates.other_ca)
        said = refusal(house, "tls", ssl_cafile=other)
        assert said.startswith(f"kafka.ssl_cafile: the certificate of {AT}")
        assert f"is signed by nobody whom {other} trusts" in said

    def test_without_an_authority_the_system_s_are_trusted_and_no_others(self, house: House) -> None:
        assert "is signed by nobody whom the system trusts" in refusal(house, "plain", ssl_cafile=None)

    def test_for_another_host(self, house: House) -> None:
        said = refusal(house, "scram-sha-512", host="localhost")
        assert said.startswith("kafka.bootstrap: read localhost:")
        assert said.endswith(
            "the certificate shown there is not for localhost; name each broker as its certificate does"
        )

    def test_of_the_client_where_none_is_shown(self, house: House) -> None:
        said = refusal(house, "mutual-tls", ssl_certfile=None, ssl_keyfile=None)
        assert said.startswith("kafka.ssl_certfile: required: ")
        assert said.endswith("lets in only clients that show a certificate")

    def test_of_the_client_where_it_is_a_stranger_s(self, house: House) -> None:
        certificates = house.certificates
        said = refusal(
            house,
            "mutual-tls",
            ssl_certfile=str(certificates.other_client),
            ssl_keyfile=str(certificates.other_client_key),
        )
        assert said.startswith("kafka.ssl_certfile: ")
        assert said.endswith(f"does not accept the certificate in {certificates.other_client}")


class TestWrongListener:
    def test_tls_where_none_is_spoken(self, house: House) -> None:
        said = refusal(house, "tls", plaintext_port=True)
        assert said.startswith("kafka.security_protocol: read SSL, but ")
        assert said.endswith("does not speak TLS; the port may be of another listener")

    def test_plaintext_where_tls_is_spoken(self, house: House) -> None:
        said = refusal(house, "tls", security_protocol="PLAINTEXT", ssl_cafile=None)
        assert said.startswith("kafka.security_protocol: read PLAINTEXT, but ")
        assert said.endswith("speaks TLS; allowed with it: SSL, SASL_SSL")

    def test_plaintext_where_a_name_is_asked_for(self, house: House) -> None:
        changes = {"security_protocol": "PLAINTEXT", "sasl_mechanism": None}
        assert refusal(house, "scram-in-the-open", **changes).endswith("allowed with it: SASL_PLAINTEXT")

    def test_a_name_where_none_is_asked_for(self, house: House) -> None:
        assert refusal(house, "scram-in-the-open", plaintext_port=True).endswith(
            "does not ask for SASL; allowed with it: PLAINTEXT"
        )
        assert refusal(house, "plain", listener="WIRE").endswith("does not ask for SASL; allowed with it: SSL")

    def test_a_name_in_the_open_where_tls_is_spoken(self, house: House) -> None:
        said = refusal(house, "scram-in-the-open", listener="SASL")
        assert said.startswith("kafka.security_protocol: read SASL_PLAINTEXT, but ")
        assert "speaks TLS" in said


class TestABrokerThatIsAway:
    def test_is_not_called_a_wrong_setting(self, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
        endpoint = house.endpoint("scram-sha-512")
        gone = type(endpoint)("127.0.0.1:1", endpoint.spec, "wire")
        monkeypatch.setattr("driftline.kafka.kafka_python.connecting.BOOTSTRAP_TIMEOUT_MS", 500)
        client = connect(gone)
        with pytest.raises(NoCluster, match="no Kafka broker answers at"):
            client.ensure_topics([])

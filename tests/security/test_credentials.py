"""Secrets come from the environment or from files, are checked before any is used, and are never shown."""

import os
from pathlib import Path
from typing import Any

import pytest

from driftline.errors import UsageError
from driftline.kafka.connect import Endpoint
from driftline.kafka.security import cautions, kafka_python_security, librdkafka_security
from driftline.spec import dump_spec
from driftline.spec.sections import KafkaSpec
from driftline.workspace import Workspace
from tests.security.certificates import KEY_PASSWORD, Certificates
from tests.streams import numeric_stream

SECRET = "hunter2-hunter2"
SCRAM = {"security_protocol": "SASL_SSL", "sasl_mechanism": "SCRAM-SHA-512", "sasl_username": "alice"}
BOTH = pytest.mark.parametrize("settings_for", [kafka_python_security, librdkafka_security])


def refused(settings_for: Any, **settings: Any) -> str:
    with pytest.raises(UsageError) as caught:
        settings_for(KafkaSpec(**settings))
    said = str(caught.value)
    assert SECRET not in said
    assert "\n" not in said
    return said


@BOTH
class TestWhatIsMissingIsNamed:
    def test_a_user_name(self, settings_for: Any) -> None:
        said = refused(settings_for, **(SCRAM | {"sasl_username": None}), sasl_password=SECRET)
        assert said.startswith("kafka.sasl_username: required with kafka.sasl_mechanism SCRAM-SHA-512; ")

    @pytest.mark.parametrize("empty", [{}, {"sasl_password": ""}])
    def test_a_password(self, settings_for: Any, empty: dict[str, str]) -> None:
        assert refused(settings_for, **SCRAM, **empty) == (
            "kafka.sasl_password: required with kafka.sasl_mechanism SCRAM-SHA-512; "
            "set DRIFTLINE_KAFKA__SASL_PASSWORD, or name a file that holds it: kafka.sasl_password_file"
        )

    def test_a_token(self, settings_for: Any) -> None:
        said = refused(settings_for, security_protocol="SASL_SSL", sasl_mechanism="OAUTHBEARER")
        assert said.startswith("kafka.sasl_token_file: required with kafka.sasl_mechanism OAUTHBEARER")

    def test_a_client_s_secret(self, settings_for: Any) -> None:
        oauth = {"token_url": "https://id.example/token", "client_id": "pumps"}
        said = refused(settings_for, security_protocol="SASL_SSL", sasl_mechanism="OAUTHBEARER", oauth=oauth)
        assert said.startswith("kafka.oauth.client_secret: required with kafka.oauth.token_url; set DRIFTLINE_KAFKA__")


@BOTH
class TestFilesAreCheckedBeforeUse:
    def test_a_password_file_that_is_not_there(self, settings_for: Any, tmp_path: Path) -> None:
        file = tmp_path / "none"
        assert refused(settings_for, **SCRAM, sasl_password_file=str(file)) == (
            f"kafka.sasl_password_file: {file}: cannot be read: No such file or directory"
        )

    @pytest.mark.parametrize(
        ("content", "said"),
        [(b"\n", "is empty"), (b"\xff\xfe", "not UTF-8 text"), (b"x" * 70_000, "70,000 characters")],
    )
    def test_a_password_file_that_holds_none(
        self, settings_for: Any, tmp_path: Path, content: bytes, said: str
    ) -> None:
        file = tmp_path / "password"
        file.write_bytes(content)
        line = refused(settings_for, **SCRAM, sasl_password_file=str(file))
        assert line.startswith(f"kafka.sasl_password_file: {file}: {said}")

    def test_a_token_file_that_holds_something_else_is_not_sent_anywhere(
        self, settings_for: Any, certificates: Certificates
    ) -> None:
        key = str(certificates.client_key)
        token = {"security_protocol": "SASL_SSL", "sasl_mechanism": "OAUTHBEARER", "sasl_token_file": key}
        assert refused(settings_for, **token) == (
            f"kafka.sasl_token_file: {key}: holds no bearer token; expected one alone (RFC 6750)"
        )

    @pytest.mark.parametrize("field", ["ssl_cafile", "ssl_certfile", "ssl_keyfile"])
    def test_certificates_and_keys(
        self, settings_for: Any, certificates: Certificates, tmp_path: Path, field: str
    ) -> None:
        good = {
            "ssl_cafile": str(certificates.ca),
            "ssl_certfile": str(certificates.client),
            "ssl_keyfile": str(certificates.client_key),
        }
        gone, wrong = tmp_path / "none.pem", tmp_path / "wrong.pem"
        wrong.write_text("not PEM\n")
        said = refused(settings_for, security_protocol="SSL", **(good | {field: str(gone)}))
        assert said == f"kafka.{field}: {gone}: cannot be read: No such file or directory"
        said = refused(settings_for, security_protocol="SSL", **(good | {field: str(wrong)}))
        assert said.startswith(f"kafka.{field}: {wrong}: holds no ")
        assert said.endswith("expected PEM")

    def test_a_file_that_may_not_be_read(self, settings_for: Any, tmp_path: Path) -> None:
        file = tmp_path / "ca.pem"
        file.write_text("")
        file.chmod(0)
        if os.access(file, os.R_OK):
            file = tmp_path  # root may read everything but a folder
        said = refused(settings_for, security_protocol="SSL", ssl_cafile=str(file))
        assert said.startswith(f"kafka.ssl_cafile: {file}: cannot be read: ")

    def test_a_key_of_another_certificate(self, settings_for: Any, certificates: Certificates) -> None:
        said = refused(
            settings_for,
            security_protocol="SSL",
            ssl_certfile=str(certificates.client),
            ssl_keyfile=str(certificates.other_client_key),
        )
        assert said.startswith(f"kafka.ssl_keyfile: {certificates.other_client_key}: is not the key of ")

    def test_an_encrypted_key_without_its_password_asks_nobody_at_the_terminal(
        self, settings_for: Any, certificates: Certificates
    ) -> None:
        files = {"ssl_certfile": str(certificates.client), "ssl_keyfile": str(certificates.client_encrypted_key)}
        said = refused(settings_for, security_protocol="SSL", **files)
        assert said.startswith("kafka.ssl_key_password: required: ")
        said = refused(settings_for, security_protocol="SSL", **files, ssl_key_password=SECRET)
        assert said == f"kafka.ssl_key_password: does not open kafka.ssl_keyfile {certificates.client_encrypted_key}"


@BOTH
class TestNothingIsShown:
    def test_by_repr(self, settings_for: Any, certificates: Certificates) -> None:
        spec = KafkaSpec(
            **SCRAM,
            sasl_password=SECRET,
            ssl_certfile=str(certificates.client),
            ssl_keyfile=str(certificates.client_encrypted_key),
            ssl_key_password=KEY_PASSWORD,
        )
        settings = settings_for(spec)
        for shown in (spec, Endpoint("h:1", spec), settings, list(settings.items())):
            assert SECRET not in repr(shown)
            assert KEY_PASSWORD not in repr(shown)
        assert SECRET in [str(value) for value in settings.values()]

    def test_a_line_break_at_the_end_of_a_file_is_not_part_of_the_secret(
        self, settings_for: Any, tmp_path: Path
    ) -> None:
        file = tmp_path / "password"
        file.write_text(f"{SECRET} \n")
        settings = settings_for(KafkaSpec(**SCRAM, sasl_password_file=str(file)))
        assert f"{SECRET} " in [str(value) for value in settings.values()]


class TestPaths:
    def test_are_taken_from_the_folder_of_the_specification(self, tmp_path: Path) -> None:
        (tmp_path / "stream.yaml").write_text(
            dump_spec(
                numeric_stream(
                    kafka={
                        "bootstrap": "k:1",
                        "security_protocol": "SASL_SSL",
                        "ssl_cafile": "ca.pem",
                        "sasl_mechanism": "OAUTHBEARER",
                        "sasl_password_file": "/run/secrets/kafka",
                        "oauth": {"token_url": "https://id/t", "client_id": "c", "client_secret_file": "secret"},
                    }
                )
            )
        )
        spec = Workspace(tmp_path / "stream.yaml").endpoint("x").spec
        assert spec.ssl_cafile == str(tmp_path / "ca.pem")
        assert spec.sasl_password_file == "/run/secrets/kafka"
        assert spec.oauth.client_secret_file == str(tmp_path / "secret")
        assert spec.ssl_certfile is None


class TestHostNames:
    def test_are_checked_unless_the_specification_says_no(self) -> None:
        for check in (True, False):
            spec = KafkaSpec(security_protocol="SSL", ssl_check_hostname=check)
            assert kafka_python_security(spec)["ssl_context"].check_hostname is check
            named = librdkafka_security(spec)["ssl.endpoint.identification.algorithm"]
            assert named == ("https" if check else "none")


class TestCautions:
    @pytest.mark.parametrize("bootstrap", ["kafka-1:9092", "localhost:9092,10.0.0.7:9092"])
    def test_a_password_in_the_open_is_warned_of(self, bootstrap: str) -> None:
        plain = {"security_protocol": "SASL_PLAINTEXT", "sasl_mechanism": "PLAIN"}
        (said,) = cautions(KafkaSpec(bootstrap=bootstrap, **plain))
        assert said == (
            "kafka.security_protocol SASL_PLAINTEXT sends the password and all records unencrypted over the network; "
            "use SASL_SSL"
        )

    @pytest.mark.parametrize("bootstrap", ["localhost:9092", "127.0.0.1:9092,[::1]:9093"])
    def test_not_on_this_machine(self, bootstrap: str) -> None:
        plain = {"security_protocol": "SASL_PLAINTEXT", "sasl_mechanism": "PLAIN"}
        assert cautions(KafkaSpec(bootstrap=bootstrap, **plain)) == []

    def test_nor_where_it_is_encrypted(self) -> None:
        assert cautions(KafkaSpec(bootstrap="kafka-1:9092", security_protocol="SASL_SSL", sasl_mechanism="PLAIN")) == []

    def test_an_unchecked_host_name_is(self) -> None:
        (said,) = cautions(KafkaSpec(bootstrap="k:1", security_protocol="SSL", ssl_check_hostname=False))
        assert said.startswith("kafka.ssl_check_hostname is false: ")

"""What the specification promises of security: secrets stay out of it, and settings that contradict are refused."""

from typing import Any

import pytest

from driftline.errors import SpecError
from driftline.spec import dump_spec, parse_spec

SECRET = "hunter2: [x"
BASE: dict[str, Any] = {
    "stream": "pumps",
    "classes": ["ok", "worn"],
    "features": [{"name": "temp", "type": "numeric"}],
}
SASL = {"security_protocol": "SASL_SSL", "sasl_mechanism": "SCRAM-SHA-512", "sasl_username": "alice"}
OAUTH = {"security_protocol": "SASL_SSL", "sasl_mechanism": "OAUTHBEARER"}
VARIABLES = (
    "DRIFTLINE_KAFKA__SASL_PASSWORD",
    "DRIFTLINE_KAFKA__SSL_KEY_PASSWORD",
    "DRIFTLINE_KAFKA__OAUTH__CLIENT_SECRET",
)


def refused(kafka: Any, environ: dict[str, str] | None = None) -> str:
    with pytest.raises(SpecError) as caught:
        parse_spec({**BASE, "kafka": kafka}, environ, source="stream.yaml")
    said = str(caught.value)
    assert SECRET not in said
    assert "hunter2" not in said
    return said.removeprefix("stream.yaml:\n  ")


class TestSecrets:
    @pytest.mark.parametrize("variable", VARIABLES)
    def test_in_the_file_are_refused_with_where_they_belong(self, variable: str) -> None:
        *path, field = variable.removeprefix("DRIFTLINE_KAFKA__").lower().split("__")
        section = {field: SECRET}
        for key in path:
            section = {key: section}  # type: ignore[dict-item]
        name = ".".join(["kafka", *path, field])
        assert refused(section) == (
            f"stream.yaml: {name}: a secret does not belong in this file; set the environment variable {variable}, "
            f"or name a file that holds it: {name}_file"
        )

    def test_from_the_environment_are_taken_as_they_stand_and_shown_nowhere(self) -> None:
        spec = parse_spec(BASE, dict.fromkeys(VARIABLES, SECRET))
        kafka = spec.kafka
        for secret in (kafka.sasl_password, kafka.ssl_key_password, kafka.oauth.client_secret):
            assert secret is not None
            assert secret.get_secret_value() == SECRET
        for shown in (repr(spec), str(spec), dump_spec(spec, defaults=True), dump_spec(spec), spec.model_dump_json()):
            assert "hunter2" not in shown

    @pytest.mark.parametrize(
        ("variable", "value"),
        [
            ("DRIFTLINE_KAFKA", "sasl_password=hunter2"),
            ("DRIFTLINE_KAFKA", "{sasl_pasword: hunter2}"),
            ("DRIFTLINE_KAFKA__SASL_PASWORD", "hunter2"),
            ("DRIFTLINE_KAFKA__OAUTH", "client_secret hunter2"),
            ("DRIFTLINE_KAFKA__OAUTH__CLIENT_SECRETS", "hunter2"),
        ],
    )
    def test_in_a_variable_that_is_wrong_are_not_repeated(self, variable: str, value: str) -> None:
        refused({}, {variable: value})

    def test_beside_another_mistake_are_not_repeated(self) -> None:
        refused({"security_protocol": "SASL_SSL", "partitions": 0}, dict.fromkeys(VARIABLES, SECRET))


class TestContradictions:
    @pytest.mark.parametrize(
        ("kafka", "said"),
        [
            (
                {"security_protocol": "SASL_SSL"},
                "kafka.sasl_mechanism: required where kafka.security_protocol is SASL_SSL; allowed: PLAIN, "
                "SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER",
            ),
            (
                {"sasl_mechanism": "PLAIN"},
                "kafka.sasl_mechanism: read PLAIN, which kafka.security_protocol PLAINTEXT would not use; "
                "allowed with it: SASL_SSL, SASL_PLAINTEXT",
            ),
            (
                {"ssl_cafile": "ca.pem"},
                "kafka.ssl_cafile: set, but kafka.security_protocol is PLAINTEXT, which encrypts nothing; "
                "allowed with it: SSL, SASL_SSL",
            ),
            (
                {"security_protocol": "SSL", "ssl_certfile": "a.pem"},
                "kafka.ssl_keyfile: required with kafka.ssl_certfile: a certificate is of no use without its key",
            ),
            (
                {"security_protocol": "SSL", "ssl_keyfile": "a.key"},
                "kafka.ssl_certfile: required with kafka.ssl_keyfile: a key is of no use without its certificate",
            ),
            (
                {"security_protocol": "SSL", "ssl_key_password_file": "p"},
                "kafka.ssl_keyfile: required with kafka.ssl_key_password_file",
            ),
            (
                SASL | {"sasl_token_file": "t"},
                "kafka.sasl_token_file: set, but kafka.sasl_mechanism is SCRAM-SHA-512; allowed with it: OAUTHBEARER",
            ),
            (
                OAUTH | {"sasl_token_file": "t", "oauth": {"token_url": "https://id/t", "client_id": "c"}},
                "kafka.sasl_token_file: set, and so is kafka.oauth.token_url; allowed: one of them",
            ),
            (
                OAUTH | {"oauth": {"token_url": "https://id/t"}},
                "kafka.oauth.client_id: required with kafka.oauth.token_url",
            ),
            (
                OAUTH | {"oauth": {"token_url": "http://id.example/t", "client_id": "c"}},
                "kafka.oauth.token_url: http would send the secret in the open; allowed: https, or http to localhost",
            ),
            (
                OAUTH | {"oauth": {"token_url": "https://me:hunter2@id/t", "client_id": "c"}},
                "kafka.oauth.token_url: holds a user name or a password; a secret does not belong there: "
                "set kafka.oauth.client_id and kafka.oauth.client_secret_file",
            ),
            (
                OAUTH | {"oauth": {"token_url": "id.example", "client_id": "c"}},
                "kafka.oauth.token_url: not an address; expected https://HOST/PATH",
            ),
        ],
    )
    def test_are_refused_by_the_field_to_change(self, kafka: dict[str, Any], said: str) -> None:
        assert refused(kafka) == said

    @pytest.mark.parametrize("variable", VARIABLES)
    def test_a_secret_from_two_places(self, variable: str) -> None:
        fields = OAUTH | {
            "ssl_certfile": "c",
            "ssl_keyfile": "k",
            "ssl_key_password_file": "f",
            "sasl_password_file": "f",
            "oauth": {"token_url": "https://id/t", "client_id": "c", "client_secret_file": "f"},
        }
        said = refused(fields, {variable: SECRET})
        assert said.endswith(f"_file: set, and so is the environment variable {variable}; allowed: one of them")

    def test_the_variable_that_set_the_field_is_named(self) -> None:
        said = refused({}, {"DRIFTLINE_KAFKA__SASL_MECHANISM": "PLAIN"})
        assert said.endswith("(from the environment variable DRIFTLINE_KAFKA__SASL_MECHANISM)")

    @pytest.mark.parametrize("kafka", [SASL, OAUTH, {"security_protocol": "SSL"}, SASL | {"sasl_password_file": "p"}])
    def test_what_only_lacks_its_secret_is_read_all_the_same(self, kafka: dict[str, Any]) -> None:
        spec = parse_spec({**BASE, "kafka": kafka})
        assert parse_spec({**BASE, "kafka": kafka}) == spec

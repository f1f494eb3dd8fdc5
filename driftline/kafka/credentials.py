"""What a stream shows its brokers to be let in: secrets, certificates and keys, read and checked before any is used."""

import ssl
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, SecretStr

from driftline.errors import UsageError
from driftline.spec.sections import KafkaSpec

# Longer than any password or token; a field that names the wrong file is noticed before it is sent anywhere.
_LONGEST_SECRET = 65_536


class Hidden(str):
    """A secret on its way into a client library: its text is the secret, its `repr` is not."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'**********'"


def read_secret(field: str, value: SecretStr | None, file: str | None) -> Hidden | None:
    """The secret of `field` (its path, without `_file`), from the environment or from its file; None if not set.

    One line break at the end of the file is not part of the secret.

    Raises
    ------
    UsageError : the file cannot be read, or holds no secret. The secret is not in the message.
    """
    if value is not None and (text := value.get_secret_value()):
        return Hidden(text)
    return None if file is None else read_secret_file(f"{field}_file", file)


def read_secret_file(field: str, file: str) -> Hidden:
    """The secret that `file`, the value of `field`, holds now. Raises UsageError."""
    raw = _bytes(field, file)
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        raise UsageError(f"{field}: {file}: not UTF-8 text; expected a file that holds the secret alone") from None
    text = text.removesuffix("\n").removesuffix("\r")
    if not text:
        raise UsageError(f"{field}: {file}: is empty; expected a file that holds the secret alone")
    if len(text) > _LONGEST_SECRET:
        raise UsageError(f"{field}: {file}: {len(text):,} characters; expected a file that holds the secret alone")
    return Hidden(text)


_FILES = ("ssl_cafile", "ssl_certfile", "ssl_keyfile", "ssl_key_password_file", "sasl_password_file", "sasl_token_file")


def located(spec: KafkaSpec, folder: Path) -> KafkaSpec:
    """`spec` with every file it names taken from `folder`, where its path is not absolute."""
    oauth = spec.oauth.model_copy(update=_beside(spec.oauth, ("client_secret_file", "cafile"), folder))
    return spec.model_copy(update=_beside(spec, _FILES, folder) | {"oauth": oauth})


def _beside(section: BaseModel, fields: tuple[str, ...], folder: Path) -> dict[str, str]:
    return {field: str(folder / value) for field in fields if (value := getattr(section, field)) is not None}


@dataclass(frozen=True, slots=True)
class Password:
    """What PLAIN and SCRAM ask for."""

    username: str
    password: Hidden


def password(spec: KafkaSpec) -> Password:
    """The user name and the password of `spec`. Raises UsageError where one is missing."""
    if not spec.sasl_username:
        raise UsageError(
            f"kafka.sasl_username: required with kafka.sasl_mechanism {spec.sasl_mechanism}; "
            "set it in the specification or by DRIFTLINE_KAFKA__SASL_USERNAME"
        )
    secret = read_secret("kafka.sasl_password", spec.sasl_password, spec.sasl_password_file)
    if secret is None:
        raise UsageError(
            f"kafka.sasl_password: required with kafka.sasl_mechanism {spec.sasl_mechanism}; "
            "set DRIFTLINE_KAFKA__SASL_PASSWORD, or name a file that holds it: kafka.sasl_password_file"
        )
    return Password(spec.sasl_username, secret)


def key_password(spec: KafkaSpec) -> Hidden | None:
    """The password of the client's key, if one is set. Raises UsageError."""
    return read_secret("kafka.ssl_key_password", spec.ssl_key_password, spec.ssl_key_password_file)


def tls_context(spec: KafkaSpec) -> ssl.SSLContext:
    """TLS 1.2 or later as `spec` wants it: the brokers' certificates are always verified, and this client's shown.

    Raises
    ------
    UsageError : a file cannot be read, is no PEM, or the key does not open or does not fit its certificate.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = spec.ssl_check_hostname
    context.verify_mode = ssl.CERT_REQUIRED
    trust(context, "kafka.ssl_cafile", spec.ssl_cafile)
    if spec.ssl_certfile and spec.ssl_keyfile:
        _bytes("kafka.ssl_certfile", spec.ssl_certfile)
        _bytes("kafka.ssl_keyfile", spec.ssl_keyfile)
        secret = key_password(spec)
        try:
            # Without any password OpenSSL would ask for one at the terminal.
            context.load_cert_chain(spec.ssl_certfile, spec.ssl_keyfile, password=secret or "")
        except (ssl.SSLError, ValueError, OSError) as error:
            raise UsageError(_unusable(spec, error, secret is not None)) from None
    return context


def trust(context: ssl.SSLContext, field: str, cafile: str | None) -> None:
    """Trust the authorities in `cafile`, the value of `field`, or the system's. Raises UsageError."""
    if cafile is None:
        context.load_default_certs()
        return
    _bytes(field, cafile)
    try:
        context.load_verify_locations(cafile)
    except (ssl.SSLError, OSError):
        raise UsageError(f"{field}: {cafile}: holds no certificate; expected PEM") from None


def _unusable(spec: KafkaSpec, error: Exception, with_password: bool) -> str:
    said = str(getattr(error, "reason", "") or error).upper().replace(" ", "_")
    if "KEY_VALUES_MISMATCH" in said or "KEY_TYPE_MISMATCH" in said:
        return f"kafka.ssl_keyfile: {spec.ssl_keyfile}: is not the key of kafka.ssl_certfile {spec.ssl_certfile}"
    key = Path(str(spec.ssl_keyfile)).read_bytes()
    if b"ENCRYPTED" in key and not with_password:
        return (
            f"kafka.ssl_key_password: required: {spec.ssl_keyfile} is encrypted; set "
            "DRIFTLINE_KAFKA__SSL_KEY_PASSWORD, or name a file that holds it: kafka.ssl_key_password_file"
        )
    if b"ENCRYPTED" in key:
        return f"kafka.ssl_key_password: does not open kafka.ssl_keyfile {spec.ssl_keyfile}"
    if b"PRIVATE KEY-----" not in key:
        return f"kafka.ssl_keyfile: {spec.ssl_keyfile}: holds no private key; expected PEM"
    return f"kafka.ssl_certfile: {spec.ssl_certfile}: holds no certificate that can be used; expected PEM"


def _bytes(field: str, file: str) -> bytes:
    try:
        return Path(file).read_bytes()
    except OSError as error:
        raise UsageError(f"{field}: {file}: cannot be read: {error.strerror}") from None

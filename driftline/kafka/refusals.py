"""What a failed TLS handshake means, in the words of the settings."""

import ssl

from driftline.spec.sections import KafkaSpec

# OpenSSL's X509_V_ERR_… codes.
_HOST_MISMATCH = (62, 64)
_UNKNOWN_ISSUER = (2, 18, 19, 20, 21)
# What brokers send of a client's certificate, by OpenSSL's names of the alerts; Java's say 'bad' for 'missing'.
_ABOUT_US = ("CERTIFICATE_REQUIRED", "BAD_CERTIFICATE", "UNKNOWN_CA", "CERTIFICATE_UNKNOWN", "CERTIFICATE_EXPIRED")


def no_tls(server: str, spec: KafkaSpec) -> str:
    """The other side does not speak TLS at all."""
    return (
        f"kafka.security_protocol: read {spec.security_protocol}, but {server} does not speak TLS; "
        "the port may be of another listener"
    )


def tls_refusal(error: ssl.SSLError, host: str, server: str, spec: KafkaSpec) -> str:
    """One line that names the setting to change."""
    reason = str(error.reason or "")
    if isinstance(error, ssl.SSLCertVerificationError):
        said = error.verify_message.rstrip(".")
        if error.verify_code in _HOST_MISMATCH:
            return (
                f"kafka.bootstrap: read {server}, and the certificate shown there is not for {host}; "
                "name each broker as its certificate does"
            )
        if error.verify_code in _UNKNOWN_ISSUER:
            trusted = spec.ssl_cafile or "the system"
            return f"kafka.ssl_cafile: the certificate of {server} is signed by nobody whom {trusted} trusts ({said})"
        return f"kafka.ssl_cafile: the certificate of {server} cannot be trusted: {said}"
    if any(name in reason for name in _ABOUT_US):
        if spec.ssl_certfile is None:
            return f"kafka.ssl_certfile: required: {server} lets in only clients that show a certificate"
        return f"kafka.ssl_certfile: {server} does not accept the certificate in {spec.ssl_certfile}"
    if reason in ("WRONG_VERSION_NUMBER", "UNKNOWN_PROTOCOL", "HTTP_REQUEST", "RECORD_LAYER_FAILURE"):
        return no_tls(server, spec)
    return f"kafka.security_protocol: no TLS connection with {server}: {reason.replace('_', ' ').lower() or 'failed'}"

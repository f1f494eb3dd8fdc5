"""Tokens for OAUTHBEARER: from a file that others keep fresh, or from an identity provider's token endpoint."""

import base64
import binascii
import json
import re
import ssl
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from driftline.errors import DriftlineError, UsageError
from driftline.kafka.credentials import Hidden, read_secret, read_secret_file, trust
from driftline.spec.sections import KafkaSpec

# A token that says nothing of its end is shown again for this long before the file is read again.
UNSAID_LIFETIME = 300.0
# A token is not shown in the last part of its life: the broker's clock may be ahead, and the way takes time.
MARGIN = 30.0
_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")
_TIMEOUT = 10.0
_LONGEST_ANSWER = 1_000_000


class NoToken(DriftlineError):
    """The identity provider gave no token; the message says what it said, without any secret."""


@dataclass(frozen=True, slots=True)
class Token:
    """A bearer token and its end, epoch seconds."""

    text: Hidden = field(repr=False)
    expires: float


TokenSource = Callable[[], Token]


def token_source(spec: KafkaSpec) -> TokenSource:
    """What gives the stream's token whenever one is to be shown; safe to call from any thread.

    Raises
    ------
    UsageError : no source is set, or its secret cannot be read.
    """
    if spec.sasl_token_file is not None:
        file = spec.sasl_token_file
        file_token(file, time.time())
        return lambda: file_token(file, time.time())
    if spec.oauth.token_url is None:
        raise UsageError(
            "kafka.sasl_token_file: required with kafka.sasl_mechanism OAUTHBEARER, or kafka.oauth.token_url"
        )
    return Endpoint(spec)


def file_token(file: str, now: float) -> Token:
    """The token that `file` holds now, as Kubernetes projects and replaces them."""
    text = read_secret_file("kafka.sasl_token_file", file)
    if not _TOKEN.fullmatch(text):
        # Whatever this file is (a key, a mounted configuration), it is not to be sent to a broker.
        raise UsageError(f"kafka.sasl_token_file: {file}: holds no bearer token; expected one alone (RFC 6750)")
    return Token(text, expiry(text, now))


def expiry(token: str, now: float) -> float:
    """When a token ends, epoch seconds: what its `exp` claim says (RFC 7519), or `UNSAID_LIFETIME` from now.

    The signature is not looked at: that is the broker's to do.
    """
    try:
        part = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
        return float(claims["exp"])
    except (IndexError, KeyError, TypeError, ValueError, binascii.Error):
        return now + UNSAID_LIFETIME


class Endpoint:
    """The client-credentials grant of OAuth 2.0 (RFC 6749, section 4.4); the client's secret goes in the header.

    A token is used again until shortly before its end. Redirects are not followed: they could carry the secret away.
    """

    def __init__(self, spec: KafkaSpec) -> None:
        self._oauth = spec.oauth
        self._url = str(spec.oauth.token_url)
        self._secret()
        context = ssl.create_default_context()
        if spec.oauth.cafile is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            trust(context, "kafka.oauth.cafile", spec.oauth.cafile)
        self._opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=context), _NoRedirect())
        self._lock = threading.Lock()
        self._token: Token | None = None

    def __call__(self) -> Token:
        """A token with at least `MARGIN` seconds to go, if the provider gives such. Raises NoToken."""
        with self._lock:
            if self._token is None or self._token.expires - time.time() < MARGIN:
                self._token = self._ask()
            return self._token

    def _secret(self) -> Hidden:
        secret = read_secret("kafka.oauth.client_secret", self._oauth.client_secret, self._oauth.client_secret_file)
        if secret is None:
            raise UsageError(
                "kafka.oauth.client_secret: required with kafka.oauth.token_url; set "
                "DRIFTLINE_KAFKA__OAUTH__CLIENT_SECRET, or name a file that holds it: kafka.oauth.client_secret_file"
            )
        return secret

    def _ask(self) -> Token:
        form = {"grant_type": "client_credentials"} | ({"scope": self._oauth.scope} if self._oauth.scope else {})
        # Both are form-encoded first (RFC 6749, section 2.3.1), so that a colon in the name cannot split them wrongly.
        pair = ":".join(urllib.parse.quote_plus(part) for part in (str(self._oauth.client_id), self._secret()))
        request = urllib.request.Request(
            self._url,
            data=urllib.parse.urlencode(form).encode(),
            headers={
                "Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}",
                "Accept": "application/json",
            },
        )
        try:
            with self._opener.open(request, timeout=_TIMEOUT) as answer:
                said: Any = json.loads(answer.read(_LONGEST_ANSWER))
        except urllib.error.HTTPError as error:
            raise NoToken(self._complaint(f"answered {error.code}{_reason(error)}")) from None
        except urllib.error.URLError as error:
            raise NoToken(self._complaint(f"cannot be reached: {error.reason}")) from None
        except (OSError, ValueError):
            raise NoToken(self._complaint("gave no JSON answer in time")) from None
        text = said.get("access_token") if isinstance(said, dict) else None
        if not isinstance(text, str) or not _TOKEN.fullmatch(text):
            raise NoToken(self._complaint("gave an answer without access_token"))
        now = time.time()
        life = said.get("expires_in")
        numeric = isinstance(life, int | float) and not isinstance(life, bool)
        return Token(Hidden(text), now + float(life) if numeric else expiry(text, now))

    def _complaint(self, what: str) -> str:
        return f"kafka.oauth.token_url: {self._url}: {what}"


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        return None


def _reason(error: urllib.error.HTTPError) -> str:
    """The `error` code of the answer (RFC 6749, section 5.2): a fixed word, where free text might repeat a secret."""
    try:
        code = json.loads(error.read(_LONGEST_ANSWER))["error"]
    except (OSError, ValueError, KeyError, TypeError):
        return ""
    known = ("invalid_request", "invalid_client", "invalid_grant", "unauthorized_client", "invalid_scope")
    return f" {code}; see kafka.oauth.client_id, client_secret and scope" if code in known else ""

"""Tokens from an identity provider: asked for once, used until shortly before their end, told to nobody else."""

import base64
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from driftline.kafka.connect import connect
from driftline.kafka.interface import TopicRequest
from driftline.kafka.oauth import NoToken, expiry, token_source
from driftline.spec.sections import KafkaSpec
from tests.kafka.apache import ApacheKafka
from tests.security.certificates import Certificates
from tests.security.clients import CLIENTS
from tests.security.cluster import USER, unsecured_token
from tests.security.doors import House

SECRET = "s3cr:t & more"


class Provider:
    """A token endpoint on 127.0.0.1, with what it was asked and what it is to answer."""

    def __init__(self) -> None:
        self.asked: list[tuple[dict[str, str], dict[str, list[str]]]] = []
        self.status, self.headers = 200, {"Content-Type": "application/json"}
        self.answer: Any = {"access_token": unsecured_token(USER), "token_type": "Bearer", "expires_in": 3600}
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                form = self.rfile.read(int(self.headers["Content-Length"])).decode()
                provider.asked.append((dict(self.headers), parse_qs(form)))
                body = json.dumps(provider.answer).encode() if provider.answer is not None else b"<html>"
                self.send_response(provider.status)
                for name, value in provider.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: Any) -> None:
                """Say nothing: the tests look at `asked`."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/token"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def provider() -> Iterator[Provider]:
    made = Provider()
    yield made
    made.close()


def settings(provider: Provider, **oauth: Any) -> dict[str, Any]:
    return {
        "security_protocol": "SASL_SSL",
        "sasl_mechanism": "OAUTHBEARER",
        "oauth": {"token_url": provider.url, "client_id": "pumps:1", "client_secret": SECRET, "scope": "kafka"} | oauth,
    }


class TestAsking:
    def test_the_secret_goes_in_the_header_and_the_scope_in_the_form(self, provider: Provider) -> None:
        token = token_source(KafkaSpec(**settings(provider)))()
        assert token.text == provider.answer["access_token"]
        assert token.expires == pytest.approx(time.time() + 3600, abs=30)
        ((headers, form),) = provider.asked
        assert form == {"grant_type": ["client_credentials"], "scope": ["kafka"]}
        kind, pair = headers["Authorization"].split()
        assert (kind, base64.b64decode(pair).decode()) == ("Basic", "pumps%3A1:s3cr%3At+%26+more")
        assert token.text not in repr(token)

    def test_a_token_is_used_again_until_shortly_before_its_end(self, provider: Provider) -> None:
        source = token_source(KafkaSpec(**settings(provider)))
        assert source() == source()
        assert len(provider.asked) == 1
        provider.answer["expires_in"] = 5
        source = token_source(KafkaSpec(**settings(provider)))
        source()
        source()
        assert len(provider.asked) == 3

    def test_without_a_lifetime_the_token_itself_says_its_end(self, provider: Provider) -> None:
        del provider.answer["expires_in"]
        provider.answer["access_token"] = unsecured_token(USER, lifetime=1234)
        assert token_source(KafkaSpec(**settings(provider)))().expires == pytest.approx(time.time() + 1234, abs=30)

    def test_the_secret_may_come_from_a_file(self, provider: Provider, tmp_path: Path) -> None:
        file = tmp_path / "secret"
        file.write_text("from-file\n")
        token_source(KafkaSpec(**settings(provider, client_secret=None, client_secret_file=str(file))))()
        assert base64.b64decode(provider.asked[0][0]["Authorization"].split()[1]).endswith(b":from-file")


class TestRefusing:
    def said(self, provider: Provider) -> str:
        with pytest.raises(NoToken) as caught:
            token_source(KafkaSpec(**settings(provider)))()
        said = str(caught.value)
        assert SECRET not in said
        assert "\n" not in said
        return said

    def test_a_wrong_secret_is_told_by_the_provider_s_word_for_it(self, provider: Provider) -> None:
        provider.status, provider.answer = 401, {"error": "invalid_client", "error_description": SECRET}
        assert self.said(provider) == (
            f"kafka.oauth.token_url: {provider.url}: answered 401 invalid_client; "
            "see kafka.oauth.client_id, client_secret and scope"
        )

    def test_a_redirect_is_not_followed(self, provider: Provider) -> None:
        other = Provider()
        provider.status, provider.headers["Location"] = 307, other.url
        assert self.said(provider).endswith("answered 307")
        assert other.asked == []
        other.close()

    @pytest.mark.parametrize("answer", [None, [], {}, {"access_token": 5}, {"access_token": "two words"}])
    def test_an_answer_without_a_token(self, provider: Provider, answer: Any) -> None:
        provider.answer = answer
        assert "gave " in self.said(provider)

    def test_nobody_there(self) -> None:
        gone = Provider()
        gone.close()
        assert "cannot be reached: " in self.said(gone)


class TestExpiry:
    @pytest.mark.parametrize("token", ["opaque", "a.b.c", "a.bm90IGpzb24.c", "a.e30.c", "a.WzFd.c"])
    def test_a_token_that_does_not_say_its_end_is_read_again_soon(self, token: str) -> None:
        assert expiry(token, 1000.0) == 1300.0

    def test_a_token_that_says_it_is_believed(self) -> None:
        assert expiry(unsecured_token("x", exp=5000), 1000.0) == 5000.0


class TestOnKafka:
    @pytest.mark.parametrize("library", CLIENTS)
    def test_a_provider_s_token_opens_the_door(
        self,
        provider: Provider,
        secured: ApacheKafka,
        certificates: Certificates,
        tmp_path: Path,
        fresh_name: str,
        library: str,
    ) -> None:
        house = House(secured, certificates, tmp_path)
        client = connect(house.endpoint("oauthbearer", library, sasl_token_file=None, **settings(provider)))
        assert client.ensure_topics([TopicRequest(fresh_name, 1, 1, {})]) == [fresh_name]
        client.close()
        assert provider.asked

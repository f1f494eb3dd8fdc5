import pytest

from driftline.errors import UsageError
from monitoring.console.guard import LOOPBACK, refuses
from monitoring.console.tokens import Tokens


class TestTokens:
    def test_names_and_comments(self) -> None:
        tokens = Tokens.parse("# who\nanna:0123456789abcdef\n\nfedcba9876543210\n", "file")
        assert tokens.judge("Bearer 0123456789abcdef", 0) == "as anna"
        assert tokens.judge("bearer fedcba9876543210", 0) == "as operator"

    @pytest.mark.parametrize("text", ["short", "anna:short", "anna:with a space in it", "ünicode-ünicode-ünicode"])
    def test_a_weak_one_is_refused_without_being_told(self, text: str) -> None:
        with pytest.raises(UsageError, match=r"file, line 1: read a token of \d+ characters; allowed") as caught:
            Tokens.parse(text, "file")
        assert text.rpartition(":")[2] not in str(caught.value)

    @pytest.mark.parametrize("header", ["", "Bearer", "Basic 0123456789abcdef", "0123456789abcdef", "Bearer  wrong"])
    def test_what_is_no_token(self, header: str) -> None:
        assert Tokens.parse("0123456789abcdef", "f").judge(header, 0) in ("missing", "wrong")

    def test_guessing_is_slowed_for_a_minute(self) -> None:
        tokens = Tokens.parse("0123456789abcdef", "f")
        assert [tokens.judge("Bearer nope", i) for i in range(11)] == ["wrong"] * 10 + ["too-many"]
        assert tokens.judge("Bearer 0123456789abcdef", 30_000) == "too-many"
        assert tokens.judge("Bearer 0123456789abcdef", 60_011) == "as operator"


class TestTheGuard:
    @pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8765", "127.0.0.1:1", "[::1]:8765"])
    def test_knows_its_own_names(self, host: str) -> None:
        assert refuses("GET", {"host": host}, LOOPBACK) is None

    @pytest.mark.parametrize(
        "host", ["", "evil.example", "127.0.0.1.evil.example", "localhost@evil.example", "[", "0.0.0.0"]
    )
    def test_and_no_others(self, host: str) -> None:
        assert refuses("GET", {"host": host}, LOOPBACK) is not None

    def test_a_link_from_elsewhere_may_lead_here(self) -> None:
        headers = {"host": "localhost", "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
        assert refuses("GET", headers, LOOPBACK) is None
        assert refuses("GET", headers | {"sec-fetch-mode": "no-cors"}, LOOPBACK) is not None

import pytest

from monitoring.console.guard import LOOPBACK, refuses


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

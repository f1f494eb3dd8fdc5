from pathlib import Path

import pytest

from driftline.errors import UsageError
from monitoring.doors.secrets import read_tokens
from monitoring.doors.tokens import MISSING, READ_ONLY, TOO_MANY, WRONG, Holder, Tokens

ONE = "0123456789abcdef"


class TestTokens:
    def test_names_and_comments(self) -> None:
        tokens = Tokens.parse(f"# who\nanna:{ONE}\n\nfedcba9876543210\n", "file")
        assert tokens.judge(f"Bearer {ONE}", "a", 0) == Holder("anna")
        assert tokens.judge("bearer fedcba9876543210", "a", 0) == Holder("operator")

    @pytest.mark.parametrize("text", ["short", "anna:short", "anna:with a space in it", "ünicode-ünicode-ünicode"])
    def test_a_weak_one_is_refused_without_being_told(self, text: str) -> None:
        with pytest.raises(UsageError, match=r"file, line 1: read a token of \d+ characters; allowed") as caught:
            Tokens.parse(text, "file")
        assert text.rpartition(":")[2] not in str(caught.value)

    @pytest.mark.parametrize("header", ["Bearer", f"Basic {ONE}", ONE, "Bearer  wrong", f"Bearer {ONE} ", "Bearer é"])
    def test_what_is_no_token(self, header: str) -> None:
        assert Tokens.parse(ONE, "f").judge(header, "a", 0) is WRONG

    @pytest.mark.parametrize("header", [None, ""])
    def test_none_at_all(self, header: str | None) -> None:
        assert Tokens.parse(ONE, "f").judge(header, "a", 0) is MISSING
        assert Tokens.parse("", "f").judge(header, "a", 0) is READ_ONLY

    def test_guessing_is_slowed_for_a_minute_and_shuts_out_nobody_else(self) -> None:
        tokens = Tokens.parse(ONE, "f")
        assert [tokens.judge("Bearer nope", "a", i) for i in range(11)] == [WRONG] * 10 + [TOO_MANY]
        assert tokens.judge(f"Bearer {ONE}", "a", 30_000) is TOO_MANY
        assert tokens.judge(f"Bearer {ONE}", "b", 30_000) == Holder("operator")
        assert tokens.judge(f"Bearer {ONE}", "a", 60_011) == Holder("operator")


class TestWhereTheyComeFrom:
    def test_those_of_the_environment_and_of_the_file_are_known(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("A_TOKEN", ONE)
        (tmp_path / "tokens").write_text("anna:fedcba9876543210\n")
        tokens = read_tokens("A_TOKEN", "--token-file", tmp_path / "tokens")
        assert set(tokens.digests.values()) == {"operator", "anna"}
        assert set(read_tokens("A_TOKEN", "--token-file", None).digests.values()) == {"operator"}

    def test_a_file_that_holds_none_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "tokens").write_text("# nobody\n")
        with pytest.raises(UsageError, match=r"--token-file .*tokens: read no token"):
            read_tokens("A_TOKEN", "--token-file", tmp_path / "tokens")
        with pytest.raises(UsageError, match=r"--token-file: .*elsewhere: cannot be read"):
            read_tokens("A_TOKEN", "--token-file", tmp_path / "elsewhere")

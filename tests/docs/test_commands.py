"""Every command in the documentation is one that the command line knows."""

from pathlib import Path

import pytest

from tests.docs.pages import PAGES, ROOT, blocks, driftline_commands, parse

COMMANDS = [
    (page.relative_to(ROOT), arguments)
    for page in PAGES
    for block in blocks(page)
    for line in block.commands()
    for arguments in driftline_commands(line)
]


class TestCommandsInTheDocs:
    @pytest.mark.parametrize(("page", "arguments"), COMMANDS, ids=lambda part: str(part))
    def test_a_command_parses(self, page: Path, arguments: list[str]) -> None:
        parse(arguments)

    def test_every_command_there_is_stands_somewhere(self) -> None:
        shown = {tuple(word for word in arguments if not word.startswith("-"))[:2] for _, arguments in COMMANDS}
        first = {words[0] for words in shown}
        assert {"init", "train", "up", "status", "doctor", "spec", "run", "produce", "models"} <= first
        assert {("models", name) for name in ("list", "show", "promote", "rollback")} <= shown
        assert {("run", name) for name in ("broker", "consumer", "monitor", "trainer")} <= shown

    @pytest.mark.parametrize(
        "wrong", [["upp"], ["up", "--headles"], ["models", "shw", "2"], ["up", "--consumers", "x"]]
    )
    def test_a_wrong_command_is_noticed(self, wrong: list[str]) -> None:
        with pytest.raises(Exception, match=r"No such|valid"):
            parse(wrong)

    def test_make_targets_exist(self) -> None:
        makefile = (ROOT / "Makefile").read_text()
        targets = {
            line.split()[1]
            for page in PAGES
            for block in blocks(page)
            for line in block.commands()
            if line.startswith("make ")
        }
        assert targets
        assert [target for target in sorted(targets) if f"\n{target}:" not in makefile] == []

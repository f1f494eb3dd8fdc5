"""The documentation as data: its pages, their code blocks, and the `driftline` commands in them."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from typer.main import get_command

from driftline.cli.app import app

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SETS_VARIABLE = re.compile(r"^\w+=")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block of a page."""

    page: Path
    language: str
    text: str

    def commands(self) -> Iterator[str]:
        """The lines a person would type: all of a bash block, those after '$ ' of a console block."""
        for line in self.text.replace("\\\n", " ").splitlines():
            if self.language == "bash":
                yield line
            elif self.language == "console" and line.startswith("$ "):
                yield line[2:]


def blocks(page: Path) -> list[Block]:
    return [Block(page, language, text) for language, text in _FENCE.findall(page.read_text(encoding="utf-8"))]


def driftline_commands(line: str) -> Iterator[list[str]]:
    """Arguments of each `driftline` call in a shell line.

    >>> list(driftline_commands("A=b driftline up --consumers 2  # four"))
    [['up', '--consumers', '2']]
    """
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    words: list[str] = []
    for word in [*lexer, ";"]:
        if set(word) <= set(";|&()<>"):
            while words and _SETS_VARIABLE.match(words[0]):
                words = words[1:]
            if words and words[0] == "driftline":
                yield words[1:]
            words = []
        else:
            words.append(word)


def parse(arguments: list[str]) -> dict[str, Any]:
    """Parse a command line by the real parser, without running it.

    Raises whatever the parser raises for an unknown command, option or value.
    """
    command: Any = get_command(app)
    context = None
    while True:
        context = command.make_context(command.name, arguments, parent=context)
        if not hasattr(command, "resolve_command"):
            return dict(context.params)
        _, command, arguments = command.resolve_command(context, [*context._protected_args, *context.args])

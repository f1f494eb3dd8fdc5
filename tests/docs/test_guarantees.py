"""Every promise of docs/guarantees.md names the tests that prove it, and they exist."""

import ast
import re
from pathlib import Path

import pytest

from tests.docs.pages import ROOT

PAGE = ROOT / "docs" / "guarantees.md"
_TEST = re.compile(r"`(tests/[\w/]+\.py)(?:::(\w+))?(?:::(\w+))?`")
NAMED = sorted(set(_TEST.findall(PAGE.read_text(encoding="utf-8"))))


def names(path: Path, within: str = "") -> set[str]:
    """Names of the classes and functions of a file, or of one of its classes."""
    body: list[ast.stmt] = ast.parse(path.read_text(encoding="utf-8")).body
    if within:
        body = next(node.body for node in body if isinstance(node, ast.ClassDef) and node.name == within)
    return {node.name for node in body if isinstance(node, ast.ClassDef | ast.FunctionDef)}


@pytest.mark.parametrize(("path", "first", "second"), NAMED, ids=["::".join(filter(None, n)) for n in NAMED])
def test_a_named_test_exists(path: str, first: str, second: str) -> None:
    assert (ROOT / path).is_file()
    if first:
        assert first in names(ROOT / path)
    if second:
        assert second in names(ROOT / path, first)


def test_every_promise_names_a_test() -> None:
    promises = re.findall(r"^\| \d+ \|.*$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(promises) >= 8
    for promise in promises:
        assert _TEST.search(promise), f"no test named: {promise}"

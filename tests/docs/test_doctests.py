"""Examples in docstrings are true."""

import ast
import doctest
import importlib
from pathlib import Path

import pytest

from tests.docs.pages import ROOT

# Importing these loads TensorFlow; their promises are held by tests/training.
_NEEDS_TENSORFLOW = {"tensorflow", "keras", "training.runtime"}


def _modules() -> list[str]:
    found = []
    for package in ("driftline", "producers", "consumers", "monitoring", "training"):
        for path in sorted((ROOT / package).rglob("*.py")):
            if ">>> " in path.read_text(encoding="utf-8"):
                found.append(".".join(path.relative_to(ROOT).with_suffix("").parts))
    return found


def _loads_tensorflow(module: str, seen: frozenset[str] = frozenset()) -> bool:
    """Whether importing a module of ours loads TensorFlow, by the import statements at its top level."""
    path = ROOT / Path(*module.split(".")).with_suffix(".py")
    if module in _NEEDS_TENSORFLOW:
        return True
    if module in seen or not path.exists():
        return False
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module]
        else:
            continue
        if any(_loads_tensorflow(name, seen | {module}) for name in names):
            return True
    return False


MODULES = [module for module in [*_modules(), "tests.docs.pages"] if not _loads_tensorflow(module)]


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings_are_true(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_there_are_examples() -> None:
    assert len(MODULES) >= 15

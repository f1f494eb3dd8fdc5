import doctest
import importlib
import pkgutil

import pytest

import monitoring


@pytest.mark.parametrize("name", sorted(module.name for module in pkgutil.iter_modules(monitoring.__path__)))
def test_examples_in_docstrings_are_true(name: str) -> None:
    assert doctest.testmod(importlib.import_module(f"monitoring.{name}")).failed == 0

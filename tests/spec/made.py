"""A small specification, and what is said of a spoilt one."""

from typing import Any

import pytest

from driftline.errors import SpecError
from driftline.spec import parse_spec

BASE: dict[str, Any] = {
    "stream": "pumps",
    "classes": ["ok", "worn"],
    "features": [{"name": "temp", "type": "numeric"}, {"name": "site", "type": "categorical", "categories": ["n"]}],
}
TOP = (
    "version, stream, task, label, classes, features, registry, kafka, serving, monitoring, training, rollout, alerts, "
    "notify, observability"
)
NUMBER = {"name": "x", "type": "numeric"}


def complaint(document: Any, environ: dict[str, str] | None = None) -> list[str]:
    """The lines of the error, without the source's."""
    with pytest.raises(SpecError) as caught:
        parse_spec(document, environ, source="stream.yaml")
    said = str(caught.value)
    assert "Traceback" not in said
    assert "pydantic" not in said
    assert "StreamSpec" not in said
    head, *lines = said.split("\n")
    if head != "stream.yaml:":
        return [head, *lines]
    return [line.removeprefix("  ") for line in lines]

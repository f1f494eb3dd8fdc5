"""The settings that docs/policy.md shows are settings, and mean what it says of them."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from driftline.records import DriftKind
from driftline.spec import PolicySpec, parse_spec

PAGE = (Path(__file__).parents[2] / "docs" / "policy.md").read_text(encoding="utf-8")
EXAMPLES = [yaml.safe_load(text) for text in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)]


def policy_of(example: dict[str, Any]) -> PolicySpec:
    spec = parse_spec(
        {"stream": "s", "classes": ["a", "b"], "features": [{"name": "x", "type": "numeric"}], **example}
    )  # fmt: skip
    return spec.monitoring.policy


@pytest.mark.parametrize("example", EXAMPLES)
def test_each_example_is_a_specification_that_differs_from_the_default(example: dict[str, Any]) -> None:
    assert policy_of(example) != PolicySpec()


def test_the_first_does_what_the_page_says() -> None:
    policy = policy_of(EXAMPLES[0])
    assert [policy.action_at(kind.value, severity) for kind, severity in [
        (DriftKind.CONCEPT, "warning"), (DriftKind.CONCEPT, "alarm"), (DriftKind.DATA, "alarm"),
        (DriftKind.DATA, "warning"), (DriftKind.PRIOR, "alarm"), (DriftKind.PREDICTION, "alarm"),
    ]] == ["recall", "retrain-onset", "notify", "nothing", "retrain-window", "notify"]  # fmt: skip


def test_watching_only_trains_nothing() -> None:
    assert policy_of(EXAMPLES[-1]).action_at("concept", "alarm") == "notify"


def test_the_page_names_every_knob_and_its_default() -> None:
    for name, field in PolicySpec.model_fields.items():
        assert f"`{name}`" in PAGE or f"{name}:" in PAGE or name == "maximum_window", name
        if isinstance(field.default, int | float) and name != "maximum_window":
            assert f"`{name}` ({field.default:,.10g})" in PAGE, name

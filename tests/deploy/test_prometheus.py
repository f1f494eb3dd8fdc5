"""The rules, as Prometheus' own tool reads and tests them; every alert has a runbook, every metric exists."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.docs.pages import ROOT
from tests.docs.test_reference import TestTheMetricsPage as MetricsPage
from tests.parts import program

PROMETHEUS = ROOT / "deploy" / "prometheus"
RULES: dict[str, Any] = yaml.safe_load((PROMETHEUS / "rules.yml").read_text())
ALERTS = [rule for group in RULES["groups"] for rule in group["rules"] if "alert" in rule]


def promtool(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [program("promtool", package="prometheus"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


class TestTheRules:
    def test_do_as_their_examples_say(self) -> None:
        said = promtool("test", "rules", str(PROMETHEUS / "rules.test.yml"))
        assert said.returncode == 0, said.stdout + said.stderr

    def test_the_examples_notice_a_rule_that_is_wrong(self, tmp_path: Path) -> None:
        text = (PROMETHEUS / "rules.yml").read_text()
        (tmp_path / "rules.yml").write_text(text.replace("ratio5m > 0.05", "ratio5m > 0.5"))
        (tmp_path / "rules.test.yml").write_text((PROMETHEUS / "rules.test.yml").read_text())
        said = promtool("test", "rules", str(tmp_path / "rules.test.yml"))
        assert said.returncode != 0 and "DriftlineDeadLettersRising" in said.stdout + said.stderr

    def test_the_configuration_is_one(self) -> None:
        said = promtool("check", "config", str(PROMETHEUS / "prometheus.yml"))
        assert said.returncode == 0, said.stdout + said.stderr

    def test_alertmanagers_configuration_is_one(self) -> None:
        amtool = program("amtool", package="prometheus-alertmanager")
        file = str(ROOT / "deploy" / "alertmanager" / "alertmanager.yml")
        said = subprocess.run([amtool, "check-config", file], capture_output=True, text=True, timeout=60)
        assert said.returncode == 0, said.stdout + said.stderr


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["alert"])
class TestEachAlert:
    def test_has_an_example_in_which_it_fires_and_one_in_which_it_is_silent(self, alert: dict[str, Any]) -> None:
        examples = yaml.safe_load((PROMETHEUS / "rules.test.yml").read_text())["tests"]
        expected = [
            bool(one["exp_alerts"])
            for test in examples
            for one in test["alert_rule_test"]
            if one["alertname"] == alert["alert"]
        ]
        assert {True, False} <= set(expected)

    def test_has_a_runbook_that_names_it(self, alert: dict[str, Any]) -> None:
        page = ROOT / alert["annotations"]["runbook_url"]
        assert alert["alert"] in page.read_text().splitlines()[0]
        assert alert["alert"] in (page.parent / "README.md").read_text()

    def test_has_a_severity_and_a_summary(self, alert: dict[str, Any]) -> None:
        assert alert["labels"]["severity"] in ("info", "warning", "critical")
        assert "$labels.stream" in alert["annotations"]["summary"]


def test_every_metric_in_the_rules_and_runbooks_exists() -> None:
    known = set(MetricsPage().found())
    texts = [PROMETHEUS / "rules.yml", *(ROOT / "docs" / "runbooks").glob("*.md")]
    for path in texts:
        for name in re.findall(r"(?<![:\w])driftline_\w+", path.read_text()):
            assert name.removesuffix("_bucket") in known or any(one.startswith(name) for one in known), (
                f"{path}: {name}"
            )

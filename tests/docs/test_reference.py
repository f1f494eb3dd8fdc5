"""Pages that describe code say what the code says."""

import re

import pytest
from prometheus_client import CollectorRegistry, Metric, ProcessCollector
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics_families

from consumers.metrics import ConsumerMetrics
from driftline.records.data import Reason
from driftline.service.metrics import LoopMetrics
from driftline.service.registry_metrics import RegistryMetrics
from driftline.spec.alerts import NotifySpec
from driftline.spec.reference import fields, reference
from driftline.topics import Topics
from monitoring.alerts.metrics import AlertMetrics
from monitoring.metrics import MonitorMetrics
from monitoring.notify.metrics import NotifyMetrics
from producers.fleet.plan import DriftPlan, FaultPlan, FleetPlan, parse_fleet
from tests.docs.pages import ROOT, blocks
from tests.streams import numeric_stream
from training.service import _Metrics as TrainerMetrics

DOCS = ROOT / "docs"


class TestTheSpecificationPage:
    def test_it_is_as_the_models_say(self) -> None:
        again = "run `python -m driftline.spec.reference > docs/specification.md` and commit the result"
        assert (DOCS / "specification.md").read_text(encoding="utf-8") == reference(), again

    def test_it_has_every_field(self) -> None:
        text = reference()
        assert [path for path, _ in fields() if f"| `{path.rsplit('.', 1)[-1]}` |" not in text] == []


def sample_names(metric: Metric) -> str:
    return f"{metric.name}_total" if metric.type == "counter" else metric.name


class TestTheMetricsPage:
    def registry(self) -> CollectorRegistry:
        registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        LoopMetrics(registry)
        RegistryMetrics(registry)
        ConsumerMetrics(registry)
        TrainerMetrics(registry)
        MonitorMetrics(registry, numeric_stream())
        AlertMetrics(registry)
        NotifyMetrics(registry, NotifySpec())
        return registry

    def found(self) -> dict[str, str]:
        return {sample_names(metric): metric.type for metric in self.registry().collect()}

    def test_every_metric_can_be_told_as_openmetrics(self) -> None:
        """As Prometheus asks for it; its own parser is strict."""
        families = openmetrics_families(openmetrics.generate_latest(self.registry()).decode())
        assert {family.name for family in families} == {metric.name for metric in self.registry().collect()}

    def shown(self) -> dict[str, str]:
        return dict(re.findall(r"^\| `(\w+)` \| (\w+) \|", (DOCS / "metrics.md").read_text(), re.MULTILINE))

    def test_every_metric_is_described_with_its_type(self) -> None:
        shown = self.shown()
        assert {name: kind for name, kind in self.found().items() if shown.get(name) != kind} == {}

    def test_nothing_is_described_that_does_not_exist(self) -> None:
        assert {name for name in self.shown() if name.startswith("driftline_")} <= set(self.found())

    def test_every_metric_named_anywhere_exists(self) -> None:
        found = self.found()
        for page in DOCS.glob("*.md"):
            for name in re.findall(
                r"\bdriftline_(?:monitor_|training_|model_)?\w+_(?:total|ratio|records)\b", page.read_text()
            ):
                assert name in found, f"{page.name}: {name}"


class TestTheRecordsPage:
    def test_every_reason_of_a_dead_letter_is_described(self) -> None:
        shown = set(re.findall(r"^\| `([\w-]+)` \|", (DOCS / "records.md").read_text(), re.MULTILINE))
        assert shown == {reason.value for reason in Reason}

    def test_every_topic_is_described(self) -> None:
        text = (DOCS / "records.md").read_text()
        assert [plan.name for plan in Topics("NAME").plans() if f"| {plan.name} |" not in text] == []


class TestTheProducersPage:
    def test_its_plan_is_one(self) -> None:
        (plan,) = [block.text for block in blocks(DOCS / "producers.md") if block.language == "yaml"]
        assert len(parse_fleet(plan).drift) == 2

    @pytest.mark.parametrize("model", [FleetPlan, DriftPlan, FaultPlan])
    def test_every_field_of_a_plan_is_described(self, model: type[FleetPlan | DriftPlan | FaultPlan]) -> None:
        rows = " ".join(re.findall(r"^\| (`[^|]*) \|", (DOCS / "producers.md").read_text(), re.MULTILINE))
        assert [name for name in model.model_fields if f"`{name}`" not in rows] == []


class TestTheDependenciesPage:
    def test_every_dependency_is_described(self) -> None:
        import tomllib

        project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
        wanted = [
            *project["dependencies"],
            *(line for extra in project["optional-dependencies"].values() for line in extra),
        ]
        names = {re.split(r"[^\w.-]", line, maxsplit=1)[0] for line in wanted} - {"driftline"}
        text = (ROOT / "docs" / "dependencies.md").read_text()
        assert [name for name in sorted(names) if f"`{name}`" not in text] == []

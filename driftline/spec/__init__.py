"""The stream's specification: one YAML file, validated by pydantic, overridable by environment."""

from driftline.spec.features import CategoricalFeature, Feature, NumericFeature, TextFeature
from driftline.spec.load import dump_spec, load_spec, parse_spec
from driftline.spec.monitoring import ConceptDriftSpec, DataDriftSpec, MonitoringSpec
from driftline.spec.policy import PolicySpec
from driftline.spec.sections import KafkaSpec, ServingSpec
from driftline.spec.stream import StreamSpec
from driftline.spec.training import NetworkSpec, RolloutSpec, TrainingSpec

__all__ = [
    "CategoricalFeature",
    "ConceptDriftSpec",
    "DataDriftSpec",
    "Feature",
    "KafkaSpec",
    "MonitoringSpec",
    "NetworkSpec",
    "NumericFeature",
    "PolicySpec",
    "RolloutSpec",
    "ServingSpec",
    "StreamSpec",
    "TextFeature",
    "TrainingSpec",
    "dump_spec",
    "load_spec",
    "parse_spec",
]

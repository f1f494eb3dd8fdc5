"""What `driftline backtest` refuses, and how it reads strategies and settings."""

from pathlib import Path

import pytest

from driftline.backtest.detectors import detectors
from driftline.backtest.settings import setting
from driftline.backtest.strategies import ALL, DEFAULT, DETECTORS, chosen, named
from driftline.errors import UsageError
from tests.backtest.made import frame, spec
from tests.cli.conftest import Run, cli  # noqa: F401


@pytest.fixture
def data(tmp_path: Path) -> Path:
    frame(400, 200).to_csv(tmp_path / "data.csv", index=False)
    return tmp_path / "data.csv"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere.csv"], "nowhere.csv: no such file"),
        (["data.csv", "--label", "lable"], "column 'lable': the data has none of this name; did you mean 'label'?"),
        (["data.csv", "--strategies", "polcy"], "--strategies: read 'polcy'; allowed: never, periodic"),
        (["data.csv", "--start-rows", "400"], "--start-rows: read 400; allowed: 20 to 399"),
        (["data.csv", "--label-delay", "-1"], "--label-delay: read -1; allowed: 0 or more"),
        (["data.csv", "--every", "1"], "--every: read 1; allowed: 20 or more"),
        (["data.csv", "--training-takes", "long"], "--training-takes: read 'long'"),
        (["data.csv", "--training-takes", "-5"], "--training-takes: read -5"),
        (["data.csv", "--drift-at", "50"], "--drift-at: read 50; allowed: 200"),
        (["data.csv", "--drift-at", "400"], "to 399"),
        (["data.csv", "--rate", "0"], "--rate: read 0.0; allowed: more than 0"),
        (["data.csv", "--set", "kafka.partitions=3"], "--set: read 'kafka.partitions'; allowed: a field of monitoring"),
        (["data.csv", "--set", "monitoring.policy.minimum_labels"], "expected '[NAME:] KEY=VALUE"),
        (["data.csv", "--set", "monitoring.policy.minimum_labels=3"], "monitoring.policy.minimum_labels"),
        (["data.csv", "--set", "monitoring.policy.minimum_lables=300"], "minimum_lables"),
        (["data.csv", "--set", "never: training.epochs=3"], "'never' names two strategies"),
        (["data.csv", "--topic"], "DATA or --topic: name a data file"),
        ([], "DATA or --topic: name a data file"),
        (["--topic"], "stream.yaml: no such file"),
        (["data.csv", "--page", "."], "--page .: is a directory"),
        (["data.csv", "--spec", "data.csv", "--label", "label"], "are for data without --spec"),
    ],
)
def test_what_cannot_be_done(cli: Run, data: Path, arguments: list[str], message: str) -> None:  # noqa: F811
    said = cli("backtest", *arguments)
    assert said.code == 2
    assert message in said.refusal()


def test_help_names_every_strategy(cli: Run) -> None:  # noqa: F811
    said = cli("backtest", "--help")
    assert said.code == 0
    assert [name for name in ALL if name not in said.out] == []


class TestStrategies:
    def test_groups(self) -> None:
        assert named("all") == ALL
        assert named("default,detectors") == (*DEFAULT, *DETECTORS)
        assert named("policy, policy") == ("policy",)

    def test_every_detector_can_be_made(self) -> None:
        made = detectors(1)
        assert set(made) == set(DETECTORS)
        for make in made.values():
            detector = make()
            for i in range(400):
                detector.update(float(i > 200))
            assert isinstance(detector.drift_detected, bool)

    def test_a_baseline_never_recalls(self) -> None:
        found = {s.name: s.spec.rollout.recall for s in chosen(spec(), ("policy", "periodic", "adwin"), ())}
        assert found == {"policy": True, "periodic": False, "adwin": False}

    def test_a_learner_answers_one_class(self) -> None:
        several = spec().model_copy(update={"task": "multilabel"})
        with pytest.raises(UsageError, match="one class a record"):
            chosen(several, ("hat",), ())


class TestSettings:
    def test_it_is_named_after_what_it_sets(self) -> None:
        found = setting(spec(), "monitoring.policy.minimum_labels=300 training.epochs=5")
        assert found.name == "policy minimum_labels=300, epochs=5"
        assert found.spec.monitoring.policy.minimum_labels == 300
        assert found.spec.training.epochs == 5

    def test_a_name_and_a_list(self) -> None:
        found = setting(spec(), "both kinds: monitoring.policy.retrain_on=[concept,data]")
        assert found.name == "both kinds"
        assert found.spec.monitoring.policy.retrain_on == ("concept", "data")

"""A real change, through the real cores: scored, watched, trained and swapped in one process."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from driftline.backtest.comparison import Run
from driftline.backtest.page import page_of
from driftline.backtest.report import report
from driftline.backtest.settings import setting
from tests.backtest.made import CHANGE, ROWS, run, spec

pytest.importorskip("tensorflow", reason="TensorFlow comes with the extra 'train'")

NAMES = ("never", "periodic", "ddm", "policy", "hat", "no-change")


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Run:
    eager = setting(spec(), "eager: monitoring.policy.minimum_labels=60 monitoring.policy.cool_down_records=50")
    return run(tmp_path_factory.mktemp("first"), NAMES, (0, 200), (eager,))


@pytest.fixture(scope="module")
def said(done: Run) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(json.dumps(report(done)))
    return document


def without_seconds(document: Any) -> Any:
    if isinstance(document, dict):
        return {k: without_seconds(v) for k, v in document.items() if "seconds" not in k}
    return [without_seconds(v) for v in document] if isinstance(document, list) else document


class TestTheLoop:
    def test_the_policy_retrains_and_beats_the_first_model(self, said: dict[str, Any]) -> None:
        policy, never = said["strategies"]["policy"], said["strategies"]["never"]
        assert policy["retrainings"] >= 1
        assert policy["promoted"] >= 1
        assert never["retrainings"] == 0
        assert policy["accuracy"] > never["accuracy"] + 0.2

    def test_the_change_is_dated_and_nothing_is_said_before(self, said: dict[str, Any]) -> None:
        first = said["strategies"]["policy"]["alarms"][0]
        assert CHANGE <= first["row"] < CHANGE + 300
        assert abs(first["onset_row"] - CHANGE) <= 30
        assert first["kind"] == "concept"

    def test_a_new_model_answers_only_after_its_training(self, said: dict[str, Any]) -> None:
        change = said["strategies"]["policy"]["changes"][0]
        assert change["kind"] == "promoted"
        assert change["row"] >= change["asked_row"] + 100
        assert change["asked_row"] > CHANGE + 100  # minimum_labels since the onset

    def test_the_model_of_the_new_world_knows_it(self, said: dict[str, Any]) -> None:
        line = said["strategies"]["policy"]["curve"]
        assert len(line["rows"]) == len(line["accuracy"]) == len(line["kappa"]) <= 100
        assert line["accuracy"][-1] > 0.85
        assert said["strategies"]["never"]["curve"]["accuracy"][-1] < 0.3

    def test_every_strategy_is_judged_on_the_same_rows(self, said: dict[str, Any]) -> None:
        assert {one["judged"] for one in said["strategies"].values()} == {ROWS - 500}

    def test_a_detector_s_alarm_leads_to_a_training_on_what_came_after(self, said: dict[str, Any]) -> None:
        ddm = said["strategies"]["ddm"]
        assert any(CHANGE <= alarm["row"] < CHANGE + 300 for alarm in ddm["alarms"])
        assert ddm["alarms"][0]["kind"] == "error"
        assert ddm["accuracy"] > said["strategies"]["never"]["accuracy"] + 0.2

    def test_the_calendar_asks_at_its_times(self, said: dict[str, Any]) -> None:
        asked = [change["asked_row"] for change in said["strategies"]["periodic"]["changes"]]
        assert len(asked) == 3  # the fourth, asked for at 2,900, would be answered behind the end
        assert all(0 <= row - 500 - 600 * (i + 1) < 64 for i, row in enumerate(asked))

    def test_fewer_labels_asked_for_mean_an_earlier_model(self, said: dict[str, Any]) -> None:
        first = {name: said["strategies"][name]["changes"][0]["asked_row"] for name in ("eager", "policy")}
        assert first["eager"] <= first["policy"] - 64
        assert said["strategies"]["eager"]["settings"]["monitoring.policy.minimum_labels"] == 60

    def test_late_labels_mean_a_late_answer(self, said: dict[str, Any]) -> None:
        at = {d: said["label_delays"][d]["strategies"]["policy"]["changes"][0]["asked_row"] for d in ("0", "200")}
        assert 100 <= at["200"] - at["0"] <= 300


class TestTheReport:
    def test_what_was_promised_is_there(self, said: dict[str, Any]) -> None:
        assert said["records"] == ROWS
        assert said["seconds"] > 0
        assert list(said["strategies"]) == [*NAMES, "eager"]
        for one in said["strategies"].values():
            assert {"accuracy", "kappa", "retrainings", "recalls", "training_seconds", "alarms"} <= set(one)
            assert {"detected", "delay_median", "missed", "false_alarms"} <= set(one)
            for alarm in one["alarms"]:
                assert set(alarm) == {"row", "onset_row", "kind", "features"}

    def test_the_first_delay_stands_at_the_top(self, said: dict[str, Any]) -> None:
        assert list(said["label_delays"]) == ["0", "200"]
        assert said["strategies"] == said["label_delays"]["0"]["strategies"]

    def test_one_that_retrains_is_recommended(self, said: dict[str, Any]) -> None:
        advice = said["recommended"]
        assert advice["strategy"] in {"policy", "eager", "ddm"}
        assert advice["reason"].startswith(f"{advice['strategy']}: accuracy 0.")

    def test_the_same_seed_gives_the_same_report(
        self, said: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        again = report(run(tmp_path_factory.mktemp("again"), ("never", "policy", "no-change")))
        expected = copy.deepcopy(said["strategies"])
        for name in ("never", "policy", "no-change"):
            assert without_seconds(again["strategies"][name]) == without_seconds(expected[name])


class TestThePage:
    def test_it_holds_everything_and_loads_nothing(self, done: Run, tmp_path: Path) -> None:
        pytest.importorskip("matplotlib", reason="matplotlib comes with the extra 'plots'")
        html = page_of(done).html()
        assert all(f"<td>{name}</td>" in html for name in NAMES)
        assert html.count("<figure>") == 8
        assert "prefers-color-scheme: dark" in html
        assert "http" not in html.replace("http-equiv", "")
        assert "Known changes at rows 1,400." in html

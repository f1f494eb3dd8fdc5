"""A search for settings: what it may search, that it remembers, and that what it reports was not chosen by."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from driftline.errors import UsageError
from driftline.spec.stream import StreamSpec
from tests.training.conftest import numeric_frame, numeric_spec
from training.data import Dataset, from_frame
from training.fit import VALIDATION, Epoch, fit
from training.splits import split
from training.tune import Trial, Tuned, objective, tune
from training.tuning.space import DEFAULT_SPACE, read_space, with_settings
from training.tuning.study import open_study, study_name

SPACE = [
    {"field": "network.hidden", "choices": [[4], [16]]},
    {"field": "learning_rate", "low": 0.002, "high": 0.1, "log": True},
    {"field": "batch_size", "low": 8, "high": 64},
]


def searched(space: object = SPACE, **training: object) -> StreamSpec:
    tuning = {"space": space, **training.pop("tuning", {})}  # type: ignore[dict-item]
    return numeric_spec(**{"epochs": 4, "network": {"hidden": [8]}, "tuning": tuning, **training})


def grouped_spec(method: str) -> StreamSpec:
    """Three numbers and the device that gave them, held out by class or by device."""
    document = searched().model_dump(mode="json")
    document["features"].append({"name": "device", "type": "categorical", "categories": [f"d{i}" for i in range(8)]})
    document["training"]["split"] = {"method": method, "group": "device" if method == "grouped" else None}
    return StreamSpec.model_validate(document)


@pytest.fixture(scope="module")
def rows() -> Dataset:
    return from_frame(searched(), numeric_frame(160))


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tune") / "study.jsonl"


@pytest.fixture(scope="module")
def whole(rows: Dataset, file: Path) -> Tuned:
    """Four trials in one run."""
    return tune(searched(), rows, file, trials=4)


def essence(found: Tuned) -> list[tuple[int, str, dict[str, object], float | None]]:
    return [(trial.number, trial.state, trial.settings, trial.value) for trial in found.history]


class TestTheSpace:
    @pytest.mark.parametrize(
        ("space", "message"),
        [
            (
                [{"field": "network.widht", "low": 1, "high": 2}],
                r"space\[0\].field: read 'network.widht'; training.netw",
            ),
            ([{"field": "dropout", "low": 0, "high": 0.5}], r"read 'dropout'; training has no field 'dropout'"),
            ([{"field": "network", "choices": [1]}], r"a section: name one of activation, batch_normal"),
            ([{"field": "epochs.more", "low": 1, "high": 2}], r"epochs has no fields of its own"),
            (
                [*SPACE, {"field": "network.dropout", "low": 0, "high": 1.5}],
                r"space\[3\] \(network.dropout\): read 1.5: ",
            ),
            ([{"field": "network.activation", "choices": ["relu", "sine"]}], r"\(network.activation\): read 'sine': "),
            ([{"field": "batch_size", "low": 1.5, "high": 8}], r"\(batch_size\): read 1.5: "),
            ([{"field": "network.activation", "low": 1, "high": 8}], r"low and high are for numbers"),
            ([{"field": "network.activation", "choices": []}], r"choices: none given"),
            ([*SPACE, SPACE[1]], r"space\[3\].field: read 'learning_rate'; each field once"),
            ([{"field": "seed", "low": 1, "high": 9}], r"read 'seed'; it decides how settings are measured"),
            ([{"field": "missing", "choices": ["drop"]}], r"read 'missing'; it decides how"),
            ([{"field": "holdout", "low": 0.1, "high": 0.3}], r"read 'holdout'; it decides how"),
        ],
    )
    def test_what_cannot_be_searched_is_named(self, space: object, message: str) -> None:
        with pytest.raises(UsageError, match=message):
            read_space(searched(space))

    def test_without_one_a_sensible_one(self) -> None:
        found = read_space(numeric_spec())
        assert [dimension.path for dimension in found] == [wanted.field for wanted in DEFAULT_SPACE]
        assert all(dimension.current_parameter() is not None for dimension in found)

    def test_settings_go_where_they_belong_and_nothing_else_changes(self) -> None:
        spec = searched()
        found = with_settings(spec, {"network.hidden": [5, 6], "batch_size": 9})
        assert found.training.network.hidden == (5, 6)
        assert found.training.batch_size == 9
        assert with_settings(found, {"network.hidden": [8], "batch_size": 32}) == spec


class TestASearch:
    def test_begins_with_the_current_settings(self, whole: Tuned) -> None:
        assert whole.baseline is whole.history[0]
        assert whole.baseline.settings == {"network.hidden": [8], "learning_rate": 0.001, "batch_size": 32}
        assert [trial.baseline for trial in whole.history] == [True, False, False, False]

    def test_draws_from_the_space_only(self, whole: Tuned) -> None:
        for trial in whole.history[1:]:
            assert trial.settings["network.hidden"] in ([4], [8], [16])
            assert 0.002 <= trial.settings["learning_rate"] <= 0.1
            assert isinstance(trial.settings["batch_size"], int) and 8 <= trial.settings["batch_size"] <= 64

    def test_takes_the_least_validation_loss_and_says_by_how_much(self, whole: Tuned) -> None:
        values = [trial.value for trial in whole.history if trial.value is not None]
        assert whole.best.value == min(values)
        assert whole.gain == pytest.approx(whole.baseline.value - min(values))  # type: ignore[operator]
        assert whole.gain > 0.1

    def test_the_value_is_the_loss_on_the_validation_rows_and_repeatable(self, whole: Tuned, rows: Dataset) -> None:
        spec = with_settings(searched(), whole.best.settings)
        older, _ = rows.split_newest(spec.training.holdout)
        fitted = fit(spec, older)
        validation = older.split_newest(VALIDATION)[1]
        assert objective(spec, fitted.score(validation.columns), validation.labels) == pytest.approx(whole.best.value)
        assert min(epoch.val_loss or 9 for epoch in fitted.history) == pytest.approx(whole.best.value, rel=1e-4)

    @pytest.mark.parametrize("method", ["stratified", "grouped"])
    def test_the_value_is_of_the_rows_that_the_fit_kept_back(self, tmp_path: Path, method: str) -> None:
        spec = grouped_spec(method)
        frame = numeric_frame(160).assign(device=[f"d{i % 8}" for i in range(160)])
        rows = from_frame(spec, frame)
        found = tune(spec, rows, tmp_path / "study", trials=1)
        older, held_out = split(spec, rows, spec.training.holdout)
        kept_back = min(epoch.val_loss or 9 for epoch in fit(spec, older).history)
        assert found.baseline.value == pytest.approx(kept_back, rel=1e-4)
        assert found.held_out["best"].rows == len(held_out)
        newest = objective(
            spec,
            fit(spec, older).score(older.split_newest(VALIDATION)[1].columns),
            older.split_newest(VALIDATION)[1].labels,
        )
        assert found.baseline.value != pytest.approx(newest, rel=1e-3)

    def test_held_out_rows_choose_nothing(self, whole: Tuned, rows: Dataset, tmp_path: Path) -> None:
        older, held_out = rows.split_newest(searched().training.holdout)
        other = (held_out.labels + 1) % 3
        turned = Dataset(rows.columns, np.concatenate([older.labels, other]), rows.record_ids, rows.event_times)
        found = tune(searched(), turned, tmp_path / "study", trials=2)
        assert essence(found) == essence(whole)[:2]
        assert found.held_out["best"].accuracy < whole.held_out["best"].accuracy
        assert whole.held_out["best"].rows == whole.held_out["baseline"].rows == len(held_out)


class TestItRemembers:
    def test_a_second_run_goes_on_as_if_there_had_been_one(self, whole: Tuned, rows: Dataset, tmp_path: Path) -> None:
        first = tune(searched(), rows, tmp_path / "study", trials=2)
        ran: list[int] = []
        second = tune(searched(), rows, tmp_path / "study", trials=4, progress=lambda number, news: ran.append(number))
        assert (first.resumed, second.resumed) == (0, 2)
        assert first.study == second.study
        assert set(ran) == {2, 3}
        assert essence(second) == essence(whole)

    def test_nothing_is_left_to_do(self, whole: Tuned, rows: Dataset, file: Path) -> None:
        ran: list[int] = []
        again = tune(searched(), rows, file, trials=3, progress=lambda number, news: ran.append(number))
        assert ran == [] and essence(again) == essence(whole)

    def test_a_killed_run_loses_the_trial_it_was_at(self, rows: Dataset, tmp_path: Path) -> None:
        def kill(at: int) -> Callable[[int, Epoch | Trial], None]:
            def progress(number: int, news: Epoch | Trial) -> None:
                if number == at:
                    raise KeyboardInterrupt

            return progress

        for at in (0, 2):
            with pytest.raises(KeyboardInterrupt):
                tune(searched(), rows, tmp_path / "study", trials=3, progress=kill(at))
        found = tune(searched(), rows, tmp_path / "study", trials=2)
        assert [(trial.number, trial.baseline) for trial in found.history] == [(1, True), (3, False)]
        assert found.resumed == 1

    def test_other_rows_or_settings_are_another_study(self, rows: Dataset) -> None:
        spec = searched()
        name = study_name(spec, rows, read_space(spec))
        assert name == study_name(searched(tuning={"trials": 7}), rows, read_space(spec))
        assert name != study_name(spec, rows.rows(0, 150), read_space(spec))
        other = searched(patience=3)
        assert name != study_name(other, rows, read_space(other))

    def test_a_file_that_is_none(self, tmp_path: Path) -> None:
        file = tmp_path / "notes.txt"
        file.write_text("bread\nmilk\n")
        with pytest.raises(UsageError, match=r"notes.txt: not the file of a search"):
            open_study(searched(), file, "x", read_space(searched()))
        assert file.read_text() == "bread\nmilk\n"
        with pytest.raises(UsageError, match="--study"):
            open_study(searched(), tmp_path, "x", read_space(searched()))


class TestItEnds:
    def test_when_the_seconds_are_over_but_with_a_baseline(self, rows: Dataset, tmp_path: Path) -> None:
        found = tune(searched(), rows, tmp_path / "study", trials=50, seconds=0.0)
        assert [trial.baseline for trial in found.history] == [True]

    def test_a_trial_that_is_behind_is_given_up(self, rows: Dataset, tmp_path: Path) -> None:
        spec = searched(
            [{"field": "learning_rate", "choices": [1e-6, 0.05]}],
            epochs=12,
            learning_rate=0.05,
            tuning={"sampler": "random", "pruning": "median"},
        )
        found = tune(spec, rows, tmp_path / "study", trials=7)
        by_rate = {trial.settings["learning_rate"]: trial.state for trial in found.history}
        assert by_rate[0.05] == "complete"
        assert by_rate[1e-6] == "pruned"
        given_up = [trial for trial in found.history if trial.state == "pruned"]
        assert all(trial.epochs < 12 and trial.value is None for trial in given_up)

    def test_hyperband_too(self, rows: Dataset, tmp_path: Path) -> None:
        spec = searched(tuning={"pruning": "hyperband", "sampler": "random"}, epochs=7, monitor="f1")
        found = tune(spec, rows, tmp_path / "study", trials=2)
        assert len(found.history) == 2
        assert found.objective == "1 - macro F1"
        assert found.baseline.value is not None and 0 <= found.baseline.value <= 1

    def test_the_objective_by_hand(self) -> None:
        spec = searched()
        probabilities = np.array([[0.5, 0.25, 0.25], [0.1, 0.8, 0.1]], dtype=np.float32)
        found = objective(spec, probabilities, np.array([0, 2]))
        assert found == pytest.approx(-(np.log(0.5) + np.log(0.1)) / 2, rel=1e-6)


def test_the_study_is_plain_json(whole: Tuned, file: Path) -> None:
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert any(line.get("study_name") == whole.study for line in lines)

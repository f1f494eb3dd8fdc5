"""Jobs that train nothing, through real versions in a real registry."""

from pathlib import Path

import pandas as pd
import pytest

from driftline.errors import UsageError
from driftline.records.loop import JobAction
from driftline.registry.registry import Registry
from tests.training.conftest import numeric_frame, numeric_spec
from training.data import from_frame
from training.initial import train_initial
from training.job import run
from training.messages import JobRequest, JobResult, Message
from training.npz import save_dataset
from training.origin import Origin

SPEC = numeric_spec()


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Version 1 knows the blobs by their names, version 2 (in service) by others."""
    root = str(tmp_path_factory.mktemp("models"))
    registry = Registry(root, SPEC.stream)
    for turn in (0, 1):
        assert train_initial(SPEC, numeric_frame(150, turn=turn), registry, now_ms=turn + 1).manifest is not None
    return root


def ask(
    root: str, folder: Path, rows: pd.DataFrame, action: JobAction, **fields: object
) -> tuple[JobResult, list[str]]:
    save_dataset(folder / "data.npz", from_frame(SPEC, rows))
    request = JobRequest.model_validate(
        {
            "spec": SPEC,
            "data": str(folder / "data.npz"),
            "registry": root,
            "champion_version": 2,
            "archived": (1,),
            "out": str(folder / "out"),
            "origin": Origin(source="kafka", created_at=5, job_id="j1"),
            "action": action,
            **fields,
        }
    )
    said: list[Message] = []
    result = run(JobRequest.model_validate_json(request.to_line()), said.append)
    assert (folder / "out").exists() == (result.kind == "promoted")
    return result, [str(message["stage"]) for message in said]


class TestRecall:
    def test_of_a_version_that_knows_this_world(self, root: str, tmp_path: Path) -> None:
        result, stages = ask(root, tmp_path, numeric_frame(50, seed=7), "recall")
        assert (result.kind, result.version, stages) == ("recalled", 1, ["recall"])
        assert result.metrics["accuracy"] > 0.9
        assert result.metrics["champion_accuracy"] < 0.2

    def test_or_nothing_and_never_a_training(self, root: str, tmp_path: Path) -> None:
        """A world that neither version knows: any training would beat both."""
        result, stages = ask(root, tmp_path, numeric_frame(200, seed=7, turn=2), "recall")
        assert (result.kind, result.version, stages) == ("refused", None, ["recall"])
        assert "no archived version fits: version 1 comes closest" in result.reasons[0]

    def test_of_nothing(self, root: str, tmp_path: Path) -> None:
        result, _ = ask(root, tmp_path, numeric_frame(50, seed=7), "recall", archived=())
        assert (result.kind, result.reasons) == ("refused", ("no archived version can answer this stream",))

    def test_needs_a_model_in_service(self, root: str, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="there is none that was made for this task"):
            ask(root, tmp_path, numeric_frame(50), "recall", champion_version=None)


class TestRollback:
    def test_to_a_version_that_is_better_on_the_same_rows(self, root: str, tmp_path: Path) -> None:
        result, stages = ask(root, tmp_path, numeric_frame(40, seed=8), "rollback")
        assert (result.kind, result.version, stages) == ("rolled-back", 1, ["rollback"])

    def test_not_to_one_that_is_not(self, root: str, tmp_path: Path) -> None:
        result, _ = ask(root, tmp_path, numeric_frame(40, seed=8, turn=1), "rollback")
        assert result.kind == "refused"

    def test_even_if_it_is_far_from_what_it_was_when_it_was_made(self, root: str, tmp_path: Path) -> None:
        """It need only be better than what has replaced it."""
        mixed = pd.concat([numeric_frame(60, seed=8), numeric_frame(40, seed=9, turn=2)])
        assert ask(root, tmp_path, mixed, "recall")[0].kind == "refused"
        assert ask(root, tmp_path, mixed, "rollback")[0].kind == "rolled-back"


class TestTraining:
    def test_continue_begins_from_the_weights_in_service_and_takes_a_quarter_of_the_epochs(
        self, root: str, tmp_path: Path
    ) -> None:
        result, stages = ask(root, tmp_path, numeric_frame(200, seed=9, turn=2), "continue")
        assert any("began from the weights of version 2" in reason for reason in result.reasons)
        assert 1 <= stages.count("fit") - 1 <= 4

    def test_a_sliding_window_recalls_nothing(self, root: str, tmp_path: Path) -> None:
        result, stages = ask(root, tmp_path, numeric_frame(200, seed=9), "retrain-window")
        assert result.kind == "promoted"
        assert "recall" not in stages

"""Two processes on this machine train one model together."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from driftline.errors import UsageError
from driftline.registry import Registry
from driftline.spec.load import load_spec
from tests.training.conftest import numeric_frame, numeric_spec
from training.data import from_frame
from training.fit import refit
from training.keras_fit import strategies

ROOT = Path(__file__).parents[3]
SETTINGS = {"network": {"hidden": [16], "dropout": 0.0}, "epochs": 4, "loop": "fit", "learning_rate": 0.01}

# The command itself, and, for the test to look at, the weights that every worker ends with.
WORKER = """
import sys
import numpy as np
from driftline.cli.app import app
from training import train
fit = train.refit
def refit(*given, **more):
    fitted = fit(*given, **more)
    np.savez(sys.argv[1], *fitted.network.logits.get_weights())
    return fitted
train.refit = refit
app(["train", "data.csv", "--report", sys.argv[1] + ".json"])
"""


def free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where two workers have trained."""
    made = tmp_path_factory.mktemp("workers")
    spec = numeric_spec(**SETTINGS, strategy="multi-worker")
    (made / "stream.yaml").write_text(spec.model_dump_json(exclude={"kafka"}))
    numeric_frame(203).to_csv(made / "data.csv", index=False)
    cluster = {"worker": [f"127.0.0.1:{port}" for port in free_ports(2)]}
    running = [
        subprocess.Popen(
            [sys.executable, "-c", WORKER, f"w{i}"],
            cwd=made,
            env={
                **os.environ,
                "PYTHONPATH": str(ROOT),
                "CUDA_VISIBLE_DEVICES": "",
                "TF_CONFIG": json.dumps({"cluster": cluster, "task": {"type": "worker", "index": i}}),
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for i in range(2)
    ]
    try:
        said = [process.communicate(timeout=150)[0] for process in running]
    finally:
        for process in running:
            process.kill()
    assert [process.returncode for process in running] == [0, 0], said
    (made / "said.json").write_text(json.dumps(said))
    return made


def weights(folder: Path, worker: int) -> list[np.ndarray]:
    with np.load(folder / f"w{worker}.npz") as file:
        return [file[name] for name in file.files]


class TestTwoWorkers:
    def test_finish_with_identical_weights(self, folder: Path) -> None:
        first, second = weights(folder, 0), weights(folder, 1)
        assert len(first) == len(second) == 4
        for one, other in zip(first, second, strict=True):
            np.testing.assert_array_equal(one, other)

    def test_what_they_learnt_tells_the_classes_apart(self, folder: Path) -> None:
        """192 of the 203 rows are six full batches; the rest wait for another pass. Here: the sums of two halves."""
        data = from_frame(numeric_spec(), numeric_frame(203))
        passes = json.loads((folder / "w0.json").read_text())
        assert passes["promoted"] and passes["metrics"]["rows"] == 41
        alone = refit(numeric_spec(**SETTINGS), data, 4)
        # Not the same model: alone, the last batch of each pass has eleven rows more. But the same answers.
        network = alone.network
        network.logits.set_weights(weights(folder, 0))
        answers = alone.score(data.columns).argmax(axis=1)
        assert (answers == data.labels).mean() > 0.9

    def test_only_the_chief_writes(self, folder: Path) -> None:
        spec = load_spec(folder / "stream.yaml", {})
        registry = Registry(str(folder / "models"), spec.stream)
        assert registry.versions() == [1]
        chief, other = json.loads((folder / "said.json").read_text())
        assert "promoted" in chief and "promoted" not in other
        assert "the chief (index 0) writes the version" in " ".join(other.split())
        assert (folder / "w0.json").exists() and not (folder / "w1.json").exists()


class TestTheCluster:
    @pytest.mark.parametrize(
        "config",
        [
            None,
            "{",
            '{"cluster": {"worker": ["a:1"]}}',
            '{"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker", "index": 2}}',
            '{"cluster": {"worker": ["a:1"], "ps": ["b:1"]}, "task": {"type": "ps", "index": 0}}',
        ],
    )
    def test_is_told_by_tf_config_or_refused(self, config: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("TF_CONFIG", raising=False)
        if config is not None:
            monkeypatch.setenv("TF_CONFIG", config)
        with pytest.raises(UsageError, match=r"training\.strategy: multi-worker reads TF_CONFIG, which is .*; allowed"):
            strategies.Workers("multi-worker")

    def test_of_one_is_no_cluster(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv(
            "TF_CONFIG", '{"cluster": {"worker": ["127.0.0.1:1"]}, "task": {"type": "worker", "index": 0}}'
        )
        alone = strategies.Workers("multi-worker")
        assert alone.chief and not alone.several

"""TensorBoard's files, read back."""

import builtins
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from google.protobuf import text_format
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins import projector

from driftline.errors import UsageError
from driftline.spec.stream import StreamSpec
from training.data import from_frame
from training.fit import Fitted, fit, refit
from training.keras_fit.board import new_run


@pytest.fixture(scope="module")
def shown(
    mixed_spec: StreamSpec, mixed_frame: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Fitted]:
    """The folder after a fit of three passes and a refit of two."""
    folder = tmp_path_factory.mktemp("board") / "logs"
    document = mixed_spec.model_dump()
    document["training"] |= {"loop": "fit", "tensorboard": str(folder), "epochs": 3}
    spec = StreamSpec.model_validate(document)
    data = from_frame(spec, mixed_frame)
    fit(spec, data)
    return folder, refit(spec, data, 2)


def test_each_training_has_its_run(shown: tuple[Path, Fitted]) -> None:
    assert sorted(path.name for path in shown[0].iterdir()) == ["run-001-fit", "run-002-refit"]


def test_curves_and_histograms_once_a_pass(shown: tuple[Path, Fitted]) -> None:
    folder = shown[0] / "run-001-fit"
    train, validation = (EventAccumulator(str(folder / part)).Reload() for part in ("train", "validation"))
    losses = [event.step for event in train.Tensors("epoch_loss")]
    assert losses == [0, 1, 2]
    assert len(validation.Tensors("epoch_f1")) == len(validation.Tensors("epoch_loss")) == 3
    histograms = [tag for tag in train.Tags()["tensors"] if tag.endswith("histogram")]
    assert {tag.split("/")[0] for tag in histograms} >= {"hidden_0", "logits", "category_1", "text_0", "text_1"}
    assert all(len(train.Tensors(tag)) == 3 for tag in histograms)


def test_the_projector_finds_vectors_and_their_names(shown: tuple[Path, Fitted]) -> None:
    folder, fitted = shown[0] / "run-002-refit", shown[1]
    config = text_format.Parse((folder / "projector_config.pbtxt").read_text(), projector.ProjectorConfig())
    assert [embedding.tensor_name for embedding in config.embeddings] == ["category_1", "text_0", "text_1"]
    for embedding in config.embeddings:
        vectors = np.loadtxt(folder / embedding.tensor_path, delimiter="\t")
        names = (folder / embedding.metadata_path).read_text().splitlines()
        weights = fitted.network.logits.get_layer(embedding.tensor_name).get_weights()[0]
        assert len(names) == len(vectors)
        np.testing.assert_allclose(vectors, weights, rtol=1e-4, atol=1e-6)
    assert names[:2] == ["(padding)", "(out of vocabulary)"]
    cities = (folder / config.embeddings[0].metadata_path).read_text().splitlines()
    assert cities[:3] == ["(unknown)", "city 0", "city 1"]


def test_without_tensorboard_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def missing(name: str, *rest: object, **more: object) -> object:
        if name == "tensorboard":
            raise ImportError(name)
        return real(name, *rest, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(UsageError, match=r"training\.tensorboard: .*driftline\[tensorboard\]"):
        new_run(str(tmp_path), "fit")


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match=r"training\.tensorboard: .*file.* cannot be written"):
        new_run(str(tmp_path / "file"), "fit")

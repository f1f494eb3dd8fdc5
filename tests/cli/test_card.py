"""`models card` draws a version from the registry alone."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from driftline.model_card.page import card_page
from driftline.registry import Evaluation, Manifest, Verdict
from driftline.registry.card import CARD, Calibration, Card, Curve, Epochs, Importance, Layer, Permutation
from driftline.registry.manifest import ClassEvaluation, Export, Parity
from driftline.workspace import Workspace
from tests.cli.conftest import Run
from tests.registry.made import manifest, version_files
from tests.streams import numeric_stream

EVIL = "<script>alert(1)</script>"


def made_card() -> Card:
    return Card(
        held_out_rows=30,
        epochs=Epochs(loss=(1.0, 0.6, None), val_loss=(1.1, 0.7, 0.8), best=2),
        curves=(
            Curve(
                name=EVIL,
                rows=10,
                false_positive_rate=(0.0, 0.1, 1.0),
                recall=(0.0, 0.8, 1.0),
                precision=(1.0, 0.8, 0.3),
            ),
        ),
        calibration=Calibration(rows=(0, 10, 20), confidence=(None, 0.5, 0.9), right=(None, 0.4, 1.0)),
        permutation=Permutation(
            features=(Importance(name=EVIL, log_loss=0.4, log_loss_spread=0.1, accuracy=0.2),),
            rows=30,
            repeats=3,
            left_out=2,
        ),
        layers=(Layer(name="hidden_0", units=8, mean=0.5, std=0.4, zeros=0.6, dead=0.75),),
    )


def full_manifest() -> Manifest:
    figures: dict[str, Any] = {"accuracy": 0.8, "macro_f1": 0.75, "log_loss": 0.5}
    candidate = Evaluation(
        rows=30,
        **figures,
        classes=(ClassEvaluation(name="ok", rows=10, precision=0.9, recall=0.8, f1=0.85),),
        confusion=((8, 1, 1), (2, 8, 0), (0, 0, 10)),
        intervals={"accuracy": (0.7, 0.9)},
    )
    return manifest(
        numeric_stream(),
        3,
        verdict=Verdict(
            promoted=True, reasons=("gain +0.100", EVIL), candidate=candidate,
            champion=Evaluation(rows=30, accuracy=0.7), p_value=0.03,
        ),
        baselines={"logistic": Evaluation(rows=30, accuracy=0.77)},
        exports={
            "litert-int8": Export(file="model.int8.tflite", bytes=2_048, refused="9 answers changed"),
            "litert": Export(
                file="model.tflite", bytes=4_096, parity=Parity(rows=512, largest_difference=1e-7, decisions_changed=0)
            ),
        },
        job_id="job-7",
        drift_event_id="drift-4",
        replaced_version=2,
    )  # fmt: skip


class TestPage:
    def test_all_that_the_registry_knows(self) -> None:
        html = card_page(full_manifest(), made_card(), in_service=True).html()
        for said in (
            "pumps, version 3", "in service", "gain +0.100", "0.800 (0.700–0.900)", "the model in service then",
            "logistic", "p = 0.03", "job-7", "drift-4", "9 answers changed", "model.int8.tflite", "1e-07",
            "2 further features",
            "75% of its 8 units are dead", "hidden_0",
        ):  # fmt: skip
            assert said in html, said
        assert html.count("<img ") == 5
        assert "<script" not in html

    def test_a_version_from_before_there_were_cards(self) -> None:
        html = card_page(full_manifest(), None).html()
        assert "stored without card.json" in html
        assert html.count("<img ") == 1  # the confusion matrix is the manifest's
        assert "What it listens to" not in html

    def test_the_plainest_version(self) -> None:
        assert "0.900" in card_page(manifest(numeric_stream()), None).html()


class TestCommand:
    @pytest.fixture
    def stored(self, stream: Workspace, tmp_path: Path) -> Workspace:
        files = version_files(tmp_path / "files", **{CARD: made_card().model_dump_json().encode()})
        stream.registry.add(files, full_manifest())
        return stream

    def test_a_page_and_its_pictures(self, cli: Run, stored: Workspace, tmp_path: Path) -> None:
        version = stored.registry.versions()[0]
        said = cli("models", "card", version, "--out", "out/card.html", "--png", "pics")
        assert (said.code, said.err) == (0, "")
        assert said.out == f"model card of version {version}: out/card.html and 5 pictures in pics\n"
        assert (tmp_path / "out/card.html").read_text().startswith("<!doctype html>")
        names = sorted(path.name for path in (tmp_path / "pics").iterdir())
        assert names == ["calibration.png", "confusion.png", "curves.png", "importance.png", "learning.png"]

    def test_an_old_version(self, cli: Run, versions: Workspace, tmp_path: Path) -> None:
        assert cli("models", "card", "2").code == 0
        html = (tmp_path / "pumps-2.html").read_text()
        assert "stored without card.json" in html
        assert "; in service." in html

    def test_which_there_are_where_it_is_not_one(self, cli: Run, versions: Workspace) -> None:
        said = cli("models", "card", "9")
        assert said.code == 2
        assert said.refusal() == f"version: read 9; versions in {versions.registry.location}: 1, 2, 3"

    def test_a_folder_is_no_page(self, cli: Run, versions: Workspace, tmp_path: Path) -> None:
        said = cli("models", "card", "2", "--out", tmp_path)
        assert said.code == 2
        assert "is a directory" in said.refusal()

    def test_a_card_that_was_changed(self, cli: Run, stored: Workspace) -> None:
        version = stored.registry.versions()[0]
        Path(stored.registry.location, str(version), CARD).write_text("{}")
        said = cli("models", "card", version)
        assert said.code == 1
        assert "card.json is damaged" in said.refusal()

    def test_without_tensorflow(self, stored: Workspace, tmp_path: Path) -> None:
        script = (
            "import sys; sys.modules['tensorflow'] = sys.modules['keras'] = None\n"
            "from driftline.cli.app import main; main()"
        )
        environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
        version = str(stored.registry.versions()[0])
        command = [sys.executable, "-c", script, "models", "card", version, "--out", "card.html"]
        ran = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=60)
        assert ran.returncode == 0, ran.stderr
        assert (tmp_path / "card.html").exists()


def test_many_classes_are_drawn_in_part() -> None:
    classes = tuple(f"c{k}" for k in range(60))
    rng = np.random.default_rng(0)
    table = tuple(tuple(int(cell) for cell in line) for line in rng.integers(0, 9, (60, 60)))
    many = manifest(
        numeric_stream(), classes=classes,
        verdict=Verdict(promoted=True, reasons=(), candidate=Evaluation(rows=9, accuracy=0.5, confusion=table)),
    )  # fmt: skip
    assert "the 30 rarest classes are not drawn" in card_page(many, None).html()

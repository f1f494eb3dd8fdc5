"""The further forms of a model: float16, int8, ONNX; what each may change, and what the consumers run."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from driftline.errors import UsageError
from driftline.model.scorer import LiteRTScorer, OnnxScorer, TensorFlowScorer, open_scorer
from driftline.registry.manifest import FILES, Manifest
from driftline.spec.stream import StreamSpec
from tests.training.conftest import Made
from training.data import Dataset, from_frame
from training.export import Exported, export
from training.exporting import litert
from training.exporting.parity import knocked_out, sample
from training.exporting.saved_model import inner_function
from training.fit import Fitted, refit
from training.origin import Origin
from training.runtime import tf
from training.train import Trained, train

FORMS = ("litert-float16", "litert-int8", "onnx")


def with_export(spec: StreamSpec, **settings: object) -> StreamSpec:
    document = spec.model_dump(mode="json")
    document["training"]["export"] = settings
    return StreamSpec.model_validate(document)


@pytest.fixture(scope="module")
def fitted(mixed_model: Made) -> Fitted:
    return refit(mixed_model.spec, mixed_model.dataset, 12)


@pytest.fixture(scope="module")
def made(mixed_model: Made, fitted: Fitted, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Exported]:
    out = tmp_path_factory.mktemp("forms") / "model"
    spec = with_export(mixed_model.spec, formats=FORMS, serve="onnx", maximum_changed=0.05)
    return out, export(spec, fitted.network, mixed_model.dataset.columns, out)


class TestEveryFormIsComparedWithTensorFlow:
    def test_the_manifest_has_file_size_and_agreement(self, made: tuple[Path, Exported]) -> None:
        out, exported = made
        assert set(exported.exports) == {"tensorflow", "litert", *FORMS}
        for name in ("litert", *FORMS):
            form = exported.exports[name]
            assert (out / form.file).stat().st_size == form.bytes
            assert form.refused is None
            assert form.parity is not None and form.parity.rows == 800
            assert form.parity.decisions_changed <= 0.05 * 800
        assert exported.exports["onnx"].parity is not None
        assert exported.exports["onnx"].parity.largest_difference < 1e-5

    def test_lower_precision_is_seen_and_small(self, made: tuple[Path, Exported]) -> None:
        differences = {name: made[1].exports[name].parity for name in ("litert", "litert-float16", "litert-int8")}
        exact, half, whole = (parity.largest_difference for parity in differences.values() if parity)
        assert exact < half < whole < 0.15

    @pytest.mark.parametrize("name", FORMS)
    def test_missing_values_and_any_batch_work(
        self, made: tuple[Path, Exported], mixed_model: Made, fitted: Fitted, name: str
    ) -> None:
        out, _ = made
        look_ups = fitted.network.preprocessing.look_ups
        model = (out / FILES[name]).read_bytes()  # type: ignore[index]
        scorer = OnnxScorer(model, look_ups) if name == "onnx" else LiteRTScorer(model, look_ups)
        rows = knocked_out(mixed_model.dataset.columns.take(slice(0, 70)))
        assert np.isnan(rows.numeric).any()
        found, expected = scorer.score(rows), fitted.score(rows)
        np.testing.assert_allclose(found, expected, atol=0.15)
        assert (found.argmax(axis=1) == expected.argmax(axis=1)).mean() > 0.9
        np.testing.assert_allclose(scorer.score(rows.take(slice(3, 4))), found[3:4], atol=1e-6)
        assert scorer.score(rows.take(slice(0, 0))).shape == (0, 2)

    def test_int8_is_int8_in_the_dense_layers_and_float_at_the_ends(self, made: tuple[Path, Exported]) -> None:
        from ai_edge_litert.interpreter import Interpreter

        interpreter = Interpreter(model_path=str(made[0] / FILES["litert-int8"]))
        interpreter.allocate_tensors()
        ends = [*interpreter.get_input_details(), *interpreter.get_output_details()]
        assert {end["dtype"] for end in ends} == {np.float32, np.int32}
        dtypes = {detail["name"]: detail["dtype"] for detail in interpreter.get_tensor_details()}
        assert {kind for name, kind in dtypes.items() if "hidden_0" in name and "MatMul" in name} == {np.int8}


class TestWhyTheWholeGraphIsNotQuantised:
    """The figures of docs/exporting.md: where they change, so does the reason."""

    def test_missing_values_and_scales_do_not_survive_it(self) -> None:
        spec, dataset = six_columns()
        fitted = refit(spec, dataset, 8)
        rows, look_ups = dataset.columns, fitted.network.preprocessing.look_ups
        expected = fitted.score(rows)
        concrete, module = inner_function(fitted.network)
        converter = tf.lite.TFLiteConverter.from_concrete_functions([concrete], module)
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.representative_dataset = lambda: ({"numeric": rows.numeric[i : i + 1]} for i in range(200))
        changed = {}
        for name, model in (
            ("whole", converter.convert()),
            ("dense layers", litert.convert_int8(fitted.network, rows)),
        ):
            found = LiteRTScorer(model, look_ups).score(rows)
            changed[name] = int((found.argmax(axis=1) != expected.argmax(axis=1)).sum())
        assert changed["whole"] > 300
        assert changed["dense layers"] <= 12


class TestWhatTheConsumersRun:
    def test_the_form_asked_for(self, made: tuple[Path, Exported], mixed_model: Made, fitted: Fitted) -> None:
        out, exported = made
        assert (exported.runtime, exported.reason) == ("onnx", "")
        assert isinstance(mixed_model.manifest, Manifest)
        document = mixed_model.manifest.model_dump(mode="json") | {"runtime": exported.runtime}
        document["look_ups"] = fitted.network.preprocessing.look_ups.model_dump(mode="json")
        scorer = open_scorer(Manifest.model_validate(document), out)
        assert isinstance(scorer, OnnxScorer)
        rows = sample(mixed_model.dataset.columns)
        np.testing.assert_allclose(scorer.score(rows), TensorFlowScorer(out).score(rows), atol=1e-5)

    def test_tensorflow_by_choice_needs_no_reason(self, mixed_model: Made, fitted: Fitted, tmp_path: Path) -> None:
        spec = with_export(mixed_model.spec, serve="tensorflow")
        found = export(spec, fitted.network, mixed_model.dataset.columns, tmp_path / "model")
        assert (found.runtime, found.reason) == ("tensorflow", "")
        assert found.exports["litert"].refused is None

    def test_a_form_that_changes_too_much_is_refused_and_litert_serves(
        self, mixed_model: Made, fitted: Fitted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        other = refit(with_other_seed(mixed_model.spec), mixed_model.dataset, 1).network
        monkeypatch.setattr(litert, "convert_int8", lambda network, columns: litert.convert(other))
        spec = with_export(mixed_model.spec, serve="litert-int8", maximum_changed=0.01)
        found = export(spec, fitted.network, mixed_model.dataset.columns, tmp_path / "model")
        assert found.runtime == "litert"
        refused = found.exports["litert-int8"].refused
        assert refused is not None
        assert re.fullmatch(r"changes \d+ of 800 answers \(\d+\.\d\d%\); .*maximum_changed allows 1\.00%", refused)
        assert found.reason == f"litert-int8 {refused}"
        assert not (tmp_path / "model" / FILES["litert-int8"]).exists()

    def test_a_form_that_does_not_convert_is_refused(
        self, mixed_model: Made, fitted: Fitted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(network: object) -> bytes:
            raise RuntimeError("no kernel\nfor this")

        monkeypatch.setattr(litert, "convert_float16", fail)
        spec = with_export(mixed_model.spec, serve="litert-float16")
        found = export(spec, fitted.network, mixed_model.dataset.columns, tmp_path / "model")
        assert (found.runtime, found.reason) == ("litert", "litert-float16 does not convert: no kernel")

    def test_the_verdict_says_why_it_is_another(
        self, mixed_model: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(network: object, columns: object) -> bytes:
            raise RuntimeError("no kernel")

        monkeypatch.setattr(litert, "convert_int8", fail)
        spec = with_export(mixed_model.spec, serve="litert-int8")
        quick = spec.model_copy(update={"training": spec.training.model_copy(update={"epochs": 1, "refit": False})})
        outcome = train(quick, mixed_model.dataset, Origin(source="test", created_at=1), tmp_path / "model")
        assert isinstance(outcome, Trained) and outcome.manifest is not None
        assert outcome.manifest.runtime == "litert"
        assert outcome.manifest.verdict.reasons[-1] == "served by LiteRT: litert-int8 does not convert: no kernel"
        assert outcome.manifest.exports["litert-int8"].refused == "does not convert: no kernel"
        assert isinstance(open_scorer(outcome.manifest, tmp_path / "model"), LiteRTScorer)

    def test_the_extra_is_named_where_it_is_missing(
        self, mixed_model: Made, fitted: Fitted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
        with pytest.raises(UsageError, match=r"tf2onnx is not installed.*driftline\[onnx\]"):
            export(
                with_export(mixed_model.spec, formats=["onnx"]), fitted.network, mixed_model.dataset.columns, tmp_path
            )
        assert list(tmp_path.iterdir()) == []

    def test_the_consumer_names_the_extra(self, made: tuple[Path, Exported], monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "onnxruntime", None)
        with pytest.raises(UsageError, match=r"onnxruntime is not installed.*driftline\[onnx\]"):
            OnnxScorer((made[0] / FILES["onnx"]).read_bytes(), Manifest.model_fields["look_ups"].default)


class TestDefaults:
    def test_no_further_form_is_made(self, mixed_model: Made) -> None:
        assert isinstance(mixed_model.manifest, Manifest)
        assert set(mixed_model.manifest.exports) == {"tensorflow", "litert"}
        form = mixed_model.manifest.exports["litert"]
        assert (form.file, form.refused, form.parity) == ("model.tflite", None, mixed_model.manifest.parity)
        assert mixed_model.manifest.exports["tensorflow"].bytes == sum(
            path.stat().st_size
            for path in mixed_model.folder.rglob("*")
            if path.name == "saved_model.pb" or path.parent.name == "variables"
        )
        assert not {"model.onnx", "model.int8.tflite"} & {path.name for path in mixed_model.folder.iterdir()}


class TestTensorFlowsOwnToolReadsTheSignature:
    def test_names_dtypes_and_shapes(self, mixed_model: Made) -> None:
        shown = show_signature(mixed_model.folder)
        found = re.findall(
            r"(inputs|outputs)\['(\w+)'\] tensor_info:\s+dtype: (\w+)\s+shape: \(([^)]*)\)\s+name: (\S+)", shown
        )
        assert {(side, name, dtype, shape) for side, name, dtype, shape, _ in found} == {
            ("inputs", "numeric", "DT_FLOAT", "-1, 2"),
            ("inputs", "categorical", "DT_STRING", "-1, 2"),
            ("inputs", "text", "DT_STRING", "-1, 2"),
            ("outputs", "probabilities", "DT_FLOAT", "-1, 1"),
        }
        assert {tensor for side, *_, tensor in found if side == "inputs"} == {
            f"serving_default_{name}:0" for name in ("numeric", "categorical", "text")
        }
        assert "Method name is: tensorflow/serving/predict" in shown


def show_signature(folder: Path) -> str:
    tool = Path(sys.executable).with_name("saved_model_cli")
    command = [str(tool)] if tool.exists() else [sys.executable, "-m", "tensorflow.python.tools.saved_model_cli"]
    ran = subprocess.run(
        [*command, "show", "--dir", str(folder), "--tag_set", "serve", "--signature_def", "serving_default"],
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def six_columns() -> tuple[StreamSpec, Dataset]:
    """600 rows of three classes; one column is a thousand times wider, a tenth of the cells is missing."""
    names = [f"x{i}" for i in range(6)]
    spec = StreamSpec.model_validate(
        {
            "stream": "six",
            "classes": ["a", "b", "c"],
            "features": [{"name": name, "type": "numeric"} for name in names],
            "training": {"network": {"hidden": [32, 16]}},
        }
    )
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 3, 600)
    values = rng.normal(size=(600, 6)) + 2 * np.eye(6)[truth]
    values[:, 3] *= 1000
    values[rng.random(values.shape) < 0.1] = np.nan
    return spec, from_frame(spec, pd.DataFrame(values, columns=names).assign(label=np.array(["a", "b", "c"])[truth]))


def with_other_seed(spec: StreamSpec) -> StreamSpec:
    return spec.model_copy(update={"training": spec.training.model_copy(update={"seed": 99})})

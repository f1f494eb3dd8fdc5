import string

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftline.model.columns import Columns
from driftline.model.scorer import LiteRTScorer, TensorFlowScorer, open_scorer
from driftline.registry.manifest import LookUps, Manifest
from driftline.registry.reference import Reference
from tests.training.conftest import CITIES, WORDS, Made
from training.export import LARGEST_DIFFERENCE, export
from training.fit import Fitted, refit
from training.runtime import tf


@pytest.fixture(scope="module")
def manifest(mixed_model: Made) -> Manifest:
    assert isinstance(mixed_model.manifest, Manifest)
    return mixed_model.manifest


@pytest.fixture(scope="module")
def scorers(mixed_model: Made, manifest: Manifest) -> tuple[LiteRTScorer, TensorFlowScorer]:
    lite = open_scorer(manifest, mixed_model.folder)
    assert isinstance(lite, LiteRTScorer)
    return lite, TensorFlowScorer(mixed_model.folder)


@pytest.fixture(scope="module")
def fitted(mixed_model: Made) -> Fitted:
    return refit(mixed_model.spec, mixed_model.dataset, 12)


# NUL cannot be told from padding in numpy's fixed-width strings, which is how TensorFlow is handed them.
TEXT = st.text(st.characters(blacklist_characters="\0", blacklist_categories=["Cs"]), max_size=30)
NOTE = TEXT | st.lists(st.sampled_from([*WORDS, *string.punctuation, "\t", "\u00a0", "\u2003", "İ"])).map(" ".join)
ROW = st.tuples(
    st.floats(width=32, allow_nan=True, allow_infinity=False),
    st.floats(width=32, allow_nan=True, allow_infinity=False),
    st.none() | st.sampled_from(["red", "blue", "1", "mauve", "", "[UNK]"]) | TEXT,
    st.none() | st.sampled_from([*CITIES, "nowhere"]),
    st.none() | NOTE,
    st.none() | NOTE,
)


class TestLiteRTAnswersAsTensorFlowDoes:
    @settings(max_examples=80, deadline=None)
    @given(st.lists(ROW, min_size=1, max_size=9))
    def test_on_any_strings_and_any_numbers(
        self, scorers: tuple[LiteRTScorer, TensorFlowScorer], rows: list[tuple[object, ...]]
    ) -> None:
        cells = np.array(rows, dtype=object).reshape(len(rows), 6)
        columns = Columns(cells[:, :2].astype(np.float32), cells[:, 2:4], cells[:, 4:])
        lite, full = (scorer.score(columns) for scorer in scorers)
        assert lite.shape == (len(rows), 2)
        assert np.isfinite(full).all()
        np.testing.assert_allclose(lite, full, atol=LARGEST_DIFFERENCE, rtol=0)

    def test_the_manifest_says_so(self, manifest: Manifest) -> None:
        assert manifest.runtime == "litert"
        assert manifest.parity is not None
        assert manifest.parity.rows == 800
        assert manifest.parity.decisions_changed == 0
        assert manifest.parity.largest_difference <= LARGEST_DIFFERENCE

    def test_both_are_the_network_that_was_trained(self, mixed_model: Made, fitted: Fitted, tmp_path: object) -> None:
        from pathlib import Path

        out = Path(str(tmp_path)) / "model"
        export(mixed_model.spec, fitted.network, mixed_model.dataset.columns, out)
        lite = LiteRTScorer((out / "model.tflite").read_bytes(), fitted.network.preprocessing.look_ups)
        expected = fitted.score(mixed_model.dataset.columns)
        for scorer in (lite, TensorFlowScorer(out)):
            np.testing.assert_allclose(scorer.score(mixed_model.dataset.columns), expected, atol=1e-5)

    def test_a_difference_sends_the_version_to_tensorflow(
        self, mixed_model: Made, fitted: Fitted, tmp_path: object, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from pathlib import Path

        import training.export as room

        class Deaf(LiteRTScorer):
            """A LiteRT whose look-ups have lost their categories."""

            def __init__(self, model: bytes, look_ups: LookUps) -> None:
                super().__init__(model, look_ups.model_copy(update={"categories": (("x",), ("y",))}))

        monkeypatch.setattr(room, "LiteRTScorer", Deaf)
        found = export(mixed_model.spec, fitted.network, mixed_model.dataset.columns, Path(str(tmp_path)) / "model")
        assert found.runtime == "tensorflow"
        assert "LiteRT differs" in found.reason


class TestMissingAndUnknownAreHarmless:
    def test_an_unknown_category_is_answered_as_a_missing_one(
        self, scorers: tuple[LiteRTScorer, TensorFlowScorer], mixed_model: Made
    ) -> None:
        rows = mixed_model.dataset.columns.take(slice(0, 20))
        answers = []
        for value in (None, "never seen"):
            categorical = rows.categorical.copy()
            categorical[:, 1] = value
            answers.append(scorers[0].score(Columns(rows.numeric, categorical, rows.text)))
        np.testing.assert_array_equal(answers[0], answers[1])


class TestTheSavedModelIsWhatTensorFlowServingLoads:
    def test_signature(self, mixed_model: Made) -> None:
        assert (mixed_model.folder / "saved_model.pb").exists()
        assert (mixed_model.folder / "variables" / "variables.index").exists()
        signature = tf.saved_model.load(str(mixed_model.folder)).signatures["serving_default"]
        inputs = {k: (v.dtype.name, v.shape.as_list()) for k, v in signature.structured_input_signature[1].items()}
        assert inputs == {
            "numeric": ("float32", [None, 2]),
            "categorical": ("string", [None, 2]),
            "text": ("string", [None, 2]),
        }
        assert {k: (v.dtype.name, v.shape.as_list()) for k, v in signature.structured_outputs.items()} == {
            "probabilities": ("float32", [None, 1])
        }


class TestTheVersionExplainsItself:
    def test_reference_counts_add_up(self, mixed_model: Made, manifest: Manifest) -> None:
        found = Reference.model_validate_json((mixed_model.folder / "reference.json").read_text())
        held = manifest.verdict.candidate.rows
        assert found.rows == len(mixed_model.dataset) == 400
        assert [f.name for f in found.features] == [f.name for f in mixed_model.spec.features]
        assert all(sum(f.counts) + f.missing == 400 for f in found.features)
        assert sum(found.prediction_counts) == sum(found.confidence_counts) == found.held_out_rows == held == 80
        assert len(found.confidence_counts) == len(found.confidence_edges) + 1
        assert len(found.class_counts) == len(mixed_model.spec.classes)
        assert sum(found.class_counts) == 400
        assert found.error_rate == pytest.approx(1 - manifest.verdict.candidate.accuracy)

    def test_manifest(self, mixed_model: Made, manifest: Manifest) -> None:
        assert manifest.model_hash == mixed_model.spec.model_hash
        assert manifest.data.refitted
        assert (manifest.data.first_record_id, manifest.data.last_record_id) == ("0", "399")
        assert set(manifest.seconds) == {"fit", "evaluate", "baseline logistic", "refit", "export", "latency"}
        assert manifest.libraries["tensorflow"].startswith("2.")

    def test_progress_is_told_by_stage_and_epoch(self, mixed_model: Made) -> None:
        stages = list(dict.fromkeys(stage for stage, _ in mixed_model.progress))
        assert stages == ["fit", "evaluate", "baseline logistic", "refit", "export", "latency"]
        epochs = [epoch for stage, epoch in mixed_model.progress if stage == "fit" and epoch is not None]
        assert 1 <= len(epochs) <= 12

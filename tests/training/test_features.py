"""What the specification asks of a feature is done inside the graph, and by LiteRT as by TensorFlow."""

import math
import string
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from driftline.errors import SpecError
from driftline.model.columns import Columns
from driftline.model.lookups import Tokenizer
from driftline.model.scorer import LiteRTScorer, TensorFlowScorer
from driftline.spec.load import parse_spec
from driftline.spec.stream import StreamSpec
from tests.docs.pages import ROOT, Block, blocks
from tests.training.conftest import numeric_spec
from training.data import from_frame
from training.export import LARGEST_DIFFERENCE, export
from training.fit import refit
from training.network import build, embedding_width
from training.preprocessing import Preprocessing, learn, vocabulary
from training.runtime import keras
from training.transforms import quantile_bounds, transformed

LARGEST = float(np.finfo(np.float32).max)
HOURS = {"name": "hour", "type": "numeric", "transform": "cyclic", "period": 24}


def spec_of(*features: dict[str, object], **training: object) -> StreamSpec:
    return parse_spec(
        {
            "stream": "s",
            "classes": ["a", "b"],
            "features": list(features),
            "training": {"epochs": 5, "network": {"hidden": [16]}, **training},
        }
    )


def numbers(values: object) -> Columns:
    matrix = np.asarray(values, dtype=np.float32)
    return Columns(matrix, np.empty((len(matrix), 0), object), np.empty((len(matrix), 0), object))


def after_preprocessing(spec: StreamSpec, found: Preprocessing, values: object) -> np.ndarray:
    """What the first dense layer is given, float32 [n, width]."""
    inner = build(spec, found).inner
    seen = keras.Model(inner.inputs, inner.get_layer("hidden_0").input)
    return np.asarray(seen({"numeric": np.asarray(values, np.float32)}))


class TestLog:
    SPEC = spec_of({"name": "x", "type": "numeric", "transform": "log"})

    def test_statistics_are_those_of_the_logarithms(self) -> None:
        found = learn(self.SPEC, numbers([[0], [math.e - 1], [1 - math.e], [np.nan]]))
        assert found.mean[0] == pytest.approx(0, abs=1e-7)
        assert found.variance[0] == pytest.approx(2 / 3)
        assert found.indicators == (0,)

    @settings(max_examples=30, deadline=None)
    @given(st.lists(st.floats(-LARGEST, LARGEST, width=32), min_size=1, max_size=20))
    def test_the_graph_does_what_was_learnt(self, values: list[float]) -> None:
        column = np.array(values, dtype=np.float32)[:, None]
        found = learn(self.SPEC, numbers(column))
        logs = transformed(self.SPEC.numeric, column.astype(np.float64), None)
        wanted = np.clip((logs - found.mean) / np.sqrt(found.variance), -10, 10)
        # A spread of nothing but rounding is no statistic to compare at.
        if np.sqrt(found.variance[0]) > 1e-4 * max(1.0, abs(found.mean[0])):
            np.testing.assert_allclose(after_preprocessing(self.SPEC, found, column), wanted, atol=5e-3)

    def test_small_values_keep_their_digits(self) -> None:
        column = np.array([[1e-5], [2e-5], [3e-5]])
        found = learn(self.SPEC, numbers(column))
        seen = after_preprocessing(self.SPEC, found, column)[:, 0]
        np.testing.assert_allclose(seen, [-math.sqrt(1.5), 0, math.sqrt(1.5)], atol=1e-3)


class TestCyclic:
    def test_midnight_lies_beside_eleven_at_night(self) -> None:
        spec = spec_of(HOURS)
        seen = after_preprocessing(spec, learn(spec, numbers([[1.0]])), [[0], [6], [12], [23], [24], [-1], [240_006]])
        np.testing.assert_allclose(seen[:3], [[0, 1], [1, 0], [0, -1]], atol=1e-6)
        np.testing.assert_allclose(seen[3], seen[5], atol=1e-6)
        np.testing.assert_allclose(seen[4], seen[0], atol=1e-6)
        np.testing.assert_allclose(seen[6], seen[1], atol=1e-6)

    def test_a_missing_one_is_neither_sine_nor_cosine_but_told(self) -> None:
        spec = spec_of(HOURS)
        found = learn(spec, numbers([[1.0], [np.nan]]))
        assert after_preprocessing(spec, found, [[np.nan]]).tolist() == [[0, 0, 1]]

    @pytest.mark.parametrize(
        ("change", "said"), [({"period": None}, "period: required"), ({"clip": 0.1}, r"clip: read 0\.1.*no ends")]
    )
    def test_a_specification_that_cannot_be_meant(self, change: dict[str, object], said: str) -> None:
        with pytest.raises(SpecError, match=said):
            spec_of({**HOURS, **change})


class TestClip:
    SPEC = spec_of({"name": "x", "type": "numeric", "clip": 0.1}, {"name": "y", "type": "numeric"})

    def test_bounds_are_quantiles_of_the_values_present(self) -> None:
        column = np.append(np.arange(101.0), np.nan)
        bounds = quantile_bounds(self.SPEC.numeric, np.stack([column, column], axis=1).astype(np.float32))
        assert bounds is not None
        assert (bounds[0][0], bounds[1][0]) == (10, 90)
        assert (bounds[0][1], bounds[1][1]) == (-np.float32(LARGEST), np.float32(LARGEST))

    def test_outliers_move_neither_the_statistics_nor_the_answer(self) -> None:
        rows = np.stack([np.arange(101.0)] * 2, axis=1)
        rows[-1] = 1e30
        found = learn(self.SPEC, numbers(rows))
        assert found.mean[0] == pytest.approx(50)
        assert found.mean[1] > 1e27
        seen = after_preprocessing(self.SPEC, found, [[90, 0], [1e30, 0], [LARGEST, 0]])[:, 0]
        assert seen[0] == seen[1] == seen[2]

    def test_a_column_without_values_is_not_cut(self) -> None:
        found = learn(self.SPEC, numbers([[np.nan, 1], [np.nan, 2]]))
        assert found.bounds is not None
        assert np.isfinite(after_preprocessing(self.SPEC, found, [[np.nan, 1], [5, 2]])).all()


class TestDefaultsAskForNothing:
    def test_the_graph_has_no_transform_in_it(self) -> None:
        spec = numeric_spec()
        found = learn(spec, numbers([[1, 2, 3], [2, 3, 5]]))
        assert found.bounds is None
        kinds = [type(layer).__name__ for layer in build(spec, found).inner.layers]
        assert kinds == ["InputLayer", "Normalization", *["Dense", "Dropout"] * 2, "Dense", "Activation"]

    def test_the_hash_is_that_of_versions_made_before(self) -> None:
        features = [{"name": "x", "type": "numeric"}, {"name": "t", "type": "text"}]
        plain = spec_of(*features)
        said = spec_of(
            {**features[0], "transform": "none", "clip": 0.0},
            {**features[1], "ngrams": 1, "width": 32, "pooling": "mean"},
        )
        assert plain.model_hash == said.model_hash == "f765540868680b44"
        for change in ({"ngrams": 2}, {"width": 64}, {"pooling": "mean-and-max"}):
            assert spec_of(features[0], {**features[1], **change}).model_hash != plain.model_hash


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[LiteRTScorer, TensorFlowScorer]:
    """A model of every transform and of both kinds of pooling, with pairs of words."""
    spec = spec_of(
        {"name": "plain", "type": "numeric"},
        {"name": "folded", "type": "numeric", "transform": "log", "clip": 0.01},
        HOURS,
        {"name": "angle", "type": "numeric", "transform": "cyclic", "period": 0.3},
        {"name": "cut", "type": "numeric", "clip": 0.05},
        {"name": "free", "type": "numeric", "transform": "log"},
        {"name": "code", "type": "categorical", "categories": [str(i) for i in range(40)], "unknown": "bucket"},
        {"name": "text", "type": "text", "ngrams": 2, "width": 8, "pooling": "mean-and-max", "sequence_length": 9},
    )
    rng = np.random.default_rng(1)
    n = 200
    frame = pd.DataFrame(
        {
            "plain": rng.normal(size=n),
            "folded": rng.lognormal(0, 3, n),
            "hour": rng.uniform(0, 24, n),
            "angle": rng.uniform(0, 1, n),
            "cut": rng.standard_cauchy(n),
            "free": rng.normal(size=n) * 1e-3,
            "code": rng.integers(0, 45, n),
            "text": [" ".join(rng.choice(WORDS, 4)) for _ in range(n)],
        }
    )
    frame.loc[::9, ["plain", "folded", "hour", "cut"]] = np.nan
    frame["label"] = np.where(frame.text.str.contains("pump"), "a", "b")
    data = from_frame(spec, frame)
    out = tmp_path_factory.mktemp("features") / "model"
    network = refit(spec, data, 5).network
    exported = export(spec, network, data.columns, out)
    assert exported.runtime == "litert", exported.reason
    return LiteRTScorer((out / "model.tflite").read_bytes(), network.preprocessing.look_ups), TensorFlowScorer(out)


WORDS = ["pump", "leaks", "hot", "O'Kay", "50%", "日本語", "İ", "a\u00a0b", "\u2003"]
NUMBER = st.floats(width=32, allow_infinity=False, allow_nan=True) | st.sampled_from(
    [float("nan"), LARGEST, -LARGEST, 1e-45, -1e-45, 0.0, -0.0, 24.0, 1.7e12, 1e-2]
)
TEXT = st.none() | st.text(st.characters(blacklist_characters="\0", blacklist_categories=["Cs"]), max_size=25)
NOTE = TEXT | st.lists(st.sampled_from([*WORDS, *string.punctuation, "\t", "\n"]), max_size=12).map(" ".join)
CODE = st.none() | st.integers(-5, 50).map(str) | TEXT
ROWS = st.lists(st.tuples(*[NUMBER] * 6, CODE, NOTE), min_size=1, max_size=8)


class TestLiteRTAnswersAsTensorFlowDoes:
    @settings(max_examples=120, deadline=None)
    @given(ROWS)
    def test_on_any_numbers_and_any_strings(
        self, both: tuple[LiteRTScorer, TensorFlowScorer], rows: list[tuple[object, ...]]
    ) -> None:
        cells = np.array(rows, dtype=object).reshape(len(rows), 8)
        columns = Columns(cells[:, :6].astype(np.float32), cells[:, 6:7], cells[:, 7:])
        lite, full = (scorer.score(columns) for scorer in both)
        assert np.isfinite(full).all()
        np.testing.assert_allclose(lite, full, atol=LARGEST_DIFFERENCE, rtol=0)


class TestPairsOfWords:
    @settings(max_examples=100, deadline=None)
    @given(st.lists(NOTE, min_size=1, max_size=4), st.integers(1, 12))
    def test_the_tokens_are_those_of_keras(self, texts: list[str | None], length: int) -> None:
        known = vocabulary(np.array(["pump leaks hot", "pump leaks O'Kay 50%", "日本語 İ a\u00a0b"], object), 100, 2)
        assert "pump leaks" in known
        layer = keras.layers.TextVectorization(vocabulary=list(known), output_sequence_length=length, ngrams=2)
        wanted = np.asarray(layer(np.array([text or "" for text in texts])))
        np.testing.assert_array_equal(Tokenizer(known, length, 2).ids(texts), wanted)

    def test_the_vocabulary_counts_pairs_as_words(self) -> None:
        texts = np.array(["a b", "a b", "b a"], dtype=object)
        assert vocabulary(texts, 100, 2) == ("a", "b", "a b")

    def test_tell_what_single_words_cannot(self) -> None:
        texts = ["not good , bad", "not bad , good"] * 60
        frame = pd.DataFrame({"t": texts, "label": ["a", "b"] * 60})
        right = {}
        for ngrams in (1, 2):
            spec = spec_of({"name": "t", "type": "text", "ngrams": ngrams}, seed=3, learning_rate=0.02)
            data = from_frame(spec, frame)
            right[ngrams] = (refit(spec, data, 12).score(data.columns).argmax(axis=1) == data.labels).mean()
        assert right == {1: 0.5, 2: 1.0}


class TestPooling:
    def test_the_maximum_leaves_padding_out_and_nothing_is_zeros(self) -> None:
        spec = spec_of({"name": "t", "type": "text", "width": 3, "pooling": "mean-and-max", "sequence_length": 4})
        columns = Columns(
            np.empty((2, 0), np.float32), np.empty((2, 0), object), np.array([["up down"], ["up down"]], object)
        )
        inner = build(spec, learn(spec, columns)).inner
        table = np.array([[9, 9, 9], [8, 8, 8], [-1, -2, 3], [-3, 4, -5]], np.float32)
        inner.get_layer("text_0").set_weights([table])
        seen = keras.Model(inner.inputs, inner.get_layer("hidden_0").input)
        found = np.asarray(seen({"tokens_0": np.array([[2, 3, 0, 0], [2, 0, 0, 0], [0, 0, 0, 0]], np.int32)}))
        assert found.tolist() == [[-2, 1, -1, -1, 4, 3], [-1, -2, 3, -1, -2, 3], [0, 0, 0, 0, 0, 0]]


class TestCategories:
    @pytest.mark.parametrize(("width", "kinds"), [(24, []), (25, ["Embedding"])])
    def test_many_are_embedded_and_few_one_hot(self, width: int, kinds: list[str]) -> None:
        spec = spec_of({"name": "c", "type": "categorical", "categories": [str(i) for i in range(width)]})
        columns = Columns(np.empty((1, 0), np.float32), np.array([["1"]], object), np.empty((1, 0), object))
        inner = build(spec, learn(spec, columns)).inner
        assert [type(one).__name__ for one in inner.layers if type(one).__name__ == "Embedding"] == kinds
        assert inner.get_layer("hidden_0").input.shape[1] == (embedding_width(width) if kinds else width)

    def test_integers_by_their_json_text_and_unknown_ones_answer_as_missing(
        self, both: tuple[LiteRTScorer, TensorFlowScorer]
    ) -> None:
        numeric = np.full((4, 6), 0.5, np.float32)
        codes = np.array([["7"], ["8"], ["44"], [None]], object)
        lite = both[0].score(Columns(numeric, codes, np.full((4, 1), "pump", object)))
        assert not np.array_equal(lite[0], lite[1])
        np.testing.assert_array_equal(lite[2], lite[3])
        spec = spec_of({"name": "code", "type": "categorical", "categories": ["7", "8"]})
        frame = pd.DataFrame({"code": [7, 8] * 20, "label": ["a", "b"] * 20})
        data = from_frame(spec, frame)
        assert learn(spec, data.columns).encode(data.columns)["categorical"][:2, 0].tolist() == [1, 2]


@pytest.mark.parametrize("block", [b for b in blocks(ROOT / "docs" / "features.md") if b.language == "yaml"], ids=str)
def test_what_the_page_shows_is_a_specification(block: Block) -> None:
    shown = yaml.safe_load(block.text)
    rest = [HOURS, {"name": "device", "type": "categorical", "categories": ["a"]}]
    names = {feature["name"] for feature in shown.get("features", [])}
    features = [*shown.get("features", []), *(f for f in rest if f["name"] not in names)]
    spec = parse_spec({"stream": "s", "classes": ["a", "b"], **shown, "features": features})
    assert len(spec.features) == len(features)


def test_a_stream_of_cycles_alone(tmp_path: Path) -> None:
    spec = spec_of(HOURS)
    frame = pd.DataFrame({"hour": np.arange(60) % 24, "label": np.where(np.arange(60) % 24 < 12, "a", "b")})
    data = from_frame(spec, frame)
    exported = export(spec, refit(spec, data, 2).network, data.columns, tmp_path / "model")
    assert exported.runtime == "litert", exported.reason

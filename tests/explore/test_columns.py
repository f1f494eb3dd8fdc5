"""Types, gaps, tails, and what a specification is advised to say; strange files."""

import time

import numpy as np
import pandas as pd
import pytest
import yaml

from driftline.errors import UsageError
from driftline.explore.exploration import SAMPLE
from driftline.explore.findings import findings
from driftline.explore.outliers import outliers
from driftline.explore.page import page_of
from driftline.explore.suggestions import suggestions
from driftline.spec import parse_spec
from tests.explore.made import clean, look


def said(found: object) -> str:
    return "\n".join(text for _, text in findings(found))  # type: ignore[arg-type]


class TestTypes:
    def test_as_init_guesses(self) -> None:
        frame = clean()
        frame["empty"], frame["always"] = None, 7
        frame["note"] = [f"the pump number {i} makes a noise" for i in range(len(frame))]
        frame.loc[:99, "b"] = np.nan
        found = look(frame[[*frame.columns.drop("label"), "label"]])
        kinds = {column.name: column.kind for column in found.columns}
        assert kinds == {
            "a": "numeric", "b": "numeric", "c": "numeric", "d": "numeric", "colour": "categorical",
            "empty": "left-out", "always": "left-out", "note": "text",
        }  # fmt: skip
        missing = {column.name: column.missing for column in found.columns}
        assert (missing["b"], missing["empty"], missing["a"]) == (100, 1_000, 0)
        assert "columns without any value: empty" in said(found)
        assert "missing values in 1 of 6 features: b (10.0%)" in said(found)

    def test_the_specification_counts_more(self) -> None:
        spec = parse_spec(
            {
                "stream": "s",
                "task": "binary",
                "classes": ["fine", "broken"],
                "features": [{"name": "a", "type": "numeric"}, {"name": "colour", "type": "text"}],
            }
        )
        kinds = {column.name: (column.kind, column.notes) for column in look(clean(), spec=spec).columns}
        assert kinds["a"] == ("numeric", ())
        assert kinds["colour"] == ("text", ("is text in the specification; by its cells it would be categorical",))
        assert kinds["b"] == ("left-out", ("is not in the specification",))


class TestOutliers:
    def test_a_lognormal_wants_its_logarithm(self) -> None:
        found = outliers(np.random.default_rng(0).lognormal(3, 1.5, 5_000))
        assert found is not None
        assert found.suggests == "log"
        assert 0.05 < found.beyond < 0.2

    def test_spikes_want_to_be_cut(self) -> None:
        values = np.random.default_rng(0).normal(size=5_000)
        values[::500] = [-400, 400] * 5
        found = outliers(values)
        assert found is not None
        assert found.suggests == "clip"
        assert 0.002 <= found.far < 0.01

    def test_a_normal_wants_nothing(self) -> None:
        found = outliers(np.random.default_rng(0).normal(size=5_000))
        assert found is not None
        assert found.suggests is None
        # Of a normal distribution 0.7 % lie outside Tukey's fences.
        assert found.beyond == pytest.approx(0.007, abs=0.004)

    @pytest.mark.parametrize("values", [[], [1.0], [2.0] * 50, [1e300, -1e300] * 30, [0.0] * 49 + [1e-300]])
    def test_strange_numbers(self, values: list[float]) -> None:
        found = outliers(np.array(values))
        assert (found is None) == (not values)
        if found is not None:
            assert np.isfinite([found.skewness, found.beyond, found.far, found.reach]).all()


class TestSuggestions:
    def test_they_are_a_specification(self) -> None:
        frame = clean(3_000)
        frame["we {ird}: #"] = np.random.default_rng(0).lognormal(3, 2, 3_000)
        frame["twin"] = frame["b"] * 2
        frame["label"] = np.where(np.arange(3_000) % 50 == 0, "broken", "fine")
        lines = suggestions(look(frame[[*frame.columns.drop("label"), "label"]]))
        told = yaml.safe_load("\n".join(lines))
        assert told["features"] == [{"name": "we {ird}: #", "type": "numeric", "transform": "log"}]
        assert told["training"] == {"monitor": "f1", "imbalance": {"method": "class-weights"}}
        assert any('"twin" says what "b" says (r = 1.000)' in line for line in lines)
        feature = told["features"][0]
        parse_spec({"stream": "s", "classes": ["a", "b", "c"], "features": [feature], "training": told["training"]})

    def test_none_where_none_is_needed(self) -> None:
        assert suggestions(look(clean())) == []


class TestStrangeFiles:
    def test_one_row(self) -> None:
        found = look(clean(1))
        assert found.truth is None
        assert "one value only" in found.no_label
        assert "<table>" in page_of(found).html()

    def test_nothing_but_gaps(self) -> None:
        found = look(pd.DataFrame({"x": [None] * 40, "label": ["a", "b"] * 20}))
        assert found.features == ()
        assert page_of(found).html().startswith("<!doctype html>")

    def test_a_label_that_is_none(self) -> None:
        frame = pd.DataFrame(np.random.default_rng(0).normal(size=(50, 2)), columns=["x", "price"])
        assert "no label" in said(look(frame))
        with pytest.raises(UsageError, match="price"):
            look(frame, label="price")

    def test_some_rows_without_a_label(self) -> None:
        frame = clean()
        frame.loc[:49, "label"] = None
        found = look(frame)
        assert found.truth is not None
        assert found.truth.known.sum() == 950
        assert "50 of 1,000 rows have no label" in said(found)

    def test_labels_in_one_cell(self) -> None:
        frame = clean().drop(columns="label")
        frame["faults"] = ["hot;loud", "hot", None, "loud"] * 250
        found = look(frame, multilabel=("faults",))
        assert found.truth is not None
        assert (found.truth.names, found.truth.counts) == (("hot", "loud"), (500, 500))
        assert page_of(found).html()

    def test_names_that_would_be_html(self) -> None:
        frame = clean().rename(columns={"a": "<img src=x onerror=alert(1)>", "b": "$\\frac{"})
        frame["label"] = frame["label"].replace("broken", "<script>1</script>")
        html = page_of(look(frame)).html()
        assert "<script" not in html
        assert "<img src=x" not in html

    def test_a_large_file_in_reasonable_time(self) -> None:
        rng = np.random.default_rng(0)
        frame = pd.DataFrame(rng.normal(size=(100_000, 50)), columns=[f"x{i}" for i in range(50)])
        frame["label"] = rng.choice(["a", "b", "c"], 100_000)
        from driftline.explore.exploration import explore

        started = time.process_time()
        found = explore(frame)
        assert time.process_time() - started < 30
        assert found.sample == SAMPLE
        page = page_of(found).html()
        assert "20,000 rows drawn at random (seed 1) from 100,000" in page

"""What the reference distribution promises: every row of the training data is counted, in one bin, once."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from driftline.model.columns import Columns
from driftline.registry import Reference, describe_features
from driftline.registry.reference import (
    BINS,
    CategoricalReference,
    NumericReference,
    TextReference,
    describe_answers,
)
from driftline.spec import parse_spec
from tests.registry.made import reference
from tests.streams import numeric_stream

SPEC = parse_spec(
    {
        "stream": "s",
        "classes": ["a", "b"],
        "features": [
            {"name": "note", "type": "text"},
            {"name": "load", "type": "numeric"},
            {"name": "site", "type": "categorical", "categories": ["n", "s"]},
        ],
    }
)


def columns(numeric: list[float], sites: list[str | None], notes: list[str | None]) -> Columns:
    return Columns(
        np.array(numeric, dtype=np.float32).reshape(-1, 1),
        np.array(sites, dtype=object).reshape(-1, 1),
        np.array(notes, dtype=object).reshape(-1, 1),
    )


rows = st.lists(
    st.tuples(
        st.floats(width=32, allow_infinity=False),
        st.none() | st.sampled_from(["n", "s", "elsewhere"]),
        st.none() | st.text(max_size=30),
    ),
    max_size=60,
)


class TestEveryRowIsCountedOnce:
    @settings(max_examples=200)
    @given(rows=rows)
    def test_in_every_feature(self, rows: list[tuple[float, str | None, str | None]]) -> None:
        numeric, sites, notes = (list(column) for column in zip(*rows, strict=True)) if rows else ([], [], [])
        given = columns(numeric, sites, notes)
        note, load, site = describe_features(SPEC, given)
        assert isinstance(note, TextReference)
        assert isinstance(load, NumericReference)
        assert isinstance(site, CategoricalReference)
        for feature in (note, load, site):
            assert sum(feature.counts) + feature.missing == len(rows)
            assert min(feature.counts) >= 0
        assert load.missing == sum(np.isnan(x) for x in numeric)
        assert site.missing == sites.count(None)
        assert site.counts == (sites.count("n"), sites.count("s"), sites.count("elsewhere"))
        assert note.missing == notes.count(None)
        for edges, counts in ((load.edges, load.counts), (note.edges, note.counts)):
            assert list(edges) == sorted(set(edges))
            assert len(counts) == len(edges) + 1
        assert len(load.counts) <= BINS
        # What is counted again is counted alike, and what is written is read back.
        assert tuple(load.bin(given.numeric[:, 0]).tolist()) == (*load.counts, load.missing)
        written = reference(SPEC, given)
        assert Reference.model_validate_json(written.model_dump_json()) == written

    @given(
        values=hnp.arrays(np.float32, st.integers(1, 40), elements=st.floats(-1e3, 1e3, width=32)),
        others=hnp.arrays(np.float32, st.integers(0, 40), elements=st.floats(width=32, allow_infinity=False)),
    )
    def test_so_is_every_row_of_another_window(
        self, values: np.ndarray[tuple[int], np.dtype[np.float32]], others: np.ndarray[tuple[int], np.dtype[np.float32]]
    ) -> None:
        none = np.empty((len(values), 0), dtype=object)
        (load,) = describe_features(numeric_stream(1), Columns(values.reshape(-1, 1), none, none))
        assert isinstance(load, NumericReference)
        counts = load.bin(others)
        assert counts.shape == (len(load.counts) + 1,)
        assert counts.sum() == len(others)
        assert counts[-1] == np.isnan(others).sum()


class TestBins:
    def described(self, values: list[float]) -> NumericReference:
        (load,) = describe_features(
            numeric_stream(1),
            Columns(
                np.array(values, np.float32).reshape(-1, 1),
                np.empty((len(values), 0), object),
                np.empty((len(values), 0), object),
            ),
        )
        assert isinstance(load, NumericReference)
        return load

    def test_each_holds_about_the_same_share(self) -> None:
        load = self.described(np.random.default_rng(1).lognormal(size=16_000).tolist())
        assert len(load.counts) == BINS
        assert max(load.counts) - min(load.counts) <= 2

    def test_a_feature_of_two_values_keeps_them_apart(self) -> None:
        load = self.described([0.0] * 70 + [1.0] * 30)
        assert load.bin(np.float32([0, 0, 1])).tolist()[:-1] != load.bin(np.float32([1, 1, 1])).tolist()[:-1]
        assert sorted(count for count in load.counts if count) == [30, 70]

    def test_a_constant_feature_tells_below_from_above(self) -> None:
        load = self.described([5.0] * 10)
        assert load.bin(np.float32([4, 5, 6])).tolist() == [2, 1, 0]

    def test_a_feature_that_was_never_there(self) -> None:
        load = self.described([float("nan")] * 3)
        assert (load.missing, sum(load.counts), load.mean, load.std) == (3, 0, 0.0, 0.0)

    def test_numbers_whose_squares_leave_float32_have_a_mean_and_a_deviation(self) -> None:
        load = self.described([-3e38, 3e38, 3e38])
        assert np.isfinite([load.mean, load.std, *load.edges]).all()
        assert load.std > 1e38


@given(st.integers(1, 60), st.integers(0, 2**16), st.booleans())
def test_answers_by_class_are_counted_once_and_by_their_truth(n: int, seed: int, several: bool) -> None:
    rng = np.random.default_rng(seed)
    p = rng.dirichlet([1, 1, 1], n).astype(np.float32)
    codes, labels = (p >= 0.4, rng.random((n, 3)) < 0.5) if several else (p.argmax(axis=1), rng.integers(0, 3, n))
    found = describe_answers(p, codes, labels, (0.25, 0.5, 0.75))
    counted, true = np.array(found["class_counted"]), np.array(found["class_true"])
    assert counted.shape == true.shape == (3, 4) and (true <= counted).all()
    if several:
        assert counted.sum(axis=1).tolist() == [n] * 3
        assert true.sum(axis=1).tolist() == labels.sum(axis=0).tolist()
        assert "confusion_counts" not in found
    else:
        pairs = np.array(found["confusion_counts"])
        assert counted.sum(axis=1).tolist() == pairs.sum(axis=1).tolist() == np.bincount(codes, minlength=3).tolist()
        assert true.sum(axis=1).tolist() == np.diag(pairs).tolist()
        assert pairs.sum(axis=0).tolist() == np.bincount(labels, minlength=3).tolist()

"""Keras' loop and driftline's own take the same steps: same start, same order, same losses, same weights."""

import functools
from types import SimpleNamespace

import numpy as np
import pytest

from driftline.spec.stream import StreamSpec
from tests.training.conftest import numeric_frame, numeric_spec
from training import fit as compiled
from training.data import Dataset, from_frame
from training.fit import fit, refit
from training.keras_fit import loop
from training.keras_fit.feed import in_memory

# 188 rows leave 160 after validation, five full batches: Keras weights the batches of its mean by their rows.
ROWS = 188


def specs(**training: object) -> tuple[StreamSpec, StreamSpec]:
    settings = {
        "network": {"hidden": [16, 8], "dropout": 0.0},
        "epochs": 6,
        "patience": 6,
        "learning_rate": 0.01,
        **training,
    }
    return numeric_spec(**settings), numeric_spec(**settings, loop="fit")


@pytest.fixture
def in_file_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both loops take the rows as they stand, in every pass."""
    ordered = SimpleNamespace(permutation=np.arange)
    monkeypatch.setattr(compiled.np.random, "default_rng", lambda seed: ordered)
    monkeypatch.setattr(loop, "in_memory", functools.partial(in_memory, shuffled=False))


@pytest.fixture(scope="module")
def blobs() -> Dataset:
    return from_frame(numeric_spec(), numeric_frame(ROWS))


def test_the_same_losses_and_the_same_weights(in_file_order: None, blobs: Dataset) -> None:
    own, keras = specs()
    one, other = fit(own, blobs), fit(keras, blobs)
    assert one.epochs == other.epochs
    np.testing.assert_allclose(
        [epoch[2:] for epoch in one.history], [epoch[2:] for epoch in other.history], rtol=1e-5, atol=1e-5
    )
    assert one.history[0].loss > 1.2 * one.history[-1].loss, "something was learnt"
    for first, second in zip(one.network.logits.get_weights(), other.network.logits.get_weights(), strict=True):
        np.testing.assert_allclose(first, second, atol=1e-4)


def test_a_refit_too(in_file_order: None, blobs: Dataset) -> None:
    own, keras = specs()
    rows = blobs.rows(0, 128)
    one, other = refit(own, rows, 3), refit(keras, rows, 3)
    np.testing.assert_allclose([e.loss for e in one.history], [e.loss for e in other.history], rtol=1e-5)
    np.testing.assert_allclose(one.score(rows.columns), other.score(rows.columns), atol=1e-4)

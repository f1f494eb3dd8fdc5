import numpy as np
import pytest

from driftline.errors import UsageError
from tests.training.conftest import numeric_frame, numeric_spec
from training.data import Dataset, from_frame
from training.fit import VALIDATION, Epoch, fit, refit
from training.origin import Origin
from training.train import Trained, train


@pytest.fixture(scope="module")
def blobs() -> Dataset:
    return from_frame(numeric_spec(), numeric_frame(200))


class TestTheSameSeedGivesTheSameModel:
    def test_to_the_bit_whatever_was_trained_before(self, blobs: Dataset) -> None:
        spec = numeric_spec(epochs=4)
        first = fit(spec, blobs)
        refit(numeric_spec(seed=9), blobs, 2)
        second = fit(spec, blobs)
        assert first.history == second.history
        np.testing.assert_array_equal(first.score(blobs.columns), second.score(blobs.columns))

    def test_another_seed_another_model(self, blobs: Dataset) -> None:
        one, other = (refit(numeric_spec(seed=seed), blobs, 2).score(blobs.columns) for seed in (1, 2))
        assert not np.array_equal(one, other)


class TestEarlyStopping:
    def test_keeps_the_best_epoch_on_the_newest_training_rows(self, blobs: Dataset) -> None:
        seen: list[Epoch] = []
        fitted = fit(numeric_spec(epochs=30, patience=3, learning_rate=0.1), blobs, seen.append)
        losses = [epoch.val_loss for epoch in fitted.history if epoch.val_loss is not None]
        assert list(fitted.history) == seen
        assert fitted.epochs == int(np.argmin(losses)) + 1
        assert len(losses) <= fitted.epochs + 3
        _, newest = blobs.split_newest(VALIDATION)
        chosen = fitted.score(newest.columns)[np.arange(len(newest)), newest.labels]
        assert -np.log(chosen).mean() == pytest.approx(min(losses), rel=1e-4, abs=1e-6)

    def test_a_loss_that_is_never_finite_keeps_the_start(self, blobs: Dataset) -> None:
        fitted = fit(numeric_spec(epochs=3, patience=2, learning_rate=1.0), blobs)
        assert np.isfinite(fitted.score(blobs.columns)).all()


class TestLearns:
    def test_what_there_is_to_learn(self, blobs: Dataset) -> None:
        fitted = refit(numeric_spec(), blobs, 15)
        fresh = from_frame(numeric_spec(), numeric_frame(300, seed=5))
        assert (fitted.score(fresh.columns).argmax(axis=1) == fresh.labels).mean() > 0.95

    def test_multilabel(self) -> None:
        frame = numeric_frame(300)
        frame["label"] = [
            ";".join(n for n, x in zip("abc", row, strict=True) if x > 2) for row in frame.to_numpy()[:, :3]
        ]
        spec = numeric_spec().model_copy(update={"task": "multilabel"})
        data = from_frame(spec, frame)
        fitted = refit(spec, data, 20)
        assert ((fitted.score(data.columns) > 0.5) == data.labels).mean() > 0.95

    def test_nothing_to_tell_apart_is_said(self, tmp_path: object) -> None:
        from pathlib import Path

        data = from_frame(numeric_spec(), numeric_frame(60).assign(label="b"))
        with pytest.raises(UsageError, match=r"same label \(b\).*sorted by label"):
            train(numeric_spec(), data, Origin(source="t", created_at=0), Path(str(tmp_path)))


class TestARefusedCandidate:
    def test_leaves_no_files(self, blobs: Dataset, tmp_path: object) -> None:
        from pathlib import Path

        out = Path(str(tmp_path)) / "model"
        perfect = refit(numeric_spec(), blobs, 15)
        outcome = train(
            numeric_spec(epochs=1, learning_rate=1e-6), blobs, Origin(source="t", created_at=0), out, champion=perfect
        )
        assert isinstance(outcome, Trained)
        assert outcome.manifest is None
        assert not outcome.verdict.promoted
        assert outcome.verdict.champion is not None
        assert not out.exists()

"""Rows with a missing value, left out of what is learnt from where the specification says so."""

from pathlib import Path

import numpy as np
import pytest

from driftline.errors import UsageError
from driftline.model.columns import Columns
from driftline.model.scorer import LiteRTScorer
from driftline.spec.stream import StreamSpec
from tests.training.test_splits import DEVICES, dataset_of, spec_of
from training.data import Dataset
from training.usable import usable

NO_TEXT = np.empty((2, 0), object)


class TestRowsWithAMissingValue:
    def spec(self, missing: str) -> StreamSpec:
        return spec_of(training={"missing": missing, "epochs": 2, "network": {"hidden": [8]}})

    def data(self) -> Dataset:
        data = dataset_of([0, 1, 2] * 40, (DEVICES * 30)[:120])
        data.columns.numeric[5::10] = np.nan
        data.columns.categorical[7::20] = None
        return data

    def test_are_left_out_where_asked_and_counted(self) -> None:
        left, said = usable(self.spec("drop"), self.data())
        assert len(left) == 120 - 12 - 6
        assert not np.isnan(left.columns.numeric).any()
        assert None not in left.columns.categorical[:, 0]
        assert said == ("18 of 120 training rows have a missing value and were left out (training.missing: drop)",)

    def test_stay_by_default(self) -> None:
        data = self.data()
        assert usable(self.spec("impute"), data) == (data, ())

    def test_are_still_judged_on_and_answered(self, tmp_path: Path) -> None:
        from training.origin import Origin
        from training.train import Trained, train

        spec = self.spec("drop")
        outcome = train(spec, self.data(), Origin(source="t", created_at=0), tmp_path / "model")
        assert isinstance(outcome, Trained)
        assert outcome.verdict.candidate.rows == 24, "the held-out rows are those that serving answers"
        assert any(reason.startswith("15 of 96 training rows have a missing") for reason in outcome.verdict.reasons)
        assert outcome.manifest is not None
        lite = LiteRTScorer((tmp_path / "model" / "model.tflite").read_bytes(), outcome.manifest.look_ups)
        # Refitted on the complete rows of the whole window: a gap counts as their mean, and no indicator tells it.
        mean = usable(spec, self.data())[0].columns.numeric.mean()
        gap = Columns(np.array([[np.nan], [mean]], np.float32), np.full((2, 1), "pump-1", object), NO_TEXT)
        answers = lite.score(gap)
        np.testing.assert_allclose(answers[0], answers[1], atol=1e-6)
        nothing = Columns(np.array([[np.nan]], np.float32), np.array([[None]], object), NO_TEXT[:1])
        assert lite.score(nothing).sum() == pytest.approx(1.0, abs=1e-5)

    def test_too_few_complete_ones_are_said(self) -> None:
        data = self.data()
        data.columns.numeric[4:] = np.nan
        with pytest.raises(UsageError, match=r"training\.missing: read 'drop', which leaves 4 of 120 .* 'impute'"):
            usable(self.spec("drop"), data)

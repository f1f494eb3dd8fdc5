"""The figure that estimates are measured against is F1 as everybody computes it."""

import numpy as np
import pytest

from benchmarks.estimation import f1


@pytest.mark.parametrize("several", [False, True])
def test_f1_is_that_of_scikit_learn(several: bool) -> None:
    from sklearn.metrics import f1_score

    rng = np.random.default_rng(1)
    if several:
        answers, truth = rng.random((2, 300, 4)) < 0.3
    else:
        answers, truth = rng.integers(0, 4, (2, 300))
    np.testing.assert_allclose(f1(answers, truth, 4), f1_score(truth, answers, average=None))

"""The comparison is of the same rows: blind labels are a fair sample, doubtful ones are not, and the change is real."""

import numpy as np

from benchmarks.labels_wanted import BEFORE, STRATEGIES, drawn, run, summary, world


def test_one_seed_of_two_strategies() -> None:
    one = world(*drawn(0), 0)
    wrong = one.answers != one.truth
    assert wrong[BEFORE:].mean() > wrong[:BEFORE].mean() + 0.1
    assert not (one.test_truth == one.test_changed).all()
    found = {s.name: run(one, s) for s in STRATEGIES if s.name in ("random", "doubt")}
    assert abs(found["random"]["error_bias_points"]) < 6 < found["doubt"]["error_bias_points"]
    assert found["random"] == run(one, STRATEGIES[0])


def test_an_interval_is_students() -> None:
    assert summary([1.0, 2.0, 3.0]) == {"mean": 2.0, "half_width": round(4.302653 / np.sqrt(3), 4)}

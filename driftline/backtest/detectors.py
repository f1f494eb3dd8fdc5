"""River's drift detectors with river's own settings: what a person gets who takes the library as it is."""

from collections.abc import Callable
from typing import Any


def detectors(seed: int) -> dict[str, Callable[[], Any]]:
    """Name → a fresh detector with `update(error)` and `drift_detected`.

    >>> sorted(detectors(1))
    ['adwin', 'ddm', 'eddm', 'hddm-a', 'hddm-w', 'kswin', 'page-hinkley']
    """
    from river import drift
    from river.drift import binary

    return {
        "adwin": drift.ADWIN,
        "ddm": binary.DDM,
        "eddm": binary.EDDM,
        "hddm-a": binary.HDDMA,
        "hddm-w": binary.HDDMW,
        "kswin": lambda: drift.KSWIN(seed=seed),
        "page-hinkley": drift.PageHinkley,
    }

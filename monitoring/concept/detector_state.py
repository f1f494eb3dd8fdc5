"""The state of river's detectors, attribute by attribute: taken and given back bit for bit, without pickle."""

from collections import deque
from random import Random
from typing import Any

import msgspec
import numpy as np

# Attributes of each detector that its parameters decide, that its past decides, and that follow from the others. A
# detector with any other attribute is one this table does not know, and its state is then not taken at all.
_PARAMETERS = {
    "ADWIN": ("delta", "clock", "max_buckets", "min_window_length", "grace_period"),
    "DDM": ("warm_start", "warning_threshold", "drift_threshold"),
    "EDDM": ("warm_start", "alpha", "beta"),
    "HDDMA": ("drift_confidence", "warning_confidence", "two_sided_test"),
    "HDDMW": ("drift_confidence", "warning_confidence", "lambda_val", "two_sided_test"),
    "KSWIN": ("alpha", "window_size", "stat_size", "seed"),
    "PageHinkley": ("min_instances", "delta", "threshold", "alpha", "mode"),
}
_PAST = {
    "ADWIN": ("_drift_detected", "_helper"),
    "DDM": ("_drift_detected", "_warning_detected", "_p", "_p_min", "_s_min", "_ps_min"),
    "EDDM": (
        "_drift_detected",
        "_warning_detected",
        "_error_distances",
        "_n",
        "_last_error",
        "_n_errors",
        "_p2s_prime_max",
    ),
    "HDDMA": ("_drift_detected", "_warning_detected", "_x_min", "_x_max", "_z"),
    "HDDMW": (
        "_drift_detected",
        "_warning_detected",
        "_total",
        "_s1_decr",
        "_s1_incr",
        "_s2_decr",
        "_s2_incr",
        "_incr_cutpoint",
        "_decr_cutpoint",
    ),
    "KSWIN": ("_drift_detected", "p_value", "n", "window", "_rng"),
    "PageHinkley": (
        "_drift_detected",
        "_x_mean",
        "_sum_increase",
        "_sum_decrease",
        "_min_increase",
        "_max_decrease",
    ),
}
_FOLLOWS = {"PageHinkley": ("_test_drift",)}


class DetectorState(msgspec.Struct):
    """One detector: which, with which parameters, of which version of river, and what it remembers."""

    river: str
    detector: str
    parameters: dict[str, Any]
    past: dict[str, Any]


def take_state(detector: Any) -> DetectorState | None:
    """The state of a detector of `river.drift`; None if it has attributes that are not known here."""
    import river

    name = type(detector).__name__
    parameters, past = _PARAMETERS.get(name, ()), _PAST.get(name, ())
    if set(vars(detector)) != {*parameters, *past, *_FOLLOWS.get(name, ())}:
        return None
    try:
        return DetectorState(
            river=river.__version__,
            detector=name,
            parameters={key: getattr(detector, key) for key in parameters},
            past={key: _plain(getattr(detector, key)) for key in past},
        )
    except (AttributeError, TypeError):
        return None


def give_state(detector: Any, state: DetectorState) -> bool:
    """Make a new detector what `state` says. False, and the detector as it was, if the two do not fit.

    Another version of river does not fit: what the same attributes mean there is not known here.
    """
    import river

    fresh = take_state(detector)
    if fresh is None or state.river != river.__version__ or state.detector != fresh.detector:
        return False
    if state.parameters != fresh.parameters or state.past.keys() != fresh.past.keys():
        return False
    try:
        values = {key: _made(getattr(detector, key), value) for key, value in state.past.items()}
    except (AttributeError, KeyError, TypeError, ValueError):
        return False
    for key, value in values.items():
        setattr(detector, key, value)
    return True


def _plain(value: Any) -> Any:
    """A value of a detector's past as numbers, texts, bytes, lists and dictionaries."""
    kind = type(value).__name__
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, (float, np.floating)):
        return float(value)
    if isinstance(value, deque):
        return list(value)
    if isinstance(value, Random):
        version, numbers, gauss = value.getstate()
        return [version, list(numbers), gauss]
    if kind == "AdaptiveWindowing":
        return value.__getstate__()
    if kind == "Mean":
        return {"n": value.n, "mean": value._mean}
    if kind == "Var":
        return {"ddof": value.ddof, "mean": _plain(value.mean), "squares": value._S}
    if kind == "EWMean":
        return {"fading_factor": value.fading_factor, "mean": value._ewmean.__getstate__()}
    if kind == "SampleInfo":
        return {"ewma": _plain(value._ewma), "is_init": value._is_init, "ibc": value._ibc}
    raise TypeError(kind)


def _made(kind: Any, plain: Any) -> Any:
    """The value that `_plain` took apart; `kind` is the new detector's own, and tells its type."""
    if kind is None or isinstance(kind, (bool, int, float)):
        return plain
    made: Any
    if isinstance(kind, deque):
        return deque(plain, maxlen=kind.maxlen)
    if isinstance(kind, Random):
        made = Random()
        made.setstate((plain[0], tuple(plain[1]), plain[2]))
        return made
    name = type(kind).__name__
    if name == "AdaptiveWindowing":
        made = type(kind)(delta=0.5, clock=1, max_buckets=5, min_window_length=5, grace_period=10)
        made.__setstate__(plain)
    elif name == "Mean":
        made = type(kind)()
        made.n, made._mean = plain["n"], plain["mean"]
    elif name == "Var":
        made = type(kind)(ddof=plain["ddof"])
        made.mean, made._S = _made(kind.mean, plain["mean"]), plain["squares"]
    elif name == "EWMean":
        made = type(kind)(plain["fading_factor"])
        made._ewmean.__setstate__(plain["mean"])
    elif name == "SampleInfo":
        made = type(kind)(kind._ewma.fading_factor)
        made._ewma = _made(kind._ewma, plain["ewma"])
        made._is_init, made._ibc = plain["is_init"], plain["ibc"]
    else:
        raise TypeError(name)
    return made

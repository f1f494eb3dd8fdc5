"""A trained network as files: SavedModel, LiteRT, the further forms asked for; whether they agree; and the reference
distribution."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from driftline.errors import UsageError
from driftline.model.answers import Decision
from driftline.model.columns import Columns
from driftline.model.scorer import LiteRTScorer, OnnxScorer, Scorer, TensorFlowScorer
from driftline.registry.manifest import FILES, Evaluation, Export, Parity, Runtime
from driftline.registry.overdispersion import overdispersion
from driftline.registry.reference import Reference, describe_answers, describe_features, describe_pairs
from driftline.spec.stream import StreamSpec
from training.exporting import litert, onnx, saved_model
from training.exporting.parity import compare, difference, sample
from training.network import Network

# float32 sums in another order differ by about 1e-6 in a probability; a wrong look-up, by tenths.
LARGEST_DIFFERENCE = 1e-4


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written, and how it is to be served.

    Attributes
    ----------
    runtime : the form that the consumers are to run.
    parity : of the LiteRT form; None where the model did not convert to it.
    reason : why `runtime` is not the form that `training.export.serve` asks for; empty if it is.
    exports : every form, by name: file, size, agreement with TensorFlow, and why it may not serve.
    """

    runtime: Runtime
    parity: Parity | None
    reason: str = ""
    exports: dict[str, Export] = field(default_factory=dict)


def export(
    spec: StreamSpec, network: Network, columns: Columns, out: Path, decision: Decision | None = None
) -> Exported:
    """Write `saved_model.pb`, `variables/`, `model.tflite` and the further forms into `out`, compared on real rows.

    Parameters
    ----------
    columns : the window's rows, newest last; at least one.
    decision : how the version answers; what counts as a changed answer depends on it.

    Notes
    -----
    LiteRT is refused for one changed answer or a probability off by `LARGEST_DIFFERENCE`: it is the same arithmetic.
    A form of lower precision differs by nature, and is refused if it changes a larger share of answers than
    `training.export.maximum_changed`. A refused form's file is not left behind. What may not serve is replaced by
    LiteRT, and LiteRT by TensorFlow.

    Raises
    ------
    UsageError : a form's library is not installed.
    """
    wanted = spec.training.export
    further = dict.fromkeys([*wanted.formats, wanted.serve])
    if "onnx" in further:
        onnx.require()
    out.mkdir(parents=True, exist_ok=True)
    saved_model.save(spec, network, out)
    full = TensorFlowScorer(out)
    exports = {"tensorflow": Export(file=FILES["tensorflow"], bytes=saved_model.bytes_of(out))}
    exports["litert"] = _litert(spec, network, columns, out, full, decision)
    for name in further:
        if name in ("litert-float16", "litert-int8", "onnx"):
            exports[name] = _further(spec, network, columns, out, full, decision, name)
    parity = exports["litert"].parity
    if wanted.serve == "tensorflow":
        return Exported("tensorflow", parity, "", exports)
    refused = exports[wanted.serve].refused
    if refused is None:
        return Exported(wanted.serve, parity, "", exports)
    reason = refused if wanted.serve == "litert" else f"{wanted.serve} {refused}"
    if exports["litert"].refused is None:
        return Exported("litert", parity, reason, exports)
    if wanted.serve != "litert":
        reason += f"; {exports['litert'].refused}"
    return Exported("tensorflow", parity, reason, exports)


def reference(
    spec: StreamSpec,
    window: Columns,
    held_out: NDArray[np.float32],
    evaluation: Evaluation,
    decision: Decision | None = None,
    labels: NDArray[Any] | None = None,
    right: NDArray[np.bool_] | None = None,
    truth: NDArray[Any] | None = None,
) -> Reference:
    """What the monitor compares the stream with.

    Parameters
    ----------
    window : all rows of the training window, in the order of time.
    held_out : probabilities float32 [n, K] of the evaluated candidate on the held-out rows, and `evaluation` of them:
        answers on rows a model was trained on are surer than any it will give.
    labels : of all rows of the window, class codes int64 [n] or masks bool [n, K]; without them the class mix of the
        stream is not watched.
    right : which of the held-out answers were right, bool [n]; without it accuracy is estimated by confidences alone.
    truth : labels of the held-out rows, as `labels`; without it nothing is known of each class by itself.
    """
    decision = decision or Decision(spec)
    codes = decision.codes(held_out)
    _, confidence = decision.answers(held_out)
    empty = Reference(rows=0, features=(), prediction_counts=(), confidence_counts=(), error_rate=0.0, held_out_rows=0)
    edges = np.asarray(empty.confidence_edges, dtype=np.float32)
    sure = np.searchsorted(edges, confidence, side="left").astype(np.int64)
    bins = np.bincount(sure, minlength=len(edges) + 1)
    several = codes.ndim == 2
    counts = codes.sum(axis=0) if several else np.bincount(codes, minlength=len(spec.classes))
    features = describe_features(spec, window)
    return empty.model_copy(
        update={
            "rows": len(window),
            "features": features,
            "dependence": describe_pairs(spec, window, features),
            "prediction_counts": tuple(int(count) for count in counts),
            "confidence_counts": tuple(int(count) for count in bins),
            **({} if truth is None else describe_answers(held_out, codes, truth, empty.confidence_edges)),
            "confidence_right": () if right is None else tuple(np.bincount(sure[right], minlength=len(bins)).tolist()),
            # Of several classes at once the counts are no multinomial to begin with.
            "prediction_overdispersion": () if several else overdispersion(codes.astype(np.int64), len(spec.classes)),
            "confidence_overdispersion": overdispersion(sure, len(bins)),
            "error_rate": 1.0 - evaluation.accuracy,
            "held_out_rows": evaluation.rows,
            "class_counts": () if labels is None else _class_counts(spec, labels),
            "class_overdispersion": ()
            if labels is None or labels.ndim == 2
            else overdispersion(labels.astype(np.int64), len(spec.classes)),
        }
    )


def _class_counts(spec: StreamSpec, labels: NDArray[Any]) -> tuple[int, ...]:
    counts = labels.sum(axis=0) if labels.ndim == 2 else np.bincount(labels, minlength=len(spec.classes))
    return tuple(int(count) for count in counts)


def _litert(
    spec: StreamSpec,
    network: Network,
    columns: Columns,
    out: Path,
    full: Scorer,
    decision: Decision | None,
) -> Export:
    file = out / FILES["litert"]
    try:
        converted = litert.convert(network)
    except Exception as error:  # the converter raises whatever its passes do
        return Export(file=file.name, bytes=0, refused=f"does not convert to LiteRT: {_first_line(error)}")
    file.write_bytes(converted)
    parity = compare(spec, LiteRTScorer(converted, network.preprocessing.look_ups), full, columns, decision)
    refused = None
    if parity.decisions_changed or not parity.largest_difference <= LARGEST_DIFFERENCE:
        refused = (
            f"LiteRT differs from TensorFlow by up to {parity.largest_difference:.2g} and changes "
            f"{parity.decisions_changed} of {parity.rows} answers"
        )
    return Export(file=file.name, bytes=len(converted), parity=parity, refused=refused)


def _further(
    spec: StreamSpec,
    network: Network,
    columns: Columns,
    out: Path,
    full: Scorer,
    decision: Decision | None,
    name: Runtime,
) -> Export:
    file = FILES[name]
    scorer: Scorer
    try:
        if name == "onnx":
            converted = onnx.convert(network)
            scorer = OnnxScorer(converted, network.preprocessing.look_ups)
        else:
            float16 = name == "litert-float16"
            converted = litert.convert_float16(network) if float16 else litert.convert_int8(network, columns)
            scorer = LiteRTScorer(converted, network.preprocessing.look_ups)
        rows = sample(columns)
        found, expected = scorer.score(rows), full.score(rows)
    except UsageError:
        raise
    except Exception as error:  # the converters and runtimes raise whatever their passes do
        return Export(file=file, bytes=0, refused=f"does not convert: {_first_line(error)}")
    parity = difference(spec, found, expected, decision)
    share, allowed = parity.decisions_changed / parity.rows, spec.training.export.maximum_changed
    refused = None
    if not np.isfinite(found).all():
        refused = "gives probabilities that are no numbers"
    elif share > allowed:
        refused = (
            f"changes {parity.decisions_changed} of {parity.rows} answers ({share:.2%}); "
            f"training.export.maximum_changed allows {allowed:.2%}"
        )
    else:
        (out / file).write_bytes(converted)
    return Export(file=file, bytes=len(converted), parity=parity, refused=refused)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]

"""Rows in memory as tf.data pipelines: what `fit` is fed with."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from driftline.spec.stream import StreamSpec
from training.data import Dataset
from training.keras_fit.strategies import Workers
from training.preprocessing import Preprocessing
from training.runtime import tf

# Rows of a validation batch: no gradient is kept, so that it may be larger than the optimizer's.
WATCHED = 1_024


@dataclass(frozen=True, slots=True)
class Feed:
    """Batches (inputs by name, labels) of one pass.

    Attributes
    ----------
    training : a tf.data.Dataset in a new order each pass; with several workers, each batch is this worker's part of it
        and a third member, float32 [1], that part's share of the batch's rows.
    steps : batches a pass.
    watched : validation rows, None for a refit.
    """

    training: Any
    steps: int
    watched: Any = None


def in_memory(
    spec: StreamSpec,
    preprocessing: Preprocessing,
    rows: Dataset,
    watched: Dataset | None,
    workers: Workers,
    *,
    shuffled: bool = True,
) -> Feed:
    """Feed from rows that lie in memory: encoded once, drawn in an order that `training.seed` fixes.

    Parameters
    ----------
    shuffled : False keeps the rows' own order in every pass.
    """
    inputs = {name: tf.constant(values) for name, values in preprocessing.encode(rows.columns).items()}
    labels, count, size = tf.constant(rows.labels), len(rows), min(spec.training.batch_size, len(rows))
    # Row numbers are shuffled and not rows, and the rows of a batch gathered at once: one operation a batch, not a row.
    order = tf.data.Dataset.range(count)
    if shuffled:
        order = order.shuffle(count, seed=spec.training.seed, reshuffle_each_iteration=True)
    # Every worker must have a row of every batch; another order brings the rows that are left over back in.
    batches = order.batch(size, drop_remainder=workers.several)

    def gather(chosen: Any) -> Any:
        return {name: tf.gather(values, chosen) for name, values in inputs.items()}, tf.gather(labels, chosen)

    part = sharing(workers)
    training = batches.map(lambda chosen: part(*gather(chosen))).prefetch(2)
    steps = count // size if workers.several else -(-count // size)
    return Feed(training, steps, None if watched is None else held(preprocessing, watched))


def held(preprocessing: Preprocessing, rows: Dataset) -> Any:
    """Validation rows as batches that are cut once and kept: every pass reads the same ones."""
    inputs = preprocessing.encode(rows.columns)
    return tf.data.Dataset.from_tensor_slices((inputs, np.asarray(rows.labels))).batch(WATCHED).cache().prefetch(1)


def sharing(workers: Workers) -> Callable[..., Any]:
    """What a worker takes of a batch (inputs, labels): all of it, or every n-th row."""
    if not workers.several:
        return lambda inputs, labels: (inputs, labels)

    def part(inputs: Any, labels: Any) -> Any:
        mine = slice(workers.index, None, workers.count)
        taken = labels[mine]
        share = tf.cast(tf.shape(taken)[:1], tf.float32) / tf.cast(tf.shape(labels)[:1], tf.float32)
        return {name: values[mine] for name, values in inputs.items()}, taken, share

    return part

"""Rows of a file as a tf.data pipeline: row groups and windows in random order, one window in memory."""

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from driftline.spec.stream import StreamSpec
from training.data import Dataset
from training.keras_fit.feed import Feed, held, sharing
from training.keras_fit.statistics import Streamed
from training.keras_fit.strategies import Workers
from training.preprocessing import Preprocessing
from training.runtime import tf

# Rows that lie in memory encoded, and are shuffled among one another.
WINDOW = 65_536

Batch = tuple[dict[str, NDArray[Any]], NDArray[Any]]


def streaming(
    spec: StreamSpec, preprocessing: Preprocessing, rows: Streamed, watched: Dataset | None, workers: Workers
) -> Feed:
    """Feed from a file: every pass reads its row groups in another order, and shuffles window after window."""
    size = min(spec.training.batch_size, len(rows))
    some = preprocessing.encode(rows.columns.take(slice(0, 1)))
    signature = (
        {name: tf.TensorSpec([None, *values.shape[1:]], values.dtype) for name, values in some.items()},
        tf.TensorSpec([None, *rows.labels.shape[1:]], rows.labels.dtype),
    )
    batches = batches_of(rows, preprocessing.encode, size, spec.training.seed, whole=workers.several)
    stream = tf.data.Dataset.from_generator(batches, output_signature=signature)
    steps = len(rows) // size if workers.several else -(-len(rows) // size)
    training = stream.apply(tf.data.experimental.assert_cardinality(steps)).map(sharing(workers)).prefetch(2)
    return Feed(training, steps, None if watched is None else held(preprocessing, watched))


def batches_of(
    rows: Streamed,
    encode: Callable[[Any], dict[str, NDArray[Any]]],
    size: int,
    seed: int,
    *,
    window: int = WINDOW,
    whole: bool = False,
) -> Callable[[], Iterator[Batch]]:
    """A function that begins a new pass: all rows once, in batches of `size`, in an order that seed and pass fix.

    Parameters
    ----------
    window : rows shuffled among one another.
    whole : leave out a last batch that is not full.
    """
    passes = itertools.count()

    def one_pass() -> Iterator[Batch]:
        random = np.random.default_rng([seed, next(passes)])
        spans = rows.source.spans(rows.start, rows.stop)
        held: list[Batch] = []
        count = 0
        for block in rows.blocks([spans[i] for i in random.permutation(len(spans))]):
            if len(block):
                held.append((encode(block.columns), block.labels))
                count += len(block)
            if count >= window:
                shuffled = _joined(held, random.permutation(count))
                full = count - count % size
                yield from _cut(shuffled, size, full)
                # What does not fill a batch waits for the next window.
                held, count = [_rows(shuffled, slice(full, None))], count - full
        if count:
            shuffled = _joined(held, random.permutation(count))
            yield from _cut(shuffled, size, count - count % size if whole else count)

    return one_pass


def _joined(parts: list[Batch], order: NDArray[np.int64]) -> Batch:
    names = parts[0][0]
    inputs = {name: np.concatenate([part[0][name] for part in parts])[order] for name in names}
    return inputs, np.concatenate([part[1] for part in parts])[order]


def _cut(batch: Batch, size: int, stop: int) -> Iterator[Batch]:
    for start in range(0, stop, size):
        yield _rows(batch, slice(start, min(start + size, stop)))


def _rows(batch: Batch, part: slice) -> Batch:
    return {name: values[part] for name, values in batch[0].items()}, batch[1][part]

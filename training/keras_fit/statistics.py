"""Rows that stay in a file, and what is learnt of them before the network, in one pass over it.

No TensorFlow here.
"""

import dataclasses
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from driftline.errors import UsageError
from driftline.model.columns import Columns
from driftline.model.lookups import Tokenizer
from driftline.registry.manifest import LookUps
from driftline.spec.stream import StreamSpec
from training.data import FEWEST_ROWS, Dataset, Dropped, from_frame
from training.keras_fit.parquet import ParquetSource, Span
from training.preprocessing import CONSTANT, LARGEST_VARIANCE, NO_TOKEN, RARE, Preprocessing, learn

# Rows held out at most, and rows that stand for all where the reference and parity ask for some: the paired test and
# the histograms gain nothing from more, and this many of a hundred columns are 40 MB.
MOST_HELD = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Streamed(Dataset):
    """Labelled rows [start, stop) of a Parquet file; as a Dataset, the newest `MOST_HELD` of them.

    Attributes
    ----------
    total : rows that a training takes, of those in the file; `len` gives it.
    """

    source: ParquetSource
    spec: StreamSpec
    start: int
    stop: int
    total: int

    def __len__(self) -> int:
        return self.total

    def split_newest(self, holdout: float) -> tuple[Dataset, Dataset]:
        """By row count of the file; the newest part in memory, and therefore at most `MOST_HELD` rows."""
        count = self.stop - self.start
        if count < 2:
            raise UsageError(f"{count} rows: a split needs at least 2")
        held = min(max(round(count * holdout), 1), count - 1, MOST_HELD)
        cut = self.stop - held
        newest = read_rows(self.spec, self.source, cut, self.stop)
        if not len(newest):
            raise UsageError(
                f"{self.source.url}: none of the newest {held:,} rows has a known label ({newest.dropped})"
            )
        return streamed(self.spec, self.source, self.start, cut, self.total - len(newest)), newest

    def blocks(self, spans: list[Span] | None = None) -> Iterator[Dataset]:
        """The rows a few thousand at a time, in file order or in that of `spans`."""
        for frame in self.source.frames(self.source.spans(self.start, self.stop) if spans is None else spans):
            yield from_frame(self.spec, frame, fewest=0)


def open_streamed(spec: StreamSpec, url: str, start: int = 0, stop: int | None = None) -> Streamed:
    """The rows of a file, counted in one pass.

    Raises
    ------
    UsageError : the file cannot be read, a column is missing, too few rows are labelled, or a feature asks for what
        one pass cannot give.
    """
    for feature in spec.numeric:
        if feature.transform != "none" or feature.clip:
            raise UsageError(
                f"features.{feature.name}: transform and clip need all rows in memory; "
                "leave them out, or train without --stream"
            )
    training = spec.training
    for name, read, allowed in (
        ("training.split.method", training.split.method, ("time",)),
        ("training.missing", training.missing, ("impute",)),
        ("training.imbalance.method", training.imbalance.method, ("none", "class-weights")),
    ):
        if read not in allowed:
            raise UsageError(f"{name}: read {read}; allowed for rows that stay in a file: {', '.join(allowed)}")
    source = ParquetSource(url, spec)
    if start >= source.rows:
        raise UsageError(f"--start-row: read {start}; {url} has {source.rows:,} rows, counted from 0")
    stop = source.rows if stop is None else min(stop, source.rows)
    total = unlabelled = rejected = 0
    for frame in source.frames(source.spans(start, stop)):
        block = from_frame(spec, frame, fewest=0)
        total += len(block)
        unlabelled, rejected = unlabelled + block.dropped.unlabelled, rejected + block.dropped.rejected
    dropped = Dropped(unlabelled=unlabelled, rejected=rejected)
    if total < FEWEST_ROWS:
        raise UsageError(
            f"{url}: {total} labelled rows of {stop - start:,} ({dropped}); a training needs at least {FEWEST_ROWS}. "
            f"Labels are read from column {spec.label!r}; classes: {', '.join(spec.classes[:12])}"
        )
    return dataclasses.replace(streamed(spec, source, start, stop, total), dropped=dropped)


def streamed(spec: StreamSpec, source: ParquetSource, start: int, stop: int, total: int) -> Streamed:
    """Rows [start, stop) of a file, of which `total` are labelled."""
    newest = read_rows(spec, source, max(start, stop - MOST_HELD), stop)
    return Streamed(
        newest.columns, newest.labels, newest.record_ids, newest.event_times,
        source=source, spec=spec, start=start, stop=stop, total=total,
    )  # fmt: skip


def read_rows(spec: StreamSpec, source: ParquetSource, start: int, stop: int) -> Dataset:
    """The labelled rows among [start, stop) of the file, in memory."""
    parts = [from_frame(spec, frame, fewest=0) for frame in source.frames(source.spans(start, stop))]
    return Dataset(
        Columns.concatenate([part.columns for part in parts]),
        np.concatenate([part.labels for part in parts]),
        [record_id for part in parts for record_id in part.record_ids],
        np.concatenate([part.event_times for part in parts]),
        Dropped(sum(p.dropped.unlabelled for p in parts), sum(p.dropped.rejected for p in parts)),
    )


def learn_streamed(spec: StreamSpec, rows: Streamed) -> Preprocessing:
    """What `training.preprocessing.learn` would learn of all rows, from one pass over them."""
    moments = Moments(len(spec.numeric))
    words = [Counter[str]() for _ in spec.text]
    for block in rows.blocks():
        moments.add(block.columns.numeric)
        for i, counter in enumerate(words):
            for text in block.columns.text[:, i]:
                counter.update(set(Tokenizer.tokens(text, spec.text[i].ngrams)) if text else ())
            _shorten(counter)
    variance = moments.variance
    constant = np.sqrt(variance) <= CONSTANT * np.abs(moments.mean)
    # What is not learnt from rows is the same whatever rows there are.
    known = learn(spec, rows.columns.take(slice(0, 1)))
    texts = tuple(
        text.model_copy(update={"vocabulary": _ranked(counter, feature.max_tokens)})
        for text, counter, feature in zip(known.look_ups.texts, words, spec.text, strict=True)
    )
    return dataclasses.replace(
        known,
        mean=moments.mean.astype(np.float32),
        variance=np.where(constant, 1.0, np.clip(variance, np.finfo(np.float32).tiny, LARGEST_VARIANCE)).astype(
            np.float32
        ),
        indicators=tuple(int(j) for j in np.flatnonzero(moments.missing)),
        look_ups=LookUps(categories=known.look_ups.categories, texts=texts),
    )


@dataclass(slots=True)
class Moments:
    """Mean and variance of each column, block by block; NaN is missing.

    Notes
    -----
    Chan, Golub and LeVeque, "Updating Formulae and a Pairwise Algorithm for Computing Sample Variances" (1979): the
    sums of squares about each block's own mean, so that nothing cancels.
    """

    columns: int
    count: NDArray[np.float64] = field(init=False)
    mean: NDArray[np.float64] = field(init=False)
    missing: NDArray[np.bool_] = field(init=False)
    _squares: NDArray[np.float64] = field(init=False)

    def __post_init__(self) -> None:
        self.count, self.mean, self._squares = (np.zeros(self.columns) for _ in range(3))
        self.missing = np.zeros(self.columns, dtype=bool)

    def add(self, numeric: NDArray[np.float32]) -> None:
        """Take float32 [n, N] in."""
        values = numeric.astype(np.float64)
        absent = np.isnan(values)
        self.missing |= absent.any(axis=0)
        there = (~absent).sum(axis=0).astype(np.float64)
        mean = np.where(absent, 0.0, values).sum(axis=0) / np.maximum(there, 1)
        squares = np.where(absent, 0.0, (values - mean) ** 2).sum(axis=0)
        together = np.maximum(self.count + there, 1)
        apart = mean - self.mean
        self.mean = self.mean + apart * there / together
        self._squares = self._squares + squares + apart**2 * self.count * there / together
        self.count = self.count + there

    @property
    def variance(self) -> NDArray[np.float64]:
        """Of the values present, float64 [N]."""
        return self._squares / np.maximum(self.count, 1)


# Distinct words counted at once, for each text. Beyond it the rarest are forgotten, and the counts of words that come
# back later begin anew: such words do not reach a vocabulary.
MOST_WORDS = 1_000_000


def _shorten(counter: Counter[str]) -> None:
    if len(counter) > MOST_WORDS:
        kept = counter.most_common(MOST_WORDS // 2)
        counter.clear()
        counter.update(dict(kept))


def _ranked(rows: Counter[str], max_tokens: int) -> tuple[str, ...]:
    common = {token: count for token, count in rows.items() if count > RARE} or rows
    ranked = sorted(common, key=lambda token: (-common[token], token))
    return tuple(ranked[: max_tokens - 2]) or (NO_TOKEN,)

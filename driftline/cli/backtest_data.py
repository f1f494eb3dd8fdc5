"""Where a backtest's recording comes from: a data file, or the stream's own topics."""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from driftline.backtest.recording import Recording, recorded
from driftline.errors import UsageError
from driftline.spec.stream import StreamSpec

_BLOCK = 50_000


@dataclass(frozen=True, slots=True)
class Asked:
    """What the command line says of the data."""

    spec: Path | None
    label: str | None
    multilabel: tuple[str, ...]
    exclude: tuple[str, ...]
    most: int | None
    rate: float


@dataclass(frozen=True, slots=True)
class Source:
    """The data, the specification it is read by, and what is to be said of both."""

    name: str
    spec: StreamSpec
    recording: Recording
    notes: tuple[str, ...] = ()


def from_file(data: Path, asked: Asked) -> Source:
    """Read a data file; without a specification one is inferred, as `driftline init` would.

    Raises
    ------
    UsageError : the file cannot be read, or an option does not fit it.
    """
    from driftline.inference import infer_spec, stream_name
    from driftline.spec.load import load_spec
    from driftline.tables import iter_table

    if not asked.rate > 0:
        raise UsageError(f"--rate: read {asked.rate}; allowed: more than 0")
    given = asked.label is not None or asked.multilabel or asked.exclude
    if asked.spec is not None and given:
        raise UsageError("--label, --multilabel and --exclude are for data without --spec, which says all that")
    spec = load_spec(asked.spec) if asked.spec is not None else None
    frame = pd.concat(list(_first(iter_table(data, _BLOCK), asked.most)), ignore_index=True)
    notes: tuple[str, ...] = ()
    if spec is None:
        inferred = infer_spec(
            frame, stream_name(data), label=asked.label, multilabel=asked.multilabel, exclude=asked.exclude
        )
        spec = inferred.spec
        notes = (f"no --spec: {spec.task}, label {spec.label!r}, {len(spec.features)} features", *inferred.notes)
    return Source(data.name, spec, recorded(spec, frame, asked.rate), notes)


def from_topics(asked: Asked) -> Source:
    """Read the stream's topics, as far back as they are kept.

    Raises
    ------
    UsageError : an option is for files, or no record there has a label.
    DriftlineError : the cluster or its topics cannot be reached.
    """
    from driftline.backtest.topic import read_topics, recorded_batches
    from driftline.cli.options import DEFAULT_SPEC, open_workspace
    from driftline.kafka.connect import connect

    if asked.label is not None or asked.multilabel or asked.exclude:
        raise UsageError("--label, --multilabel and --exclude are for a data file")
    workspace = open_workspace(asked.spec or DEFAULT_SPEC)
    client = connect(workspace.endpoint("driftline-backtest"))
    try:
        recording = recorded_batches(workspace.spec, *read_topics(workspace.spec, client, time.monotonic))
    finally:
        client.close()
    name = f"{workspace.spec.topics.features} and {workspace.spec.topics.labels}"
    return Source(name, workspace.spec, recording if asked.most is None else recording.first(asked.most))


def _first(frames: Iterable[pd.DataFrame], most: int | None) -> Iterator[pd.DataFrame]:
    """The first `most` rows, and no frame read beyond them."""
    left = most
    for frame in frames:
        yield frame if left is None else frame.iloc[:left]
        if left is not None and (left := left - len(frame)) <= 0:
            return

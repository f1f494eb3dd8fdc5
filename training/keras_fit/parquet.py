"""A Parquet file on any file system that fsspec knows, read row group by row group."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from driftline.errors import UsageError
from driftline.spec.stream import StreamSpec

# Rows decoded at a time within a row group: a few MiB, whatever the group's size.
BLOCK = 8_192


@dataclass(frozen=True, slots=True)
class Span:
    """Rows [start, stop) of a row group, the first of which has number `number` in the file."""

    group: int
    start: int
    stop: int
    number: int


class ParquetSource:
    """The rows of one Parquet file, in file order; only the columns that the stream needs are ever read.

    Parameters
    ----------
    url : a path, or what fsspec opens: `file://`, `s3://`, `gs://`, `memory://` and so on.

    Raises
    ------
    UsageError : no such file, no Parquet file, or a package for reading it is missing.
    """

    def __init__(self, url: str, spec: StreamSpec) -> None:
        try:
            import pyarrow.parquet  # noqa: F401
        except ImportError:
            raise UsageError(
                f"{url}: reading Parquet needs one more package: pip install 'driftline[parquet]'"
            ) from None
        self.url = url
        with _Opened(url) as file:
            groups = [file.metadata.row_group(i).num_rows for i in range(file.metadata.num_row_groups)]
            names = set(file.schema_arrow.names)
        self._groups = groups
        self.rows = sum(groups)
        if not self.rows:
            raise UsageError(f"{url}: holds no rows")
        wanted = [feature.name for feature in spec.features] + [spec.label]
        wanted += list(spec.classes) if spec.task == "multilabel" else []
        # A feature or label that is not there is told by what reads the frame.
        self._columns = [name for name in dict.fromkeys(wanted) if name in names]

    def spans(self, start: int, stop: int) -> list[Span]:
        """The parts of row groups that rows [start, stop) of the file lie in."""
        found, first = [], 0
        for group, count in enumerate(self._groups):
            inside = max(start - first, 0), min(stop - first, count)
            if inside[0] < inside[1]:
                found.append(Span(group, *inside, number=first + inside[0]))
            first += count
        return found

    def frames(self, spans: Sequence[Span]) -> Iterator[pd.DataFrame]:
        """Frames of at most `BLOCK` rows, whose index is the row's number in the file."""
        with _Opened(self.url) as file:
            for span in spans:
                yield from self._frames(file, span)

    def _frames(self, file: Any, span: Span) -> Iterator[pd.DataFrame]:
        at = 0
        for batch in file.iter_batches(batch_size=BLOCK, row_groups=[span.group], columns=self._columns):
            first, last = max(span.start - at, 0), min(span.stop - at, batch.num_rows)
            if first < last:
                # Integers beside a null would become floats, and large ones lose digits.
                frame = batch.slice(first, last - first).to_pandas(integer_object_nulls=True)
                number = span.number + at + first - span.start
                frame.index = pd.RangeIndex(number, number + len(frame))
                yield frame
            at += batch.num_rows
            if at >= span.stop:
                return


class _Opened:
    """The file, open; what may go wrong in it is a UsageError that names it."""

    def __init__(self, url: str) -> None:
        self._url = url

    def __enter__(self) -> Any:
        import fsspec
        import pyarrow.parquet as pq

        try:
            system, path = fsspec.core.url_to_fs(self._url)
            self._handle = system.open(path, "rb")
        except FileNotFoundError:
            raise UsageError(f"{self._url}: no such file") from None
        except (ImportError, ValueError) as error:
            raise UsageError(f"{self._url}: cannot be opened: {error}") from None
        except OSError as error:
            raise UsageError(f"{self._url}: cannot be read: {error}") from None
        try:
            # Read as it is needed: fetched ahead, a row group's columns would lie in memory as a whole.
            return pq.ParquetFile(self._handle, pre_buffer=False)
        except Exception as error:
            self._handle.close()
            raise _unreadable(self._url, error) from None

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self._handle.close()
        import pyarrow as pa

        if isinstance(error, (pa.ArrowException, OSError)):
            raise _unreadable(self._url, error) from None


def _unreadable(url: str, error: object) -> UsageError:
    return UsageError(f"{url}: not a Parquet file that can be read: {str(error).splitlines()[0][:200]}")

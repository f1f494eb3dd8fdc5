"""Reading data files: CSV in its common dialects, and Parquet.

Cells of a CSV stay the strings they are (missing: None), so that nothing depends on what a library guesses from the
rows it happens to see; `driftline.cells` gives them their meaning by the specification.
"""

import bz2
import csv
import gzip
import importlib
import io
import lzma
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, TextIO

import pandas as pd

from driftline.cells import columns_from_frame, has_labels, labels_from_frame, refused_rows, wire_rows
from driftline.errors import UsageError

__all__ = [
    "columns_from_frame",
    "has_labels",
    "iter_table",
    "labels_from_frame",
    "read_table",
    "refused_rows",
    "wire_rows",
]

DELIMITERS = (",", ";", "\t")
# Rows read at a time when the whole file is wanted: large enough that pandas' cost a frame vanishes.
_BLOCK = 50_000
_COMPRESSED: dict[str, Callable[..., Any]] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
_KNOWN = ".csv, .tsv or .txt (also .gz, .bz2, .xz, .zst), .parquet"
_NOT_TABLES = {
    ".json", ".jsonl", ".ndjson", ".xls", ".xlsx", ".ods", ".zip", ".tar", ".7z", ".h5", ".hdf5", ".npy", ".npz",
    ".pkl", ".pickle", ".feather", ".arrow", ".orc", ".avro", ".db", ".sqlite", ".pdf", ".yaml", ".yml",
}  # fmt: skip
# Cells that mean "nothing" whatever the column is; words that may be a value (NA, none) are left to the column's type.
_MISSING = frozenset({"", "nan", "NaN", "NULL", "null", "<NA>", "#N/A"})


def read_table(path: str | Path) -> pd.DataFrame:
    """Read a data file whole.

    Parameters
    ----------
    path : a CSV (delimiter ',', ';' or tab; UTF-8 with or without a byte order mark; `.gz`, `.bz2`, `.xz`, `.zst`)
        or a Parquet file.

    Returns
    -------
    Rows in file order, index 0…n-1. Columns of a CSV hold str, missing cells None; those of Parquet their types.

    Raises
    ------
    UsageError : the file is not there, empty, no table, not UTF-8, has no header, or has a row (named by its line)
        with more or fewer cells than the header.
    """
    blocks = list(iter_table(path, _BLOCK))
    return blocks[0] if len(blocks) == 1 else pd.concat(blocks, ignore_index=True)


def iter_table(path: str | Path, rows: int) -> Iterator[pd.DataFrame]:
    """Read a data file in frames of `rows` rows (the last may be shorter), holding one at a time.

    The index goes on from frame to frame, so that it is the row's number in the file. Raises as `read_table` does;
    there is at least one frame.
    """
    path = Path(path)
    _check(path)
    return _parquet(path, rows) if _is_parquet(path) else _csv(path, rows)


def _check(path: Path) -> None:
    if path.is_dir():
        raise UsageError(f"{path}: is a directory; expected a data file: {_KNOWN}")
    if not path.exists():
        raise UsageError(f"{path}: no such file")
    if path.suffix.lower() in _NOT_TABLES:
        raise UsageError(f"{path}: {path.suffix} is not a table that can be read; allowed: {_KNOWN}")
    try:
        if path.is_file() and path.stat().st_size == 0:
            raise UsageError(f"{path}: the file is empty")
        with path.open("rb"):
            pass
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from None


# -- CSV ------------------------------------------------------------------------------------------------------------


def _csv(path: Path, rows: int) -> Iterator[pd.DataFrame]:
    with _text(path) as file:
        first = file.readline()
        while first and not first.strip():
            first = file.readline()
        if not first:
            raise UsageError(f"{path}: the file is empty")
        if "\0" in first:
            raise UsageError(f"{path}: holds binary data, not a table; allowed: {_KNOWN}")
        delimiter = max(DELIMITERS, key=lambda mark: len(next(csv.reader([first], delimiter=mark))))
        reader = csv.reader(_with(first, file), delimiter=delimiter, skipinitialspace=True, strict=True)
        try:
            header = _header(path, next(reader))
            yield from _frames(path, reader, header, rows)
        except csv.Error as error:
            raise UsageError(f"{path}: line {reader.line_num}: {error}") from None
        except UnicodeDecodeError as error:
            raise UsageError(_encoding(path, error)) from None


def _with(first: str, file: TextIO) -> Iterator[str]:
    yield first
    yield from file


def _header(path: Path, cells: list[str]) -> list[str]:
    if len(cells) < 2:
        raise UsageError(
            f"{path}: found one column, {cells[0][:60]!r}; a table has a header line and at least two columns, "
            "separated by ',', ';' or tab"
        )
    if all(_is_number(cell) for cell in cells):
        raise UsageError(f"{path}: no header: the first line holds numbers ({', '.join(cells[:4])}…), not column names")
    # pandas writes its index under an empty name; it is kept under the name that pandas gives it back.
    names = [cell.strip() or f"Unnamed: {position}" for position, cell in enumerate(cells)]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise UsageError(f"{path}: the header names column {twice[0]!r} more than once")
    return names


def _frames(path: Path, reader: Any, header: list[str], rows: int) -> Iterator[pd.DataFrame]:
    width, start, block = len(header), 0, list[list[str]]()
    line = reader.line_num
    for cells in reader:
        if len(cells) != width:
            if not cells:
                line = reader.line_num
                continue
            raise UsageError(f"{path}: line {line + 1}: {len(cells)} cells; the header has {width}")
        block.append(cells)
        line = reader.line_num
        if len(block) == rows:
            yield _frame(block, header, start)
            start += len(block)
            block = []
    if start == 0 and not block:
        raise UsageError(f"{path}: holds a header and no rows")
    if block:
        yield _frame(block, header, start)


def _frame(block: list[list[str]], header: list[str], start: int) -> pd.DataFrame:
    index = pd.RangeIndex(start, start + len(block))
    columns = {
        name: pd.Series([None if cell in _MISSING else cell for cell in cells], index=index, dtype=object)
        for name, cells in zip(header, zip(*block, strict=True), strict=True)
    }
    return pd.DataFrame(columns, index=index)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


@contextmanager
def _text(path: Path) -> Iterator[TextIO]:
    suffix = path.suffix.lower()
    try:
        raw: IO[bytes]
        if suffix == ".zst":
            raw = _open_zst(path)
        else:
            raw = _COMPRESSED[suffix](path, "rb") if suffix in _COMPRESSED else path.open("rb")
        with io.TextIOWrapper(raw, encoding="utf-8-sig", newline="") as file:
            yield file
    except UnicodeDecodeError as error:
        raise UsageError(_encoding(path, error)) from None
    except (gzip.BadGzipFile, lzma.LZMAError, zlib.error, EOFError) as error:
        raise UsageError(f"{path}: not a complete {suffix} file: {error}") from None
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error}") from None


def _open_zst(path: Path) -> Any:
    try:
        return importlib.import_module("zstandard").open(path, "rb")
    except ImportError:
        raise UsageError(f"{path}: reading .zst needs one more package: pip install zstandard") from None


def _encoding(path: Path, error: UnicodeDecodeError) -> str:
    start = error.object[:2] if isinstance(error.object, bytes) else b""
    if start in (b"\xff\xfe", b"\xfe\xff"):
        return f"{path}: is encoded in UTF-16; save it as UTF-8"
    if b"\0" in error.object:
        return f"{path}: holds binary data, not a table; allowed: {_KNOWN}"
    byte = error.object[error.start]
    return (
        f"{path}: not UTF-8 (byte 0x{byte:02x}: {error.reason}); save it as UTF-8, e.g. with `iconv -f LATIN1 -t UTF-8`"
    )


# -- Parquet --------------------------------------------------------------------------------------------------------


def _is_parquet(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == b"PAR1" or path.suffix.lower() in (".parquet", ".pq")


def _parquet(path: Path, rows: int) -> Iterator[pd.DataFrame]:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise UsageError(f"{path}: reading Parquet needs one more package: pip install 'driftline[parquet]'") from None
    try:
        with pq.ParquetFile(path) as file:
            if len(set(file.schema_arrow.names)) < len(file.schema_arrow.names):
                raise UsageError(f"{path}: names a column more than once")
            start = 0
            for batch in file.iter_batches(batch_size=rows):
                if batch.num_rows == 0:
                    continue
                # Integers beside a null would become floats, and large ones lose digits.
                frame = batch.to_pandas(integer_object_nulls=True)
                frame.index = pd.RangeIndex(start, start + len(frame))
                start += len(frame)
                yield frame
    except (pa.ArrowException, OSError) as error:
        raise UsageError(f"{path}: not a Parquet file that can be read: {error}") from None
    if start == 0:
        raise UsageError(f"{path}: holds no rows")

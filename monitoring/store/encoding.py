"""Parts of the monitor's state as bytes: small values and columns, checked when they are read and never executed."""

import math
import struct
import zlib
from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from driftline.errors import DriftlineError

FORMAT = 1
"""Written into every part. A reader that knows another one refuses the part instead of guessing."""

_MAGIC = b"dlms"
_PREFIX = struct.Struct("<4sHII")
_UNSIGNED = {"u1": 2**8, "u2": 2**16, "u4": 2**32}
_FLOATS = ("f4", "f8")
T = TypeVar("T")


class DamagedState(DriftlineError):
    """Bytes that are not a part of a monitor's state, or not of a format that this version reads."""


class _Column(msgspec.Struct, array_like=True):
    """`kind` says how the values are laid out; integers are stored as their distance from `base`."""

    name: str
    kind: str
    shape: tuple[int, ...]
    base: int
    size: int


class _Header(msgspec.Struct, array_like=True):
    columns: list[_Column]
    meta: msgspec.Raw


def pack(meta: Any, columns: Mapping[str, NDArray[Any]] | None = None) -> bytes:
    """One part.

    Parameters
    ----------
    meta : anything that msgspec writes as MessagePack; floats keep every bit, NaN and infinity too.
    columns : name → array of bool, int64, float32, float64 or, as object, str. Integers take as many bytes as their
        range needs: a column of one value takes none.
    """
    described, blobs = [], []
    for name, column in (columns or {}).items():
        kind, base, blob = _encode(column)
        described.append(_Column(name, kind, column.shape, base, len(blob)))
        blobs.append(blob)
    header = msgspec.msgpack.encode(_Header(described, msgspec.Raw(msgspec.msgpack.encode(meta))))
    body = b"".join([header, *blobs])
    return _PREFIX.pack(_MAGIC, FORMAT, zlib.crc32(body), len(header)) + body


def unpack(name: str, data: bytes, meta: type[T]) -> tuple[T, dict[str, NDArray[Any]]]:
    """Read what `pack` wrote: the small values as `meta`, and the columns by name.

    Parameters
    ----------
    name : of the part, for the message.

    Raises
    ------
    DamagedState : the bytes are cut short, changed, of another format or of other contents.
    """
    try:
        magic, found, crc, size = _PREFIX.unpack_from(data)
    except struct.error as error:
        raise DamagedState(f"monitor state, part {name}: {len(data)} bytes are too few") from error
    if magic != _MAGIC:
        raise DamagedState(f"monitor state, part {name}: read {magic!r} at its beginning; expected {_MAGIC!r}")
    if found != FORMAT:
        raise DamagedState(f"monitor state, part {name}: read format {found}; this version of driftline reads {FORMAT}")
    body = memoryview(data)[_PREFIX.size :]
    if zlib.crc32(body) != crc:
        raise DamagedState(f"monitor state, part {name}: its checksum does not fit its contents")
    try:
        header = msgspec.msgpack.decode(body[:size], type=_Header)
        columns, at = {}, size
        for column in header.columns:
            columns[column.name] = _decode(column, body[at : at + column.size])
            at += column.size
        return msgspec.msgpack.decode(header.meta, type=meta), columns
    except (msgspec.MsgspecError, ValueError, TypeError, OverflowError) as error:
        raise DamagedState(f"monitor state, part {name}: {error}") from error


def _encode(column: NDArray[Any]) -> tuple[str, int, bytes]:
    if column.dtype == np.object_:
        texts = column.tolist()
        lengths = np.fromiter(map(len, texts), dtype="<u4", count=len(texts))
        return "text", 0, lengths.tobytes() + "".join(texts).encode("utf-8", "surrogatepass")
    if column.dtype == np.bool_:
        return "bits", 0, np.packbits(column).tobytes()
    if column.dtype.kind == "f":
        kind = f"f{column.dtype.itemsize}"
        return kind, 0, column.astype(f"<{kind}", copy=False).tobytes()
    low, high = (int(column.min()), int(column.max())) if column.size else (0, 0)
    if low == high:
        return "same", low, b""
    for kind, room in _UNSIGNED.items():
        if high - low < room:
            return kind, low, (column - low).astype(f"<{kind}").tobytes()
    return "i8", 0, column.astype("<i8").tobytes()


def _decode(column: _Column, blob: memoryview) -> NDArray[Any]:
    kind, shape = column.kind, column.shape
    n = math.prod(shape)
    if kind == "same":
        return np.full(shape, column.base, dtype=np.int64)
    if kind in _UNSIGNED:
        return (np.frombuffer(blob, dtype=f"<{kind}").astype(np.int64) + column.base).reshape(shape)
    if kind == "i8":
        return np.frombuffer(blob, dtype="<i8").astype(np.int64).reshape(shape)
    if kind in _FLOATS:
        return np.frombuffer(blob, dtype=f"<{kind}").astype(kind).reshape(shape)
    if kind == "bits":
        return np.unpackbits(np.frombuffer(blob, dtype=np.uint8), count=n).astype(np.bool_).reshape(shape)
    if kind == "text":
        ends = np.cumsum(np.frombuffer(blob[: 4 * n], dtype="<u4"), dtype=np.int64).tolist()
        text = bytes(blob[4 * n :]).decode("utf-8", "surrogatepass")
        out = np.empty(n, dtype=np.object_)
        out[:] = [text[start:end] for start, end in zip([0, *ends], ends, strict=False)]
        return out.reshape(shape)
    raise ValueError(f"column {column.name} is of kind {kind!r}")

"""Feature records: from wire bytes to columns, with a reason for everything that cannot become one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
import numpy as np
from msgspec import UNSET
from msgspec.structs import astuple
from numpy.typing import NDArray

from driftline.kafka.interface import Batch
from driftline.model.columns import Columns
from driftline.records.data import Reason
from driftline.spec.stream import StreamSpec
from driftline.wire.diagnosis import FeatureDiagnosis
from driftline.wire.json_text import exact, parse, plain
from driftline.wire.rejects import Diagnosis, Refused, Reject, reject

_Id = Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
_Category = str | int | bool | None
_FAR = 2**62


@dataclass(frozen=True, slots=True)
class Decoded:
    """The valid records of some batches, as columns of equal length n, and the rejects beside them."""

    record_ids: list[str]
    device_ids: list[str]
    event_times: NDArray[np.int64]
    partitions: NDArray[np.int64]
    offsets: NDArray[np.int64]
    columns: Columns
    rejects: list[Reject]

    def __len__(self) -> int:
        return len(self.record_ids)


class FeatureDecoder:
    """Decodes feature records of one stream.

    The record's shape (how many features, which type each) is compiled into a msgspec decoder, so that width and
    types are checked in C while parsing. Only a record that fails is looked at by Python, to name its reason, and one
    that may hold more than was decoded (a key twice, a field of a newer writer), to see that it is sound. Values are
    decoded one by one, never joined into one document: a joined document would let one malformed value reach into its
    neighbours.

    Parameters
    ----------
    spec : the stream.
    """

    def __init__(self, spec: StreamSpec) -> None:
        self._spec = spec
        self._diagnosis = FeatureDiagnosis(spec)
        self._names = tuple(f.name for f in spec.features)
        self._named_keys = len(self._names) + sum(name.count(":") for name in self._names)
        kinds: dict[str, Any] = {"numeric": float | None, "categorical": _Category, "text": str | None}
        types = [kinds[f.type] for f in spec.features]
        by_name = msgspec.defstruct(
            "FeaturesByName",
            [(f"f{i}", kind) for i, kind in enumerate(types)],
            rename={f"f{i}": f.name for i, f in enumerate(spec.features)},
            forbid_unknown_fields=True,
        )
        record = msgspec.defstruct(
            "FeatureRecord",
            [
                ("record_id", _Id),
                ("device_id", _Id),
                ("event_time", int),
                ("features", tuple[tuple(types)] | by_name),  # type: ignore[misc]
                ("schema_version", int | msgspec.UnsetType, msgspec.UNSET),
            ],
            gc=False,
        )
        # Any: the struct is made at run time, so no type checker can know its fields.
        self._decode: Any = msgspec.json.Decoder(record).decode
        position = {f.name: i for i, f in enumerate(spec.features)}
        self._numeric = [position[f.name] for f in spec.numeric]
        self._categorical = [position[f.name] for f in spec.categorical]
        self._text = [position[f.name] for f in spec.text]
        self._all_numeric = len(self._numeric) == len(spec.features)
        self._known = [frozenset(f.categories) | {None} for f in spec.categorical]
        self._max_bytes = spec.serving.max_record_bytes
        self._future_ms = spec.serving.max_future_seconds * 1_000
        self._age_ms = spec.serving.max_age_days * 86_400_000

    def decode(self, batches: Sequence[Batch], now_ms: int) -> Decoded:
        """Decode `batches` in the order given.

        Parameters
        ----------
        now_ms : the present, epoch ms, against which event times are judged.
        """
        ids: list[str] = []
        devices: list[str] = []
        times: list[int] = []
        rows: list[tuple[Any, ...]] = []
        where: list[tuple[Batch, int]] = []
        rejects: list[Reject] = []
        decode, limit, named_keys = self._decode, self._max_bytes, self._named_keys
        for batch in batches:
            for index, value in enumerate(batch.values):
                try:
                    if value is None or len(value) > limit:
                        raise msgspec.ValidationError
                    record = decode(value)
                    version, features = record.schema_version, record.features
                    if version is UNSET:
                        keys = 4
                    elif version == 1:
                        keys = 5
                    else:
                        raise msgspec.ValidationError
                    by_name = type(features) is not tuple
                    if by_name:
                        features = astuple(features)
                        keys += named_keys
                    sure = value.count(b":") == keys or exact(value, keys, self._strings(record, features))
                    if not sure and (by_name or not plain(value)):
                        parse(value, self._names)
                except (msgspec.MsgspecError, RecursionError, UnicodeError) as error:
                    rejects.append(reject(batch, index, self._diagnosis.of(value, str(error))))
                    continue
                except Refused as refused:
                    rejects.append(reject(batch, index, refused.diagnosis))
                    continue
                rows.append(features)
                ids.append(record.record_id)
                devices.append(record.device_id)
                times.append(record.event_time)
                where.append((batch, index))
        return self._columns(ids, devices, times, rows, where, rejects, now_ms)

    def _columns(
        self,
        ids: list[str],
        devices: list[str],
        times: list[int],
        rows: list[tuple[Any, ...]],
        where: list[tuple[Batch, int]],
        rejects: list[Reject],
        now_ms: int,
    ) -> Decoded:
        n = len(rows)
        columns = self._matrices(rows)
        # msgspec takes integers of any size; an event time beyond int64 is judged by its sign, as far off.
        event_times = np.array([max(min(t, _FAR), -_FAR) for t in times], dtype=np.int64)
        bad: dict[int, Diagnosis] = {}
        for row in np.flatnonzero(event_times > now_ms + self._future_ms).tolist():
            ahead = (int(event_times[row]) - now_ms) // 1000
            bad[row] = Diagnosis(
                Reason.FUTURE_TIMESTAMP,
                f"event_time: {_time(times[row])} is {ahead} s ahead of the clock; "
                f"allowed: {self._future_ms // 1000} s",
            )
        for row in np.flatnonzero(event_times < now_ms - self._age_ms).tolist():
            bad[row] = Diagnosis(
                Reason.STALE_TIMESTAMP,
                f"event_time: {_time(times[row])} is older than {self._spec.serving.max_age_days} days "
                "(is it in milliseconds?)",
            )
        self._judge_values(columns, bad)
        if bad:
            keep = np.ones(n, dtype=bool)
            for row, diagnosis in sorted(bad.items()):
                keep[row] = False
                rejects.append(reject(*where[row], diagnosis))
            chosen = np.flatnonzero(keep)
            columns, event_times = columns.take(chosen), event_times[chosen]
            ids, devices, where = ([column[i] for i in chosen] for column in (ids, devices, where))  # type: ignore[assignment]
        return Decoded(
            record_ids=ids,
            device_ids=devices,
            event_times=event_times,
            partitions=np.fromiter((batch.partition for batch, _ in where), np.int64, len(where)),
            offsets=np.fromiter((batch.offsets[index] for batch, index in where), np.int64, len(where)),
            columns=columns,
            rejects=_in_order(rejects) if bad else rejects,
        )

    def _matrices(self, rows: list[tuple[Any, ...]]) -> Columns:
        n = len(rows)
        with np.errstate(over="ignore"):  # a value beyond float32 becomes infinite, and is refused for it below
            if self._all_numeric:
                numeric = np.array(rows, dtype=np.float64).astype(np.float32).reshape(n, len(self._numeric))
                return Columns(numeric, np.empty((n, 0), object), np.empty((n, 0), object))
            by_column = list(zip(*rows, strict=True)) if rows else [()] * len(self._spec.features)
            numeric = np.empty((n, len(self._numeric)), dtype=np.float32)
            for j, position in enumerate(self._numeric):
                numeric[:, j] = np.array(by_column[position], dtype=np.float64)
        categorical = np.empty((n, len(self._categorical)), dtype=object)
        for j, position in enumerate(self._categorical):
            categorical[:, j] = [v if type(v) is str or v is None else _category(v) for v in by_column[position]]
        text = np.empty((n, len(self._text)), dtype=object)
        for j, position in enumerate(self._text):
            text[:, j] = by_column[position]
        return Columns(numeric, categorical, text)

    def _judge_values(self, columns: Columns, bad: dict[int, Diagnosis]) -> None:
        for row, j in np.argwhere(np.isinf(columns.numeric)).tolist():
            bad.setdefault(
                row,
                Diagnosis(Reason.NOT_FINITE, f"features.{self._spec.numeric[j].name}: outside the range of float32"),
            )
        for j, numeric in enumerate(self._spec.numeric):
            if numeric.required:
                for row in np.flatnonzero(np.isnan(columns.numeric[:, j])).tolist():
                    bad.setdefault(row, _missing(numeric.name))
        for j, (feature, known) in enumerate(zip(self._spec.categorical, self._known, strict=True)):
            column = columns.categorical[:, j]
            if feature.unknown == "dead-letter" and (strange := set(column) - known):
                for row in np.flatnonzero([value in strange for value in column]).tolist():
                    bad.setdefault(
                        row,
                        Diagnosis(
                            Reason.UNKNOWN_CATEGORY,
                            f"features.{feature.name}: {column[row]!r:.80} is none of its {len(known) - 1} categories",
                        ),
                    )
            if feature.required:
                for row in np.flatnonzero([value is None for value in column]).tolist():
                    bad.setdefault(row, _missing(feature.name))
        for j, text in enumerate(self._spec.text):
            if text.required:
                for row in np.flatnonzero([value is None for value in columns.text[:, j]]).tolist():
                    bad.setdefault(row, _missing(text.name))

    def _strings(self, record: Any, features: tuple[Any, ...]) -> list[str]:
        texts = [] if self._all_numeric else [value for value in features if type(value) is str]
        return [record.record_id, record.device_id, *texts]


def _in_order(rejects: list[Reject]) -> list[Reject]:
    """By partition, and within each as its records stood: values are judged later than what could not be decoded."""
    return sorted(rejects, key=lambda reject: (reject.partition, reject.offset))


def _time(time: int) -> str:
    return str(time) if -_FAR <= time <= _FAR else f"a number of {time.bit_length()} bits"


def _category(value: int | bool) -> str:
    """A JSON integer or boolean category, by its JSON text."""
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


def _missing(name: str) -> Diagnosis:
    return Diagnosis(Reason.MISSING_VALUE, f"features.{name}: null, and the specification says it is required")

"""What is held out: the newest rows, the same share of each class, or whole groups (`training.split`)."""

import numpy as np
from numpy.typing import NDArray

from driftline.errors import UsageError
from driftline.spec.stream import StreamSpec
from training.data import Codes, Dataset


def split(spec: StreamSpec, dataset: Dataset, share: float, *, validation: bool = False) -> tuple[Dataset, Dataset]:
    """Rows to learn from, and rows held out; both in time order, neither empty, no row in both.

    Parameters
    ----------
    share : wish for the held-out part; whole groups may make it more or less.
    validation : the rows are those of a training already split, and part of them shall decide when it stops. If they
        are of one group, their newest ones do: nothing is measured on them, so that two groups suffice for a training.

    Raises
    ------
    UsageError : fewer than two rows, fewer than two groups, or a record id that stands twice.

    Notes
    -----
    Time is the default because a stream's model is always asked about what comes after what it has seen. The other
    two draw by `training.seed`: the same rows, the same parts.
    """
    method, rows = spec.training.split.method, len(dataset)
    # Datasets are made without repeats; one that slipped in would be a leak.
    if len(set(dataset.record_ids)) < len(dataset.record_ids):
        raise UsageError("a record id stands twice among the rows; a copy could be learnt from and judged on")
    if method == "time":
        return dataset.split_newest(share)
    if rows < 2:
        raise UsageError(f"{rows} labelled rows: a split needs at least 2")
    draw = np.random.default_rng(spec.training.seed)
    if method == "stratified":
        held = (
            iterative(dataset.labels, share, draw) if dataset.labels.ndim == 2 else strata(dataset.labels, share, draw)
        )
        held = _neither_empty(held)
    else:
        names = groups_of(spec, dataset)
        if validation and len(set(names)) < 2:
            return dataset.split_newest(share)
        held = whole_groups(spec, names, share, draw)
    return dataset.take(np.flatnonzero(~held)), dataset.take(np.flatnonzero(held))


def how(spec: StreamSpec) -> tuple[str, ...]:
    """A sentence for the verdict where the held-out rows are not the newest ones."""
    method, group = spec.training.split.method, spec.training.split.group
    return {
        "time": (),
        "stratified": ("held out: the same share of each class, not the newest rows (training.split: stratified)",),
        "grouped": (f"held out: whole groups of {group}, not the newest rows (training.split: grouped)",),
    }[method]


def strata(labels: Codes, share: float, draw: np.random.Generator) -> NDArray[np.bool_]:
    """True [n] for the rows held out: of each class of `labels` int [n] `share`, in all round(n · share).

    What rounding down leaves goes to the classes with the largest remainders. A class of one row is learnt from.
    """
    classes, counts = np.unique(labels, return_counts=True)
    wish = counts * share
    quota = np.minimum(np.floor(wish).astype(int), counts - 1)
    left = max(round(len(labels) * share), 1) - int(quota.sum())
    for k in np.argsort(quota - wish, kind="stable"):
        if left > 0 and quota[k] < counts[k] - 1:
            quota[k] += 1
            left -= 1
    held = np.zeros(len(labels), dtype=bool)
    for klass, number in zip(classes, quota.tolist(), strict=True):
        held[draw.permutation(np.flatnonzero(labels == klass))[:number]] = True
    return held


def iterative(labels: Codes, share: float, draw: np.random.Generator) -> NDArray[np.bool_]:
    """True [n] for the rows held out, so that each class of `labels` bool [n, K] is in both parts by its share.

    Notes
    -----
    Iterative stratification: Sechidis, Tsoumakas and Vlahavas, "On the stratification of multi-label data", ECML PKDD
    2011, algorithm 1, with two subsets. The rarest class is dealt out first, each row to the part that lacks it most.
    Rows of no class come last.
    """
    positive = np.asarray(labels, dtype=bool)
    rows, shares = len(positive), np.array([1.0 - share, share])
    wanted, room = np.outer(shares, positive.sum(axis=0)), shares * rows
    held = np.zeros(rows, dtype=bool)
    left = np.ones(rows, dtype=bool)
    while left.any():
        counts = positive[left].sum(axis=0)
        if counts.any():
            rarest = int(np.where(counts > 0, counts, rows + 1).argmin())
            chosen = np.flatnonzero(left & positive[:, rarest])
            lacking = wanted[:, rarest]
        else:
            chosen, lacking = np.flatnonzero(left), room
        for row in draw.permutation(chosen).tolist():
            part = int(lacking[1] > lacking[0] or (lacking[1] == lacking[0] and room[1] > room[0]))
            held[row] = bool(part)
            wanted[part] -= positive[row]
            room[part] -= 1
        left[chosen] = False
    return held


def groups_of(spec: StreamSpec, dataset: Dataset) -> list[str | None]:
    """The group of each row: its value of `training.split.group`. Rows without one are a group of their own."""
    place = next(i for i, feature in enumerate(spec.categorical) if feature.name == spec.training.split.group)
    names: list[str | None] = dataset.columns.categorical[:, place].tolist()
    return names


def whole_groups(
    spec: StreamSpec, names: list[str | None], share: float, draw: np.random.Generator
) -> NDArray[np.bool_]:
    """True [n] for the rows held out: groups in a drawn order, each that brings their number nearer to `share`.

    At least one, and never all.

    Raises
    ------
    UsageError : fewer than two groups.
    """
    sizes: dict[str | None, int] = {}
    for name in names:
        sizes[name] = sizes.get(name, 0) + 1
    if len(sizes) < 2:
        raise UsageError(
            f"training.split.group: all {len(names)} labelled rows are of one {spec.training.split.group!r} "
            f"({names[0]}); allowed: at least 2 groups, one of them to hold out"
        )
    wish, total = len(names) * share, 0
    ordered = list(sizes)
    chosen: set[str | None] = set()
    for i in draw.permutation(len(ordered)).tolist():
        size = sizes[ordered[i]]
        if len(chosen) < len(ordered) - 1 and abs(total + size - wish) < abs(total - wish):
            chosen.add(ordered[i])
            total += size
    chosen = chosen or {min(ordered, key=lambda name: sizes[name])}
    return np.array([name in chosen for name in names], dtype=bool)


def _neither_empty(held: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The same, but with the newest row held out if none was, or the oldest learnt from if all were held out."""
    if not held.any():
        held[-1] = True
    if held.all():
        held[0] = False
    return held

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from monitoring.labels.lowest import LowestOffsets

ENDS = {0: 900, 7: 800}


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 50)), min_size=1, max_size=30), st.data())
def test_of_each_partition_from_any_row_on(places: list[tuple[int, int]], data: st.DataObject) -> None:
    partitions, offsets = (np.array(column, dtype=np.int64) for column in zip(*places, strict=True))
    row = data.draw(st.integers(0, len(places) - 1))
    expected = dict(ENDS)
    for partition in {p for p, _ in places[row:]}:
        expected[partition] = min(offset for p, offset in places[row:] if p == partition)
    assert LowestOffsets(partitions, offsets).since(row, ENDS) == expected

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from driftline.errors import DriftlineError
from monitoring.store.encoding import DamagedState, pack, unpack


def round_trip(column: NDArray[Any]) -> NDArray[Any]:
    return unpack("x", pack(None, {"c": column}), type(None))[1]["c"]


class TestWhatWasPackedComesBack:
    @given(arrays.arrays(np.int64, st.integers(0, 20), elements=st.integers(-(2**63), 2**63 - 1)))
    def test_integers_of_any_range(self, column: NDArray[np.int64]) -> None:
        back = round_trip(column)
        assert back.dtype == np.int64
        assert (back == column).all()

    @given(arrays.arrays(np.int64, st.integers(1, 50), elements=st.integers(10**12, 10**12 + 10**5)))
    def test_integers_of_a_small_range_in_few_bytes(self, column: NDArray[np.int64]) -> None:
        assert (round_trip(column) == column).all()
        assert len(pack(None, {"c": column})) <= 60 + 4 * len(column)

    @given(arrays.arrays(st.sampled_from([np.float32, np.float64]), arrays.array_shapes(max_dims=2)))
    def test_floats_bit_for_bit(self, column: NDArray[Any]) -> None:
        back = round_trip(column)
        assert back.dtype == column.dtype
        assert back.tobytes() == column.tobytes()

    @given(arrays.arrays(np.bool_, arrays.array_shapes(max_dims=2)))
    def test_booleans(self, column: NDArray[np.bool_]) -> None:
        assert (round_trip(column) == column).all()

    @given(st.lists(st.text(st.characters(), max_size=5)))
    def test_texts_of_any_script_lone_surrogates_too(self, texts: list[str]) -> None:
        column = np.empty(len(texts), dtype=np.object_)
        column[:] = texts
        assert round_trip(column).tolist() == texts

    def test_small_values_with_nan_and_infinity(self) -> None:
        meta, _ = unpack("x", pack({"a": [1, math.inf, None, "é"], 7: math.nan}), dict)
        assert meta["a"] == [1, math.inf, None, "é"]
        assert math.isnan(meta[7])

    def test_an_empty_column(self) -> None:
        for kind in (np.int64, np.float32, np.bool_, np.object_):
            assert len(round_trip(np.empty(0, dtype=kind))) == 0


GOOD = pack({"version": 3}, {"a": np.arange(100), "t": np.array(["x", "yy"], dtype=np.object_)})


class TestDamageIsSaid:
    @settings(max_examples=300)
    @given(st.integers(0, len(GOOD) - 1), st.integers(1, 255))
    def test_of_any_byte(self, at: int, change: int) -> None:
        data = bytearray(GOOD)
        data[at] ^= change
        with pytest.raises(DamagedState, match="monitor state, part watch"):
            unpack("watch", bytes(data), dict)

    @given(st.integers(0, len(GOOD) - 1))
    def test_of_a_part_cut_short(self, length: int) -> None:
        with pytest.raises(DamagedState, match="part watch"):
            unpack("watch", GOOD[:length], dict)

    def test_and_a_later_format_is_not_guessed_at(self) -> None:
        data = GOOD[:4] + b"\x02\x00" + GOOD[6:]
        with pytest.raises(DamagedState, match="part core: read format 2; this version of driftline reads 1"):
            unpack("core", data, dict)

    def test_nor_other_contents(self) -> None:
        with pytest.raises(DamagedState, match="part core: Expected `int`"):
            unpack("core", GOOD, int)

    def test_it_is_an_error_for_people(self) -> None:
        assert issubclass(DamagedState, DriftlineError)

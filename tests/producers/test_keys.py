"""Devices meet in the partition in which any Kafka client would put them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kafka.partitioner.default import DefaultPartitioner, murmur2

from producers import keys


class Cluster:
    def __init__(self, partitions: int) -> None:
        self._partitions = set(range(partitions))

    def topics(self) -> set[str]:
        return {"t"}

    def partitions_for_topic(self, topic: str) -> set[int]:
        return self._partitions

    available_partitions_for_topic = partitions_for_topic


class TestEqualToKafkas:
    @given(st.binary(max_size=40))
    def test_hash(self, key: bytes) -> None:
        assert keys.murmur2(key) == murmur2(key)

    @given(st.binary(max_size=40), st.integers(1, 200))
    def test_partition(self, key: bytes, partitions: int) -> None:
        theirs = DefaultPartitioner().partition("t", None, key, None, None, Cluster(partitions))
        assert keys.partition_for(key, partitions) == theirs

    # From the Java client's own UtilsTest.testMurmur2 (signed there).
    @pytest.mark.parametrize(
        ("key", "signed"),
        [
            (b"21", -973932308),
            (b"foobar", -790332482),
            (b"a-little-bit-long-string", -985981536),
            (b"a-little-bit-longer-string", -1486304829),
            (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
            (b"abc", 479470107),
        ],
    )
    def test_the_java_clients_own_values(self, key: bytes, signed: int) -> None:
        assert keys.murmur2(key) == signed % 2**32

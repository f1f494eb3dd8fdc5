"""The interface on `confluent-kafka` (librdkafka): for the consumers' hot path, where it is installed."""

"""Kafka behind one small interface: `interface` says what a client must do, `connect` picks one."""

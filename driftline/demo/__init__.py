"""The demonstration: real sensor data whose world changes, through the whole loop, on this machine."""

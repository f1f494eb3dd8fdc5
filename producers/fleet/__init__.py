"""A simulated fleet of devices, in a world whose every change is scheduled and known."""

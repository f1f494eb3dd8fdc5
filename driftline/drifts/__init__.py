"""One drift event told whole: what is known of it, why something was done about it or not, and what came of that."""

"""From findings to drift events: their life, their shape, and who is to blame."""

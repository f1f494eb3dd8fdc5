"""A network in its forms: one file a form, and the comparison that each must pass."""

"""A retraining job in, a proven model out. Only `training.runtime` and what imports it load TensorFlow."""

"""The model card of a version, drawn from the registry alone: no TensorFlow, long after the training."""

"""Models as the stream sees them: raw columns in, answers out, with no TensorFlow unless it must be."""

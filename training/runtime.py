"""TensorFlow and Keras, set up once. Import them from here, and only in modules that train or export.

Importing this module costs seconds and half a gigabyte: the services' own processes never do.
"""

import os

# Read by TensorFlow as it is imported. oneDNN's kernels win nothing on networks of this size, their tracing costs a
# little, and they round differently from one CPU to the next.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import keras
import tensorflow as tf

try:
    # A network this small does not fill two threads, it only waits for them; and one thread adds in one order, which
    # makes a seeded training repeatable to the bit.
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
except RuntimeError:
    # TensorFlow already runs in this process with its owner's settings; they stay.
    pass

__all__ = ["keras", "tf"]

"""`training.loop: fit`: Keras' own loop behind the interface of `training.fit`, fed by tf.data.

It costs about a tenth of a second an epoch more than the compiled loop, and gives what a few hundred rows do not need:
TensorBoard, float16 on a GPU, several workers, and rows that do not fit into memory.
"""

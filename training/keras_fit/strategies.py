"""Several devices, or several machines: TensorFlow's distribution strategies behind one small interface."""

import functools
import json
import os
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Literal

from driftline.errors import UsageError
from training.runtime import tf

Name = Literal["none", "mirrored", "multi-worker"]


class Workers:
    """The processes and devices that share one training.

    Attributes
    ----------
    index, count : this process among those of the cluster; 0 of 1 without one.

    Notes
    -----
    Keras 3's `fit` takes a MirroredStrategy, and fails under MultiWorkerMirroredStrategy (it builds the model from the
    per-replica batch). So each worker runs `fit` on its own rows outside the strategy's scope, and the gradients go
    through the strategy: one all-reduce a step.
    """

    def __init__(self, name: Name) -> None:
        self.index, self.count = _place() if name == "multi-worker" else (0, 1)
        self._mirrored = tf.distribute.MirroredStrategy() if name == "mirrored" else None
        self._collective = tf.distribute.MultiWorkerMirroredStrategy() if self.count > 1 else None

    @property
    def several(self) -> bool:
        """Whether there is more than one process."""
        return self.count > 1

    @property
    def chief(self) -> bool:
        """Whether this process writes what the training makes."""
        return self.index == 0

    def scope(self) -> AbstractContextManager[Any]:
        """Where the network is built and fitted: on all devices of this machine with `mirrored`."""
        return self._mirrored.scope() if self._mirrored is not None else nullcontext()

    def sum(self, tensors: list[Any]) -> list[Any]:
        """The sum over all workers of each tensor, the same on all of them; inside a graph."""
        strategy = self._collective
        assert strategy is not None

        def reduce(*local: Any) -> Any:
            # A tensor of a graph names no device, and the all-reduce looks for one.
            with tf.device(strategy.extended.worker_devices[0]):
                placed = [tf.identity(tensor) for tensor in local]
            return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, placed)

        return list(strategy.run(reduce, args=tuple(tensors)))


@functools.cache
def workers(name: Name) -> Workers:
    """The workers of this process; the cluster is joined once, before TensorFlow has computed anything.

    Raises
    ------
    UsageError : `multi-worker`, and TF_CONFIG does not say which worker this is.
    """
    return Workers(name)


def _place() -> tuple[int, int]:
    """Index of this worker and number of workers, by TF_CONFIG."""
    text = os.environ.get("TF_CONFIG", "")
    allowed = (
        'allowed: {"cluster": {"worker": ["HOST:PORT", …]}, "task": {"type": "worker", "index": 0}}, '
        "the same cluster on every worker"
    )
    try:
        config = json.loads(text)
        count, task = len(config["cluster"]["worker"]), config["task"]
        index = int(task["index"])
        known = task["type"] == "worker" and 0 <= index < count and set(config["cluster"]) == {"worker"}
    except (ValueError, KeyError, TypeError):
        known = False
    if not known:
        raise UsageError(f"training.strategy: multi-worker reads TF_CONFIG, which is {text or 'not set'}; {allowed}")
    return index, count

"""What Keras leaves to its back end: a file for each, with the same functions.

set_tf32, devices, memory, finished: of the device; `memory` is the most bytes that an
    accelerator held, and `finished` waits where a call returns before it is done.
on_cpu: a form that is fast on a CPU, where the weights live on one; elsewhere another.
attend: attention as written out, or fused where the back end has a kernel that is
    the faster on the device.
compiles_lstm: whether XLA can compile the LSTM of this device.
forward: the outputs alone. whole: nobody looks inside, so that JAX, which else compiles
    each operation by itself, compiles it as one; torch keeps what a gradient would need
    unless it is told.
gradient: runs `call` on the inputs once, differentiates the inner product of its
    outputs with the cotangents (without any, its first output), and gives the outputs
    with the gradients of the trainable variables and of the real inputs. Buffers are
    updated as in any call.
slope: the gradient of a number with respect to x, which can be differentiated again.
is_known: whether a tensor has values, or is what JAX traces a loop with.
compiled: on JAX, which else compiles each operation by itself.
graph: a function of tensors as one graph, on TensorFlow; a new one for new shapes.
fuse_update: one loop a tensor of an optimizer's update, on TensorFlow.
update: an optimizer's update as a function of the gradients.
infer, step, apply: of a benchmark; `mode` is one of keras_impl/workloads.py. A step is
    one of training, as `fit` takes it; `apply` updates by an optimizer.
join, strategy, sharded, total: for training in several processes, which TensorFlow
    alone has: keras_impl/distributed.py. Without it `strategy` is None.
"""

import importlib
import math
from typing import Any

import keras

BACKEND = keras.backend.backend()
_own: Any = importlib.import_module(f"{__name__}.{BACKEND}")
set_tf32 = _own.set_tf32
devices = _own.devices
memory = _own.memory
finished = _own.finished
on_cpu = _own.on_cpu
attend = _own.attend
compiles_lstm = _own.compiles_lstm
forward = _own.forward
gradient = _own.gradient
slope = _own.slope
is_known = _own.is_known
compiled = _own.compiled
graph = _own.graph
fuse_update = _own.fuse_update
update = _own.update
infer = _own.infer
step = _own.step
apply = _own.apply
join = _own.join
strategy = _own.strategy
sharded = _own.sharded
total = _own.total


def size(x: Any) -> int:
    """How many numbers a row of x has."""
    return math.prod(x.shape[1:])

"""One update of our optimizers and of Keras's own, for benchmarks/optimizers.py; on
TensorFlow compiled or not, elsewhere as the back end is fast."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_impl import backends, optimizers
from shared.running.rounds import interleaved

Make = Callable[[], keras.optimizers.Optimizer]

BUILTINS: dict[str, Make] = {
    "adamw": lambda: keras.optimizers.AdamW(1e-3, weight_decay=1e-2),
    "momentum": lambda: keras.optimizers.SGD(1e-2, momentum=0.9),
    "lion": lambda: keras.optimizers.Lion(1e-4),
}
OURS: dict[str, Make] = {
    "adamw": lambda: optimizers.AdamW(),
    "momentum": lambda: optimizers.SGD(momentum=0.9),
    "lion": lambda: optimizers.Lion(),
}


def time(name: str, shapes: list[tuple[int, ...]], rounds: int) -> dict[str, Any]:
    draw = np.random.default_rng(0)
    gradients = [draw.standard_normal(s).astype("float32") for s in shapes]
    if backends.BACKEND != "tensorflow":
        pair = {"ours": OURS[name], "built-in": BUILTINS[name]}
        return interleaved({k: _call(m, gradients) for k, m in pair.items()}, rounds)
    calls = {
        "ours": _step(OURS[name], gradients, True),
        "ours, not compiled": _step(OURS[name], gradients, False),
        "built-in": _step(BUILTINS[name], gradients, False),
        "built-in, compiled": _step(BUILTINS[name], gradients, True),
    }
    return interleaved(calls, rounds)


def _call(make: Make, gradients: list[Any]) -> Callable[[], object]:
    native, variables = _built(make, gradients)
    given = [ops.convert_to_tensor(g) for g in gradients]
    apply = backends.apply
    return backends.finished(apply(native, variables, given, "compiled"))


def _built(make: Make, gradients: list[Any]) -> tuple[Any, list[keras.Variable]]:
    variables = [keras.Variable(g) for g in gradients]
    native = make()
    native.build(variables)
    return native, variables


def _step(make: Make, gradients: list[Any], compiled: bool) -> Callable[[], object]:
    import tensorflow as tf

    native, _ = _built(make, gradients)

    @tf.function(jit_compile=compiled)
    def step(given: list[Any]) -> None:
        native.apply(given)

    given = [tf.constant(g) for g in gradients]
    return lambda: step(given)

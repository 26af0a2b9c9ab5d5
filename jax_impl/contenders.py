"""One update of our optimizers and of optax's own, for benchmarks/optimizers.py."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import numpy as np
import optax

from jax_impl import optimizers
from shared.running.rounds import interleaved

CONTENDERS: dict[str, dict[str, optax.GradientTransformation]] = {
    "adamw": {
        "ours": optimizers.adamw(),
        "built-in": optax.adamw(1e-3, weight_decay=1e-2),
    },
    "momentum": {
        "ours": optimizers.sgd(momentum=0.9),
        "built-in": optax.sgd(1e-2, momentum=0.9),
    },
    "lion": {
        "ours": optimizers.lion(),
        "built-in": optax.lion(1e-4, weight_decay=0.0),
    },
}


def time(name: str, shapes: list[tuple[int, ...]], rounds: int) -> dict[str, Any]:
    draw = np.random.default_rng(0)
    gradients = {
        f"{i}": jax.numpy.asarray(draw.standard_normal(s), "float32")
        for i, s in enumerate(shapes)
    }
    calls = {k: _step(native, gradients) for k, native in CONTENDERS[name].items()}
    return interleaved(calls, rounds)


def _step(native: optax.GradientTransformation, gradients: Any) -> Callable[[], object]:
    @partial(jax.jit, donate_argnums=(0, 1))
    def step(params: Any, state: Any, grads: Any) -> Any:
        steps, state = native.update(grads, state, params)
        return optax.apply_updates(params, steps), state

    params = jax.tree.map(jax.numpy.copy, gradients)
    kept = [params, native.init(params)]

    def call() -> None:
        kept[:] = jax.block_until_ready(step(*kept, gradients))

    return call

"""Two convolutions with a norm and a pool between them, in Haiku."""

import haiku as hk
import jax


def run(x, is_training):
    x = hk.Conv2D(4, 3, name="first")(x)
    x = jax.nn.relu(hk.BatchNorm(True, True, 0.9, eps=1e-5)(x, is_training))
    x = hk.max_pool(x, 2, 2, "VALID")
    x = hk.Conv2D(6, 3, 2, padding=(1, 1), name="second")(x)
    return hk.Linear(5, name="out")(jax.nn.relu(x).mean((1, 2)))


def make():
    return hk.transform_with_state(run)

"""Words, a norm and a wide layer beside them, in Haiku."""

import haiku as hk
import jax


def run(ids):
    x = hk.Embed(9, 6)(ids)
    y = hk.LayerNorm(-1, True, True, eps=1e-5)(x)
    y = jax.nn.gelu(hk.Linear(8, name="wide")(y), approximate=False)
    x = x + hk.Linear(6, name="back")(y)
    return hk.Linear(9, with_bias=False, name="out")(x)


def make():
    return hk.transform(run)

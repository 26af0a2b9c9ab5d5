"""Float32

Models run in float64 where they can, which tells rounding from a mistake. Where one
cannot, or `dtype` says so, both run in float32, and each may be off by what its own
rounding makes of the result, which is measured.
"""

import nets_jax
import nets_torch
import numpy as np
from flax import nnx

import triptych


def test_they_differ_by_rounding_alone():
    x = np.random.default_rng(0).normal(size=(4, 3, 8, 8))
    port = nets_jax.Net(nnx.Rngs(0))
    triptych.assert_parity(nets_torch.Net(), port, x, dtype="float32")

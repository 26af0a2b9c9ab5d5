"""PyTorch against Flax

An NNX module is given as it is, a Linen module with its variables.
"""

import jax
import nets_jax
import nets_torch
import numpy as np
from flax import nnx

import triptych

X = np.random.default_rng(0).normal(size=(4, 3, 8, 8)).astype("float32")


def test_nnx_computes_the_same():
    triptych.assert_parity(nets_torch.Net(), nets_jax.Net(nnx.Rngs(0)), X)


def test_linen_computes_the_same():
    net = nets_jax.LinenNet()
    variables = net.init(jax.random.key(0), X.transpose(0, 2, 3, 1))
    triptych.assert_parity(nets_torch.Net(), (net, variables), X)

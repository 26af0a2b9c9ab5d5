"""PyTorch against Keras

The reference's weights are lent to the port, both run in float64 without dropout, and
outputs, gradients and running statistics must agree. Afterwards both models are as they
were. Inputs are those of the first model, here with the channels first.
"""

import nets_keras
import nets_torch
import numpy as np

import triptych


def test_the_port_computes_the_same():
    x = np.random.default_rng(0).normal(size=(4, 3, 8, 8))
    triptych.assert_parity(nets_torch.Net(), nets_keras.Net(), x)

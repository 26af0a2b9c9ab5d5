"""Gradients off

For what has no gradients, or to save the time: outputs and statistics alone.
"""

import nets_keras
import nets_torch
import numpy as np

import triptych


def test_the_outputs_are_the_same():
    x = np.random.default_rng(0).normal(size=(4, 3, 8, 8))
    triptych.assert_parity(nets_torch.Net(), nets_keras.Net(), x, gradients=False)

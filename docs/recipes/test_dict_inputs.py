"""Inputs and outputs by name

A mapping is given as keyword arguments; a path such as `0.mask` leads into a nest.
Outputs are dictionaries, dataclasses or tuples, and those that are named are compared.
"""

import nets_keras
import nets_torch
import numpy as np

import triptych

DRAW = np.random.default_rng(0)
INPUTS = {"ids": DRAW.integers(0, 50, (2, 6)), "mask": DRAW.random((2, 6)) > 0.3}


def test_the_pooled_states_are_the_same():
    reference, port = nets_torch.Encoder(), nets_keras.Encoder()
    triptych.assert_parity(reference, port, INPUTS, outputs=["pooled"])

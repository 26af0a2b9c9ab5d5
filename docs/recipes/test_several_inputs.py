"""Several inputs

A list or tuple is given by position, of whatever arrays: PyTorch's own here.
"""

import nets_keras
import nets_torch
import torch

import triptych


def test_both_arguments_are_given():
    ids, mask = torch.arange(12).reshape(2, 6), torch.ones(2, 6, dtype=torch.bool)
    mask[1, 4:] = False
    triptych.assert_parity(nets_torch.Encoder(), nets_keras.Encoder(), [ids, mask])

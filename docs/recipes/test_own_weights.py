"""Weights that you converted yourself

With `own_weights` nothing is lent: the port must have the reference's weights already.
Which tensor is wrong is said before any layer is blamed.
"""

import nets_keras
import nets_torch
import numpy as np
import pytest

import triptych


def converted(source, target):
    """A person's own conversion, with a mistake: the kernel is not turned."""
    target.conv.set_weights(
        [
            source.conv.weight.detach().numpy().transpose(2, 3, 1, 0),
            source.conv.bias.detach().numpy(),
        ]
    )
    kernel = np.resize(source.head.weight.detach().numpy(), (8, 10))
    target.head.set_weights([kernel, source.head.bias.detach().numpy()])


def test_a_wrong_conversion_is_named():
    x = np.random.default_rng(0).normal(size=(4, 3, 8, 8)).astype("float32")
    reference, port = nets_torch.Net(), nets_keras.Net()
    port(x.transpose(0, 2, 3, 1))
    converted(reference, port)
    with pytest.raises(AssertionError, match=r"weights differ: .*head\.weight"):
        triptych.assert_parity(reference, port, x, own_weights=True)

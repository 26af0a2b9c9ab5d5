"""A golden dump in CI

Where PyTorch is installed, `pytest --parity-update` records the dump `golden/net`
beside the test; commit it. Without the option the test holds today's model to it.
"""

import nets_torch
import numpy as np


def test_the_reference_has_not_changed(parity):
    x = np.random.default_rng(0).normal(size=(4, 3, 8, 8)).astype("float32")
    parity(nets_torch.Net(), x, name="net")

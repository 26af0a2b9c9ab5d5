"""GPU against CPU

A live model is recorded on the device that it is on. On a machine without a GPU the
dump comes from another: `triptych dump` there, or the dump of this test.
"""

import nets_torch
import numpy as np
import torch

import triptych

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


def test_the_device_changes_nothing(tmp_path):
    x = np.random.default_rng(0).normal(size=(4, 3, 8, 8))
    there = triptych.record(nets_torch.Net().to(DEVICE), x, tmp_path / "there")
    triptych.assert_parity(there, nets_torch.Net())

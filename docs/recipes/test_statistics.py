"""A dump of statistics alone

Of what every layer gives, `keep="statistics"` keeps mean, deviation, extremes and norm:
a smaller dump, which still names the layer. Weights, outputs and gradients are
whole.
"""

import nets_keras
import nets_torch
import numpy as np

import triptych


def test_a_small_dump_is_enough(tmp_path):
    x = np.random.default_rng(0).normal(size=(4, 3, 8, 8))
    dump = triptych.record(nets_torch.Net(), x, tmp_path / "dump", keep="statistics")
    triptych.assert_parity(dump, nets_keras.Net())

"""A partial table of names

Layers are paired by order, kind and shape. Where that is not clear it stops and lists
what it is not sure of; a table completes it, by names or patterns, the port's first.
"""

import nets_keras
import nets_torch
import numpy as np

import triptych


def test_a_table_says_which_is_which():
    ids = np.arange(12).reshape(2, 6)
    triptych.assert_parity(
        nets_torch.Encoder(),
        nets_keras.Encoder(),
        [ids, ids < 10],
        names={"q.*": "query.*", "v.*": "value.*"},
    )

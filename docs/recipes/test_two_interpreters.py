"""Two interpreters

A reference whose packages do not fit beside the port's runs in an interpreter of its
own, which needs NumPy and its framework, but not Triptych.
"""

import os
import sys

import nets_keras
import numpy as np

import triptych

PYTHON = os.environ.get("REFERENCE_PYTHON", sys.executable)


def test_the_reference_runs_elsewhere():
    x = np.random.default_rng(0).normal(size=(4, 3, 8, 8))
    triptych.assert_parity(
        "nets_torch:Net", nets_keras.Net(), x, python={"pytorch": PYTHON}
    )

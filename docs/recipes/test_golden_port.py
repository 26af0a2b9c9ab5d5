"""A golden dump of another framework

Where Keras alone is installed, the dump stands in for PyTorch: it brings weights,
inputs and all that the reference computed. No other framework overwrites it.
"""

import nets_keras


def test_the_port_computes_what_the_dump_has(parity):
    parity(nets_keras.Net(), name="net")

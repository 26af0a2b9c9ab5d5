"""What a DenseNet cannot be, and keras.applications' as a second original."""

import re
from dataclasses import replace

import numpy as np
import pytest

from parity_tests.compare import error
from parity_tests.engine import Workers, request
from parity_tests.tolerances import ORIGINALS
from shared.catalog import VARIANTS
from shared.errors import UsageError
from shared.messages import Request
from shared.specs.vision.densenet import DenseNetSpec

KERAS = (
    (r"features\.conv0", "conv1_conv"),
    (r"features\.norm0", "conv1_bn"),
    (r"features\.denseblock(\d)\.denselayer(\d+)\.norm1", "conv{}_block{}_0_bn"),
    (r"features\.denseblock(\d)\.denselayer(\d+)\.conv1", "conv{}_block{}_1_conv"),
    (r"features\.denseblock(\d)\.denselayer(\d+)\.norm2", "conv{}_block{}_1_bn"),
    (r"features\.denseblock(\d)\.denselayer(\d+)\.conv2", "conv{}_block{}_2_conv"),
    (r"features\.transition(\d)\.norm", "pool{}_bn"),
    (r"features\.transition(\d)\.conv", "pool{}_conv"),
    (r"features\.norm5", "bn"),
    (r"classifier", "predictions"),
)


def of_keras(name: str) -> str:
    """There the stem is number 1 and the first block number 2."""
    layer, leaf = name.rsplit(".", 1)
    for pattern, other in KERAS:
        found = re.fullmatch(pattern, layer)
        if found:
            first, *rest = (*map(int, found.groups()), 0)
            return f"{other.format(first + 1, *rest)}.{leaf}"
    raise KeyError(name)


def test_as_keras_has_it(workers: Workers) -> None:
    worker = workers.get("keras", "float64")
    spec = replace(VARIANTS["densenet121"].spec, bn_eps=1.001e-5)
    asked = request(spec, 1, training=False)
    turned = tuple(np.moveaxis(x, 1, -1) for x in asked.inputs)
    original = worker.adopt("parity_tests.originals:keras_DenseNet121", turned)
    ours = worker.build(spec, "densenet121")
    ours.fill(0)
    original.load({of_keras(name): value for name, value in ours.dump().items()})
    theirs = original.run(Request(turned)).outputs[0]
    assert error(ours.run(asked).outputs[0], theirs) <= ORIGINALS
    for model in (ours, original):
        model.drop()


def test_bad_values_are_refused() -> None:
    with pytest.raises(UsageError, match="one block or more"):
        DenseNetSpec(depths=())
    with pytest.raises(UsageError, match="at least 29 on each side"):
        DenseNetSpec(depths=(6, 12, 24, 16), image_size=(28, 29))
    DenseNetSpec(depths=(6, 12, 24, 16), image_size=(29, 29))

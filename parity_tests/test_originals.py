"""The same state dict in ours and in the public original gives the same outputs."""

import importlib.util
from dataclasses import replace

import pytest

from parity_tests.compare import worst_of
from parity_tests.engine import request
from parity_tests.tolerances import ORIGINALS
from shared.catalog import variant

# model, image size (small: the function is the same and the test is quick)
TORCHVISION = [
    ("resnet18", 64),
    ("resnext50_32x4d", 64),
    ("wide_resnet50_2", 64),
    ("vgg11", (32, 64)),
    ("vgg16_bn", (48, 32)),
]


def needs(package: str):
    found = importlib.util.find_spec(package)
    return pytest.mark.skipif(
        found is None, reason=f"{package} is not installed: pip install .[originals]"
    )


@needs("torchvision")
@pytest.mark.parametrize(("name", "size"), TORCHVISION)
def test_torchvision(name, size, workers):
    worker = workers.get("pytorch", "float64")
    spec = replace(variant(name).spec, image_size=size)
    asked = request(spec, 2, training=False, gradients=False)
    original = worker.adopt(f"parity_tests.originals:{name}", asked.inputs)
    ours = worker.build(spec, name)
    ours.fill(0)
    original.load(ours.dump())
    # Theirs in evaluation only: its dropout draws masks of its own.
    found = original.run(asked).outputs
    expected = ours.run(asked).outputs
    worst = worst_of({"logits": expected[0]}, {"logits": found[0]}, name)
    assert worst.error <= ORIGINALS, worst
    for model in (ours, original):
        model.drop()

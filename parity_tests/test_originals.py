"""The same state dict in ours and in the public original gives the same outputs."""

import importlib.util
from dataclasses import replace

import pytest

from parity_tests.compare import error, worst_of
from parity_tests.engine import request
from parity_tests.tolerances import ORIGINALS
from shared import checkpoints
from shared.catalog import family_of, variant
from shared.specs.convnext import ConvNeXtSpec
from shared.specs.gpt import GPTSpec
from shared.specs.swin import SwinSpec

SMALL_GPT2 = GPTSpec(
    vocab_size=101, positions=32, tokens=20, width=48, depth=3, heads=4
)
SMALL_CONVNEXT = ConvNeXtSpec(
    depths=(2, 3), widths=(12, 20), drop_path=0.0, num_classes=11, image_size=(45, 70)
)
SMALL_SWIN = SwinSpec(
    width=10,
    depths=(3, 2),
    heads=(2, 5),
    window=5,
    drop_path=0.0,
    num_classes=11,
    image_size=(52, 65),
)
# model, image size (small: the function is the same and the test is quick)
TORCHVISION = [
    ("alexnet", (127, 95)),
    ("convnext_tiny", (75, 34)),
    ("resnet18", 64),
    ("resnext50_32x4d", 64),
    # With windows that divide most maps, then none.
    ("swin_t", (112, 56)),
    ("swin_t", (60, 95)),
    ("wide_resnet50_2", 64),
    ("vgg11", (32, 64)),
    ("vgg16_bn", (48, 32)),
]


def needs(package: str):
    found = importlib.util.find_spec(package)
    return pytest.mark.skipif(
        found is None, reason=f"{package} is not installed: pip install .[originals]"
    )


def as_torchvision(spec, weights):
    """Under its names; tables of places (integers) it makes by itself."""
    state = checkpoints.to_public(family_of(spec), "torchvision", weights)
    return {name: value for name, value in state.items() if value.dtype.kind == "f"}


def outputs_differ_by(original, ours, asked) -> float:
    """In evaluation mode: the original's dropout draws masks of its own."""
    found, expected = original.run(asked).outputs, ours.run(asked).outputs
    worst = worst_of({"logits": expected[0]}, {"logits": found[0]}, "original")
    for model in (ours, original):
        model.drop()
    return worst.error


@needs("torchvision")
@pytest.mark.parametrize(("name", "size"), TORCHVISION)
def test_torchvision(name, size, workers):
    worker = workers.get("pytorch", "float64")
    spec = replace(variant(name).spec, image_size=size)
    asked = request(spec, 2, training=False)
    original = worker.adopt(f"parity_tests.originals:{name}", asked.inputs)
    ours = worker.build(spec, name)
    ours.fill(0)
    original.load(as_torchvision(spec, ours.dump()))
    assert outputs_differ_by(original, ours, asked) <= ORIGINALS


@needs("torchvision")
@pytest.mark.parametrize(
    ("name", "spec"),
    [
        ("resnet18", replace(variant("resnet18").spec, image_size=64)),
        ("small_convnext", SMALL_CONVNEXT),
        ("small_swin", SMALL_SWIN),
    ],
)
def test_torchvision_in_training_mode(name, spec, workers):
    """Gradients and running statistics too, where nothing is dropped."""
    worker = workers.get("pytorch", "float64")
    asked = request(spec, 4, training=True, gradients=True)
    original = worker.adopt(f"parity_tests.originals:{name}", asked.inputs)
    ours = worker.build(spec, name)
    ours.fill(0)
    original.load(as_torchvision(spec, ours.dump()))
    found, expected = original.run(asked), ours.run(asked)
    assert error(found.outputs[0], expected.outputs[0]) <= ORIGINALS
    for one, two in (
        (found.gradients, as_torchvision(spec, expected.gradients)),
        (found.buffers, expected.buffers),
    ):
        assert worst_of(one, two, "original").error <= ORIGINALS
    for model in (ours, original):
        model.drop()


@needs("transformers")
def test_transformers_gpt2(workers):
    worker = workers.get("pytorch", "float64")
    asked = request(SMALL_GPT2, 2, training=False)
    original = worker.adopt("parity_tests.originals:small_gpt2", asked.inputs)
    ours = worker.build(SMALL_GPT2, "small_gpt2")
    ours.fill(0)
    public = checkpoints.to_public("gpt", "huggingface", ours.dump())
    del public["lm_head.weight"]  # the same tensor as the embedding, over there too
    original.load(public)
    back = checkpoints.from_public("gpt", "huggingface", original.dump())
    assert worst_of(ours.dump(), back, "names").error == 0
    assert outputs_differ_by(original, ours, asked) <= ORIGINALS

"""The same state dict in ours and in the public original gives the same outputs."""

import importlib.util
import math
from dataclasses import replace

import pytest

from parity_tests.compare import worst_of
from parity_tests.engine import request
from parity_tests.tolerances import ORIGINALS
from shared import checkpoints
from shared.catalog import family_of, variant
from shared.specs.gpt import GPTSpec

SMALL_GPT2 = GPTSpec(
    vocab_size=101, positions=32, tokens=20, width=48, depth=3, heads=4
)
# model, image size (small: the function is the same and the test is quick)
TORCHVISION = [
    ("alexnet", (127, 95)),
    ("densenet121", (40, 61)),
    ("mnasnet0_5", (40, 57)),
    ("regnet_x_400mf", (33, 46)),
    ("regnet_y_400mf", (45, 32)),
    ("resnet18", 64),
    ("resnext50_32x4d", 64),
    ("wide_resnet50_2", 64),
    ("shufflenet_v2_x0_5", (40, 57)),
    ("squeezenet1_0", (33, 46)),
    ("squeezenet1_1", (40, 27)),
    ("vgg11", (32, 64)),
    ("vgg16_bn", (48, 32)),
]
IN_TRAINING = [
    ("densenet121", (33, 40)),
    ("mnasnet0_5", (64, 67)),
    ("regnet_y_400mf", (64, 50)),
    ("resnet18", 64),
    ("shufflenet_v2_x0_5", (64, 67)),
]
STARTS = [
    "densenet121",
    "mnasnet0_5",
    "regnet_y_400mf",
    "shufflenet_v2_x0_5",
    "squeezenet1_1",
]


def needs(package: str):
    found = importlib.util.find_spec(package)
    return pytest.mark.skipif(
        found is None, reason=f"{package} is not installed: pip install .[originals]"
    )


def outputs_differ_by(original, ours, asked) -> float:
    """In evaluation mode: the original's dropout draws masks of its own."""
    found, expected = original.run(asked).outputs, ours.run(asked).outputs
    worst = worst_of({"logits": expected[0]}, {"logits": found[0]}, "original")
    for model in (ours, original):
        model.drop()
    return worst.error


def public(spec, values):
    return checkpoints.to_public(family_of(spec), "torchvision", values)


@needs("torchvision")
@pytest.mark.parametrize(("name", "size"), TORCHVISION)
def test_torchvision(name, size, workers):
    worker = workers.get("pytorch", "float64")
    spec = replace(variant(name).spec, image_size=size)
    asked = request(spec, 2, training=False)
    original = worker.adopt(f"parity_tests.originals:{name}", asked.inputs)
    ours = worker.build(spec, name)
    ours.fill(0)
    original.load(public(spec, ours.dump()))
    assert outputs_differ_by(original, ours, asked) <= ORIGINALS


@needs("torchvision")
@pytest.mark.parametrize(("name", "size"), IN_TRAINING)
def test_torchvision_in_training_mode(name, size, workers):
    """Gradients and running statistics too, where nothing is dropped."""
    worker = workers.get("pytorch", "float64")
    # An adopted model drops nothing.
    changes = {"dropout": 0.0} if hasattr(variant(name).spec, "dropout") else {}
    spec = replace(variant(name).spec, image_size=size, **changes)
    asked = request(spec, 4, training=True, gradients=True)
    original = worker.adopt(f"parity_tests.originals:{name}", asked.inputs)
    ours = worker.build(spec, name)
    ours.fill(0)
    original.load(public(spec, ours.dump()))
    found, expected = original.run(asked), ours.run(asked)
    for one, two in (
        (found.gradients, public(spec, expected.gradients)),
        (found.buffers, public(spec, expected.buffers)),
    ):
        assert worst_of(one, two, "original").error <= ORIGINALS
    for model in (ours, original):
        model.drop()


@needs("torchvision")
@pytest.mark.parametrize("name", STARTS)
def test_torchvision_starts(name, workers):
    """Every tensor from the same distribution, by its deviation and how it is spread:
    what is bounded has its mean size nearer to its deviation."""
    worker, spec = workers.get("pytorch", "float64"), variant(name).spec
    x = request(spec, 1, training=False).inputs
    original = worker.adopt(f"parity_tests.originals:{name}", x)
    theirs = checkpoints.from_public(family_of(spec), "torchvision", original.dump())
    ours = worker.build(spec, name)
    ours.start(0)
    own = ours.dump()
    assert own.keys() == theirs.keys()
    for tensor, a in own.items():
        b, few = theirs[tensor], 8 / math.sqrt(2 * a.size)
        if a.std() == 0 or b.std() == 0 or a.size < 40:
            assert a.std() == b.std() == 0 or a.size < 40, tensor
            assert a.std() or (a == b).all(), tensor
            continue
        assert a.std() == pytest.approx(b.std(), rel=few), tensor
        spread = [abs(v).mean() / v.std() for v in (a, b)]
        assert spread[0] == pytest.approx(spread[1], rel=max(few / 2, 1e-3)), tensor
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

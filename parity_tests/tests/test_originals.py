"""The same state dict in ours and in the public original gives the same outputs."""

import importlib.util
import math
from dataclasses import replace

import pytest

from parity_tests.compare import error, worst_of
from parity_tests.engine import request
from parity_tests.tolerances import ORIGINALS
from shared.catalog import family_of, variant
from shared.files import checkpoints, weights
from shared.specs.vision.vit import ViTSpec

SMALL_VIT = ViTSpec(
    patch=8,
    width=48,
    depth=2,
    heads=3,
    mlp_width=40,
    num_classes=7,
    image_size=(24, 24),
)
# model, image size (small: the function is the same and the test is quick)
TORCHVISION = [
    ("mobilenet_v2", (64, 47)),
    ("mobilenet_v3_large", (64, 47)),
    ("mobilenet_v3_large_x1_25", (33, 48)),
    ("mobilenet_v3_small_x0_75", (64, 33)),
    ("convnext_tiny", (75, 34)),
    ("efficientnet_b5", (47, 32)),
    ("efficientnet_v2_s", (33, 48)),
    ("regnet_x_400mf", (33, 46)),
    ("resnext50_32x4d", 64),
    # With windows that divide most maps, then none.
    ("swin_t", (112, 56)),
    ("swin_t", (60, 95)),
    ("squeezenet1_0", (33, 46)),
    ("googlenet", (64, 81)),
]
# The same at its published size: a position is a parameter.
TIMM = [
    "deit_tiny_distilled_patch16_224",
    "mixer_s16_224",
    "mixer_s32_224",
    "vit_tiny_patch16_224",
]
# In training mode, with auxiliary heads: ours in the order of torchvision's
HEADS = [("googlenet", (64, 81), (0, 2, 1)), ("inception_v3", (299, 299), (0, 1))]
# Ours, timm's, and an image of a small size
TIMM_SMALL = [
    ("inception_v4", "inception_v4", (75, 91)),
    ("inception_resnet_v2", "inception_resnet_v2", (91, 75)),
    ("xception", "legacy_xception", (45, 60)),
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


def as_torchvision(spec, own):
    """Under its names; tables of places (integers) it makes by itself."""
    state = checkpoints.to_public(family_of(spec), "torchvision", own)
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


@needs("timm")
@pytest.mark.parametrize("name", TIMM)
def test_timm(name, workers):
    """At its published size."""
    worker = workers.get("pytorch", "float64")
    spec = variant(name).spec
    asked = request(spec, 1, training=False)
    original = worker.adopt(f"parity_tests.originals:timm_{name}", asked.inputs)
    ours = worker.build(spec, name)
    ours.fill(0)
    family = family_of(spec)
    original.load(checkpoints.to_public(family, "timm", ours.dump()))
    back = checkpoints.from_public(family, "timm", original.dump())
    assert worst_of(ours.dump(), back, "names").error == 0
    assert outputs_differ_by(original, ours, asked) <= ORIGINALS


@needs("timm")
@pytest.mark.parametrize(("name", "theirs", "size"), TIMM_SMALL)
def test_timm_at_a_small_size(name, theirs, size, workers):
    worker = workers.get("pytorch", "float64")
    spec = replace(variant(name).spec, image_size=size)
    asked = request(spec, 1, training=False)
    original = worker.adopt(f"parity_tests.originals:timm_{theirs}", asked.inputs)
    ours = worker.build(spec, name)
    ours.fill(0)
    public = checkpoints.to_public(family_of(spec), "timm", ours.dump())
    original.load(public)
    back = checkpoints.from_public(family_of(spec), "timm", original.dump())
    assert worst_of(ours.dump(), back, "names").error == 0
    assert outputs_differ_by(original, ours, asked) <= ORIGINALS


def test_keras_xception(workers):
    worker = workers.get("keras", "float64")
    spec = replace(variant("xception_same").spec, image_size=(71, 86))
    asked = request(spec, 1, training=False)
    last = replace(asked, inputs=(asked.inputs[0].transpose(0, 2, 3, 1),))
    target = "parity_tests.originals:keras_xception"
    original = worker.adopt(target, last.inputs)
    ours = worker.build(spec, "xception_same")
    ours.fill(0)
    source = ("xception", "keras.applications")
    original.load(checkpoints.to_public(*source, ours.dump()))
    back = checkpoints.from_public(*source, original.dump())
    assert worst_of(ours.dump(), back, "names").error == 0
    found, expected = original.run(last).outputs, ours.run(asked).outputs
    assert error(found[0], expected[0]) <= ORIGINALS
    for model in (ours, original):
        model.drop()


@pytest.mark.parametrize(
    ("name", "target", "size"),
    [
        ("mobilenet_v1", "keras_MobileNet", (224, 224)),
        ("mobilenet_v1_x0_25", "keras_mobilenet_x0_25", (61, 46)),
    ],
)
def test_keras_mobilenet(name, target, size, workers):
    worker = workers.get("keras", "float64")
    spec = replace(variant(name).spec, image_size=size)
    asked = request(spec, 1, training=False)
    last = replace(asked, inputs=(asked.inputs[0].transpose(0, 2, 3, 1),))
    original = worker.adopt(f"parity_tests.originals:{target}", last.inputs)
    ours = worker.build(spec, name)
    ours.fill(0)
    source = ("mobilenet", "keras.applications")
    original.load(checkpoints.to_public(*source, ours.dump()))
    back = checkpoints.from_public(*source, original.dump())
    assert worst_of(ours.dump(), back, "names").error == 0
    found, expected = original.run(last).outputs, ours.run(asked).outputs
    assert error(found[0], expected[0]) <= ORIGINALS
    for model in (ours, original):
        model.drop()


@needs("torchvision")
@pytest.mark.parametrize(("name", "size", "order"), HEADS)
def test_torchvision_with_heads(name, size, order, workers):
    """In training mode: their outputs, and every gradient and running statistic."""
    worker = workers.get("pytorch", "float64")
    spec = replace(variant(name).spec, image_size=size)
    kept = {field: 0.0 for field in vars(spec) if field.endswith("dropout")}
    spec = replace(spec, **kept)
    asked = request(spec, 2, training=True, gradients=True)
    turned = tuple(asked.cotangents[i] for i in order)
    original = worker.adopt(f"parity_tests.originals:{name}", asked.inputs)
    ours = worker.build(spec, name)
    ours.fill(0)
    original.load(ours.dump())
    found = original.run(replace(asked, cotangents=turned))
    expected = ours.run(asked)
    outputs = {str(i): expected.outputs[i] for i in order}
    theirs = dict(zip(outputs, found.outputs, strict=True))
    for one, two in (
        (theirs, outputs),
        (found.gradients, expected.gradients),
        (found.buffers, expected.buffers),
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
@pytest.mark.parametrize(
    ("name", "distilled", "kind"),
    [
        ("vit", False, "ViTForImageClassification"),
        ("deit", True, "DeiTForImageClassificationWithTeacher"),
    ],
)
def test_transformers_vit(name, distilled, kind, workers, tmp_path):
    """Through a file, since in memory the names are others: transformers reads it."""
    worker = workers.get("pytorch", "float64")
    spec = replace(SMALL_VIT, distilled=distilled, ln_eps=1e-12)
    asked = request(spec, 2, training=False)
    ours = worker.build(spec, f"small_{name}")
    ours.fill(0)
    public = checkpoints.to_public("vit", "huggingface", ours.dump())
    weights.write(tmp_path / "model.safetensors", public, {"format": "pt"})
    read = worker.ask("parity_tests.originals:read_huggingface", str(tmp_path), kind)
    original = worker.adopt(
        f"parity_tests.originals:small_{name}_huggingface", asked.inputs
    )
    original.load(read)
    back = checkpoints.from_public("vit", "huggingface", original.dump())
    assert worst_of(ours.dump(), back, "names").error == 0
    assert outputs_differ_by(original, ours, asked) <= ORIGINALS

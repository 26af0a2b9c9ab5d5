"""What the Inceptions' papers say of sizes and starts, and what the specs refuse."""

import math

import pytest

from shared.definitions.initializers import HeUniform, Normal, of_torch
from shared.errors import UsageError
from shared.specs.vision.inception import (
    InceptionResNetV2Spec,
    InceptionV3Spec,
    InceptionV4Spec,
    Layer,
    size_after,
    width_after,
)

V3 = [
    *(("Mixed_5b", 35, 256), ("Mixed_5c", 35, 288), ("Mixed_5d", 35, 288)),
    *(("Mixed_6a", 17, 768), ("Mixed_6e", 17, 768)),
    *(("Mixed_7a", 8, 1280), ("Mixed_7b", 8, 2048), ("Mixed_7c", 8, 2048)),
]
RESNET_V2 = [
    *(("mixed_5b", 35, 320), ("repeat", 35, 320)),
    *(("mixed_6a", 17, 1088), ("repeat_1", 17, 1088)),
    *(("mixed_7a", 8, 2080), ("repeat_2", 8, 2080), ("block8", 8, 2080)),
    ("conv2d_7b", 8, 1536),
]
# Figures 3 and 9 of the second paper: what comes in and after each kind of block.
V4 = [
    *((2, 147, 64), (3, 73, 160), (4, 71, 192), (5, 35, 384)),
    *((9, 35, 384), (10, 17, 1024), (17, 17, 1024), (18, 8, 1536), (21, 8, 1536)),
]


def after(layers: tuple[Layer, ...]) -> tuple[int, int]:
    """Rows and width behind these layers, of an image of 299x299."""
    rows, columns = size_after(layers, 299, 299)
    assert rows == columns
    return rows, width_after(layers, 3)


@pytest.mark.parametrize(
    ("spec", "table"),
    [(InceptionV3Spec(), V3), (InceptionResNetV2Spec(), RESNET_V2)],
)
def test_sizes_are_the_papers(
    spec: InceptionV3Spec | InceptionResNetV2Spec, table: list[tuple[str, int, int]]
) -> None:
    names = [name for name, _ in spec.trunk]
    layers = tuple(layer for _, layer in spec.trunk)
    for name, rows, maps in table:
        assert after(layers[: names.index(name) + 1]) == (rows, maps), name


def test_sizes_of_v4_are_the_papers() -> None:
    features = InceptionV4Spec().features
    for last, rows, maps in V4:
        assert after(features[: last + 1]) == (rows, maps), last


def test_starts_are_those_of_torchvision_and_timm() -> None:
    v3, of_any = InceptionV3Spec(), (4, 4, 1, 1)
    for name, std in (
        ("Mixed_6c.branch7x7_2.conv", 0.1),
        ("fc", 0.1),
        ("AuxLogits.conv0.conv", 0.1),
        ("AuxLogits.conv1.conv", 0.01),
        ("AuxLogits.fc", 0.001),
    ):
        assert v3.start(f"{name}.weight", of_any) == Normal(std=std)
    assert v3.start("fc.bias", (4,)) == of_torch(2048)
    assert v3.start("AuxLogits.fc.bias", (4,)) == of_torch(768)
    torch = HeUniform(activation="leaky_relu", slope=math.sqrt(5))
    v4, resnet = InceptionV4Spec(), InceptionResNetV2Spec()
    assert v4.start("features.3.conv.conv.weight", of_any) == torch
    assert v4.start("last_linear.bias", (4,)) == of_torch(1536)
    assert resnet.start("repeat_1.3.branch1.2.conv.weight", of_any) == torch
    assert resnet.start("repeat_1.3.conv2d.weight", of_any) == torch
    sums = {"repeat.9": 128, "repeat_1.3": 384, "repeat_2.0": 448, "block8": 448}
    for name, fan_in in sums.items():
        assert resnet.start(f"{name}.conv2d.bias", (4,)) == of_torch(fan_in)
    assert resnet.start("classif.weight", (4, 4)) == of_torch(1536)


@pytest.mark.parametrize(
    "kind", [InceptionV3Spec, InceptionV4Spec, InceptionResNetV2Spec]
)
def test_small_images_are_refused(
    kind: type[InceptionV3Spec | InceptionV4Spec | InceptionResNetV2Spec],
) -> None:
    no_head = {"head": False} if kind is InceptionV3Spec else {}
    kind(image_size=(75, 75), **no_head)
    with pytest.raises(UsageError, match="at least 75 each way"):
        kind(image_size=(299, 74), **no_head)


def test_what_cannot_be_is_refused() -> None:
    assert InceptionV3Spec(image_size=(107, 107)).heads[0].conv1.kernel == (1, 1)
    assert InceptionV3Spec(image_size=(299, 155)).heads[0].conv1.kernel == (5, 2)
    with pytest.raises(UsageError, match="at least 107 each way where"):
        InceptionV3Spec(image_size=(106, 299))
    with pytest.raises(UsageError, match=r"InceptionV3Spec.c is .*up to 25 blocks"):
        InceptionV3Spec(c=(128,) * 26)

"""What the Inceptions' papers say of sizes and starts, and what the specs refuse."""

import math

import pytest

from shared.catalog import place_of
from shared.definitions.initializers import HeUniform, Normal, of_torch
from shared.errors import UsageError
from shared.frameworks import NATIVE, PACKAGES, ROOT
from shared.specs.vision.inception import InceptionV3Spec
from shared.specs.vision.inception_v4 import InceptionResNetV2Spec, InceptionV4Spec

# Table 1 of the first paper and figures 3, 9 and 15 of the second: rows of the maps and
# width behind each stage's first block and its last.
V3 = {"mixed_5": (35, 256, 288), "mixed_6": (17, 768, 768), "mixed_7": (8, 2048, 2048)}
V4 = {
    "inception_a": (35, 384, 384),
    "inception_b": (17, 1024, 1024),
    "inception_c": (8, 1536, 1536),
}


def test_sizes_of_v3_are_the_papers() -> None:
    spec = InceptionV3Spec()
    assert [rows for rows, _ in spec.map_sizes] == [35, 17, 8]
    for (rows, columns), (stage, wanted) in zip(
        spec.map_sizes, V3.items(), strict=True
    ):
        widths = [block.c_out for block in getattr(spec, stage).values()]
        assert (rows, widths[0], widths[-1]) == wanted
        assert rows == columns
    assert (spec.mixed_6a.c_out, spec.mixed_7a.c_out) == (768, 1280)
    assert [*spec.mixed_5] == ["Mixed_5b", "Mixed_5c", "Mixed_5d"]
    assert [*spec.mixed_6] == ["Mixed_6b", "Mixed_6c", "Mixed_6d", "Mixed_6e"]
    assert [*spec.mixed_7] == ["Mixed_7b", "Mixed_7c"]


def test_sizes_of_v4_are_the_papers() -> None:
    spec = InceptionV4Spec()
    mixed = (spec.mixed_3a, spec.mixed_4a, spec.mixed_5a)
    assert [block.c_out for block in mixed] == [160, 192, 384]
    for (rows, _), (stage, wanted) in zip(spec.map_sizes, V4.items(), strict=True):
        widths = [block.c_out for block in getattr(spec, stage)]
        assert (rows, widths[0], widths[-1]) == wanted
    assert (spec.reduction_a.c_out, spec.reduction_b.c_out) == (1024, 1536)


def test_sizes_of_inception_resnet_are_the_papers() -> None:
    spec = InceptionResNetV2Spec()
    between = (spec.mixed_5b, spec.mixed_6a, spec.mixed_7a)
    assert [block.c_out for block in between] == [320, 1088, 2080]
    stages = (spec.repeat, spec.repeat_1, spec.repeat_2, (spec.block8,))
    widths = [blocks[-1].projection.c_out for blocks in stages]
    assert widths == [320, 1088, 2080, 2080]
    assert [len(blocks) for blocks in stages] == [10, 20, 9, 1]
    assert [rows for rows, _ in spec.map_sizes] == [35, 17, 8]


@pytest.mark.parametrize("framework", NATIVE)
@pytest.mark.parametrize("family", ["inception", "inception_v4", "efficientnet"])
def test_a_reader_sees_the_branches(framework: str, family: str) -> None:
    """A model file says itself which layer follows which; no spec is interpreted."""
    path = ROOT / PACKAGES[framework] / "models" / place_of(family)
    text = path.read_text()
    interpreted = ("follow(", "add(self", "match ", "in self.block:", ".units")
    assert not [word for word in interpreted if word in text]
    assert text.count("setattr") <= (3 if family == "inception" else 0)


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
    assert InceptionV3Spec(image_size=(107, 107)).aux.conv1.kernel == (1, 1)
    assert InceptionV3Spec(image_size=(299, 155)).aux.conv1.kernel == (5, 2)
    with pytest.raises(UsageError, match="at least 107 each way where"):
        InceptionV3Spec(image_size=(106, 299))
    with pytest.raises(UsageError, match=r"InceptionV3Spec.c is .*up to 25 blocks"):
        InceptionV3Spec(c=(128,) * 26)

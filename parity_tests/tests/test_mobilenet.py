"""The MobileNets' specs: what they refuse, and the papers' tables."""

from dataclasses import replace
from typing import Any

import pytest

from shared.catalog import VARIANTS
from shared.errors import UsageError
from shared.specs.vision.mobilenet import MobileNetV1Spec
from shared.specs.vision.mobilenet_v2 import MobileNetV2Spec, divisible
from shared.specs.vision.mobilenet_v3 import MobileNetV3Spec

V1 = MobileNetV1Spec()
V2 = MobileNetV2Spec()
V3 = VARIANTS["mobilenet_v3_small"].spec
ODD = ((4, 16, 16, False, "relu", 1),)
SWISH = ((3, 16, 16, False, "silu", 1),)


@pytest.mark.parametrize(
    ("spec", "changes", "said"),
    [
        (V1, {"depths": (1, 2)}, "depths is (1, 2); allowed: as many as widths"),
        (V1, {"depths": (), "widths": ()}, "depths is (); allowed: as many as widths"),
        (V1, {"width_multiplier": 0.03}, "allowed: one that leaves every layer a map"),
        (V1, {"width_multiplier": 0.0}, "width_multiplier is 0.0; allowed: a number"),
        (V1, {"image_size": (224, 31)}, "allowed: at least 32 on each side"),
        (V2, {"table": ()}, "table is (); allowed: one row or more"),
        (V2, {"table": ((6, 16, 1, 3),)}, "allowed: each each one of 1, 2"),
        (V3, {"table": ()}, "table is (); allowed: one row or more"),
        (V3, {"table": ODD}, "allowed: rows whose kernel is odd"),
        (V3, {"table": SWISH}, "allowed: each each one of 'relu', 'hard_swish'"),
        (V3, {"dropout": 1.0}, "dropout is 1.0; allowed: a number from 0"),
    ],
)
def test_what_cannot_be_is_refused(
    spec: Any, changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(UsageError) as refused:
        replace(spec, **changes)
    assert said in str(refused.value)


def test_the_smallest_images() -> None:
    for size in (32, 33):
        spec = replace(V1, image_size=(size, size))
        rows, columns = size, size
        for c in (spec.stem, *(b.depthwise for s in spec.stages for b in s)):
            rows, columns = c.map_size(rows, columns)
        assert (rows, columns) == (1, 1)


def test_a_width_is_a_multiple_and_loses_at_most_a_tenth() -> None:
    assert divisible(11.2, 8) == 16  # 8 is nearer, and a quarter less
    assert divisible(44.8, 8) == 48
    assert divisible(12.0, 8) == 16
    assert divisible(83.0, 8) == 80
    assert divisible(0.5, 8) == 8


def test_v1_table_1() -> None:
    """Input sizes and widths of the thirteen depthwise convolutions."""
    blocks = [b for stage in V1.stages for b in stage]
    found, (rows, columns) = [], V1.stem.map_size(224, 224)
    for b in blocks:
        found.append((rows, b.depthwise.c_in, b.depthwise.stride))
        rows, columns = b.depthwise.map_size(rows, columns)
    assert found == [
        (112, 32, 1),
        (112, 64, 2),
        (56, 128, 1),
        (56, 128, 2),
        (28, 256, 1),
        (28, 256, 2),
        *[(14, 512, 1)] * 5,
        (14, 512, 2),
        (7, 1024, 1),
    ]
    assert (rows, columns, V1.c_out) == (7, 7, 1024)


def test_v2_table_2() -> None:
    """Input sizes and widths of each row's first block."""
    found, size = [], V2.stem.map_size(224, 224)
    blocks = iter(V2.blocks)
    for factor, _, depth, _ in V2.table:
        for i in range(depth):
            b = next(blocks)
            first = b.expand or b.depthwise
            if i == 0:
                found.append((size[0], first.c_in))
            assert b.depthwise.c_in == factor * first.c_in
            assert b.shortcut == (i > 0)
            size = b.depthwise.map_size(*size)
    assert found == [
        (112, 32),
        (112, 16),
        (56, 24),
        (28, 32),
        (14, 64),
        (14, 96),
        (7, 160),
    ]
    assert (V2.head.c_in, V2.head.c_out) == (320, 1280)


@pytest.mark.parametrize(
    ("name", "sizes", "head", "hidden"),
    [
        ("large", [112] * 2 + [56] * 2 + [28] * 3 + [14] * 6 + [7] * 3, 960, 1280),
        ("small", [112, 56] + [28] * 2 + [14] * 5 + [7] * 3, 576, 1024),
    ],
)
def test_v3_tables_1_and_2(name: str, sizes: list[int], head: int, hidden: int) -> None:
    """Maps in front of each block and behind the last."""
    spec = VARIANTS[f"mobilenet_v3_{name}"].spec
    assert isinstance(spec, MobileNetV3Spec)
    size = spec.stem.map_size(224, 224)
    found = [size[0]]
    for b in spec.blocks:
        size = b.depthwise.map_size(*size)
        found.append(size[0])
    assert found == sizes
    assert spec.head.c_out == head
    assert spec.dense == ((head, hidden), (hidden, 1000))

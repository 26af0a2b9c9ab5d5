"""What MLP-Mixer refuses, and table 1."""

from dataclasses import replace

import pytest

from shared.catalog import VARIANTS
from shared.errors import UsageError
from shared.specs.vision.mlp_mixer import MLPMixerSpec

SPEC = VARIANTS["mlp_mixer_tiny"].spec
assert isinstance(SPEC, MLPMixerSpec)


def test_patches_fill_the_image() -> None:
    with pytest.raises(UsageError, match=r"MLPMixerSpec.*multiples of patch \(4\)"):
        replace(SPEC, image_size=(12, 10))


def test_paths_are_dropped_more_and_more() -> None:
    first, second = replace(SPEC, depth=2, drop_path=0.3).drop_paths
    assert (*first, *second) == pytest.approx((0.0, 0.1, 0.2, 0.3))
    assert replace(SPEC, depth=1, drop_path=0.3).drop_paths == ((0.0, 0.3),)


@pytest.mark.parametrize(
    ("name", "row"),
    [
        ("mixer_s32_224", (8, 32, 512, 49, 2048, 256)),
        ("mixer_s16_224", (8, 16, 512, 196, 2048, 256)),
        ("mixer_b32_224", (12, 32, 768, 49, 3072, 384)),
        ("mixer_b16_224", (12, 16, 768, 196, 3072, 384)),
        ("mixer_l16_224", (24, 16, 1024, 196, 4096, 512)),
    ],
)
def test_table_1(name: str, row: tuple[int, ...]) -> None:
    """Layers, patch, width, tokens, and both widths of the MLPs."""
    spec = VARIANTS[name].spec
    assert isinstance(spec, MLPMixerSpec)
    inner = spec.channels_width, spec.tokens_width
    assert (spec.depth, spec.patch, spec.width, spec.tokens, *inner) == row

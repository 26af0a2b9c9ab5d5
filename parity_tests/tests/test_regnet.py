"""The widths of a RegNet against the paper's, and what one cannot be."""

from dataclasses import replace

import pytest

from shared.catalog import VARIANTS
from shared.errors import UsageError
from shared.specs.vision.regnet import RegNetSpec

# Depths and widths of the paper's tables of the best RegNetX and RegNetY models.
PAPER = {
    "regnet_x_400mf": ((1, 2, 7, 12), (32, 64, 160, 384)),
    "regnet_x_800mf": ((1, 3, 7, 5), (64, 128, 288, 672)),
    "regnet_x_1_6gf": ((2, 4, 10, 2), (72, 168, 408, 912)),
    "regnet_y_400mf": ((1, 3, 6, 6), (48, 104, 208, 440)),
    "regnet_y_800mf": ((1, 3, 8, 2), (64, 128, 320, 768)),
    "regnet_y_1_6gf": ((2, 6, 17, 2), (48, 120, 336, 888)),
}
# Where torchvision rounds to a group's width in another way than the authors.
TORCHVISION = {
    "regnet_x_400mf": (32, 64, 160, 400),
    "regnet_y_800mf": (64, 144, 320, 784),
}


@pytest.mark.parametrize("name", PAPER)
def test_depths_and_widths(name: str) -> None:
    spec = VARIANTS[name].spec
    assert isinstance(spec, RegNetSpec)
    widths, depths = zip(*spec.widths, strict=True)
    assert depths == PAPER[name][0]
    assert widths == TORCHVISION.get(name, PAPER[name][1])


def test_bad_values_are_refused() -> None:
    spec = VARIANTS["regnet_y_400mf"].spec
    with pytest.raises(UsageError, match="w_0 is 44; allowed: a multiple of 8"):
        replace(spec, w_0=44)
    with pytest.raises(UsageError, match=r"w_m is 1\.0; allowed: a number above 1"):
        replace(spec, w_m=1.0)
    with pytest.raises(UsageError, match=r"se_ratio is 0\.01; allowed: 0, or enough"):
        replace(spec, se_ratio=0.01)

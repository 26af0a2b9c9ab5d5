"""Table 1 of the paper, and what a SqueezeNet cannot be."""

from dataclasses import replace

import pytest

from shared.catalog import VARIANTS
from shared.errors import UsageError
from shared.specs.vision.squeezenet import SqueezeNetSpec

# Squeeze, expand 1x1, expand 3x3 of fire2 to fire9.
TABLE_1 = [
    (16, 64, 64),
    (16, 64, 64),
    (32, 128, 128),
    (32, 128, 128),
    (48, 192, 192),
    (48, 192, 192),
    (64, 256, 256),
    (64, 256, 256),
]


@pytest.mark.parametrize("name", ["squeezenet1_0", "squeezenet1_1"])
def test_the_fires_are_those_of_table_1(name: str) -> None:
    spec = VARIANTS[name].spec
    assert isinstance(spec, SqueezeNetSpec)
    fires = sum(spec.fires, ())
    assert [
        (f.squeeze.c_out, f.expand1x1.c_out, f.expand3x3.c_out) for f in fires
    ] == TABLE_1


def test_bad_values_are_refused() -> None:
    spec = VARIANTS["squeezenet1_0"].spec
    with pytest.raises(UsageError, match="stages is"):
        replace(spec, stages=())
    with pytest.raises(UsageError, match=r"squeeze_ratio is 0\.007; allowed: enough"):
        replace(spec, squeeze_ratio=0.007)
    with pytest.raises(UsageError, match=r"share_3x3 is 0\.0; allowed: enough"):
        replace(spec, share_3x3=0.0)
    with pytest.raises(UsageError, match="at least 21 on each side"):
        replace(spec, image_size=(21, 20))
    replace(spec, image_size=(21, 21))

"""The rounding of widths, and what a MnasNet cannot be."""

import pytest

from shared.errors import UsageError
from shared.specs.vision.mnasnet import MNASNetSpec


@pytest.mark.parametrize(
    ("alpha", "widths"),
    [
        # 0.5 * 24 lies between 8 and 16: up; 0.5 * 40 = 20: up.
        (0.5, [16, 24, 40, 48, 96, 160]),
        (0.75, [24, 32, 64, 72, 144, 240]),
        # 1.3 * 24 = 31.2, 52, 104, 124.8, 249.6, 416
        (1.3, [32, 56, 104, 128, 248, 416]),
    ],
)
def test_widths_are_multiples_of_8(alpha: float, widths: list[int]) -> None:
    blocks = MNASNetSpec(alpha=alpha).blocks
    assert [stack[-1].steps[-1][0].c_out for stack in blocks] == widths


def test_no_more_than_a_tenth_is_lost() -> None:
    """Of 83 a multiple of 8 below is 80; of 11, 8 would be less than nine tenths."""
    spec = MNASNetSpec(alpha=1.0, stem_widths=(83, 11))
    assert [c.c_out for c, _ in spec.stem] == [80, 80, 16]


def test_bad_values_are_refused() -> None:
    with pytest.raises(UsageError, match="one stack or more"):
        MNASNetSpec(alpha=1.0, stacks=())
    with pytest.raises(UsageError, match="odd kernels"):
        MNASNetSpec(alpha=1.0, stacks=((24, 4, 2, 3, 3),))

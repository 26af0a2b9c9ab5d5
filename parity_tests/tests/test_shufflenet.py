"""What a ShuffleNet cannot be."""

from dataclasses import replace

import pytest

from shared.catalog import VARIANTS
from shared.errors import UsageError


def test_odd_widths_are_refused() -> None:
    spec = VARIANTS["shufflenet_v2_x0_5"].spec
    with pytest.raises(UsageError, match="even numbers for the three stages"):
        replace(spec, widths=(24, 48, 97, 192, 1024))
    replace(spec, widths=(23, 48, 96, 192, 1023))

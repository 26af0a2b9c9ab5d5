"""ConvNeXt's numbers against its paper, and what its spec refuses."""

from dataclasses import replace

import pytest

from shared.catalog import variant
from shared.errors import UsageError
from shared.specs.vision.convnext import ConvNeXtSpec

# Section 3 (widths C, blocks B) and table 5 of appendix A.1 (stochastic depth).
PAPER = {
    "convnext_tiny": ((96, 192, 384, 768), (3, 3, 9, 3), 0.1),
    "convnext_small": ((96, 192, 384, 768), (3, 3, 27, 3), 0.4),
    "convnext_base": ((128, 256, 512, 1024), (3, 3, 27, 3), 0.5),
    "convnext_large": ((192, 384, 768, 1536), (3, 3, 27, 3), 0.5),
}


@pytest.mark.parametrize("name", PAPER)
def test_the_sizes_are_the_papers(name):
    spec = variant(name).spec
    assert (spec.widths, spec.depths, spec.drop_path) == PAPER[name]


def test_branches_are_dropped_more_often_the_deeper_they_are():
    spec = variant("convnext_tiny").spec
    rates = [b.drop_path for s in spec.stages for b in s.blocks]
    assert rates == pytest.approx([0.1 * i / 17 for i in range(18)], abs=1e-15)
    one = ConvNeXtSpec(depths=(1,), widths=(4,), drop_path=0.5)
    assert one.stages[0].blocks[0].drop_path == 0


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"depths": (), "widths": ()}, "depths is (); allowed: one stage or more"),
        ({"widths": (6,)}, "widths is (6,); allowed: one each of (1, 2)"),
        ({"depths": (0, 1)}, "depths is (0, 1); allowed: each a whole number"),
        ({"image_size": (8, 7)}, "image_size is (8, 7); allowed: at least 8 on each"),
        ({"drop_path": 1.0}, "drop_path is 1.0; allowed: a number from 0"),
    ],
)
def test_what_cannot_be_is_refused(changes, said):
    with pytest.raises(UsageError) as refused:
        replace(variant("convnext_mini").spec, **changes)
    assert said in str(refused.value)

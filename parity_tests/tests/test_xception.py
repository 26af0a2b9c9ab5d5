"""What Xception's paper says of sizes, and what its spec refuses."""

import pytest

from shared.definitions.initializers import HeNormal, of_torch
from shared.errors import UsageError
from shared.specs.base import Pool
from shared.specs.vision.xception import XceptionSpec

# Figure 5: the width and the rows after each block, of an image of 299x299.
FIGURE_5 = [(128, 74), (256, 37), *((728, 19),) * 9, (1024, 10)]


@pytest.mark.parametrize("padding", ["symmetric", "same"])
def test_sizes_are_the_papers(padding: str) -> None:
    spec = XceptionSpec(padding=padding)  # type: ignore[arg-type]
    sizes = (299, 299)
    for c in spec.stem_convs:
        sizes = c.map_size(*sizes)
    assert sizes == (147, 147)
    for b, (maps, rows) in zip(spec.blocks, FIGURE_5, strict=True):
        if b.pool and b.skip:
            skipped = b.skip.map_size(*sizes)
            sizes = b.pool.map_size(*sizes)
            assert skipped == sizes
        assert (b.separables[-1].pointwise.c_out, *sizes) == (maps, rows, rows)


def test_only_an_even_map_is_padded_at_its_end_alone() -> None:
    pools = [b.pool for b in XceptionSpec(padding="same").blocks if b.pool]
    assert pools == [
        Pool(3, 2, ((1, 1), (1, 1))),
        Pool(3, 2, ((0, 1), (0, 1))),
        Pool(3, 2, ((1, 1), (1, 1))),
        Pool(3, 2, ((1, 1), (1, 1))),
    ]


def test_starts_are_those_of_timm() -> None:
    spec, he = XceptionSpec(), HeNormal(mode="fan_out")
    for name in ("conv1", "block2.skip", "block1.rep.0.conv1", "conv4.pointwise"):
        assert spec.start(f"{name}.weight", (4, 1, 3, 3)) == he
    assert spec.start("fc.weight", (4, 4)) == of_torch(2048)


def test_what_cannot_be_is_refused() -> None:
    XceptionSpec(image_size=(7, 7))
    with pytest.raises(UsageError, match="at least 7 each way"):
        XceptionSpec(image_size=(6, 299))
    with pytest.raises(UsageError, match="one width or more"):
        XceptionSpec(entry=())

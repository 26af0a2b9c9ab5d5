"""Swin's numbers against its paper, its tables, and what its spec refuses."""

from dataclasses import replace

import numpy as np
import pytest

from shared.catalog import variant
from shared.errors import UsageError
from shared.specs.vision.swin import MergeSpec, SwinSpec, WindowSpec

# Section 3.3: the first width, depths; a head has 32 channels, a window 7 by 7 tokens.
PAPER = {
    "swin_t": (96, (2, 2, 6, 2)),
    "swin_s": (96, (2, 2, 18, 2)),
    "swin_b": (128, (2, 2, 18, 2)),
}


@pytest.mark.parametrize("name", PAPER)
def test_the_sizes_are_the_papers(name):
    spec = variant(name).spec
    assert (spec.width, spec.depths) == PAPER[name]
    blocks = [b for s in spec.stages for b in s.blocks]
    assert {b.head_width for b in blocks} == {32}
    assert {b.inner // b.width for b in blocks} == {4}
    assert {b.windows.side for b in blocks} == {7}
    maps = [s.blocks[0].windows.map_size for s in spec.stages]
    assert maps == [(56, 56), (28, 28), (14, 14), (7, 7)]
    shifts = [[b.windows.shift for b in s.blocks] for s in spec.stages]
    assert shifts[0] == [(0, 0), (3, 3)]
    assert shifts[3] == [(0, 0), (0, 0)]  # one window has all of the map


def test_branches_are_dropped_more_often_the_deeper_they_are():
    spec = variant("swin_t").spec
    rates = [b.drop_path for s in spec.stages for b in s.blocks]
    assert rates == pytest.approx([0.2 * i / 11 for i in range(12)], abs=1e-15)
    one = SwinSpec(width=4, depths=(1,), heads=(2,), drop_path=0.5)
    assert one.stages[0].blocks[0].drop_path == 0


def test_a_way_is_the_same_wherever_it_begins():
    side, ways = 3, WindowSpec((9, 9), 3, shifted=False).ways
    of_way = {}
    for i, j in np.ndindex(ways.shape):
        way = (i // side - j // side, i % side - j % side)
        assert of_way.setdefault(way, ways[i, j]) == ways[i, j]
    assert sorted(of_way.values()) == list(range(25))
    # The rows of the published tables: up before down, then left before right.
    assert [of_way[w] for w in sorted(of_way)] == list(range(25))


@pytest.mark.parametrize("map_size", [(9, 6), (8, 5), (3, 6), (2, 7), (3, 2)])
def test_tokens_see_those_that_were_near_before_the_shift(map_size):
    """Two tokens of a window see each other where they are as far apart as before."""
    w = WindowSpec(map_size, 3, shifted=True)
    rows, columns = w.padded
    assert all(n - 3 < m <= n for m, n in zip(map_size, w.padded, strict=True))
    assert w.shift == (int(rows > 3), int(columns > 3))
    place = np.arange(rows * columns).reshape(rows, columns)
    moved = np.roll(place, w.back, (0, 1))
    for number, seen in enumerate(w.neighbours):
        below, beside = divmod(number, columns // 3)
        window = moved[3 * below : 3 * below + 3, 3 * beside : 3 * beside + 3]
        for i, j in np.ndindex(9, 9):
            a, b = divmod(window.flat[i], columns), divmod(window.flat[j], columns)
            near = (a[0] - b[0], a[1] - b[1]) == (i // 3 - j // 3, i % 3 - j % 3)
            assert seen[i, j] == near


def test_merging_pads_what_is_odd():
    assert (MergeSpec((9, 6), 4).pads, MergeSpec((9, 6), 4).merged) == ((1, 0), (5, 3))


def test_torch_keeps_no_table_in_its_state_dict(within):
    torch = """
    from pytorch_impl import build

    def shown():
        model = build("swin_tiny")
        assert len(list(model.buffers())) == 2 * 4  # of each block
        assert list(model.state_dict()) == list(dict(model.named_parameters()))
    """
    within("pytorch", torch, "shown")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"depths": (), "heads": ()}, "depths is (); allowed: one stage or more"),
        ({"heads": (2,)}, "heads is (2,); allowed: one each of (2, 2)"),
        ({"heads": (2, 5)}, "heads is (2, 5); allowed: divisors of (6, 12)"),
        ({"window": 0}, "window is 0; allowed: a whole number of at least 1"),
        ({"image_size": (8, 3)}, "image_size is (8, 3); allowed: at least 4 on each"),
    ],
)
def test_what_cannot_be_is_refused(changes, said):
    with pytest.raises(UsageError) as refused:
        replace(variant("swin_tiny").spec, **changes)
    assert said in str(refused.value)

"""The diffusion Transformer: positions as the authors' code makes them, what it says
before training, and what is refused."""

from dataclasses import replace

import numpy as np
import pytest

from shared.catalog import variant
from shared.errors import UsageError
from shared.messages import Request

TINY = "dit_tiny"


def test_positions_are_those_of_the_authors():
    """Of each patch: the sines, then the cosines, of its column, then of its row."""
    spec = variant("dit_s2").spec
    assert spec.positions.shape == (256, 384)
    place, column, row = 16 * 3 + 5, 5, 3
    for i in (0, 40, 95):
        turn = 10000 ** (-i / 96)
        wanted = [f(x * turn) for x in (column, row) for f in (np.sin, np.cos)]
        found = spec.positions[place, [i, 96 + i, 192 + i, 288 + i]]
        assert found == pytest.approx(wanted)


def test_the_time_is_told_by_waves():
    """Half of 256, from 1 to nearly 1/10000."""
    found = variant("dit_xl2").spec.frequencies
    assert len(found) == 128
    assert (found[0], found[-1]) == (1, pytest.approx(1e-4 ** (127 / 128)))


def test_at_first_it_says_nothing(workers):
    """Section 3.2: gates are 0, and so is the last layer; then a gate is opened."""
    spec = variant(TINY).spec
    model = workers.get("pytorch", "float64").build(spec, TINY)
    model.start(0)
    asked = np.ones((1, 1, 4, 4)), np.array([2]), np.array([3])
    noise, variance = model.run(Request(asked)).outputs
    assert not noise.any()
    assert not variance.any()
    w = model.dump()
    model.load({**w, "head.linear.weight": w["head.linear.weight"] + 1})
    noise, variance = model.run(Request(asked)).outputs
    model.drop()
    assert noise.shape == variance.shape == (1, 1, 4, 4)
    assert np.abs(noise).max() < 1e-9  # a norm's mean is 0
    assert spec.said_width == 8


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"heads": 5}, "width is 12; allowed: a multiple of 4, and of heads (5)"),
        ({"width": 6}, "width is 6; allowed: a multiple of 4"),
        ({"patch": 3}, "image_size is 4; allowed: a multiple of patch (3)"),
        ({"waves": 5}, "waves is 5; allowed: an even number"),
    ],
)
def test_what_cannot_be_is_refused(changes, said):
    with pytest.raises(UsageError) as refused:
        replace(variant(TINY).spec, **changes)
    assert said in str(refused.value)

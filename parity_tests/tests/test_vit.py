"""What ViT and DeiT refuse, and which place a token is of."""

from dataclasses import replace

import numpy as np
import pytest

from parity_tests.engine import Workers, request
from shared.catalog import VARIANTS
from shared.errors import UsageError
from shared.frameworks import FRAMEWORKS
from shared.specs.vision.vit import ViTSpec

PLAIN = VARIANTS["vit_tiny"].spec
assert isinstance(PLAIN, ViTSpec)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"heads": 4}, "heads is 4; allowed: a divisor of width (15)"),
        ({"image_size": (12, 10)}, "is (12, 10); allowed: multiples of patch (4)"),
        ({"image_size": (2, 4)}, "is (2, 4); allowed: multiples of patch (4)"),
        ({"drop_path": 1.0}, "drop_path is 1.0; allowed: a number from 0 up to"),
        ({"distilled": 1}, "distilled is 1; allowed: a bool"),
    ],
)
def test_refused(changes: dict[str, object], said: str) -> None:
    with pytest.raises(UsageError, match="ViTSpec") as refused:
        replace(PLAIN, **changes)
    assert said in str(refused.value)


def test_paths_are_dropped_more_and_more() -> None:
    four = replace(PLAIN, depth=4, drop_path=0.3)
    assert four.drop_paths == pytest.approx((0.0, 0.1, 0.2, 0.3))
    assert replace(PLAIN, depth=1, drop_path=0.3).drop_paths == (0.0,)


def test_outputs() -> None:
    """Two heads in training, their mean in evaluation."""
    distilled = replace(PLAIN, distilled=True)
    assert [t.name for t in distilled.outputs(True)] == ["logits", "distilled"]
    for spec, training in ((distilled, False), (PLAIN, True), (PLAIN, False)):
        assert [t.name for t in spec.outputs(training)] == ["logits"]


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_patch_meets_its_own_position(framework: str, workers: Workers) -> None:
    """Rows first: what a position adds can be had by the patch instead."""
    model = workers.get(framework, "float64").build(PLAIN)
    model.fill(0)
    own = {name: value.copy() for name, value in model.dump().items()}
    columns, place = PLAIN.image_size[1] // PLAIN.patch, 3
    row, column = divmod(place, columns)
    asked = request(PLAIN, 2, training=False)
    (image,) = asked.inputs
    # A direction in pixel space that changes the embedding by `moved`.
    pixel = np.zeros((3, PLAIN.patch, PLAIN.patch))
    pixel[1, 2, 3] = 0.7
    kernel = own["patch_embed.proj.weight"].reshape(PLAIN.width, -1)
    changed = image.astype(np.float64)
    rows = slice(row * PLAIN.patch, (row + 1) * PLAIN.patch)
    across = slice(column * PLAIN.patch, (column + 1) * PLAIN.patch)
    changed[:, :, rows, across] += pixel
    by_patch = model.run(replace(asked, inputs=(changed,))).outputs[0]
    own["pos_embed"][0, PLAIN.read + place] += kernel @ pixel.ravel()
    model.load(own)
    by_position = model.run(asked).outputs[0]
    np.testing.assert_allclose(by_patch, by_position, rtol=0, atol=1e-14)
    model.drop()


def test_positions_of_another_image_size_are_one_line(workers: Workers) -> None:
    worker = workers.get("pytorch", "float64")
    small, large = (
        worker.build(replace(PLAIN, image_size=size)) for size in ((12, 8), (16, 12))
    )
    large.fill(0)
    with pytest.raises(
        UsageError, match=r"pos_embed has shape \(1, 13, 15\), the model"
    ):
        small.load(large.dump())
    for model in (small, large):
        model.drop()

"""U-Net: the sizes of the paper's figure, what is cropped, what is refused, ties; the
Dice coefficient where masks are empty; the shapes and the membranes that it is trained
on."""

import zipfile
from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from parity_tests.engine import SEED
from shared.catalog import variant
from shared.data import membranes
from shared.data.shapes import CLASSES, DISC, SQUARE, TRIANGLE, _inside, shapes
from shared.definitions import metrics
from shared.errors import UsageError
from shared.frameworks import NATIVE
from shared.messages import Request

TINY = "unet_tiny"


# Figure 1


def test_the_sizes_of_the_figure():
    spec = variant("unet").spec
    down, size = [], spec.image_size
    for level in spec.encoder:
        for c in level.convs:
            size = c.map_size(*size)
        down.append(size[0])
        size = spec.pool.map_size(*size)
    assert down == [568, 280, 136, 64, 28]
    assert [up.size[0] for up in spec.decoder] == [56, 104, 200, 392]
    assert [up.top for up in spec.decoder] == [4, 16, 40, 88]
    for copied, up in zip(down[-2::-1], spec.decoder, strict=True):
        assert copied - up.top - up.size[0] == up.top == up.left
    assert spec.outputs(False)[0].shape == (388, 388, 2)
    assert [c.c_in for up in spec.decoder for c in up.block.convs[:1]] == [
        *(1024, 512, 256, 128)
    ]


def test_dropout_stands_at_the_last_two_levels_down():
    spec = variant("unet").spec
    assert [level.dropout for level in spec.encoder] == [0, 0, 0, 0.5, 0.5]
    assert {up.block.dropout for up in spec.decoder} == {0}


def test_what_norms_follow_has_no_bias():
    for name, bias in (("unet", True), ("unet_padded", False)):
        spec = variant(name).spec
        blocks = [*spec.encoder, *(up.block for up in spec.decoder)]
        assert {c.bias for block in blocks for c in block.convs} == {bias}
        assert all(up.up.bias for up in spec.decoder)
        assert spec.out.bias


@pytest.mark.parametrize(
    ("name", "changes", "said"),
    [
        (TINY, {"widths": (3,)}, "widths is (3,); allowed: two levels or more"),
        (TINY, {"classes": 1}, "classes is 1; allowed: two or more"),
        (TINY, {"image_size": (20, 48)}, "larger: no pixel would be left"),
        (TINY, {"image_size": (46, 48)}, "each level but the last"),
        ("unet_tiny_padded", {"image_size": (8, 7)}, "each level but the last"),
    ],
)
def test_what_cannot_be_is_refused(name, changes, said):
    with pytest.raises(UsageError) as refused:
        replace(variant(name).spec, **changes)
    assert said in str(refused.value)


def test_the_smallest_pictures_that_fit():
    spec = replace(variant(TINY).spec, image_size=(44, 44))
    assert spec.outputs(False)[0].shape == (4, 4, 3)
    padded = replace(variant("unet_tiny_padded").spec, image_size=(2, 2))
    assert padded.outputs(False)[0].shape == (2, 2, 2)


# What it decides


@pytest.mark.parametrize("framework", NATIVE)
def test_of_equal_logits_the_first_class_is_taken(workers, framework):
    spec = variant("unet_tiny_padded").spec
    model = workers.get(framework, "float64").build(spec, "unet_tiny_padded")
    model.fill(SEED)
    values = model.dump()
    for equal in (True, False):
        bias = np.array([0.5, 0.5 if equal else 0.75])
        model.load({**values, "out.weight": 0 * values["out.weight"], "out.bias": bias})
        asked = Request(spec.examples(2, SEED), program="segment")
        mask, margin = model.run(asked).outputs
        assert set(mask.ravel()) == {0 if equal else 1}
        assert set(margin.ravel()) == {0.0 if equal else 0.25}
    model.drop()


# The Dice coefficient


def test_dice_by_hand():
    predicted = np.array([[0, 1, 1], [2, 2, 0]])
    target = np.array([[0, 1, 0], [2, 1, 0]])
    # of each class twice what both have, over both sizes
    each = [2 * 2 / (2 + 3), 2 * 1 / (2 + 2), 2 * 1 / (2 + 1)]
    assert metrics.dice(predicted, target, 3) == pytest.approx(np.mean(each))
    assert metrics.dice(predicted, target, 3, 0) == pytest.approx(np.mean(each[1:]))
    assert metrics.dice(predicted, target, 9) == pytest.approx(np.mean(each))


def test_dice_where_masks_are_empty():
    nothing, something = np.zeros((2, 3), int), np.eye(2, 3, dtype=int)
    assert metrics.dice(nothing, nothing, 2, background=0) == 1
    assert metrics.dice(something, nothing, 2, background=0) == 0
    assert metrics.dice(nothing, something, 2, background=0) == 0
    assert metrics.dice(nothing, nothing, 2) == 1
    with pytest.raises(UsageError, match="confusion of nothing"):
        metrics.dice(nothing[:0], nothing[:0], 2)


def test_dice_is_f1_and_follows_from_iou():
    draw = np.random.default_rng(0)
    predicted, target = draw.integers(0, 2, (2, 50))
    found = metrics.dice(predicted, target, 2, background=0)
    assert found == pytest.approx(metrics.f1(predicted, target, "binary"), rel=1e-15)
    both, either = (predicted & target).sum(), (predicted | target).sum()
    assert found == pytest.approx(2 * (both / either) / (1 + both / either))


# The shapes


@pytest.mark.parametrize(("kind", "area"), [(DISC, np.pi), (SQUARE, 4), (TRIANGLE, 2)])
def test_a_shape_has_its_area(kind, area):
    size = 300.0
    inside = _inside(kind, np.array([500.0, 480.0]), size, 1000)
    assert inside.sum() == pytest.approx(area * size**2, rel=0.01)
    assert not inside[[0, -1]].any()
    assert not inside[:, [0, -1]].any()


def test_shapes_are_those_of_their_seed():
    one, same, other = (shapes(40, seed=seed).train for seed in (0, 0, 1))
    assert one.inputs[0].shape[1:] == (1, 32, 32)
    assert one.targets[0].shape[1:] == (32, 32)
    assert set(one.targets[0].ravel()) == set(range(CLASSES))
    np.testing.assert_array_equal(one.inputs[0], same.inputs[0])
    assert not np.array_equal(one.targets[0], other.targets[0])
    ground = one.inputs[0][:, 0][one.targets[0] == 0].mean()
    assert ground < 0.2 < one.inputs[0][:, 0][one.targets[0] > 0].mean()


# Membranes


def sections(folder, monkeypatch, changes=()):
    """An archive of three sections of 8x8 pixels, of which section k is of grey 10 k
    with one membrane in its row k."""
    monkeypatch.setattr(membranes, "NUMBER", 3)
    monkeypatch.setattr(membranes, "SIDE", 8)
    monkeypatch.setattr(membranes, "TRAINED", 1)
    monkeypatch.setattr(membranes, "VALIDATED", 1)
    monkeypatch.setenv("TRIPTYCH_DATA", str(folder))
    members = {}
    for k in range(3):
        label = np.full((8, 8), 255, np.uint8)
        label[k] = 0
        for part, levels in (("image", np.full((8, 8), 10 * k)), ("label", label)):
            held = BytesIO()
            Image.fromarray(levels.astype(np.uint8)).save(held, "PNG")
            members[f"membrane/train/{part}/{k}.png"] = held.getvalue()
    (folder / "isbi-em").mkdir()
    with zipfile.ZipFile(folder / "isbi-em" / membranes.FILE, "w") as whole:
        for name, content in {**members, **dict(changes)}.items():
            if content is not None:
                whole.writestr(name, content)


def test_sections_are_cut_to_tiles_in_order(tmp_path, monkeypatch):
    sections(tmp_path, monkeypatch)
    found = membranes.isbi(4)
    for k, part in enumerate((found.train, found.validation, found.test)):
        (image,), (classes,) = part.inputs, part.targets
        assert image.shape == (4, 1, 4, 4)
        assert (image == np.float32(10 * k / 255)).all()
        assert (classes[:2, k] == membranes.MEMBRANE).all()
        assert classes.sum() == 8
    with pytest.raises(UsageError, match="tiles of 3 pixels; allowed: a divisor of 8"):
        membranes.isbi(3)


def png(levels):
    held = BytesIO()
    Image.fromarray(np.asarray(levels, np.uint8)).save(held, "PNG")
    return held.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("image/1", None, "membrane/train/image/1.png is not there"),
        ("image/2", b"no picture", "image/2.png: not a readable picture"),
        ("label/0", png(np.zeros((8, 7))), "has (8, 7); allowed: 8 x 8 pixels"),
        ("label/1", png(np.full((8, 8), 7)), "allowed: black membranes on white"),
    ],
)
def test_a_damaged_archive_is_one_line(tmp_path, monkeypatch, name, content, said):
    sections(tmp_path, monkeypatch, {f"membrane/train/{name}.png": content})
    with pytest.raises(UsageError) as refused:
        membranes.isbi(4)
    assert said in str(refused.value)

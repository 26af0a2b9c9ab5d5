"""Boxes: the native forms against the definition in NumPy; the definition against what
is counted by hand, torchvision, and COCO's own evaluation."""

import contextlib
import io
import itertools
import math

import numpy as np
import pytest

from parity_tests import defined
from parity_tests.defined import CASES, SETTINGS, rows_of_boxes
from parity_tests.tests import held
from shared.definitions import boxes
from shared.definitions.boxes import (
    BACKGROUND,
    BETWEEN,
    NMS,
    BoxCoder,
    Detected,
    Matching,
    MeanAP,
)
from shared.errors import UsageError
from shared.frameworks import FRAMEWORKS, PACKAGES
from shared.randomness import generator

_, PRESETS = CASES["boxes"], SETTINGS["boxes"]


test_follows_the_definition = held.follows("boxes")
test_takes_what_the_definition_takes = held.takes("boxes")


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_in_float32(workers, framework):
    given = rows_of_boxes().astype(np.float32)
    worker = workers.get(framework, "float32")
    target = f"{PACKAGES[framework]}.definitions:define"
    coder = defined.CODERS["weights"]
    for definition, arguments in (
        (boxes.giou, (given, given[:, :3])),
        (coder.encode, (given, given[:, ::-1])),
        (coder.decode, (given - 1, given)),
    ):
        (found,) = worker.ask(target, definition, arguments)
        assert found.dtype == np.float32
        assert np.allclose(found, definition(*arguments), rtol=1e-4, atol=1e-5)
    scores, valid = generator("nms").random((2, 12)), np.full((2, 12), True)
    arguments = given, scores.astype(np.float32), valid
    found = worker.ask(target, NMS().select, arguments)
    assert all(
        (a == b).all() for a, b in zip(found, NMS().select(*arguments), strict=True)
    )


# The definitions themselves


def test_how_they_are_written():
    box = np.array([[1.0, 2.0, 4.0, 8.0]])
    assert boxes.xyxy_to_xywh(box).tolist() == [[1, 2, 3, 6]]
    assert boxes.xyxy_to_cxcywh(box).tolist() == [[2.5, 5, 3, 6]]
    sizes = np.array([10.0, 20.0])  # 10 high, 20 wide
    assert boxes.to_unit(box, sizes).tolist() == [[0.05, 0.2, 0.2, 0.8]]
    assert boxes.clipped(box - 2, np.array([5.0, 1.5])).tolist() == [[0, 0, 1.5, 5]]
    some = rows_of_boxes()
    two = np.stack([sizes, sizes + 1])
    for there, back in (
        (boxes.xyxy_to_xywh, boxes.xywh_to_xyxy),
        (boxes.xyxy_to_cxcywh, boxes.cxcywh_to_xyxy),
        (lambda b: boxes.to_unit(b, two), lambda b: boxes.to_pixels(b, two)),
    ):
        assert back(there(some)) == pytest.approx(some)


def test_overlaps_by_hand():
    a = np.array([[0.0, 0, 2, 2], [1, 1, 1, 1], [3, 3, 2, 2]])
    b = np.array([[0.0, 0, 2, 2], [1, 0, 3, 2], [2, 0, 4, 2], [1, 1, 1, 1]])
    assert boxes.area(a).tolist() == [4, 0, 0]
    assert boxes.iou(a, b)[0] == pytest.approx([1, 1 / 3, 0, 0])
    assert not boxes.iou(a, b)[1:].any()
    # Around the first and the third stands a box of 8, which they fill; around the
    # first and a box as large, one diagonal away, one of 16, half filled.
    far = np.array([[2.0, 2, 4, 4]])
    assert boxes.giou(a, b)[0] == pytest.approx([1, 1 / 3, 0, 0])
    assert boxes.giou(a, far)[0] == pytest.approx([-0.5])
    assert boxes.giou(a[1:2], a[1:2]) == 0


@pytest.mark.parametrize("seed", range(5))
def test_overlaps_by_counting(seed):
    """Boxes on a grid, cell by cell."""
    a, b = generator("grid", seed).integers(0, 6, (2, 8, 4))
    a[:, 2:] += a[:, :2]
    b[:, 2:] += b[:, :2]

    def cells(box):
        return set(itertools.product(range(box[0], box[2]), range(box[1], box[3])))

    found, general = (
        f(a.astype(float), b.astype(float)) for f in (boxes.iou, boxes.giou)
    )
    for i, j in np.ndindex(8, 8):
        p, q = cells(a[i]), cells(b[j])
        both, either = len(p & q), len(p | q)
        iou = both / either if either else 0
        assert found[i, j] == pytest.approx(iou)
        x0, y0 = np.minimum(a[i], b[j])[:2]
        x1, y1 = np.maximum(a[i], b[j])[2:]
        around = (x1 - x0) * (y1 - y0)
        outside = (around - either) / around if around else 0
        assert general[i, j] == pytest.approx(iou - outside)


def test_codes_by_hand():
    """Ren et al. 2015, equation 2."""
    anchor, box = np.array([[0.0, 0, 4, 2]]), np.array([[1.0, 1, 5, 9]])
    coder = BoxCoder(weights=(10.0, 10.0, 5.0, 5.0))
    wanted = [10 * 1 / 4, 10 * 4 / 2, 0, 5 * math.log(4)]
    assert coder.encode(box, anchor)[0] == pytest.approx(wanted)
    assert coder.decode(np.array([wanted]), anchor) == pytest.approx(box)
    huge = BoxCoder().decode(np.array([[0.0, 0, 99, 0]]), anchor)[0]
    assert huge == pytest.approx([2 - 125, 0, 2 + 125, 2])
    empty = BoxCoder(smallest=0.5).encode(np.array([[1.0, 0, 1, 2]]), anchor)
    assert empty[0] == pytest.approx([-0.25, 0, math.log(0.5 / 4), 0])


def test_codes_come_back():
    some = rows_of_boxes()[:, :8]
    for coder in (BoxCoder(), BoxCoder(weights=(10.0, 9.0, 5.0, 4.0))):
        codes = coder.encode(some, some[:, ::-1])
        assert coder.decode(codes, some[:, ::-1]) == pytest.approx(some)


@pytest.mark.parametrize("threshold", [0.1, 0.3, 0.5, 0.9])
@pytest.mark.parametrize("classes", [1, 3])
def test_what_is_kept_is_what_nothing_kept_suppresses(threshold, classes):
    draw = generator("kept", threshold, classes)
    corners, sizes = draw.random((2, 4, 40, 2))
    given = np.concatenate([corners, corners + sizes], -1)
    scores, valid = draw.random((4, 40)), draw.random((4, 40)) < 0.8
    of = draw.integers(0, classes, (4, 40))
    nms = NMS(threshold=threshold, limit=40)
    found = nms.select_by_class(given, scores, valid, of)
    if classes == 1:
        assert (nms.select(given, scores, valid).indices == found.indices).all()
    for row in range(4):
        kept = found.indices[row][found.valid[row]]
        assert valid[row][kept].all()
        assert (np.diff(scores[row][kept]) < 0).all()
        overlaps = boxes.iou(given[row], given[row]) > threshold
        overlaps &= of[row][:, None] == of[row]
        for i in np.flatnonzero(valid[row]):
            better = kept[scores[row][kept] > scores[row][i]]
            assert (i in kept) == (not overlaps[i, better].any())
        few = NMS(threshold=threshold, limit=3)
        first = few.select_by_class(given, scores, valid, of)
        assert first.indices[row].tolist() == kept[:3].tolist()


def test_suppression_by_hand():
    """a suppresses b, which would suppress c; an overlap of the threshold does not."""
    given = np.array([[[0.0, 0, 4, 1], [1, 0, 5, 1], [2, 0, 6, 1], [0, 0, 2, 1]]])
    scores, valid = np.array([[0.9, 0.8, 0.7, 0.9]]), np.full((1, 4), True)
    nms = NMS(limit=3)
    found = nms.select(given, scores, valid)
    assert found.indices.tolist() == [[0, 3, 2]]
    assert nms.margin(given, scores, valid)[0] == 0  # two scores
    lower = np.array([[0.9, 0.8, 0.7, 0.6]])
    assert nms.select(given, lower, valid).indices.tolist() == [[0, 2, 3]]
    assert nms.margin(given, lower, valid)[0] == 0  # an overlap
    assert NMS(threshold=0.45).margin(given, lower, valid)[0] == pytest.approx(0.05)
    some = valid & [True, True, False, False]
    found = nms.select(given, lower, some)
    assert (found.indices.tolist(), found.valid.tolist()) == (
        [[0, 0, 0]],
        [[True, False, False]],
    )
    assert nms.margin(given, lower, some)[0] == pytest.approx(0.1)
    assert nms.margin(given, lower, valid & False)[0] == math.inf


def test_matching_by_hand():
    anchors = np.array([[0.0, 0, 4, 4], [0, 0, 4, 2], [0, 0, 1, 1], [9, 9, 10, 10]])
    truths = np.array([[[0.0, 0, 4, 3], [0, 0, 1, 2], [5, 5, 6, 6]]])
    valid = np.full((1, 3), True)
    overlaps = boxes.iou(anchors, truths)[0]
    assert overlaps == pytest.approx(
        np.array([[3 / 4, 1 / 8, 0], [2 / 3, 1 / 4, 0], [1 / 12, 1 / 2, 0], [0, 0, 0]])
    )
    unforced = Matching(high=0.7, low=0.3, force=False)
    assert unforced.assign(anchors, truths, valid).tolist() == [
        [0, BETWEEN, BETWEEN, BACKGROUND]
    ]
    forced = Matching(high=0.7, low=0.3)
    assert forced.assign(anchors, truths, valid).tolist() == [
        [0, BETWEEN, 1, BACKGROUND]
    ]
    assert unforced.margin(anchors, truths, valid)[0] == pytest.approx(0.7 - 2 / 3)
    assert forced.margin(anchors, truths, valid)[0] == pytest.approx(0.7 - 2 / 3)
    hidden = valid & [True, False, True]
    assert forced.assign(anchors, truths, hidden).tolist() == [
        [0, BETWEEN, BACKGROUND, BACKGROUND]
    ]
    nothing = forced.assign(anchors, truths, valid & False)
    assert (nothing == BACKGROUND).all()
    assert forced.margin(anchors, truths, valid & False)[0] == math.inf


def test_of_two_that_want_one_anchor_the_first_gets_it():
    anchors = np.array([[0.0, 0, 4, 4], [20, 20, 24, 24]])
    truths = np.array([[[0.0, 0, 2, 2], [0, 0, 4, 3]]])
    found = Matching().assign(anchors, truths, np.full((1, 2), True))
    assert found.tolist() == [[0, BACKGROUND]]


def _pictures(seed, number=12, found=30, wanted=8, classes=3):
    draw = generator("coco", seed)

    def some(count):
        corners, sizes = 80 * draw.random((2, number, count, 2))
        return np.concatenate([corners, corners + sizes + 1], -1)

    true = Detected(
        some(wanted),
        np.zeros((number, wanted)),
        draw.integers(0, classes, (number, wanted)),
        draw.random((number, wanted)) < 0.7,
    )
    near = np.repeat(true.boxes, 4, 1)[:, :found]
    near = near + draw.normal(size=near.shape) * draw.choice(
        [1, 5, 20], (*near.shape[:2], 1)
    )
    near[..., 2:] = np.maximum(near[..., 2:], near[..., :2] + 1)
    of = np.repeat(true.classes, 4, 1)[:, :found]
    of = np.where(draw.random(of.shape) < 0.2, (of + 1) % classes, of)
    scores = np.round(draw.random(of.shape), 2)  # some are equal
    return Detected(near, scores, of, draw.random(of.shape) < 0.9), true


def _coco(found, wanted, limit):
    """pycocotools' own figure."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    def listed(given, **more):
        each = boxes.xyxy_to_xywh(given.boxes)
        for picture, place in np.argwhere(given.valid):
            box = each[picture, place]
            yield {
                "image_id": int(picture) + 1,
                "category_id": int(given.classes[picture, place]) + 1,
                "bbox": box.tolist(),
                "area": float(box[2] * box[3]),
                "iscrowd": 0,
                "score": float(given.scores[picture, place]),
            }

    true = COCO()
    classes = range(1, 1 + max(int(found.classes.max()), int(wanted.classes.max())) + 1)
    true.dataset = {
        "images": [{"id": i + 1} for i in range(len(wanted.boxes))],
        "categories": [{"id": i} for i in classes],
        "annotations": [{**one, "id": i + 1} for i, one in enumerate(listed(wanted))],
    }
    with contextlib.redirect_stdout(io.StringIO()):
        true.createIndex()
        said = true.loadRes(list(listed(found)))
        judge = COCOeval(true, said, "bbox")
        judge.params.maxDets = [limit]
        judge.params.areaRng, judge.params.areaRngLbl = [[0, 1e10]], ["all"]
        judge.evaluate()
        judge.accumulate()
    precision = judge.eval["precision"][:, :, :, 0, -1]
    return precision[precision > -1].mean()


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("limit", [3, 100])
def test_mean_ap_is_cocos(seed, limit):
    found, wanted = _pictures(seed)
    assert wanted.valid.any()
    value = MeanAP(limit=limit).value(found, wanted)
    assert 0.02 < value < 0.9
    assert value == pytest.approx(_coco(found, wanted, limit), abs=1e-12)


def test_mean_ap_by_hand():
    """Three of four true boxes; the second detection is a second one of the first."""
    true = np.array([[[0.0, 0, 9, 9], [20, 0, 29, 9], [40, 0, 49, 9], [60, 0, 69, 9]]])
    said = true[:, [0, 0, 1, 2]]
    one = np.full((1, 4), True)
    zeros = np.zeros((1, 4), int)
    found = Detected(said, np.array([[0.9, 0.8, 0.7, 0.6]]), zeros, one)
    wanted = Detected(true, zeros, zeros, one)
    # Precision 1 up to a recall of 1/4, then 3/4 up to 3/4, then none.
    value = (26 * 1 + 50 * 0.75) / 101
    assert MeanAP().value(found, wanted) == pytest.approx(value)
    assert MeanAP().value(wanted._replace(scores=zeros + 1.0), wanted) == 1
    assert MeanAP().value(found._replace(valid=one & False), wanted) == 0
    missed = wanted._replace(classes=np.array([[0, 0, 0, 1]]))
    by_class = ((34 * 1 + 67 * 0.75) / 101, 0)
    assert MeanAP().value(found, missed) == pytest.approx(np.mean(by_class))
    with pytest.raises(UsageError, match="no true boxes"):
        MeanAP().value(found, wanted._replace(valid=one & False))


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: NMS(threshold=1.5), "NMS.threshold is 1.5; allowed: a number from 0"),
        (lambda: NMS(limit=0), "NMS.limit is 0; allowed: a whole number of at least 1"),
        (
            lambda: Matching(high=0.3, low=0.5),
            "Matching.low is 0.5; allowed: a number of at most high, 0.3",
        ),
        (
            lambda: BoxCoder(weights=(1.0, 1.0, 1.0, 0.0)),
            "BoxCoder.weights is (1.0, 1.0, 1.0, 0.0); allowed: each a number above 0",
        ),
    ],
)
def test_bad_values_are_refused(make, said):
    with pytest.raises(UsageError) as error:
        make()
    assert said in str(error.value)


TORCHVISION = """
    import importlib

    import torch

    from parity_tests import originals
    from pytorch_impl import boxes as own

    drawn = torch.Generator().manual_seed(0)

    def some(*shape):
        corners, sizes = torch.rand(2, *shape, 2, generator=drawn)
        return torch.cat([corners, corners + sizes], -1)

    def overlaps():
        originals.without_operators()
        theirs = importlib.import_module("torchvision.ops.boxes")
        a, b = some(20), some(30)
        for mine, other in (
            (own.area(a), theirs.box_area(a)),
            (own.iou(a, b), theirs.box_iou(a, b)),
            (own.giou(a, b), theirs.generalized_box_iou(a, b)),
            (own.xyxy_to_cxcywh(a), theirs.box_convert(a, "xyxy", "cxcywh")),
            (own.cxcywh_to_xyxy(a), theirs.box_convert(a, "cxcywh", "xyxy")),
            (own.clipped(4 * a - 1, torch.tensor([1.5, 2.0])),
             theirs.clip_boxes_to_image(4 * a - 1, (1.5, 2.0))),
        ):
            assert torch.allclose(mine, other, rtol=1e-12, atol=1e-13)

    def codes_and_matches():
        originals.without_operators()
        theirs = importlib.import_module("torchvision.models.detection._utils")
        boxes, anchors = some(50), some(50)
        weights = (10.0, 9.0, 5.0, 4.0)
        mine, other = own.BoxCoder(weights=weights), theirs.BoxCoder(weights)
        codes = mine.encode(boxes, anchors)
        assert torch.allclose(codes, other.encode_single(boxes, anchors), rtol=1e-11)
        codes = 20 * codes
        found = other.decode_single(codes, anchors)
        assert torch.allclose(mine.decode(codes, anchors), found, rtol=1e-11)
        matcher = theirs.Matcher(0.5, 0.2, allow_low_quality_matches=False)
        anchors[:40] = boxes[:8].repeat(5, 1) + 0.2 * torch.rand(
            40, 4, generator=drawn
        )
        found = matcher(own.iou(boxes[:8], anchors))
        mine = own.Matching(high=0.5, low=0.2, force=False)
        valid = torch.ones(1, 8) > 0
        assert torch.equal(mine.assign(anchors, boxes[None, :8], valid)[0], found)
        assert len(found.unique()) > 4
"""


@pytest.mark.parametrize("name", ["overlaps", "codes_and_matches"])
def test_torchvision(within, name):
    within("pytorch", TORCHVISION, name)

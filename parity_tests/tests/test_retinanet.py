"""RetinaNet: the paper's anchors, what is refused, what is detected of what the model
says, its loss and its boxes as torchvision has them."""

import math
from dataclasses import replace

import numpy as np
import pytest

from parity_tests import training
from parity_tests.compare import error
from parity_tests.engine import SEED, request
from parity_tests.tests.test_originals import needs
from parity_tests.tests.test_ssd import GIVEN
from parity_tests.tolerances import FORWARD
from shared.catalog import variant
from shared.data.batches import Samples
from shared.definitions.boxes import clipped, iou
from shared.definitions.detecting import Detecting
from shared.errors import UsageError
from shared.frameworks import NATIVE
from shared.messages import Request
from shared.specs.vision.ssd import some_boxes

TINY = "retinanet_tiny"


# Section 4


def test_anchors_of_the_paper():
    spec = variant("retinanet_resnet50_fpn").spec
    assert [rows for rows, _ in spec.maps] == [100, 50, 25, 13, 7]
    assert spec.places == 9
    assert len(spec.anchors) == sum(spec.levels)
    sides = spec.anchors[:9, 2:] - spec.anchors[:9, :2]
    areas = sides.prod(-1).reshape(3, 3)
    for k in range(3):
        np.testing.assert_allclose(areas[:, k], (32 * 2 ** (k / 3)) ** 2, rtol=0.07)
    ratios = (sides[:, 1] / sides[:, 0]).reshape(3, 3)
    np.testing.assert_allclose(ratios, [[0.5] * 3, [1] * 3, [2] * 3], rtol=0.05)
    np.testing.assert_allclose(spec.anchors[:9].sum(1), 0)
    np.testing.assert_array_equal(spec.anchors[9] - spec.anchors[0], [8, 0, 8, 0])


def test_an_odd_picture_has_maps_that_are_rounded_up():
    spec = variant(TINY).spec
    assert spec.maps == ((6, 8), (3, 4), (2, 2), (1, 1), (1, 1))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"classes": 1}, "classes is 1; allowed: two or more"),
        ({"sizes": ((4.0,),)}, "as many in each of 5 levels"),
        ({"ratios": ()}, "one or more, as of sizes"),
    ],
)
def test_what_cannot_be_is_refused(changes, said):
    with pytest.raises(UsageError) as refused:
        replace(variant(TINY).spec, **changes)
    assert said in str(refused.value)


def test_scores_begin_at_a_hundredth():
    start = variant(TINY).spec.start("head.classification_head.cls_logits.bias", (24,))
    assert 1 / (1 + math.exp(-start.value)) == pytest.approx(0.01)


# What is detected


@pytest.mark.parametrize("framework", NATIVE)
def test_what_is_detected_is_the_definition_of_what_is_said(workers, framework):
    spec = variant(TINY).spec
    model = workers.get(framework, "float64").build(spec, TINY)
    model.fill(SEED)
    logits, codes = model.run(request(spec, 3, training=False)).outputs
    boxes = clipped(spec.coder.decode(codes, spec.anchors), np.array(spec.image_size))
    scores = 1 / (1 + np.exp(-logits))
    wanted = spec.detecting.of_levels(boxes, scores, spec.levels)
    asked = Request(spec.examples(3, SEED), program="detect")
    found = model.run(asked).outputs
    assert wanted.valid.any()
    for a, b in zip(found[:2], wanted[:2], strict=True):
        assert error(a, b) <= FORWARD
    for a, b in zip(found[2:], wanted[2:], strict=True):
        np.testing.assert_array_equal(a, b)
    model.drop()


def test_levels_by_hand():
    """Of each level the best two; the lower place first where scores are equal."""
    boxes = np.array([[k, 0, k + 0.9, 1] for k in range(5)])
    scores = np.array([[0.9, 0.2], [0.8, 0.7], [0.1, 0.1], [0.5, 0.5], [0.5, 0.05]])
    s = Detecting(least=0.3, most=2, threshold=0.5, limit=5)
    found = s.of_levels(boxes[None], scores[None], (3, 2))
    np.testing.assert_array_equal(found.scores[0], [0.9, 0.8, 0.5, 0.5, 0])
    assert found.classes[0].tolist() == [0, 0, 0, 1, 0]
    assert found.boxes[0, :, 0].tolist() == [0, 1, 3, 3, 0]
    assert found.valid[0].tolist() == [True] * 4 + [False]


LEVELS = """
    import numpy as np
    from shared.definitions.detecting import Detecting

    def levels():
        boxes = np.array([[[k, 0, k + 0.9, 1] for k in range(5)]])
        scores = [[0.9, 0.2], [0.8, 0.7], [0.1, 0.1], [0.5, 0.5], [0.5, 0.05]]
        scores = np.array([scores])
        s = Detecting(least=0.3, most=2, threshold=0.5, limit=5)
        found = detected_of_levels(s, given(boxes), given(scores), (3, 2))
        wanted = s.of_levels(boxes, scores, (3, 2))
        for one, other in zip(found, wanted, strict=True):
            np.testing.assert_array_equal(np.asarray(one), other)
"""


@pytest.mark.parametrize("framework", NATIVE)
def test_levels_as_by_hand(within, framework):
    given = GIVEN[framework].replace("import detected", "import detected_of_levels")
    within(framework, given + LEVELS, "levels")


# What is learnt


def by_hand(spec, logits, codes, targets):
    """Anchor by anchor and class by class."""
    s, (truths, classes, there) = spec.objective(), targets
    means = []
    for row in range(len(logits)):
        own = truths[row][there[row] > 0]
        wanted = np.full(len(spec.anchors), -1)
        if len(own):
            overlaps = iou(spec.anchors, own)
            best = overlaps.max(1)
            wanted = np.where(best >= 0.5, overlaps.argmax(1), -2)
            wanted[best < 0.4] = -1
            for k in range(len(own))[::-1]:
                wanted[overlaps[:, k].argmax()] = k
        of_classes = of_boxes = 0.0
        for a, k in enumerate(wanted):
            for c in range(spec.classes) if k != -2 else ():
                p = 1 / (1 + math.exp(-logits[row, a, c]))
                if k >= 0 and classes[row, k] == c:
                    of_classes -= 0.25 * (1 - p) ** 2 * math.log(p)
                else:
                    of_classes -= 0.75 * p**2 * math.log(1 - p)
            if k >= 0:
                code = spec.coder.encode(own[k], spec.anchors[a])
                of_boxes += abs(codes[row, a] - code).sum()
        number = max((wanted >= 0).sum(), 1)
        means.append((of_classes / number, of_boxes / number))
    assert (s.alpha, s.gamma, s.beta) == (0.25, 2.0, 0.0)
    return np.mean(means, 0)


@pytest.mark.parametrize("framework", NATIVE)
def test_the_loss_by_hand(workers, framework):
    spec, worker = variant(TINY).spec, workers.get(framework, "float64")
    plan = training.plans(spec)["momentum"]
    inputs = spec.examples(4, SEED)
    targets = some_boxes(4, spec.image_size, spec.classes, 0)
    model = worker.build(spec, TINY)
    model.fill(SEED)
    said = model.run(Request(inputs, training=True)).outputs
    batch = Samples((inputs[0].astype(float),), targets)
    ((seen,), _) = model.follow(plan, [batch], SEED)
    found = seen.losses["classes"], seen.losses["boxes"]
    np.testing.assert_allclose(found, by_hand(spec, *said, targets), rtol=1e-11)
    model.drop()


TORCHVISION = """
    import dataclasses
    import importlib

    import numpy as np
    import torch

    from parity_tests import originals
    from pytorch_impl import boxes as own
    from pytorch_impl.layers import detected_of_levels
    from pytorch_impl.objectives.detection import focal_detection
    from shared.definitions.detecting import Detecting
    from shared.specs.vision.retinanet import ORACLES
    from shared.specs.vision.ssd import some_boxes

    spec = dataclasses.replace(ORACLES[0].spec, image_size=(256, 320))
    size = list(spec.image_size)
    draw = np.random.default_rng(0)

    def suppressed(boxes, scores, threshold):
        '''What the compiled operator does: box by box, the best first.'''
        kept, order = [], scores.argsort(descending=True).tolist()
        while order:
            best, *order = order
            kept.append(best)
            overlaps = own.iou(boxes[[best]], boxes[order])[0]
            order = [i for i, o in zip(order, overlaps) if o <= threshold]
        return torch.tensor(kept, dtype=torch.long)

    def theirs():
        model = originals.whole_retinanet()
        images = importlib.import_module("torchvision.models.detection.image_list")
        x = torch.zeros(2, 3, *size)
        maps = [torch.zeros(2, 1, *of) for of in spec.maps]
        anchors = model.anchor_generator(images.ImageList(x, [size] * 2), maps)
        assert np.abs(anchors[0].numpy() - spec.anchors).max() == 0
        return model, anchors

    class Said:
        def __init__(self):
            shape = 2, len(spec.anchors)
            logits = 2 * draw.standard_normal((*shape, spec.classes)) - 3
            codes = 0.5 * draw.standard_normal((*shape, 4))
            self.spec, self.outputs = spec, (torch.tensor(logits), torch.tensor(codes))

        def __call__(self, *inputs):
            return self.outputs

    def losses():
        model, anchors = theirs()
        # Of anchors that overlap a box most torchvision takes all, and here one is.
        matching = spec.objective().matching
        for seed in range(100):
            given = [v[2:] for v in some_boxes(4, size, spec.classes, seed)]
            margin = matching.margin(spec.anchors, given[0], given[2] > 0)
            if margin.min() > 1e-6:
                break
        truths, classes, there = map(torch.tensor, given)
        ours, targets = Said(), []
        for row in range(2):
            k = there[row] > 0
            targets.append({"boxes": truths[row][k], "labels": classes[row][k]})
        outputs = dict(zip(("cls_logits", "bbox_regression"), ours.outputs))
        wanted = model.compute_loss(targets, outputs, anchors)
        wants = truths, classes, there
        found = focal_detection(spec.objective(), ours, (), wants, ())
        for one, other in (("boxes", "bbox_regression"), ("classes", "classification")):
            assert abs(found[one] / wanted[other] - 1) < 1e-9, one

    def boxes():
        model, anchors = theirs()
        library = torch.library.Library("torchvision", "FRAGMENT")
        library.define("nms(Tensor dets, Tensor scores, float threshold) -> Tensor")
        library.impl("nms", suppressed, "CPU")
        extension = importlib.import_module("torchvision.extension")
        extension._has_ops = lambda: True
        logits, codes = Said().outputs
        model.topk_candidates = 40
        levels = list(spec.levels)
        outputs = {
            "cls_logits": list(logits.split(levels, 1)),
            "bbox_regression": list(codes.split(levels, 1)),
        }
        parts = [list(a.split(levels)) for a in anchors]
        wanted = model.postprocess_detections(outputs, parts, [tuple(size)] * 2)
        places = own.BoxCoder().decode(codes, anchors[0])
        places = own.clipped(places, torch.tensor(size, dtype=torch.float64))
        s = Detecting(least=0.05, most=40, threshold=0.5, limit=300)
        found = detected_of_levels(s, places, logits.sigmoid(), spec.levels)
        for row, other in enumerate(wanted):
            number = len(other["boxes"])
            assert 20 < number == found[3][row].sum()
            assert torch.equal(found[2][row][:number], other["labels"])
            assert (found[0][row][:number] - other["boxes"]).abs().max() < 1e-9
            assert (found[1][row][:number] - other["scores"]).abs().max() < 1e-12
"""


@needs("torchvision")
@pytest.mark.parametrize("name", ["losses", "boxes"])
def test_torchvision(within, name):
    within("pytorch", TORCHVISION, name)

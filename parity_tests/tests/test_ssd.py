"""SSD: the paper's maps and anchors, what is refused, what is detected of what the
model says, its loss by hand and as torchvision has it; the shapes it is trained on;
`triptych detect`."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from parity_tests import detect as job
from parity_tests import pictured, training
from parity_tests.compare import error
from parity_tests.engine import SEED, request
from parity_tests.predict import Unreadable
from parity_tests.tests.test_cli import run
from parity_tests.tests.test_originals import needs
from parity_tests.tolerances import FORWARD
from shared.catalog import variant
from shared.data.batches import Samples
from shared.data.shapes import boxed_shapes
from shared.definitions.boxes import clipped, iou
from shared.definitions.detecting import Detecting
from shared.errors import UsageError
from shared.frameworks import NATIVE
from shared.messages import Request
from shared.specs.vision.ssd import some_boxes

TINY = "ssd_tiny"


# Figure 2, and section 3.1


def test_maps_and_anchors_of_the_paper():
    spec = variant("ssd300_vgg16").spec
    assert [rows for rows, _ in spec.maps] == [38, 19, 10, 5, 3, 1]
    assert [len(of) for of in spec.shapes] == [4, 6, 6, 6, 4, 4]
    assert spec.anchors.shape == (8732, 4)
    assert [c.c_in for c in spec.of_classes] == [512, 1024, 512, 256, 256, 256]
    first = [4 - 10.5, 4 - 10.5, 4 + 10.5, 4 + 10.5]
    np.testing.assert_allclose(spec.anchors[0], first, atol=1e-12)
    second = 300 * math.sqrt(0.07 * 0.15)
    np.testing.assert_allclose(np.diff(spec.anchors[1][::2]), second)
    wide = spec.anchors[2]
    np.testing.assert_allclose((wide[2:] - wide[:2])[0] / (wide[2:] - wide[:2])[1], 2)
    right = spec.anchors[4] - spec.anchors[0]
    np.testing.assert_allclose(right, [8, 0, 8, 0], atol=1e-12)
    down = spec.anchors[38 * 4] - spec.anchors[0]
    np.testing.assert_allclose(down, [0, 8, 0, 8], atol=1e-12)


def test_an_anchor_is_at_most_the_picture():
    spec = variant("ssd300_vgg16").spec
    assert max(max(size) for of in spec.shapes for size in of) == 1.0
    assert spec.shapes[-1][1] == (math.sqrt(0.87 * 1.05),) * 2


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"classes": 1}, "classes is 1; allowed: two or more"),
        ({"stages": ((3,),)}, "two stages or more"),
        ({"steps": (2.0,)}, "allowed: 4 values, of 4 maps"),
        ({"scales": (0.2,) * 4}, "allowed: 5 values, of 4 maps"),
        ({"image_size": (12, 23)}, "larger: a map would have no place"),
    ],
)
def test_what_cannot_be_is_refused(changes, said):
    with pytest.raises(UsageError) as refused:
        replace(variant(TINY).spec, **changes)
    assert said in str(refused.value)


# What is detected


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


@pytest.mark.parametrize("framework", NATIVE)
def test_what_is_detected_is_the_definition_of_what_is_said(workers, framework):
    spec = variant(TINY).spec
    model = workers.get(framework, "float64").build(spec, TINY)
    for seed in (0, 1):
        model.fill(seed)
        logits, codes = model.run(request(spec, 3, training=False)).outputs
        boxes = clipped(
            spec.coder.decode(codes, spec.anchors), np.array(spec.image_size)
        )
        wanted = spec.detecting.detected(boxes, softmax(logits)[..., 1:])
        asked = Request(spec.examples(3, SEED), program="detect")
        found = model.run(asked).outputs
        assert wanted.valid.any()
        assert error(found[0], wanted.boxes) <= FORWARD
        assert error(found[1], wanted.scores) <= FORWARD
        classes = np.where(wanted.valid, wanted.classes + 1, 0)
        np.testing.assert_array_equal(found[2], classes)
        np.testing.assert_array_equal(found[3], wanted.valid)
    model.drop()


OTHERS = """
    import numpy as np
    from shared.definitions.detecting import Detecting

    def both(settings, boxes, scores):
        s = Detecting(**settings)
        found = [np.asarray(v) for v in detected(s, given(boxes), given(scores))]
        wanted = s.detected(boxes, scores)
        for one, other in zip(found, wanted, strict=True):
            np.testing.assert_array_equal(one, other)
        return found

    def shown():
        draw = np.random.default_rng(0)
        first = draw.integers(0, 9, (2, 30, 3, 2))
        boxes = np.concatenate([first, first + draw.integers(1, 6, first.shape)], -1)
        boxes = boxes.astype(float)
        scores = draw.integers(0, 5, (2, 30, 3)) / 8.0  # many are equal
        for settings in (
            dict(least=0.2, most=10, threshold=0.3, limit=7),
            dict(least=0.0, most=400, threshold=0.5, limit=200),
            dict(least=0.6, most=3, threshold=0.5, limit=4),
        ):
            found = both(settings, boxes, scores)
            both(settings, boxes[:, :, 0], scores)
            assert found[3].any() == (settings["least"] < 0.5)
"""
GIVEN = {
    "pytorch": """
    import torch
    from pytorch_impl.layers import detected
    given = torch.tensor
    """,
    "keras": """
    from keras import ops
    from keras_impl.layers import detected
    given = ops.convert_to_tensor
    """,
    "jax": """
    import jax.numpy as jnp
    from jax_impl.layers import detected
    given = jnp.asarray
    """,
}


@pytest.mark.parametrize("framework", NATIVE)
def test_equal_scores_and_too_few_boxes(within, framework):
    within(framework, GIVEN[framework] + OTHERS, "shown")


def test_detecting_by_hand():
    boxes = np.array([[0, 0, 4, 4], [0, 0, 4, 5], [6, 6, 8, 8], [1, 1, 1, 3]], float)
    scores = np.array([[0.5, 0.2], [0.9, 0.2], [0.3, 0.9], [0.1, 0.05]])
    s = Detecting(least=0.1, most=3, threshold=0.5, limit=5)
    found = s.detected(boxes[None], scores[None])
    # Of the first class the second box suppresses the first; of the second class the
    # first of two equal ones the other. Of equal scores the lower class comes first.
    assert found.classes[0].tolist() == [0, 1, 0, 1, 0]
    np.testing.assert_array_equal(found.scores[0], [0.9, 0.9, 0.3, 0.2, 0])
    np.testing.assert_array_equal(found.boxes[0], [*boxes[[1, 2, 2, 0]], [0] * 4])
    assert found.valid[0].tolist() == [True, True, True, True, False]
    nothing = replace(s, least=0.95).detected(boxes[None], scores[None])
    assert not nothing.valid.any()
    assert not nothing.boxes.any()


# What is learnt


def by_hand(spec, logits, codes, targets):
    """Anchor by anchor; by what each is to find, then its losses."""
    s, (truths, classes, there) = spec.objective(), targets
    total, of_boxes, of_classes = 0, 0.0, 0.0
    for row in range(len(logits)):
        own = truths[row][there[row] > 0]
        wanted = np.full(len(spec.anchors), -1)
        if len(own):
            overlaps = iou(spec.anchors, own)
            wanted = np.where(overlaps.max(1) >= 0.5, overlaps.argmax(1), -1)
            for k in range(len(own))[::-1]:
                wanted[overlaps[:, k].argmax()] = k
        losses = np.log(np.exp(logits[row]).sum(-1))
        labels = np.where(wanted >= 0, classes[row][wanted.clip(0)], 0)
        losses -= logits[row][np.arange(len(labels)), labels]
        none = np.sort(losses[wanted < 0])[::-1]
        hit = np.flatnonzero(wanted >= 0)
        of_classes += losses[hit].sum() + none[: 3 * len(hit)].sum()
        for a in hit:
            code = spec.coder.encode(own[wanted[a]], spec.anchors[a])
            off = abs(codes[row, a] - code)
            of_boxes += np.where(off < 1, off**2 / 2, off - 0.5).sum()
        total += len(hit)
    assert s.ratio == 3
    return of_classes / max(total, 1), of_boxes / max(total, 1)


@pytest.mark.parametrize("framework", NATIVE)
def test_the_loss_by_hand(workers, framework):
    """Also where no picture has a box."""
    spec, worker = variant(TINY).spec, workers.get(framework, "float64")
    plan = training.plans(spec)["momentum"]
    inputs = spec.examples(4, SEED)
    truths, classes, there = some_boxes(4, spec.image_size, spec.classes, 0)
    for given in (there, 0 * there):
        model = worker.build(spec, TINY)
        model.fill(SEED)
        said = model.run(Request(inputs, training=True)).outputs
        batch = Samples((inputs[0].astype(float),), (truths, classes, given))
        ((seen,), _) = model.follow(plan, [batch], SEED)
        wanted = by_hand(spec, *said, (truths, classes, given))
        found = seen.losses["classes"], seen.losses["boxes"]
        np.testing.assert_allclose(found, wanted, rtol=1e-12)
        assert (found[1] == 0) == (not given.any())
        assert seen.losses["loss"] == pytest.approx(sum(wanted), rel=1e-12)
        model.drop()


TORCHVISION = """
    import importlib

    import numpy as np
    import torch

    from parity_tests import originals
    from pytorch_impl import boxes as own
    from pytorch_impl.layers import detected
    from pytorch_impl.objectives.detection import multibox
    from shared.definitions.detecting import Detecting
    from shared.specs.vision.ssd import ORACLES, some_boxes

    spec = ORACLES[0].spec
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
        model = originals.whole_ssd().double()
        shapes = model.anchor_generator._generate_wh_pairs(6, torch.float64)
        model.anchor_generator._wh_pairs = shapes
        images = importlib.import_module("torchvision.models.detection.image_list")
        x = torch.zeros(2, 3, 300, 300)
        maps = [torch.zeros(2, 1, *size) for size in spec.maps]
        anchors = model.anchor_generator(images.ImageList(x, [(300, 300)] * 2), maps)
        assert np.abs(anchors[0].numpy() - spec.anchors).max() < 1e-10
        return model, anchors

    def said():
        shape = 2, len(spec.anchors)
        return (torch.tensor(3 * draw.standard_normal((*shape, spec.classes))),
                torch.tensor(2 * draw.standard_normal((*shape, 4))))

    class Said:
        def __init__(self):
            self.spec, self.outputs = spec, said()

        def __call__(self, *inputs):
            return self.outputs

    def losses():
        model, anchors = theirs()
        utils = importlib.import_module("torchvision.ops.boxes")
        truths, classes, there = (
            torch.tensor(v) for v in some_boxes(4, (300, 300), spec.classes, 0)
        )
        truths, classes, there = truths[2:], classes[2:], there[2:]
        ours, targets, matches = Said(), [], []
        for row in range(2):
            k = there[row] > 0
            targets.append({"boxes": truths[row][k], "labels": classes[row][k]})
            overlaps = utils.box_iou(truths[row][k], anchors[row])
            matches.append(model.proposal_matcher(overlaps))
        outputs = dict(zip(("cls_logits", "bbox_regression"), ours.outputs))
        wanted = model.compute_loss(targets, outputs, anchors, matches)
        found = multibox(spec.objective(), ours, (), (truths, classes, there), ())
        assert found["boxes"] > 0.1
        for one, other in (("boxes", "bbox_regression"), ("classes", "classification")):
            assert abs(found[one] / wanted[other] - 1) < 1e-9, one

    def boxes():
        model, anchors = theirs()
        library = torch.library.Library("torchvision", "FRAGMENT")
        library.define("nms(Tensor dets, Tensor scores, float threshold) -> Tensor")
        library.impl("nms", suppressed, "CPU")
        extension = importlib.import_module("torchvision.extension")
        extension._has_ops = lambda: True
        logits, codes = said()
        model.score_thresh, model.topk_candidates = 0.2, 60
        outputs = {"cls_logits": logits, "bbox_regression": codes}
        wanted = model.postprocess_detections(outputs, anchors, [(300, 300)] * 2)
        places = own.BoxCoder(weights=spec.coder.weights).decode(codes, anchors[0])
        places = own.clipped(places, torch.tensor([300.0, 300.0]))
        s = Detecting(least=0.2, most=60)
        found = detected(s, places, logits.softmax(-1)[..., 1:])
        for row, other in enumerate(wanted):
            number = len(other["boxes"])
            assert 100 < number == found[3][row].sum()
            assert torch.equal(found[2][row][:number] + 1, other["labels"])
            assert (found[0][row][:number] - other["boxes"]).abs().max() < 1e-9
            assert (found[1][row][:number] - other["scores"]).abs().max() < 1e-12
"""


@needs("torchvision")
@pytest.mark.parametrize("name", ["losses", "boxes"])
def test_torchvision(within, name):
    within("pytorch", TORCHVISION, name)


# What it is trained on


def test_boxes_lie_close_around_shapes():
    found = boxed_shapes(40, seed=3).train
    (x,), (boxes, classes, there) = found.inputs, found.targets
    assert x.shape[1:] == (3, 64, 64)
    assert set(there.sum(1)) == {1, 2, 3}
    assert ((classes > 0) == (there > 0)).all()
    for image, own, kinds in zip(x[:, 0], boxes.astype(int), classes, strict=True):
        ground = np.median(image)
        for (left, top, right, bottom), kind in zip(own, kinds, strict=True):
            if not kind:
                continue
            assert 0 <= left < right <= 64
            assert 0 <= top < bottom <= 64
            assert image[top:bottom, left:right].mean() > ground + 0.1
            for line in (image[top, left:right], image[top:bottom, left]):
                if kind == 2:  # a square fills its box
                    assert line.mean() > ground + 0.15
    pairs = [
        iou(own[:k], own[k : k + 1]).max(initial=0) for own in boxes for k in (1, 2)
    ]
    assert max(pairs) < 0.2


def test_boxed_shapes_are_those_of_their_seed():
    one, same, other = (boxed_shapes(20, seed=s).train for s in (0, 0, 1))
    for a, b in zip(one.targets, same.targets, strict=True):
        np.testing.assert_array_equal(a, b)
    assert not np.array_equal(one.targets[0], other.targets[0])


# The command


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("pictures")
    draw = np.random.default_rng(0)
    for name in "ab":
        pixels = draw.integers(0, 256, (40, 50, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(place / f"{name}.png")
    (place / "c.png").write_bytes(b"no picture")
    return place


def test_what_is_drawn_is_what_is_found(folder, workers, tmp_path):
    asked = pictured.question(TINY, job.PROGRAM, dtype="float64")
    paths = sorted(folder.iterdir())
    (found,) = list(job.detect(asked, NATIVE, paths, tmp_path, workers, least=0.3))
    (all_,) = list(job.detect(asked, NATIVE, paths, tmp_path, workers))
    assert isinstance(found[-1], Unreadable)
    for one, whole in zip(found[:2], all_[:2], strict=True):
        assert whole.size == (19, 23)
        assert whole.alike
        assert whole.difference < 1e-9
        for framework in NATIVE:
            boxes = whole.boxes[framework]
            scores = [box.score for box in boxes]
            assert scores == sorted(scores, reverse=True)
            assert one.boxes[framework] == [b for b in boxes if b.score >= 0.3]
    assert job.table(NATIVE, all_, first=True).row_count >= 2


def test_frames_have_the_colours_of_their_classes():
    image = np.zeros((40, 50, 3), np.uint8)
    boxes = [job.Box(2, "two", 0.9, [5.0, 10.0, 45.0, 38.0])]
    levels = np.asarray(job.framed(image, boxes))
    times = pictured.LEAST_SIDE // 40
    assert levels.shape == (40 * times, 50 * times, 3)
    assert tuple(levels[30 * times, 5 * times]) == pictured.colour(2)
    assert tuple(levels[38 * times - 1, 20 * times]) == pictured.colour(2)
    assert not levels[: 9 * times].any()
    empty = job.framed(image, [job.Box(1, "one", 0.9, [5.0, 5.0, 5.0, 9.0])])
    assert not np.asarray(empty).any()


def test_the_command_draws_and_tells(folder, tmp_path):
    said, out = tmp_path / "said.json", tmp_path / "out"
    done = run(
        *("detect", TINY, str(folder), "--framework", "pytorch", "--least", "0.2"),
        *("--out", str(out), "--json", str(said)),
    )
    assert done.returncode == 1, done.stderr
    assert "skipped" in done.stderr
    told = [json.loads(line) for line in said.read_text().splitlines()]
    assert set(told[0]) == {
        *("picture", "drawn", "size", "boxes", "alike", "difference")
    }
    assert sorted(path.name for path in out.iterdir()) == ["a.png", "b.png"]

"""FCN, DeepLabV3 and LR-ASPP: which kernels are dilated, where the heads stand, what is
refused, ties; the shapes they are trained on; `triptych segment`."""

import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from parity_tests import pictured
from parity_tests import segment as job
from parity_tests.engine import SEED
from parity_tests.predict import Unreadable
from parity_tests.tests.test_cli import run
from shared.catalog import variant
from shared.data.shapes import CLASSES, shapes
from shared.errors import UsageError
from shared.frameworks import NATIVE
from shared.messages import Request
from shared.specs.vision.fcn import TrunkSpec

TINY = "fcn_tiny"


# The trunks


def test_rates_double_from_the_second_block_on():
    """As torchvision's replace_stride_with_dilation: a stage begins with the rate of
    those before it."""
    stages = TrunkSpec(depths=(1, 1, 3, 2)).stages
    convs = [[b.convs[1] for b in blocks] for blocks in stages]
    rates = [[c.dilation for c in stage] for stage in convs]
    assert rates == [[1], [1], [1, 2, 2], [2, 4]]
    assert [stage[0].stride for stage in convs] == [1, 2, 1, 1]
    assert [stage[0].downsample.stride for stage in stages] == [1, 2, 1, 1]
    size = (65, 65)
    for stage in convs:
        for c in stage:
            size = c.map_size(*size)
    assert size == (33, 33)


def test_without_dilation_it_is_resnet():
    plain = TrunkSpec(dilated=(False, False, False))
    assert plain.stages == variant("resnet50").spec.stages
    assert plain.c_outs == (256, 512, 1024, 2048)


def test_the_low_maps_are_an_eighth_of_the_picture():
    """torchvision's: the fourth part's, of 40 channels."""
    spec = variant("lraspp_mobilenet_v3_large").spec
    assert (spec.low, spec.low_classifier.c_in, spec.high.c_in) == (4, 40, 960)
    strides = [spec.stem.stride, *(b.depthwise.stride for b in spec.blocks)]
    assert np.prod(strides[: spec.low + 1]) == 8
    assert np.prod(strides) == 16
    rates = [b.depthwise.dilation for b in spec.blocks]
    assert rates == [*(1,) * 12, *(2,) * 3]
    assert not spec.blocks[12].shortcut


def test_branches_look_as_far_as_the_paper_says():
    spec = variant("deeplabv3_resnet50").spec
    assert [c.reach[0] for c in spec.branches] == [1, 25, 49, 73]
    assert all(c.keeps_size for c in spec.branches)
    assert spec.project.c_in == 5 * 256


@pytest.mark.parametrize(
    ("name", "changes", "said"),
    [
        (TINY, {"classes": 1}, "classes is 1; allowed: two or more"),
        ("lraspp_tiny", {"table": ((3, 7, 5, True, "relu", 2),)}, "a stride of 2"),
        ("lraspp_tiny", {"dilated": 0}, "dilated is 0; allowed: a whole number"),
    ],
)
def test_what_cannot_be_is_refused(name, changes, said):
    with pytest.raises(UsageError) as refused:
        replace(variant(name).spec, **changes)
    assert said in str(refused.value)


def test_a_stride_behind_a_dilated_stage_is_refused():
    with pytest.raises(UsageError, match="True for every stage behind one"):
        TrunkSpec(dilated=(True, False, True))


# What they put out


def test_heads_have_their_weights():
    spec = variant("fcn_resnet50").spec
    assert spec.objective().heads == (1.0, 0.5)
    names = [tensor.name for tensor in spec.outputs(True)]
    assert names == ["logits", "auxiliary"]
    assert [tensor.name for tensor in spec.outputs(False)] == ["logits"]
    assert variant("fcn_resnet50_no_aux").spec.objective().heads == (1.0,)


@pytest.mark.parametrize("framework", NATIVE)
def test_of_equal_logits_the_first_class_is_taken(workers, framework):
    spec = variant(TINY).spec
    model = workers.get(framework, "float64").build(spec, TINY)
    model.fill(SEED)
    values = model.dump()
    for lead in (0.0, 0.25):
        last = "classifier.4"
        bias = np.array([0.5, 0.5 + lead, 0.5])
        none = 0 * values[f"{last}.weight"]
        model.load({**values, f"{last}.weight": none, f"{last}.bias": bias})
        asked = Request(spec.examples(2, SEED), program="segment")
        mask, margin = model.run(asked).outputs
        assert set(mask.ravel()) == {1 if lead else 0}
        np.testing.assert_allclose(margin, lead, atol=1e-15)
    model.drop()


# What they are trained on


def test_shapes_of_other_sizes_in_equal_channels():
    plain, wide = shapes(20, 64).train, shapes(20, 64, reach=(20, 30), channels=3).train
    (x,), (classes,) = wide.inputs, wide.targets
    assert x.shape[1:] == (3, 64, 64)
    assert (x == x[:, :1]).all()
    assert set(classes.ravel()) <= set(range(CLASSES))
    share = [(found.targets[0] > 0).mean() for found in (plain, wide)]
    assert share[1] > 3 * share[0]


# The command


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("pictures")
    draw = np.random.default_rng(0)
    for name, size in (("a", (40, 50)), ("b", (90, 70))):
        pixels = draw.integers(0, 256, (*size, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(place / f"{name}.png")
    (place / "c.png").write_bytes(b"no picture")
    return place


def test_what_is_drawn_is_what_the_model_says(folder, workers, tmp_path):
    asked = pictured.question(TINY, job.PROGRAM)
    paths = sorted(folder.iterdir())
    (found,) = list(job.segment(asked, NATIVE, paths, tmp_path, workers))
    bad = [one.picture for one in found if isinstance(one, Unreadable)]
    assert bad == [str(folder / "c.png")]
    (seen,) = list(pictured.seen(asked, NATIVE, paths[:2], workers))
    for one, other in zip(found, seen, strict=False):
        masks = [outputs[0] for outputs in other.outputs.values()]
        assert one.differ == sum((m != masks[0]).any() for m in masks)
        for framework, mask in zip(NATIVE, masks, strict=True):
            assert mask.shape == (33, 26)
            named = one.shares[framework]
            assert list(named.values()) == sorted(named.values(), reverse=True)
            for number in range(3):
                share = named.get(str(number), 0.0)
                assert share == pytest.approx((mask == number).mean())
        with Image.open(one.drawn) as drawn:
            levels = np.asarray(drawn)
        times = -(-pictured.LEAST_SIDE // 33)
        assert levels.shape == (33 * times + pictured.TITLE, 4 * 26 * times + 12, 3)
        first = levels[pictured.TITLE :, : 26 * times][::times, ::times]
        np.testing.assert_array_equal(first, other.image)
    assert job.table(NATIVE, found, first=True).row_count >= 2


def test_colours_lie_over_the_middle():
    image = np.full((6, 8, 3), 100, np.uint8)
    mask = np.array([[0, 1], [2, 0]])
    found = job.coloured(image, mask)
    assert found.shape == (2, 2, 3)
    assert (found[0, 0] == 100).all()
    one = [round(0.4 * 100 + 0.6 * c) for c in pictured.colour(1)]
    assert found[0, 1].tolist() == one
    assert pictured.colour(0) == (0, 0, 0) != pictured.colour(10)
    assert pictured.colour(1) == pictured.colour(10)


def test_drawings_of_one_name_have_numbers(tmp_path):
    paths = [tmp_path / "one" / "x.png", tmp_path / "two" / "x.jpg"]
    found = pictured.targets(tmp_path, paths)
    assert [place.name for place in found.values()] == ["x.png", "x-2.png"]


@pytest.mark.parametrize(
    ("model", "options", "said"),
    [
        ("resnet_tiny", {}, "has no program 'segment'"),
        ("unet_tiny", {}, "no picture of 1 or 3 channels"),
        ("unet_tiny_padded", {"normalize": "imagenet"}, "reads 1 channel"),
    ],
)
def test_what_cannot_be_asked_is_one_line(model, options, said):
    with pytest.raises(UsageError) as refused:
        pictured.question(model, job.PROGRAM, **options)
    assert said in str(refused.value)


def test_the_command_draws_and_tells(folder, tmp_path):
    said = tmp_path / "said.json"
    out = tmp_path / "out"
    done = run(
        *("segment", TINY, str(folder), "--framework", "pytorch"),
        *("--out", str(out), "--json", str(said)),
    )
    assert done.returncode == 1
    assert "skipped" in done.stderr
    assert "as seed 0 starts it" in done.stdout
    told = [json.loads(line) for line in said.read_text().splitlines()]
    assert [sorted(one) for one in told[:2]] == [
        ["differ", "drawn", "least_margin", "picture", "shares"]
    ] * 2
    assert sorted(path.name for path in out.iterdir()) == ["a.png", "b.png"]

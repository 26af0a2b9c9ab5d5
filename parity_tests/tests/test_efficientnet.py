"""EfficientNet: what its spec refuses and scales, and the forms of its checkpoints."""

from dataclasses import is_dataclass, replace

import numpy as np
import pytest

from parity_tests.compare import worst_of
from parity_tests.engine import request
from parity_tests.tests.test_originals import needs, outputs_differ_by
from parity_tests.tolerances import ORIGINALS
from shared.catalog import variant
from shared.errors import UsageError
from shared.files import checkpoints
from shared.files.checkpoints import efficientnet as tables
from shared.randomness import weight
from shared.specs.base import SqueezeSpec
from shared.specs.vision.efficientnet import EfficientNetSpec, UnitSpec

ROW = ("mbconv", 6, 3, 2, 24, 2)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"stages": ()}, "stages is (); allowed: one stage or more"),
        ({"stages": (("fire", *ROW[1:]),)}, "each each one of 'mbconv', 'fused'"),
        ({"stages": ((*ROW[:2], 4, *ROW[3:]),)}, "each each one of 3, 5"),
        ({"stages": ((*ROW[:3], 3, *ROW[4:]),)}, "each each one of 1, 2"),
        ({"stages": (ROW[:5],)}, "each 6 values"),
        ({"width": 0.0}, "width is 0.0; allowed: a number above 0"),
        ({"drop_path": 1.0}, "drop_path is 1.0; allowed: a number from 0 up to"),
    ],
)
def test_refusals(changes, said):
    with pytest.raises(UsageError) as refused:
        EfficientNetSpec(**{"stages": (ROW,), **changes})
    assert said in str(refused.value)


def _widths(name):
    """Of the stem, the stages and the last convolution."""
    spec = variant(name).spec
    inner = [_units(stage[-1])[-1].conv.c_out for stage in spec.blocks]
    return [spec.stem.conv.c_out, *inner, spec.head.conv.c_out]


def _depths(name):
    return [len(stage) for stage in variant(name).spec.blocks]


def test_scaling_as_google_scaled():
    """Their round_filters and round_repeats by hand, Lite's ends left alone."""
    assert _widths("efficientnet_b0") == [32, 16, 24, 40, 80, 112, 192, 320, 1280]
    assert _widths("efficientnet_b2") == [32, 16, 24, 48, 88, 120, 208, 352, 1408]
    assert _depths("efficientnet_b2") == [2, 3, 3, 4, 4, 5, 2]
    assert _widths("efficientnet_lite2") == [32, 16, 24, 48, 88, 120, 208, 352, 1280]
    assert _depths("efficientnet_lite2") == [1, 3, 3, 4, 4, 5, 1]
    assert _widths("efficientnet_b4")[0] == 48
    assert _widths("efficientnet_lite4")[0] == 32


def test_a_width_is_not_rounded_below_nine_tenths():
    spec = EfficientNetSpec(stages=(("mbconv", 1, 3, 1, 19, 1),), width=0.6)
    assert spec.head.conv.c_in == 16  # 11.4: 8 is too little
    assert replace(spec, width=0.1).head.conv.c_in == 8


def test_paths_are_dropped_more_and_more():
    spec = variant("efficientnet_b0").spec
    rates = [block.drop_path for stage in spec.blocks for block in stage]
    assert rates == [0.2 * i / 16 for i in range(16)]


def test_lite_pads_as_tensorflow_and_squeezes_nothing():
    spec = variant("efficientnet_lite0").spec
    units = [u for stage in spec.blocks for block in stage for u in _units(block)]
    assert not any(isinstance(u, SqueezeSpec) for u in units)
    strided = [u.conv for u in [spec.stem, *units] if u.conv.stride == 2]
    lopsided = [(0, 1), (0, 1), (1, 2), (0, 1), (1, 2)]
    assert [c.pads for c in strided] == [(pads, pads) for pads in lopsided]
    odd = replace(spec, image_size=(225, 224)).stem.conv
    assert odd.pads == ((1, 1), (0, 1))


def _units(block):
    """What stands in the block, in order."""
    found = [value for value in vars(block).values() if is_dataclass(value)]
    return [unit for unit in found if isinstance(unit, UnitSpec | SqueezeSpec)]


def _weights(name):
    """Of a whole model, from what the table to timm's names must know."""
    spec = variant(name).spec
    shapes = {}

    def add(place, conv):
        shapes[f"{place}.0.weight"] = (conv.c_out, conv.c_in // conv.groups)
        shapes[f"{place}.0.weight"] += conv.kernel
        for leaf in ("weight", "bias", "running_mean", "running_var"):
            shapes[f"{place}.1.{leaf}"] = (conv.c_out,)

    add("features.0", spec.stem.conv)
    for s, stage in enumerate(spec.blocks, 1):
        for i, block in enumerate(stage):
            for k, unit in enumerate(_units(block)):
                place = f"features.{s}.{i}.block.{k}"
                if isinstance(unit, SqueezeSpec):
                    for fc, conv in enumerate(unit.convs, 1):
                        shapes[f"{place}.fc{fc}.weight"] = (conv.c_out, conv.c_in, 1, 1)
                        shapes[f"{place}.fc{fc}.bias"] = (conv.c_out,)
                else:
                    add(place, unit.conv)
    add(f"features.{len(spec.blocks) + 1}", spec.head.conv)
    shapes["classifier.1.weight"] = (spec.num_classes, spec.head.conv.c_out)
    shapes["classifier.1.bias"] = (spec.num_classes,)
    return {key: weight(key, shape, 0) for key, shape in shapes.items()}


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("torchvision", "efficientnet_tiny"),
        ("timm", "efficientnet_tiny"),
        ("timm", "efficientnet_b0"),
        ("timm", "efficientnet_lite0"),
        ("lite", "efficientnet_lite0"),
        ("lite", "efficientnet_lite1"),
    ],
)
def test_there_and_back(source, name):
    own = _weights(name)
    public = tables.to_public(source, own)
    assert len(public) == len(own)
    counted = {**public, "bn1.num_batches_tracked": np.array(3)}
    back = tables.from_public(source, counted)
    assert list(back) == list(own)
    assert all(np.array_equal(back[key], own[key]) for key in own)


def test_names_of_lite():
    public = tables.to_public("lite", _weights("efficientnet_lite0"))
    assert public["_blocks.0._depthwise_conv.weight"].shape == (32, 1, 3, 3)
    assert public["_blocks.15._expand_conv.weight"].shape == (1152, 192, 1, 1)
    assert public["_blocks.15._bn2.running_var"].shape == (320,)
    assert public["_bn1.weight"].shape == (1280,)
    assert public["_fc.bias"].shape == (1000,)


@pytest.mark.parametrize(
    ("source", "change", "said"),
    [
        ("lite", {"_swish.weight": 1}, "_swish.weight is no part of"),
        ("lite", {"_blocks.3._se_reduce.weight": 1}, "_blocks.3 is no block of this"),
        ("timm", {"blocks.1.0.bn4.weight": 1}, "blocks.1.0 is no block of this form"),
    ],
)
def test_what_a_form_has_not(source, change, said):
    public = tables.to_public(source, _weights("efficientnet_lite0"))
    more = {key: np.full((1,), value) for key, value in change.items()}
    with pytest.raises(UsageError, match=said):
        tables.from_public(source, {**public, **more})


@pytest.mark.parametrize("name", ["efficientnet_b0", "efficientnet_tiny"])
def test_lite_has_no_form_for(name):
    with pytest.raises(UsageError, match="blocks that the form has not"):
        tables.to_public("lite", _weights(name))


def test_other_sources_are_refused():
    for translate in (tables.from_public, tables.to_public):
        with pytest.raises(UsageError, match=r"'keras'.*torchvision"):
            translate("keras", {})


@needs("timm")
@pytest.mark.parametrize(
    ("name", "original", "changes"),
    [
        ("efficientnet_lite0", "timm_tf_efficientnet_lite0", {"image_size": (64, 47)}),
        ("efficientnet_lite2", "timm_tf_efficientnet_lite2", {"image_size": (45, 50)}),
        (
            "efficientnet_v2_s",
            "timm_efficientnetv2_s",
            {"image_size": (32, 47), "bn_eps": 1e-5},
        ),
    ],
)
def test_timm(name, original, changes, workers):
    worker = workers.get("pytorch", "float64")
    spec = replace(variant(name).spec, **changes)
    asked = request(spec, 2, training=False)
    theirs = worker.adopt(f"parity_tests.originals:{original}", asked.inputs)
    ours = worker.build(spec, name)
    ours.fill(0)
    theirs.load(checkpoints.to_public("efficientnet", "timm", ours.dump()))
    back = checkpoints.from_public("efficientnet", "timm", theirs.dump())
    assert worst_of(ours.dump(), back, "names").error == 0
    assert outputs_differ_by(theirs, ours, asked) <= ORIGINALS

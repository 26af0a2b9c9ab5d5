"""Why a layer is wrong: what is planted in one layer is found by NumPy alone."""

import itertools
from types import SimpleNamespace

import numpy as np
import pytest

from parity_tests.ports import causes, formulas, fusing, settings
from parity_tests.ports.diff import diff
from parity_tests.ports.dumps import Module
from parity_tests.ports.opening import Question
from parity_tests.ports.scenes import Scene
from parity_tests.ports.targets import parse_input, parse_target
from shared.randomness import generator

NET = """
import torch
import torch.nn.functional as F
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, stride=1, padding=1)
        self.bn = nn.BatchNorm2d(4, eps=1e-5, momentum=0.1)
        self.act = nn.LeakyReLU(0.01)
        self.pool = nn.AvgPool2d(3, 2, 1, count_include_pad=False)
        self.square = nn.Linear(4, 4)
        self.ln = nn.LayerNorm(4, eps=1e-6)
        self.drop = nn.Dropout(0.1)
        self.out = nn.Linear(4, 4)

    def forward(self, x):
        x = self.pool(self.act(self.bn(self.conv(x))))
        x = x.flatten(2).transpose(1, 2)
        x = x + F.silu(self.square(x))
        x = self.ln(x) * 0.5
        return self.out(self.drop(x)).softmax(-1)
"""
# right, wrong, how the place is called, and the cause
PLANTED = {
    "padding": (
        "stride=1, padding=1)",
        "stride=1, padding=0)",
        "first in conv ",
        "padding: 1 against 0, which explains 100 %",
    ),
    "padding mode": (
        "stride=1, padding=1)",
        'stride=1, padding=1, padding_mode="reflect")',
        "first in conv ",
        "padding of another kind: zeros against reflect",
    ),
    "dilation": (
        "stride=1, padding=1)",
        "stride=1, padding=2, dilation=2)",
        "first in conv ",
        "dilation: 1 against 2",
    ),
    "bias": (
        "self.bn(self.conv(x))",
        "self.bn(self.conv(x) - self.conv.bias.view(1, -1, 1, 1))",
        "between conv",
        "bias left out",
    ),
    "eps of a batch norm": (
        "eps=1e-5, momentum",
        "eps=1e-3, momentum",
        "first in bn ",
        "eps: 1e-05 against 0.001",
    ),
    "momentum": (
        "momentum=0.1",
        "momentum=0.9",
        "bn.running_mean is off",
        "momentum: 0.9 (keeps 0.9) against 0.1",
    ),
    "slope": (
        "LeakyReLU(0.01)",
        "LeakyReLU(0.2)",
        "first in act ",
        "leaky_relu (0.01) against leaky_relu (0.2)",
    ),
    "another activation": (
        "nn.LeakyReLU(0.01)",
        "nn.ReLU()",
        "first in act ",
        "leaky_relu (0.01) against relu",
    ),
    "count of padding": (
        "count_include_pad=False",
        "count_include_pad=True",
        "first in pool ",
        "average, padding 1 against average, padding counted, padding 1",
    ),
    "another pool": (
        "nn.AvgPool2d(3, 2, 1, count_include_pad=False)",
        "nn.MaxPool2d(3, 2, 1)",
        "first in pool ",
        "average, padding 1 against max, padding 1",
    ),
    "function between": (
        "F.silu(self",
        "F.gelu(self",
        "between square",
        "activation: silu against gelu",
    ),
    "residual left out": (
        "x + F.silu(",
        "F.silu(",
        "between square",
        "residual left out (what entered square)",
    ),
    "residual from elsewhere": (
        "self.ln(x) * 0.5",
        "self.ln(x) * 0.5 + x",
        "between ln",
        "residual added (what entered ln)",
    ),
    "norm left out": (
        "self.ln(x) * 0.5",
        "self.ln(x) * 0.0 + x",
        "between ln",
        "another tensor (what entered ln)",
    ),
    "eps of a layer norm": (
        "eps=1e-6",
        "eps=1e-5",
        "first in ln ",
        "eps: 1e-06 against 1e-05",
    ),
    "scale": ("* 0.5", "* 0.25", "between ln", "scale: 1 against 0.5"),
    "softmax axis": (
        "softmax(-1)",
        "softmax(1)",
        "diverges after out",
        "axis of the softmax: 2 against 1",
    ),
    "softmax left out": (
        "x)).softmax(-1)",
        "x))",
        "diverges after out",
        "activation: softmax against none",
    ),
    "dropout": ("Dropout(0.1)", "Dropout(0.5)", "drop drops 0.1", "rate of dropout"),
    "stopped gradient": (
        "self.act(self.bn(self.conv(x)))",
        "self.act(self.bn(self.conv(x)).detach())",
        "of the gradients that of bn.bias is the first",
        "a gradient that is stopped (what leaves bn)",
    ),
}
# Planted together: every wrong layer is named in one run. What shows only where
# outputs agree is planted alone.
TOGETHER = (
    ("padding mode", "eps of a batch norm", "another activation", "count of padding",
     "function between", "eps of a layer norm", "scale", "softmax axis"),
    ("dilation", "slope", "another pool", "residual left out", "softmax left out"),
    ("bias", "norm left out"),
    ("padding", "residual from elsewhere"),
    ("momentum",),
    ("dropout",),
    ("stopped gradient",),
)  # fmt: skip
NO_LINE = ("gradient", "setting")


def test_everything_is_planted_once():
    assert sorted(itertools.chain(*TOGETHER)) == sorted(PLANTED)


@pytest.mark.parametrize("names", TOGETHER, ids=" ".join)
def test_planted_causes_are_found(names, recorders, tmp_path):
    source = NET
    for name in names:
        right, wrong, *_ = PLANTED[name]
        assert right in source
        source = source.replace(right, wrong, 1)
    tag = names[0].replace(" ", "_")
    (tmp_path / f"right_{tag}.py").write_text(NET)
    (tmp_path / f"wrong_{tag}.py").write_text(source)
    targets = [parse_target(f"{n}_{tag}:Net", tmp_path) for n in ("right", "wrong")]
    question = Question(folder=tmp_path)
    found = diff(targets, [parse_input("4,3,8,8")], recorders, question)
    assert not all(check.passed for check in found.checks)
    (guilty,) = found.guilty.values()
    for name in names:
        _, _, where, cause = PLANTED[name]
        one, *_ = [g for g in guilty if where in g.said and cause in told(g)]
        assert f"wrong_{tag}.py" in told(one) or one.what in NO_LINE
    places = {(one.what, one.layer, one.mode) for one in guilty}
    assert len(places) == len(names)
    assert guilty[0].said in found.trace.verdict


def told(guilty):
    return guilty.causes[0].said if guilty.causes else ""


def test_of_an_activation_inside_a_layer_the_layer_is_told():
    """A norm of timm's has one: of another epsilon it is told, with one and without."""
    draw = generator("fused")
    x = draw.standard_normal((4, 5, 5, 3))
    weights = {"weight": x[0, 0, 0], "bias": x[0, 0, 1], "running_mean": x[0, 0, 2]}
    weights["running_var"] = np.abs(x[0, 0, 3])
    relu = formulas.ACTIVATIONS["relu"]
    right, wrong = (formulas.batch_normed(x, weights, e, False) for e in (1e-3, 1e-5))
    both = {"eps": 1e-3}, {"eps": 1e-5}, ("", "")
    for left in (wrong, relu(wrong)):
        scene = Scene("batchnormact2d", x, relu(right), left, weights, *both)
        first, *_ = causes.tried(*fusing.opened(scene, causes.tries_of))
        assert "eps: 0.001 against 1e-05" in first.said
    scene = Scene("batchnormact2d", x, relu(right), np.tanh(right), weights, *both)
    first, *_ = causes.tried(*fusing.opened(scene, causes.tries_of))
    assert "activation: relu against tanh" in first.said


def test_a_setting_that_another_layer_holds_is_told():
    """The shift of windows is an attention's in one model, a block's in the other."""
    attn = Module("b.attn", "Attn", settings={"shift_size": [2, 2], "heads": 3})
    ours = {"b": Module("b", "Block"), "b.attn": attn}
    layer = Module("layer", "Layer", settings={"shift_size": 0, "heads": 3})
    dumps = [SimpleNamespace(modules=own) for own in (ours, {"layer": layer})]
    found = settings.within(dumps[0], "b", dumps[1], "layer")
    assert found == {"shift_size": (2, 0)}

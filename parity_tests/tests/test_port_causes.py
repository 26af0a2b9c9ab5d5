"""Why a layer is wrong: what is planted in one layer is found by NumPy alone."""

import pytest

from parity_tests.ports.diff import diff
from parity_tests.ports.opening import Question
from parity_tests.ports.targets import parse_input, parse_target

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
        "padding: 1 against 0",
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
        "a gradient that is stopped",
    ),
}
NO_LINE = ("gradient", "setting")


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_cause_is_found(name, recorders, tmp_path):
    right, wrong, where, cause = PLANTED[name]
    assert right in NET
    tag = name.replace(" ", "_")
    (tmp_path / f"right_{tag}.py").write_text(NET)
    (tmp_path / f"wrong_{tag}.py").write_text(NET.replace(right, wrong, 1))
    targets = [parse_target(f"{n}_{tag}:Net", tmp_path) for n in ("right", "wrong")]
    question = Question(folder=tmp_path)
    found = diff(targets, [parse_input("4,3,8,8")], recorders, question)
    assert not all(check.passed for check in found.checks)
    assert where in found.trace.verdict
    ((first, *_),) = found.guilty.values()
    assert cause in first.causes[0].said
    assert f"wrong_{tag}.py" in first.causes[0].said or first.what in NO_LINE

"""Equinox, Haiku and ONNX beside PyTorch, where they are installed."""

import importlib.util
import subprocess
import sys
import textwrap

import numpy as np
import pytest

from parity_tests.ports.diff import diff
from parity_tests.ports.opening import Question
from parity_tests.ports.targets import parse_input, parse_target
from shared.errors import UsageError
from shared.frameworks import ROOT

PORTS = ROOT / ".ports" / "bin" / "python"
PACKAGES = {"equinox": "equinox", "haiku": "dm-haiku", "onnx": "onnx onnxruntime"}


def python_of(library):
    """Where a library is: here, or in the environment that `make ports` makes."""
    if importlib.util.find_spec(library):
        return {}
    if PORTS.exists():
        return {library: str(PORTS)}
    pytest.skip(f"pip install {PACKAGES[library]}, or make ports")


TORCH = """
    import torch
    from torch import nn


    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 3, padding=1)
            self.norm = nn.BatchNorm2d(4)
            self.head = nn.Linear(4, 2)

        def forward(self, x):
            return self.head(self.norm(self.conv(x)).relu().mean((2, 3)))


    class Texts(nn.Module):
        def __init__(self):
            super().__init__()
            self.words = nn.Embedding(9, 6)
            self.ln = nn.LayerNorm(6)
            self.mlp = nn.Sequential(nn.Linear(6, 8), nn.GELU(), nn.Linear(8, 6))

        def forward(self, ids):
            x = self.words(ids)
            return x + self.mlp(self.ln(x))
"""
EQUINOX = """
    import equinox as eqx
    import jax
    from equinox import nn


    class Net(eqx.Module):
        conv: nn.Conv2d
        norm: nn.BatchNorm
        head: nn.Linear

        def __init__(self, key):
            self.conv = nn.Conv2d(3, 4, 3, padding=1, key=key)
            self.norm = nn.BatchNorm(4, "batch", eps=1e-5, momentum=0.9, mode="batch")
            self.head = nn.Linear(4, 2, key=key)

        def __call__(self, x, state):
            x, state = self.norm(self.conv(x), state)
            return self.head(jax.nn.relu(x).mean((1, 2))), state


    def net():
        return nn.make_with_state(Net)(jax.random.key(0))


    class Texts(eqx.Module):
        table: nn.Embedding
        norm: nn.LayerNorm
        wide: nn.Linear
        back: nn.Linear
        drop: nn.Dropout

        def __init__(self):
            key = jax.random.key(0)
            self.table = nn.Embedding(9, 6, key=key)
            self.norm = nn.LayerNorm(6, eps=1e-5)
            self.wide = nn.Linear(6, 8, key=key)
            self.back = nn.Linear(8, 6, key=key)
            self.drop = nn.Dropout(0.1)

        def __call__(self, ids):
            x = jax.vmap(self.table)(ids)
            y = jax.vmap(self.wide)(jax.vmap(self.norm)(x))
            return x + jax.vmap(self.back)(jax.nn.gelu(y, approximate=False))
"""
HAIKU = """
    import haiku as hk
    import jax


    def run(x, is_training):
        x = hk.Conv2D(4, 3, name="conv")(x)
        norm = hk.BatchNorm(True, True, 0.9, eps=1e-5, name="norm")
        x = jax.nn.relu(norm(x, is_training)).mean((1, 2))
        return hk.Linear(2, name="head")(x)


    def net():
        return hk.transform_with_state(run)


    def read(ids):
        x = hk.Embed(9, 6)(ids)
        y = hk.LayerNorm(-1, True, True, eps=1e-5)(x)
        y = jax.nn.gelu(hk.Linear(8, name="wide")(y), approximate=False)
        return x + hk.Linear(6, name="back")(y)


    def texts():
        return hk.transform(read)
"""
IMAGE, WORDS = "4,3,6,6", "2,5:9"
# library, whose source, the models, an input, and a mistake: right, wrong, who, why
CASES = [
    ("equinox", EQUINOX, "Net", "net", IMAGE, "eps=1e-5, mom", "eps=1e-3, mom",
     "first in norm ", "eps: 1e-05 against 0.001"),
    ("equinox", EQUINOX, "Net", "net", IMAGE, "momentum=0.9", "momentum=0.5",
     "norm.running_mean is off", "momentum: 0.9 (keeps 0.9) against 0.5"),
    ("haiku", HAIKU, "Net", "net", IMAGE, "eps=1e-5, name", "eps=1e-3, name",
     "first in norm ", "eps: 1e-05 against 0.001"),
    ("haiku", HAIKU, "Texts", "texts", WORDS, "approximate=False", "approximate=True",
     "between mlp.0", "gelu against gelu (tanh)"),
    ("equinox", EQUINOX, "Texts", "Texts", WORDS, "approximate=False",
     "approximate=True", "between mlp.0", "gelu against gelu (tanh)"),
]  # fmt: skip


@pytest.fixture
def ported(recorders, tmp_path):
    def compare(library, source, one, two, given, change=("", ""), **how):
        python = python_of(library)
        assert change[0] in textwrap.dedent(source)
        code = textwrap.dedent(source)
        code = code.replace(*change, 1) if change[0] else code
        module = f"library_{library}_{abs(hash(change)) % 10**8}"
        (tmp_path / "library_torch.py").write_text(textwrap.dedent(TORCH))
        (tmp_path / f"{module}.py").write_text(code)
        targets = [
            parse_target(f"library_torch:{one}", tmp_path),
            parse_target(f"{module}:{two}", tmp_path),
        ]
        assert targets[1].framework == library
        question = Question(folder=tmp_path, python=python, **how)
        return diff(targets, [parse_input(given)], recorders, question)

    return compare


@pytest.mark.parametrize(
    ("library", "source", "one", "two", "given"), [case[:5] for case in CASES[:3:2]]
)
def test_a_right_port_agrees_and_trains_alike(library, source, one, two, given, ported):
    found = ported(library, source, one, two, given, steps=2)
    assert [check.reason for check in found.checks if not check.passed] == []
    tiers = [check.tier for check in found.checks]
    assert "steps/state" in tiers
    assert ("buffers/training" in tiers) == (one == "Net")


@pytest.mark.parametrize(
    ("library", "source", "one", "two", "given"),
    [(*CASES[0][:2], "Texts", "Texts", WORDS), CASES[3][:5]],
)
def test_a_model_without_state_agrees(library, source, one, two, given, ported):
    found = ported(library, source, one, two, given)
    failed = [c.reason for c in found.checks if not c.passed and c.tier != "dropout"]
    assert failed == []


@pytest.mark.parametrize("number", range(len(CASES)))
def test_a_mistake_is_named_and_why(number, ported):
    library, source, one, two, given, right, wrong, place, cause = CASES[number]
    found = ported(library, source, one, two, given, (right, wrong))
    assert place in found.trace.verdict
    (guilty,) = found.guilty.values()
    assert cause in guilty[0].causes[0].said


MAKER = """
import sys

import numpy as np
from onnx import TensorProto, helper, numpy_helper

eps = float(sys.argv[2])
draw = np.random.default_rng(0)
shapes = {"conv.weight": (4, 3, 3, 3), "conv.bias": (4,), "head.weight": (2, 4)}
shapes |= {f"norm.{n}": (4,) for n in ("weight", "bias", "running_mean")}
values = {n: draw.standard_normal(s).astype(np.float32) for n, s in shapes.items()}
values["norm.running_var"] = np.ones(4, np.float32)
values["head.bias"] = np.ones(2, np.float32)
norm = [f"norm.{n}" for n in ("weight", "bias", "running_mean", "running_var")]
nodes = [
    helper.make_node("Conv", ["x", "conv.weight", "conv.bias"], ["a"], pads=[1] * 4),
    helper.make_node("BatchNormalization", ["a", *norm], ["b"], epsilon=eps),
    helper.make_node("Relu", ["b"], ["c"], name="/act"),
    helper.make_node("GlobalAveragePool", ["c"], ["d"], name="/pool"),
    helper.make_node("Flatten", ["d"], ["e"], name="/flat"),
    helper.make_node("Gemm", ["e", "head.weight", "head.bias"], ["y"], transB=1),
]
told = helper.make_tensor_value_info
graph = helper.make_graph(
    nodes, "net", [told("x", TensorProto.FLOAT, ["n", 3, 6, 6])],
    [told("y", TensorProto.FLOAT, ["n", 2])],
    [numpy_helper.from_array(v, n) for n, v in values.items()],
)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
model.ir_version = 8
open(sys.argv[1], "wb").write(model.SerializeToString())
"""


@pytest.fixture
def exported(tmp_path):
    def made(eps):
        python = python_of("onnx").get("onnx", sys.executable)
        path = tmp_path / f"net_{eps}.onnx"
        subprocess.run([python, "-c", MAKER, str(path), str(eps)], check=True)
        return parse_target(str(path), tmp_path)

    return made


def test_an_onnx_file_is_held_against_its_source(exported, recorders, tmp_path):
    (tmp_path / "library_torch.py").write_text(textwrap.dedent(TORCH))
    torch = parse_target("library_torch:Net", tmp_path)
    python = python_of("onnx")
    question = Question(folder=tmp_path, python=python, dtype="float32")
    found = diff([torch, exported(1e-5)], [parse_input(IMAGE)], recorders, question)
    assert [check.reason for check in found.checks if not check.passed] == []
    assert [check.tier for check in found.checks] == [
        "names", "counts", "forward/evaluation",
    ]  # fmt: skip
    assert {"conv", "norm", "head"} <= {row.path for row in found.trace.rows}
    found = diff([torch, exported(1e-2)], [parse_input(IMAGE)], recorders, question)
    assert "first in norm " in found.trace.verdict
    (guilty,) = found.guilty.values()
    assert "eps: 1e-05 against 0.01" in guilty[0].causes[0].said
    wide = Question(folder=tmp_path, python=python)
    with pytest.raises(UsageError, match="ask for --dtype float32"):
        diff([torch, exported(1e-5)], [parse_input(IMAGE)], recorders, wide)


def test_what_is_not_installed_is_said_with_the_way_on(recorders, tmp_path):
    """By an interpreter that has no packages at all."""
    bare = tmp_path / "bare"
    bare.write_text(f'#!/bin/sh\nexec "{sys.executable}" -I -S "$@"\n')
    bare.chmod(0o755)
    (tmp_path / "lacking.py").write_text("import haiku\n\n\ndef make():\n    pass\n")
    both = [parse_target("lacking:make", tmp_path)] * 2
    question = Question(folder=tmp_path, python={"haiku": str(bare)})
    with pytest.raises(UsageError, match=r"named '\w+'; install it, or give --python"):
        diff(both, [np.ones((2, 3))], recorders, question)

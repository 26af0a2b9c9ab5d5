"""Parity in a person's own tests: the recipes, live models, the plugin, its words."""

import os
import re
import shutil
import subprocess
import sys
import textwrap

import pytest

from benchmarks.report import recipes
from shared.frameworks import ROOT

PLUGIN = ("-p", "triptych.plugin", "-q")
ALONE = """
import sys, pytest

class Missing:
    names = sys.argv[1].split()

    def find_spec(self, name, *others):
        if name.partition(".")[0] in self.names:
            raise ModuleNotFoundError(f"No module named {name!r}")

sys.meta_path.insert(0, Missing())
sys.exit(pytest.main(sys.argv[2:]))
"""


def pytested(folder, *arguments, without="", code=0):
    """What pytest says in a folder, as of a project that has not got a framework."""
    done = subprocess.run(
        [sys.executable, "-c", ALONE, without, *PLUGIN, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


# Recipes

GOLDEN = ("test_golden_reference.py", "test_golden_port.py")


@pytest.fixture(scope="module")
def cookbook(tmp_path_factory):
    folder = tmp_path_factory.mktemp("project") / "recipes"
    shutil.copytree(recipes.FOLDER, folder)
    return folder


def test_every_recipe_is_on_the_page():
    shown = {file for files in recipes.RECIPES for file in files} | {*recipes.MODELS}
    assert shown == {path.name for path in recipes.FOLDER.glob("*.py")}
    assert len(recipes.RECIPES) >= 10
    for part in (part for parts in recipes.recipes() for part in parts):
        assert part.title
        assert not part.title.endswith(".")
        assert part.text


def test_the_recipes_run(cookbook):
    files = [f for files in recipes.RECIPES for f in files if f not in GOLDEN]
    said = pytested(cookbook, "-W", "default", *files)
    assert f"{len(files) + 1} passed" in said  # one has two tests
    assert "skipped" not in said


def test_a_golden_dump_holds_a_project_of_one_framework(cookbook):
    reference, port = GOLDEN
    missing = pytested(cookbook, reference, without="keras jax tensorflow", code=1)
    assert "no golden dump" in missing
    assert "--parity-update" in missing
    for options in (["--parity-update"], []):
        pytested(cookbook, reference, *options, without="keras jax tensorflow")
    before = (cookbook / "golden" / "net" / "dump.json").read_bytes()
    # The port's framework alone is there, and does not write over the reference's.
    pytested(cookbook, port, "-W", "default", "--parity-update", without="torch jax")
    assert (cookbook / "golden" / "net" / "dump.json").read_bytes() == before


# What a failure says

FAILING = """
    import numpy as np
    import triptych
    from torch import nn

    class Right(nn.Module):
        def __init__(self):
            super().__init__()
            self.first = nn.Linear(3, 4)
            self.norm = nn.LayerNorm(4)

        def forward(self, x):
            return self.norm(self.first(x).relu())

    class Wrong(Right):
        def __init__(self):
            super().__init__()
            self.norm = nn.LayerNorm(4, eps=1e-3)

    X = np.ones((5, 3), "float32") * np.arange(5)[:, None]

    def test_wrong():
        triptych.assert_parity(Right(), Wrong(), X)

    def test_golden(parity):
        parity(Wrong() if ARE_WRONG else Right(), X)

    def test_in_float32_too():
        triptych.assert_parity(Right(), Wrong(), X, dtype="float32", html="page.html")

    def test_a_dump_in_float32(tmp_path):
        dump = triptych.record(Right(), X, tmp_path / "dump", dtype="float32")
        triptych.assert_parity(dump, Right())

    def test_what_cannot_be():
        asked = (3, X), ("nowhere", X), (Right(), X[:, :2]), (Right(), [])
        for model, inputs in asked:
            try:
                triptych.assert_parity(Right(), model, inputs)
            except ValueError as error:
                print("refused:", str(error).replace(chr(10), "|"))
"""


def test_a_failure_names_the_layer_the_cause_and_both_lines(tmp_path):
    right = textwrap.dedent(FAILING).replace("ARE_WRONG", "False")
    (tmp_path / "test_it.py").write_text(right)
    pytested(tmp_path, "--parity-update", "-k", "golden")
    assert (tmp_path / "golden" / "test_it.test_golden" / "dump.json").is_file()
    (tmp_path / "test_it.py").write_text(right.replace("if False", "if True"))
    said = pytested(tmp_path, "-rP", code=1)
    assert "3 failed, 2 passed" in said
    assert said.count("diverges first in norm (its input agrees)") >= 3
    assert said.count("because of eps: 1e-05 against 0.001, which explains") >= 3
    assert said.count("FAIL forward/evaluation") >= 3
    lines = right.splitlines()
    for who, name in (("reference", "Right"), ("port", "Wrong")):
        line = 1 + next(i for i, x in enumerate(lines) if f"class {name}" in x)
        assert f"{who}: test_it.py:{line}" in said
    assert "diverges first in norm" in (tmp_path / "page.html").read_text()
    refused = re.findall("refused: (.*)", said)
    assert len(refused) == 4
    assert "int is not a model of" in refused[0]
    assert "nowhere: no such folder" in refused[1]
    assert "raised RuntimeError" in refused[2]
    assert "no inputs" in refused[3]


# Live models are afterwards as they were

TORCH = """
    import copy, random
    import numpy as np, torch, triptych
    from torch import nn

    class Net(nn.Sequential):
        def forward(self, x):
            return super().forward(x)[0]

    def run(dtype):
        net = Net(
            nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.Dropout(0.3), nn.Flatten(),
            nn.LSTM(48, 4))
        net[1].eval()
        net.to(dtype)
        x = torch.ones(5, 2, 6, 6, dtype=dtype)
        net(x).sum().backward()
        waiting = net(x).sum()
        calls = []
        net[0].register_forward_hook(lambda *a: calls.append(a[2].dtype))
        def state():
            tensors = [*net.parameters(), *net.buffers()]
            return (
                [(id(t), t.data_ptr(), t.dtype) for t in tensors],
                [t._version for t in net.parameters()],
                [t.detach().numpy().tobytes() for t in tensors],
                [None if t.grad is None else (id(t.grad), t.grad.dtype,
                 t.grad.numpy().tobytes()) for t in tensors],
                [m.training for m in net.modules()], net[2].p,
                [len(m._forward_hooks) + len(m._forward_pre_hooks)
                 for m in net.modules()],
                torch.get_default_dtype(), torch.backends.mha.get_fastpath_enabled(),
                torch.get_rng_state().numpy().tobytes(), random.getstate(),
                np.random.get_state()[1].tobytes(), torch.is_grad_enabled(),
            )
        before = state()
        with torch.no_grad():
            triptych.assert_parity(net, copy.deepcopy(net), x.float())
        for now, then in zip(state(), before, strict=True):
            assert now == then, (now, then)
        assert calls
        waiting.backward()

    def check():
        run(torch.float32)
        run(torch.float64)
"""

KERAS = """
    import random
    import keras, numpy as np, triptych
    from keras import layers
    from keras.src.backend.common import dtypes

    def make():
        inputs = keras.Input((6, 6, 2))
        x = layers.Conv2D(3, 3)(inputs)
        x = layers.BatchNormalization()(x)
        x = layers.Dropout(0.3)(layers.Flatten()(x))
        return keras.Model(inputs, layers.Dense(4)(x))

    def check():
        usual, policy = keras.config.floatx(), keras.config.dtype_policy()
        keras.config.set_floatx("float32")
        # Once set, which others did in this process, it does not follow floatx.
        keras.config.set_dtype_policy("float32")
        net, other = make(), make()
        net.compile("sgd", "mse")
        x, y = np.ones((5, 6, 6, 2), "float32"), np.ones((5, 4), "float32")
        net.fit(x, y, verbose=0)
        def state():
            return (
                [(id(v._value), v.dtype, v.numpy().tobytes()) for v in net.variables],
                [(l.compute_dtype, l.variable_dtype, getattr(l, "rate", 0))
                 for l in net.layers],
                net(x).numpy().dtype, keras.config.floatx(),
                dict(dtypes.BIT64_TO_BIT32_DTYPE), random.getstate(),
                np.random.get_state()[1].tobytes(),
            )
        before = state()
        triptych.assert_parity(net, other, x, same_layout=True)
        for now, then in zip(state(), before, strict=True):
            assert now == then, (now, then)
        net.fit(x, y, verbose=0)
        # What is not built yet is built by the call, in its own precision.
        new = keras.Sequential([layers.Dense(4), layers.Dropout(0.5)])
        triptych.assert_parity(new, keras.Sequential([layers.Dense(4)]), x[:, 0, 0])
        assert {v.dtype for v in new.trainable_variables} == {"float32"}
        keras.config.set_floatx(usual)
        keras.config.set_dtype_policy(policy)
"""

FLAX = """
    import jax, numpy as np, triptych
    from flax import linen, nnx

    class Net(nnx.Module):
        def __init__(self):
            rngs = nnx.Rngs(0)
            self.first = nnx.Linear(3, 4, rngs=rngs)
            self.norm = nnx.BatchNorm(4, rngs=rngs)
            self.drop = nnx.Dropout(0.3, rngs=rngs)

        def __call__(self, x):
            return self.drop(self.norm(self.first(x)))

    class LinenNet(linen.Module):
        @linen.compact
        def __call__(self, x, train=False):
            x = linen.BatchNorm(not train, name="norm")(linen.Dense(4, name="first")(x))
            return linen.Dropout(0.3, deterministic=not train)(x)

    def check():
        usual = jax.config.jax_enable_x64
        jax.config.update("jax_enable_x64", False)
        net, x = Net(), np.arange(15, dtype="float32").reshape(5, 3)
        net.train()
        def state():
            leaves = jax.tree.leaves(nnx.state(net, nnx.Not(nnx.RngState)))
            return (
                [(str(v.dtype), np.asarray(v).tobytes()) for v in leaves],
                net.norm.use_running_average, net.drop.deterministic, net.drop.rate,
                net.norm.dtype, net.norm.param_dtype, jax.config.jax_enable_x64,
                type(net).__call__ is Net.__call__, int(net.drop.rngs.count[...]),
            )
        before, call = state(), Net.__call__
        linen_net = LinenNet()
        variables = linen_net.init(jax.random.key(0), x)
        triptych.assert_parity(net, (linen_net, variables), x)
        assert Net.__call__ is call
        for now, then in zip(state(), before, strict=True):
            assert now == then, (now, then)
        assert str(variables["params"]["first"]["kernel"].dtype) == "float32"
        jax.config.update("jax_enable_x64", usual)
"""


@pytest.mark.parametrize(
    ("framework", "source"), [("pytorch", TORCH), ("keras", KERAS), ("jax", FLAX)]
)
def test_live_models_are_given_back_as_they_were(framework, source, within):
    within(framework, source, "check")


# Types

TYPED = """
from pathlib import Path

import numpy as np

import triptych
from triptych.plugin import Parity


def test_it(parity: Parity) -> None:
    made: Path = triptych.record(object(), np.ones(3), "dump", keep="statistics")
    triptych.assert_parity(made, object(), dtype="float32", names={"a.*": "b.*"})
    parity(object(), tolerance=1e-3, name="net")
"""
WRONG = """
triptych.assert_parity(1, 2, dtype="half")
triptych.record(1, 2, keep="some").missing
"""


def test_what_is_called_is_typed(tmp_path):
    def mypy(text, code):
        (tmp_path / "test_it.py").write_text(text)
        command = [sys.executable, "-m", "mypy", "--strict", "test_it.py"]
        options = ["--cache-dir", str(tmp_path / "cache"), "--follow-imports=silent"]
        done = subprocess.run(
            [*command, *options],
            cwd=tmp_path,
            env={**os.environ, "MYPYPATH": str(ROOT)},
            capture_output=True,
            text=True,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout

    mypy(TYPED, 0)
    assert mypy(TYPED + WRONG, 1).count("error:") == 3

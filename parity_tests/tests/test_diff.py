"""`triptych diff` names the layer where a port goes wrong: planted mistakes."""

import textwrap
from pathlib import Path

import numpy as np
import pytest

from parity_tests.ports.codecs import Layer, Part
from parity_tests.ports.diff import Difference, diff
from parity_tests.ports.matching import match
from parity_tests.ports.opening import Question
from parity_tests.ports.recording import Recorders
from parity_tests.ports.targets import parse_input, parse_target
from shared.errors import UsageError

TORCH = """
    import torch
    import torch.nn.functional as F
    from torch import nn


    class Cell(nn.Module):
        def __init__(self):
            super().__init__()
            self.gates_in = nn.Linear(6, 20)
            self.gates_hidden = nn.Linear(5, 20, bias=False)

        def forward(self, x):
            h = c = x.new_zeros(x.shape[0], 5)
            for t in range(x.shape[1]):
                z = self.gates_in(x[:, t]) + self.gates_hidden(h)
                i, f, g, o = z.chunk(4, -1)
                c = f.sigmoid() * c + i.sigmoid() * g.tanh()
                h = o.sigmoid() * c.tanh()
            return h


    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            torch.manual_seed(0)  # whether a mistake shows hangs on the weights
            self.stem = nn.Conv2d(3, 6, 3, stride=2, padding=1)
            self.norm = nn.BatchNorm2d(6, eps=1e-5)
            self.conv = nn.Conv2d(6, 6, 3, padding=1, groups=2)
            self.ln = nn.LayerNorm(6, eps=1e-6)
            self.up = nn.Linear(6, 12)
            self.down = nn.Linear(12, 6)
            self.cell = Cell()
            self.drop = nn.Dropout(0.3)
            self.head = nn.Linear(5, 4)

        def forward(self, x):
            x = F.relu(self.norm(self.stem(x)))
            x = x + self.conv(x)
            x = F.max_pool2d(x, 3, 2, 1)
            x = x.flatten(2).transpose(1, 2)
            x = x + self.down(F.gelu(self.up(self.ln(x))))
            return self.head(self.drop(self.cell(x)))
"""

FLAX = """
    import jax
    import jax.numpy as jnp
    from flax import nnx


    class Cell(nnx.Module):
        def __init__(self, rngs):
            self.gates_in = nnx.Linear(6, 20, rngs=rngs)
            self.gates_hidden = nnx.Linear(5, 20, use_bias=False, rngs=rngs)

        def __call__(self, x):
            h = c = jnp.zeros((x.shape[0], 5), x.dtype)
            for t in range(x.shape[1]):
                z = self.gates_in(x[:, t]) + self.gates_hidden(h)
                i, f, g, o = jnp.split(z, 4, -1)
                c = nnx.sigmoid(f) * c + nnx.sigmoid(i) * jnp.tanh(g)
                h = nnx.sigmoid(o) * jnp.tanh(c)
            return h


    class Net(nnx.Module):
        def __init__(self, rngs):
            self.stem = nnx.Conv(3, 6, (3, 3), 2, padding=1, rngs=rngs)
            self.norm = nnx.BatchNorm(6, momentum=0.9, epsilon=1e-5, rngs=rngs)
            self.conv = nnx.Conv(
                6, 6, (3, 3), padding=1, feature_group_count=2, rngs=rngs
            )
            self.ln = nnx.LayerNorm(6, epsilon=1e-6, rngs=rngs)
            self.up = nnx.Linear(6, 12, rngs=rngs)
            self.down = nnx.Linear(12, 6, rngs=rngs)
            self.cell = Cell(rngs)
            self.drop = nnx.Dropout(0.3, rngs=rngs)
            self.head = nnx.Linear(5, 4, rngs=rngs)

        def __call__(self, x):
            x = nnx.relu(self.norm(self.stem(x)))
            x = x + self.conv(x)
            x = nnx.max_pool(x, (3, 3), (2, 2), ((1, 1), (1, 1)))
            x = x.reshape(x.shape[0], -1, x.shape[-1])
            x = x + self.down(nnx.gelu(self.up(self.ln(x)), approximate=False))
            return self.head(self.drop(self.cell(x)))


    def make():
        return Net(nnx.Rngs(0))
"""

KERAS = """
    import keras
    from keras import layers, ops


    class Cell(keras.Layer):
        def __init__(self):
            super().__init__()
            self.gates_in = layers.Dense(20)
            self.gates_hidden = layers.Dense(20, use_bias=False)

        def call(self, x):
            h = c = ops.zeros((ops.shape(x)[0], 5), x.dtype)
            for t in range(x.shape[1]):
                z = self.gates_in(x[:, t]) + self.gates_hidden(h)
                i, f, g, o = ops.split(z, 4, -1)
                c = ops.sigmoid(f) * c + ops.sigmoid(i) * ops.tanh(g)
                h = ops.sigmoid(o) * ops.tanh(c)
            return h


    class Net(keras.Model):
        def __init__(self):
            super().__init__()
            self.pad = layers.ZeroPadding2D(1)
            self.stem = layers.Conv2D(6, 3, 2, padding="valid")
            self.norm = layers.BatchNormalization(epsilon=1e-5, momentum=0.9)
            self.conv = layers.Conv2D(6, 3, padding="same", groups=2)
            self.ln = layers.LayerNormalization(epsilon=1e-6)
            self.up = layers.Dense(12)
            self.down = layers.Dense(6)
            self.cell = Cell()
            self.drop = layers.Dropout(0.3)
            self.head = layers.Dense(4)

        def call(self, x):
            x = ops.relu(self.norm(self.stem(self.pad(x))))
            x = x + self.conv(x)
            wide = [[0, 0], [1, 1], [1, 1], [0, 0]]
            x = ops.max_pool(ops.pad(x, wide, constant_values=-1e30), 3, 2, "valid")
            x = ops.reshape(x, (x.shape[0], -1, x.shape[-1]))
            x = x + self.down(ops.gelu(self.up(self.ln(x)), approximate=False))
            return self.head(self.drop(self.cell(x)))
"""

# framework, and of every mistake in one model: right, wrong, and what is said of it
MISTAKES = [
    ("jax", [
        ("padding=1, rngs", 'padding="SAME", rngs', "first in stem"),
        ("0.9, epsilon=1e-5", "0.9, epsilon=1e-3", "first in norm"),
        ("6, epsilon=1e-6", "6, epsilon=1e-5", "first in ln"),
        ("approximate=False", "approximate=True", "between up"),
        ("i, f, g, o =", "f, i, g, o =", "in cell, between"),
    ]),
    ("jax", [
        ("x = x + self.conv(x)", "x = self.conv(x)", "between conv"),
        ("jnp.tanh(c)", "c", "in cell, between"),
    ]),
    ("jax", [("((1, 1), (1, 1))", '"SAME"', "between conv")]),
    ("jax", [("nnx.relu(", "nnx.leaky_relu(", "between norm")]),
    ("keras", [
        ("Padding2D(1)", "Padding2D(((0, 1), (0, 1)))", "first in stem"),
        ("Normalization(epsilon=1e-5,", "Normalization(", "first in norm"),
        ("constant_values=-1e30", "constant_values=0.0", "between conv"),
        ("(epsilon=1e-6)", "()", "first in ln"),
        ("i, f, g, o =", "i, f, o, g =", "in cell, between"),
    ]),
]  # fmt: skip


def compare(
    folder: Path, recorders: Recorders, framework: str, name: str, mistakes=()
) -> Difference:
    source = {"jax": FLAX, "keras": KERAS}[framework]
    for right, wrong, _ in mistakes:
        assert right in source
        source = source.replace(right, wrong, 1)
    (folder / f"{name}.py").write_text(textwrap.dedent(source))
    (folder / f"{name}_torch.py").write_text(textwrap.dedent(TORCH))
    maker = {"jax": "make", "keras": "Net"}[framework]
    asked = [f"{name}_torch:Net", f"{name}:{maker}"]
    targets = [parse_target(text, folder) for text in asked]
    question = Question(folder=folder)
    return diff(targets, (parse_input("3,3,8,8"),), recorders, question)


@pytest.mark.parametrize("framework", ["jax", "keras"])
def test_a_right_port_agrees(framework, recorders, tmp_path):
    found = compare(tmp_path, recorders, framework, f"right_{framework}")
    assert [check for check in found.checks if not check.passed] == []
    assert found.trace.agrees
    assert "norm" in {row.path for row in found.trace.rows}


@pytest.mark.parametrize("number", range(len(MISTAKES)))
def test_every_planted_mistake_is_named_in_one_run(number, recorders, tmp_path):
    framework, mistakes = MISTAKES[number]
    name = f"wrong_{number}"
    found = compare(tmp_path, recorders, framework, name, mistakes)
    assert not all(check.passed for check in found.checks)
    (guilty,) = found.guilty.values()
    assert guilty[0].said in found.trace.verdict
    places = [place for *_, place in mistakes]
    named = [[place for place in places if place in one.said] for one in guilty]
    assert all(named), guilty
    assert {place for some in named for place in some} == {*places}


AGAIN = {
    "pytorch": """
        from torch import nn

        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.tower = nn.Linear(3, 3)

            def forward(self, x):
                return self.tower(self.tower(x).tanh())
    """,
    "keras": """
        import keras
        from keras import ops

        class Net(keras.Model):
            def __init__(self):
                super().__init__()
                self.arm = keras.layers.Dense(3)

            def call(self, x):
                return self.arm(ops.sigmoid(self.arm(x)))
    """,
    "jax": """
        from flax import nnx

        class Net(nnx.Module):
            def __init__(self):
                self.arm = nnx.Linear(3, 3, rngs=nnx.Rngs(0))

            def __call__(self, x):
                return self.arm(nnx.sigmoid(self.arm(x)))
    """,
}


@pytest.mark.parametrize("framework", ["keras", "jax"])
def test_of_a_layer_called_twice_each_call_is_compared(framework, recorders, tmp_path):
    """It has another name in the port, and what lies between its calls is wrong."""
    for own in ("pytorch", framework):
        (tmp_path / f"again_{own}.py").write_text(textwrap.dedent(AGAIN[own]))
    asked = [f"again_{own}:Net" for own in ("pytorch", framework)]
    targets = [parse_target(text, tmp_path) for text in asked]
    found = diff(targets, (parse_input("2,3"),), recorders, Question(folder=tmp_path))
    assert [row.path for row in found.trace.rows] == ["tower", "tower#2", "(output)"]
    assert "between tower, which agrees, and tower#2" in found.trace.verdict


CODERS = {
    "torch": """
        import torch
        from torch import nn


        class Coder(nn.Module):
            def __init__(self):
                super().__init__()
                self.inner, self.outer = nn.Linear(3, 4), nn.Linear(4, 3)

            def forward(self, x):
                return self.outer(self.inner(x))

            def decode(self, z):
                return self.outer(z).argmax(-1), torch.tanh(self.outer(z))
    """,
    "flax": """
        import jax.numpy as jnp
        from flax import nnx


        class Coder(nnx.Module):
            def __init__(self):
                rngs = nnx.Rngs(0)
                self.inner = nnx.Linear(3, 4, rngs=rngs)
                self.outer = nnx.Linear(4, 3, rngs=rngs)

            def __call__(self, x):
                return self.outer(self.inner(x))

            def decode(self, z):
                return self.outer(z).argmax(-1), jnp.tanh(self.outer(z))
    """,
    "keras": """
        from keras import Layer, layers, ops


        class Coder(Layer):
            def __init__(self):
                super().__init__()
                self.outer = layers.Dense(3)

            def decode(self, z):
                return ops.argmax(self.outer(z), -1), ops.tanh(self.outer(z))
    """,
}


@pytest.fixture
def coders(tmp_path):

    def targets(*names, wrong=("", "")):
        found = []
        for name in names:
            code = textwrap.dedent(CODERS[name]).replace(*wrong)
            module = f"coder_{name}_{len(wrong[0])}"
            (tmp_path / f"{module}.py").write_text(code)
            found.append(parse_target(f"{module}:Coder", tmp_path))
        return found

    return targets


def test_a_program_is_compared(coders, recorders, tmp_path):
    decode = Question(program="decode", folder=tmp_path)
    z = (parse_input("5,4"),)
    found = diff(coders("torch", "flax"), z, recorders, decode)
    assert [check.tier for check in found.checks] == ["names", "counts", "decode"]
    assert all(check.passed for check in found.checks)
    assert [row.path for row in found.trace.rows][:2] == ["outer", "outer#2"]
    wrong = coders("torch", "flax", wrong=("jnp.tanh", "-jnp.tanh"))
    found = diff(wrong, z, recorders, decode)
    assert [check.passed for check in found.checks] == [True, True, False]
    assert "diverges after (output 0)" in found.trace.verdict


def test_a_program_makes_the_weights_that_it_needs(coders, recorders, tmp_path):
    """Keras makes a layer's weights at its first call."""
    z = (parse_input("5,4"),)
    found = diff(
        coders("torch", "keras"),
        z,
        recorders,
        Question(program="decode", folder=tmp_path),
    )
    assert "inner.weight has none in keras" in found.checks[0].reason
    assert found.checks[2].passed


def test_a_program_that_is_not_there_is_told(coders, recorders, tmp_path):
    encode = Question(program="encode", folder=tmp_path)
    with pytest.raises(UsageError, match=r"no method 'encode'; it has forward, decode"):
        diff(coders("torch", "flax"), (parse_input("5,4"),), recorders, encode)


def layers(**shapes):
    """Layers of one weight and one bias, or what is given."""
    found = {}
    for rank, (path, own) in enumerate(shapes.items()):
        kinds = {"running_mean": "mean", "running_var": "variance"}
        parts = {
            role: Part(role, kinds.get(role, role), shape, lambda values: values)
            for role, shape in own.items()
        }
        found[path] = Layer(path, path, "", parts, (rank, rank))
    return found


def test_names_are_matched_by_order_and_shape():
    reference = layers(a={"weight": (4, 3), "bias": (4,)}, n={"bias": (4,)})
    other = layers(x={"weight": (4, 3), "bias": (4,)}, y={"bias": (4,)})
    assert match(reference, other).renames == {
        "x.weight": "a.weight",
        "x.bias": "a.bias",
        "y.bias": "n.bias",
    }


@pytest.mark.parametrize("text", ["", "0,3", "3,x", "2,3:0", "-1"])
def test_a_bad_input_is_refused(text):
    with pytest.raises(UsageError, match="allowed: 2,3,32,32 or 2,16:100"):
        parse_input(text)


@pytest.mark.parametrize("text", ["no_such_module_here:Net", "shared.errors", "tf=a:b"])
def test_a_bad_target_is_refused(text):
    with pytest.raises(UsageError):
        parse_target(text)


def test_a_file_that_is_no_python_is_refused(tmp_path):
    (tmp_path / "no_python.py").write_text("import torch\ndef (")
    with pytest.raises(UsageError, match=r"no_python\.py cannot be read"):
        parse_target("no_python:Net", tmp_path)


def test_another_number_of_outputs_is_told(recorders, tmp_path):
    body = "from torch import nn\nclass Net(nn.Linear):\n    def __init__(self):\n"
    body += "        super().__init__(3, 3)\n    def forward(self, x):\n"
    for name, returned in (("lone", "x"), ("twin", "(x, x)")):
        (tmp_path / f"{name}.py").write_text(f"{body}        return {returned}\n")
    targets = [parse_target(f"{name}:Net", tmp_path) for name in ("lone", "twin")]
    with pytest.raises(UsageError, match="2 outputs where the first model has 1"):
        diff(targets, (parse_input("2,3"),), recorders, Question(folder=tmp_path))


def test_whole_numbers_stay_below_their_bound():
    tokens = parse_input("2,50:7")
    assert tokens.dtype == np.int64
    assert set(np.unique(tokens)) == set(range(7))

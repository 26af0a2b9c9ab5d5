"""`triptych diff` on models that nobody here wrote the two sides of for one another.

Each pair is a model and a port of it, with other names and other idioms: the right one
agrees and no layer is blamed; with a mistake planted in it the wrong layer is named.
"""

import textwrap

import pytest

from parity_tests.ports.diff import Question, diff
from parity_tests.ports.targets import parse_input, parse_target
from shared.errors import UsageError

TORCH = """
import torch
import torch.nn.functional as F
from torch import nn
"""
KERAS = """
import keras
from keras import layers, ops
"""
FLAX = """
import jax
import jax.numpy as jnp
from flax import nnx
"""
LINEN = """
import jax.numpy as jnp
from flax import linen as nn
"""
HEADS = {"torch": TORCH, "keras": KERAS, "flax": FLAX, "linen": LINEN}

# name: input, then the sources by framework; each has a `make`
PAIRS = {}
# name of a pair, framework, right, wrong, what the verdict names
MISTAKES = []


def pair(name, given, **sources):
    PAIRS[name] = (given, sources)


def mistake(name, framework, right, wrong, said, cause=""):
    MISTAKES.append(pytest.param(name, framework, right, wrong, said, cause))


@pytest.fixture
def ported(recorders, tmp_path):
    """Compares the sources of a pair, one of them changed."""

    def compare(name, only=None, change=("", ""), **options):
        given, sources = PAIRS[name]
        targets = []
        for i, (framework, source) in enumerate(sources.items()):
            if only and i and framework != only:
                continue
            code = textwrap.dedent(source)
            if change[0] and framework == only:
                assert change[0] in code
                code = code.replace(*change, 1)
            module = f"{name}_{framework}_{abs(hash((name, only, change))) % 10**8}"
            (tmp_path / f"{module}.py").write_text(HEADS[framework] + code)
            targets.append(parse_target(f"{module}:make", tmp_path))
        inputs = {str(i): parse_input(text) for i, text in enumerate(given)}
        question = Question(folder=tmp_path, **options)
        return diff(targets, inputs, recorders, question)

    return compare


# Five layers with a batch norm, whose port has other attribute names.
pair(
    "five",
    ["4,3,8,8"],
    torch="""
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.c1 = nn.Conv2d(3, 4, 3, padding=1)
            self.bn = nn.BatchNorm2d(4)
            self.c2 = nn.Conv2d(4, 4, 3, padding=1)
            self.pool = nn.MaxPool2d(2)
            self.flat = nn.Flatten()
            self.fc = nn.Linear(64, 5)

        def forward(self, x):
            x = self.pool(F.relu(self.bn(self.c1(x))))
            return self.fc(self.flat(F.relu(self.c2(x))))

    make = Net
    """,
    keras="""
    class Net(keras.Model):
        def __init__(self):
            super().__init__()
            self._stem = layers.Conv2D(4, 3, padding="same")
            self._norm = layers.BatchNormalization(momentum=0.9, epsilon=1e-5)
            self._mid = layers.Conv2D(4, 3, padding="same", activation="relu")
            self._down = layers.MaxPooling2D(2)
            self._vector = layers.Flatten()
            self._out = layers.Dense(5)

        def call(self, x, training=False):
            x = ops.relu(self._norm(self._stem(x), training=training))
            x = self._mid(self._down(x))
            return self._out(self._vector(ops.transpose(x, (0, 3, 1, 2))))

    make = Net
    """,
    flax="""
    class Net(nnx.Module):
        def __init__(self):
            r = nnx.Rngs(0)
            self.first = nnx.Conv(3, 4, (3, 3), padding=1, rngs=r)
            self.scale = nnx.BatchNorm(4, momentum=0.9, epsilon=1e-5, rngs=r)
            self.second = nnx.Conv(4, 4, (3, 3), padding=1, rngs=r)
            self.last = nnx.Linear(64, 5, rngs=r)

        def __call__(self, x):
            x = nnx.relu(self.scale(self.first(x)))
            x = nnx.relu(self.second(nnx.max_pool(x, (2, 2), (2, 2))))
            x = x.transpose(0, 3, 1, 2)
            return self.last(x.reshape(x.shape[0], -1))

    make = Net
    """,
)
mistake(
    "five",
    "keras",
    "momentum=0.9",
    "momentum=0.1",
    "bn.running_mean is off",
    "momentum: 0.9 (keeps 0.9) against 0.1 (keeps 0.1)",
)
mistake(
    "five",
    "flax",
    "momentum=0.9",
    "momentum=0.1",
    "bn.running_mean is off",
    "momentum: 0.9 (keeps 0.9) against 0.1 (keeps 0.1)",
)
mistake(
    "five",
    "keras",
    "epsilon=1e-5",
    "epsilon=1e-3",
    "first in bn ",
    "eps: 1e-05 against 0.001, which explains 100 %",
)
mistake(
    "five",
    "keras",
    'activation="relu"',
    'activation="gelu"',
    "first in c2 ",
    "activation: none against gelu",
)
mistake(
    "five", "keras", "ops.transpose(x, (0, 3, 1, 2))", "x", "in flat", "flatten order"
)
mistake(
    "five", "flax", "x = x.transpose(0, 3, 1, 2)", "pass", "between c2", "flatten order"
)

# Without an activation of its own the mistake in `Flatten` is not the convolution's.
pair(
    "flat",
    ["2,3,4,4"],
    torch="""
    def make():
        return nn.Sequential(
            nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(64, 2)
        )
    """,
    keras="""
    def make():
        return keras.Sequential(
            [
                layers.Conv2D(4, 3, padding="same", activation="relu"),
                layers.Permute((3, 1, 2)),
                layers.Flatten(),
                layers.Dense(2),
            ]
        )
    """,
)
mistake("flat", "keras", "layers.Permute((3, 1, 2)),", "", "first in 2 ")
mistake("flat", "keras", '"relu"', '"gelu"', "first in 0 ")

pair(
    "attention",
    ["2,5,8"],
    torch="""
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.ln = nn.LayerNorm(8, eps=1e-6)
            self.attn = nn.MultiheadAttention(8, 2, batch_first=True)
            self.fc1 = nn.Linear(8, 16)
            self.fc2 = nn.Linear(16, 8)

        def forward(self, x):
            y = self.ln(x)
            x = x + self.attn(y, y, y)[0]
            return x + self.fc2(F.gelu(self.fc1(x)))

    make = Net
    """,
    keras="""
    class Net(keras.Model):
        def __init__(self):
            super().__init__()
            self.norm = layers.LayerNormalization(epsilon=1e-6)
            self._mha = layers.MultiHeadAttention(2, 4)
            self._up = layers.Dense(16)
            self._down = layers.Dense(8)

        def call(self, x):
            y = self.norm(x)
            x = x + self._mha(y, y)
            return x + self._down(ops.gelu(self._up(x), approximate=False))

    make = Net
    """,
    flax="""
    class Net(nnx.Module):
        def __init__(self):
            r = nnx.Rngs(0)
            self.norm = nnx.LayerNorm(8, epsilon=1e-6, rngs=r)
            self.mha = nnx.MultiHeadAttention(2, 8, decode=False, rngs=r)
            self.up = nnx.Linear(8, 16, rngs=r)
            self.down = nnx.Linear(16, 8, rngs=r)

        def __call__(self, x):
            x = x + self.mha(self.norm(x))
            return x + self.down(nnx.gelu(self.up(x), approximate=False))

    make = Net
    """,
)
mistake(
    "attention",
    "flax",
    "approximate=False",
    "approximate=True",
    "between fc1",
    "gelu against gelu (tanh)",
)
mistake("attention", "keras", "(2, 4)", "(4, 2)", "attn", "num_heads: 2 against 4")

pair(
    "fused",
    ["2,5,8"],
    torch="""
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.qkv = nn.Linear(8, 24)
            self.proj = nn.Linear(8, 8)

        def forward(self, x):
            q, k, v = self.qkv(x).chunk(3, -1)
            a = (q @ k.transpose(1, 2) / 8**0.5).softmax(-1)
            return self.proj(a @ v)

    make = Net
    """,
    keras="""
    class Net(keras.Model):
        def __init__(self):
            super().__init__()
            self.query = layers.Dense(8)
            self.key = layers.Dense(8)
            self.value = layers.Dense(8)
            self.output_dense = layers.Dense(8)

        def call(self, x):
            k, v, q = self.key(x), self.value(x), self.query(x)
            a = ops.softmax(q @ ops.transpose(k, (0, 2, 1)) / 8**0.5)
            return self.output_dense(a @ v)

    make = Net
    """,
)
mistake("fused", "keras", "8**0.5", "4**0.5", "proj")

pair(
    "lstm",
    ["2,5,3"],
    torch="""
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.rnn = nn.LSTM(3, 4, batch_first=True)
            self.head = nn.Linear(4, 2)

        def forward(self, x):
            return self.head(self.rnn(x)[0][:, -1])

    make = Net
    """,
    keras="""
    class Net(keras.Model):
        def __init__(self):
            super().__init__()
            self._l = layers.LSTM(4)
            self._d = layers.Dense(2)

        def call(self, x):
            return self._d(self._l(x))

    make = Net
    """,
    flax="""
    class Net(nnx.Module):
        def __init__(self):
            r = nnx.Rngs(0)
            self.rnn = nnx.RNN(nnx.OptimizedLSTMCell(3, 4, rngs=r), rngs=r)
            self.fc = nnx.Linear(4, 2, rngs=r)

        def __call__(self, x):
            return self.fc(self.rnn(x)[:, -1])

    make = Net
    """,
)

pair(
    "gru",
    ["2,5,3"],
    torch="""
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.rnn = nn.GRU(3, 4, batch_first=True)
            self.conv = nn.Conv1d(4, 3, 3, padding=1)

        def forward(self, x):
            return self.conv(self.rnn(x)[0].transpose(1, 2)).transpose(1, 2)

    make = Net
    """,
    keras="""
    class Net(keras.Model):
        def __init__(self):
            super().__init__()
            self._g = layers.GRU(4, return_sequences=True)
            self._c = layers.Conv1D(3, 3, padding="same")

        def call(self, x):
            return self._c(self._g(x))

    make = Net
    """,
)
mistake(
    "gru",
    "keras",
    'padding="same"',
    'padding="causal"',
    "first in conv ",
    "padding: 1 against causal",
)


# Outputs and inputs of other kinds than one tensor.
pair(
    "nested",
    ["2,6:9"],
    torch="""
    from dataclasses import dataclass

    @dataclass
    class Output:
        logits: torch.Tensor
        hidden: tuple
        loss: object = None

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed = nn.Embedding(9, 4)
            self.head = nn.Linear(4, 9, bias=False)
            self.head.weight = self.embed.weight

        def forward(self, ids):
            x = self.embed(ids)
            return Output(self.head(x), (x, None))

    make = Net
    """,
    keras="""
    class Net(keras.Model):
        def __init__(self):
            super().__init__()
            self.tokens = layers.Embedding(9, 4)

        def call(self, ids):
            x = self.tokens(ids)
            table = ops.transpose(self.tokens.embeddings)
            return {"logits": x @ table, "states": x}

    make = Net
    """,
    flax="""
    class Net(nnx.Module):
        def __init__(self):
            self.tokens = nnx.Embed(9, 4, rngs=nnx.Rngs(0))

        def __call__(self, ids):
            x = self.tokens(ids)
            return self.tokens.attend(x), x, None

    make = Net
    """,
)
mistake(
    "nested",
    "keras",
    "x @ table",
    "2 * (x @ table)",
    "diverges after",
    "scale: 1 against 2",
)

# A project with a package called `shared`, as this suite has one.
pair(
    "bridge",
    ["3,4"],
    torch="""
    def make():
        return nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 2))
    """,
    flax="""
    from flax import linen

    class Inner(linen.Module):
        @linen.compact
        def __call__(self, x):
            return linen.Dense(2)(jnp.tanh(linen.Dense(5)(x)))

    def make():
        return nnx.bridge.lazy_init(
            nnx.bridge.ToNNX(Inner(), rngs=nnx.Rngs(0)), jnp.ones((3, 4))
        )
    """,
)
mistake("bridge", "flax", "jnp.tanh", "jnp.sin", "diverges")


pair(
    "linen",
    ["4,3,8,8"],
    torch="""
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 3, padding=1, stride=2)
            self.bn = nn.BatchNorm2d(4)
            self.drop = nn.Dropout(0.2)
            self.attn = nn.MultiheadAttention(4, 2, batch_first=True)
            self.fc = nn.Linear(4, 5)

        def forward(self, x):
            x = F.relu(self.bn(self.conv(x))).flatten(2).transpose(1, 2)
            x = x + self.attn(x, x, x)[0]
            return self.fc(self.drop(x.mean(1)))

    make = Net
    """,
    linen="""
    class Net(nn.Module):
        @nn.compact
        def __call__(self, x, train=False):
            x = nn.Conv(4, (3, 3), (2, 2), padding=1)(x)
            x = nn.BatchNorm(not train, momentum=0.9, epsilon=1e-5)(x)
            x = nn.relu(x).reshape(x.shape[0], -1, 4)
            x = x + nn.MultiHeadDotProductAttention(2)(x)
            x = nn.Dropout(0.2, deterministic=not train)(x.mean(1))
            return nn.Dense(5)(x)

    make = Net
    """,
)
mistake("linen", "linen", "epsilon=1e-5", "epsilon=1e-3", "first in bn ", "0.001")
mistake("linen", "linen", "momentum=0.9", "momentum=0.5", "bn.running_mean", "0.5")
mistake("linen", "linen", "padding=1", 'padding="SAME"', "first in conv ", "padding")
mistake("linen", "linen", "nn.relu", "nn.gelu", "between bn", "relu against gelu")
mistake("linen", "linen", "out(0.2", "out(0.3", "drop drops 0.2", "dropout")


@pytest.mark.parametrize("name", PAIRS)
def test_a_right_port_agrees_and_no_layer_is_blamed(name, ported):
    found = ported(name)
    assert [check.reason for check in found.checks if not check.passed] == []
    assert found.trace.agrees
    assert not any(found.guilty.values())
    assert found.trace.verdict.startswith("all agree within 1e-06")


@pytest.mark.parametrize(
    ("name", "framework", "right", "wrong", "said", "cause"), MISTAKES
)
def test_the_wrong_layer_is_named_and_why(
    name, framework, right, wrong, said, cause, ported
):
    found = ported(name, framework, (right, wrong))
    assert not all(check.passed for check in found.checks)
    assert said in found.trace.verdict
    assert not found.trace.agrees
    (first, *_) = next(iter(found.guilty.values()))
    print(first.said, first.causes)
    assert not cause or first.causes
    assert not cause or cause in first.causes[0].said


def test_a_project_may_have_packages_of_the_suite_s_names(recorders, tmp_path):
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared" / "nets.py").write_text(
        TORCH + "def make():\n    return nn.Linear(3, 2)\n"
    )
    for name in ("one", "two"):
        (tmp_path / f"{name}_mine.py").write_text("from shared.nets import make\n")
    targets = [parse_target(f"{name}_mine:make", tmp_path) for name in ("one", "two")]
    found = diff(targets, [parse_input("5,3")], recorders, Question(folder=tmp_path))
    assert found.trace.agrees
    assert found.trace.verdict.startswith("all agree")


@pytest.mark.parametrize("root", ["torchvision", "timm", "transformers"])
def test_packages_of_pytorch_tell_the_framework(root, tmp_path):
    (tmp_path / "their.py").write_text(f"import {root}\n")
    assert parse_target("their:make", tmp_path).framework == "pytorch"


@pytest.mark.parametrize("root", ["equinox", "haiku", "onnxruntime"])
def test_what_has_no_recorder_is_said_with_those_there_are(root, tmp_path):
    (tmp_path / "their.py").write_text(f"import {root}\nimport jax\n")
    with pytest.raises(UsageError, match=f"imports {root}, which has no recorder yet"):
        parse_target("their:make", tmp_path)
    assert parse_target("nnx=their:make", tmp_path).framework == "nnx"


def test_a_model_without_parameters_is_never_called_equal(recorders, tmp_path):
    (tmp_path / "bare.py").write_text(TORCH + "def make():\n    return nn.ReLU()\n")
    targets = [parse_target("bare:make", tmp_path)] * 2
    found = diff(targets, [parse_input("5,3")], recorders, Question(folder=tmp_path))
    names = found.checks[0]
    assert not names.passed
    assert "0 tensors are compared" in names.reason


def test_a_table_may_be_partial_and_have_patterns(recorders, tmp_path):
    """Two stacks of one shape, run in another order, under names that tell nothing."""
    body = """
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.{one} = nn.ModuleList(nn.Linear(3, 3) for _ in range(2))
            self.{two} = nn.ModuleList(nn.Linear(3, 3) for _ in range(2))

        def forward(self, x):
            a, b = self.{one}[1](self.{one}[0](x)), self.{two}[1](self.{two}[0](x))
            return {result}
    """
    sources = {
        "named": body.format(one="up", two="down", result="a - b"),
        "renamed": body.format(one="p", two="s", result="b - a"),
    }
    for name, source in sources.items():
        (tmp_path / f"{name}.py").write_text(TORCH + textwrap.dedent(source))
    both = [parse_target(f"{name}:Net", tmp_path) for name in sources]
    given = [parse_input("2,3")]
    found = diff(both, given, recorders, Question(folder=tmp_path))
    assert not found.trace.agrees
    table = {"p.*": "down.*", "s.*": "up.*"}
    question = Question(folder=tmp_path, table=table)
    found = diff(both, given, recorders, question)
    assert found.trace.agrees
    whys = {why for _, _, why in found.matched["renamed:Net"]}
    assert whys == {"the table"}
    with pytest.raises(UsageError, match=r"rename table: q\.\* = up\.\* fits no name"):
        diff(both, given, recorders, Question(folder=tmp_path, table={"q.*": "up.*"}))


def test_where_it_is_not_clear_it_stops_and_lists(recorders, tmp_path):
    """Of three layers of one shape two are left, and no name says which."""
    for name, number in (("whole", 3), ("part", 2)):
        made = ", ".join(["nn.Linear(3, 3)"] * number)
        own = "abc" if number == 3 else "xy"
        code = f"{TORCH}\nclass Net(nn.Module):\n    def __init__(self):\n"
        code += "        super().__init__()\n"
        code += f"        {', '.join(f'self.{n}' for n in own)} = {made}\n"
        code += "    def forward(self, z):\n"
        for n in own:
            code += f"        z = self.{n}(z)\n"
        (tmp_path / f"{name}_net.py").write_text(f"{code}        return z\n")
    both = [parse_target(f"{name}_net:Net", tmp_path) for name in ("whole", "part")]
    question = Question(folder=tmp_path)
    with pytest.raises(UsageError, match=r"x may be any of a, b, c.*give --names"):
        diff(both, [parse_input("2,3")], recorders, question)


def test_what_the_recorder_cannot_open_is_one_line(recorders, tmp_path):
    (tmp_path / "broken.py").write_text(
        TORCH + "def make():\n    raise ValueError('no')"
    )
    (tmp_path / "ending.py").write_text(
        TORCH + "import os\n\ndef make():\n    os._exit(3)"
    )
    for name, said in (
        ("broken", "broken:make raised ValueError: no"),
        ("ending", "ending:make: the recorder ended"),
    ):
        both = [parse_target(f"{name}:make", tmp_path)] * 2
        with pytest.raises(UsageError, match=said) as error:
            diff(both, [parse_input("2,3")], recorders, Question(folder=tmp_path))
        assert "\n" not in str(error.value)

"""A run of updates of two models: losses, parameters, moments, and the first that
differs."""

import textwrap

import numpy as np
import pytest

from parity_tests.ports.diff import diff
from parity_tests.ports.dumps import read
from parity_tests.ports.opening import Question
from parity_tests.ports.targets import parse_input, parse_target
from shared.errors import UsageError
from triptych.recorders.training import OPTIMIZERS, planned
from triptych.recorders.values import Refused, weights_of

SOURCES = {
    "torch": """
        from torch import nn


        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.conv = nn.Conv2d(3, 4, 3, padding=1)
                self.norm = nn.BatchNorm2d(4)
                self.head = nn.Linear(4, 2)
                self.drop = nn.Dropout(0.1)

            def forward(self, x):
                x = self.norm(self.conv(x)).relu()
                return self.head(self.drop(x.mean((2, 3))))
    """,
    "keras": """
        import keras
        from keras import layers, ops


        class Net(keras.Model):
            def __init__(self):
                super().__init__()
                self.conv = layers.Conv2D(4, 3, padding="same")
                self.norm = layers.BatchNormalization(momentum=0.9, epsilon=1e-5)
                self.head = layers.Dense(2)
                self.drop = layers.Dropout(0.1)

            def call(self, x):
                x = ops.relu(self.norm(self.conv(x)))
                return self.head(self.drop(ops.mean(x, (1, 2))))
    """,
    "nnx": """
        from flax import nnx


        class Net(nnx.Module):
            def __init__(self):
                r = nnx.Rngs(0)
                self.conv = nnx.Conv(3, 4, (3, 3), padding=1, rngs=r)
                self.norm = nnx.BatchNorm(4, momentum=0.9, epsilon=1e-5, rngs=r)
                self.head = nnx.Linear(4, 2, rngs=r)
                self.drop = nnx.Dropout(0.1, rngs=r)

            def __call__(self, x):
                x = nnx.relu(self.norm(self.conv(x)))
                return self.head(self.drop(x.mean((1, 2))))
    """,
    "linen": """
        from flax import linen as nn


        class Net(nn.Module):
            @nn.compact
            def __call__(self, x, train=False):
                x = nn.Conv(4, (3, 3), padding=1)(x)
                x = nn.BatchNorm(not train, momentum=0.9, epsilon=1e-5)(x)
                x = nn.Dropout(0.1, deterministic=not train)(nn.relu(x).mean((1, 2)))
                return nn.Dense(2)(x)
    """,
}
INPUT = "4,3,6,6"


@pytest.fixture
def asked(recorders, tmp_path):
    def compare(*names, change=("", ""), dtype="float64", **how):
        targets = []
        for i, (framework, name) in enumerate(map(split, names)):
            code = textwrap.dedent(SOURCES[name])
            if i and change[0]:
                assert change[0] in code
                code = code.replace(*change)
            module = f"steps{i}_{name}_{abs(hash((change, dtype))) % 10**8}"
            (tmp_path / f"{module}.py").write_text(code)
            said = f"{framework}={module}:Net" if framework else f"{module}:Net"
            targets.append(parse_target(said, tmp_path))
        question = Question(folder=tmp_path, dtype=dtype, **how)
        return diff(targets, [parse_input(INPUT)], recorders, question)

    return compare


def split(name):
    """`keras[jax]` is Keras's source, said to be of that back end."""
    return (name, "keras") if "[" in name else ("", name)


def tiers(found):
    return {check.tier: check for check in found.checks if "steps/" in check.tier}


@pytest.mark.parametrize("optimizer", ["sgd:momentum=0.9,nesterov=1", "adam", "adamw"])
def test_updates_of_every_framework_are_one(optimizer, asked):
    found = asked(*SOURCES, steps=3, optimizer=optimizer)
    assert [check.reason for check in found.checks if not check.passed] == []
    assert [*tiers(found)] == [
        "steps/losses", "steps/parameters", "steps/state", "steps/statistics",
    ]  # fmt: skip
    assert "3 updates by " in found.trace.verdict


@pytest.mark.thorough
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_keras_is_one_on_every_back_end(backend, asked):
    found = asked("torch", f"keras[{backend}]", steps=2)
    assert [check.reason for check in found.checks if not check.passed] == []
    assert len(tiers(found)) == 4
    change = ("epsilon=1e-5", "epsilon=1e-2")
    found = asked("torch", f"keras[{backend}]", change=change)
    assert "first in norm " in found.trace.verdict


def test_without_momentum_there_is_no_state(asked):
    found = asked("torch", "nnx", steps=2, optimizer="sgd")
    assert "steps/state" not in tiers(found)
    assert all(check.passed for check in found.checks)


def test_rounding_of_float32_is_allowed_for(asked):
    found = asked("torch", "nnx", steps=3, optimizer="sgd", dtype="float32")
    assert all(check.passed for check in found.checks)
    assert tiers(found)["steps/parameters"].tolerance < 1e-2


LATE = (
    "x = self.norm(self.conv(x)).relu()",
    "self.calls = getattr(self, 'calls', 0) + self.training\n"
    "        late = self.training and 3 <= self.calls % 4\n"
    "        x = self.norm(self.conv(x)).relu() * (1.5 if late else 1)",
)


def test_the_first_update_that_differs_is_named(asked):
    """A port that warms up: what one pass shows is right. Its fourth pass in training
    is the third update."""
    found = asked("torch", "torch", change=LATE, steps=3, optimizer="adamw")
    assert not found.trace.agrees
    assert "of 3 updates by adamw:lr=0.001" in found.trace.verdict
    assert "number 2 is the first that differs, in the loss" in found.trace.verdict
    failed = [check.tier for check in found.checks if not check.passed]
    assert failed
    assert all(tier.startswith("steps/") for tier in failed)
    assert "update" in tiers(found)["steps/losses"].reason


def test_two_biases_against_one_are_told(recorders, tmp_path):
    """PyTorch trains both biases of an LSTM, whose sum moves twice as far."""
    sources = {
        "two": "from torch import nn\n\n\nclass Net(nn.Module):\n"
        "    def __init__(self):\n        super().__init__()\n"
        "        self.rnn = nn.LSTM(3, 4, batch_first=True)\n\n"
        "    def forward(self, x):\n        return self.rnn(x)[0]\n",
        "lone": "import keras\n\n\ndef Net():\n    return keras.Sequential([\n"
        "        keras.layers.LSTM(4, return_sequences=True)])\n",
    }
    for name, code in sources.items():
        (tmp_path / f"{name}_biases.py").write_text(code)
    both = [parse_target(f"{name}_biases:Net", tmp_path) for name in sources]
    question = Question(folder=tmp_path, steps=2)
    found = diff(both, [parse_input("2,5,3")], recorders, question)
    assert "number 1 is the first that differs, in rnn.bias" in found.trace.verdict
    (guilty,) = found.guilty.values()
    assert "two biases that are added" in guilty[0].causes[0].said
    once = diff(both, [parse_input("2,5,3")], recorders, Question(folder=tmp_path))
    assert once.trace.agrees


def test_an_update_is_what_its_paper_says(recorders, tmp_path):
    """Loss, gradient, moments and step of Adam in NumPy, of a single matrix."""
    (tmp_path / "matrix.py").write_text(
        "from torch import nn\n\ndef make():\n    return nn.Linear(3, 2, bias=False)\n"
    )
    process = recorders.get("pytorch", "float64")
    folder, given = tmp_path / "made", tmp_path / "given"
    from parity_tests.ports.dumps import write_tensors

    x = parse_input("5,3").astype(np.float64)
    write_tensors(given, {"0": x})
    options = {"folder": str(tmp_path), "inputs": str(given), "out": str(folder)}
    process.ask("open", target="matrix:make", **options)
    process.ask(
        "record", target="matrix:make", out=str(folder), steps=2,
        optimizer="adam:lr=0.1,eps=0.01",
    )  # fmt: skip
    dump = read(folder)
    (weight,) = (dump.array(w.tensor) for w in dump.weights)
    wanted = weights_of(0, (5, 2), False)
    m, v, w = np.zeros((2, 3)), np.zeros((2, 3)), np.array(weight)
    for t, step in enumerate(dump.steps, 1):
        off = x @ w.T - wanted
        assert step.loss == pytest.approx(np.square(off).mean(), rel=1e-12)
        gradient = 2 * off.T @ x / off.size
        m, v = 0.9 * m + 0.1 * gradient, 0.999 * v + 0.001 * gradient**2
        w = w - 0.1 * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 0.01)
        for own, expected in (
            (step.parameters, w), (step.state["first"], m), (step.state["second"], v)
        ):  # fmt: skip
            np.testing.assert_allclose(dump.array(own["weight"]), expected, rtol=1e-10)


@pytest.mark.parametrize(
    ("text", "steps", "said"),
    [
        ("adadelta", 2, "optimizer 'adadelta': allowed: sgd, adam, adamw"),
        ("adam:rate=1", 2, "no setting 'rate'; allowed: lr, beta1, beta2, eps"),
        ("sgd:lr=fast", 2, "'lr=fast' is no number"),
        ("sgd", 0, "steps 0: allowed: 1 to 1000"),
    ],
)
def test_what_cannot_be_planned_is_one_line(text, steps, said):
    with pytest.raises(Refused, match=said.replace("'", ".")):
        planned(text, steps, "float64")


def test_every_optimizer_has_its_settings():
    for name in OPTIMIZERS:
        assert planned(name, 1, "float64").name == name


def test_updates_by_different_optimizers_are_refused(recorders, tmp_path):
    (tmp_path / "plain.py").write_text(
        "from torch import nn\n\n\ndef make():\n    return nn.Linear(3, 2)\n"
    )
    import triptych.recorders.pytorch as native
    from parity_tests.ports.dumps import write_tensors
    from triptych.recorders.common import Recorder

    given = tmp_path / "given"
    write_tensors(given, {"0": parse_input("5,3")})
    recorder = Recorder(native)
    recorder.open("plain:make", str(tmp_path), inputs=str(given), out=str(tmp_path))
    dumps = [tmp_path / name for name in ("adam", "sgd")]
    for dump in dumps:
        recorder.record("plain:make", str(dump), steps=2, optimizer=dump.name)
    with pytest.raises(UsageError, match="updates by different optimizers: adam:"):
        diff(dumps, {}, recorders)

"""`triptych diff` on models that nobody here wrote the two sides of for one another.

Each pair is a model and a port of it, with other names and other idioms: the right one
agrees and no layer is blamed; with a mistake planted in it the wrong layer is named.
"""

import textwrap

import pytest

from parity_tests.ports.diff import diff
from parity_tests.ports.matching import match
from parity_tests.ports.opening import Question, opened_of
from parity_tests.ports.targets import Target, parse_input, parse_target
from parity_tests.tests.pairs.run import MODELS
from shared.errors import UsageError

TORCH = """
import torch
import torch.nn.functional as F
from torch import nn
"""

# name: inputs, then whose models there are
PAIRS = {
    "five": (["4,3,8,8"], ["torch", "keras", "nnx"]),
    "flat": (["2,3,4,4"], ["torch", "keras"]),
    "attention": (["2,5,8"], ["torch", "keras", "nnx"]),
    "fused": (["2,5,8"], ["torch", "keras"]),
    "lstm": (["2,5,3"], ["torch", "keras", "nnx"]),
    "gru": (["2,5,3"], ["torch", "keras"]),
    "nested": (["2,6:9"], ["torch", "keras", "nnx"]),
    "bridge": (["3,4"], ["torch", "nnx"]),
    "mixed": (["4,3,8,8"], ["torch", "linen"]),
}
# pair, framework, and of every mistake in one model: right, wrong, place, cause
MISTAKES = [
    ("five", "keras", [
        ("epsilon=1e-5", "epsilon=1e-3", "first in bn ", "eps: 1e-05 against 0.001"),
        ('activation="relu"', 'activation="gelu"', "first in c2 ",
         "activation: none against gelu"),
        ("ops.transpose(x, (0, 3, 1, 2))", "x", "in flat", "flatten order"),
        ("momentum=0.9", "momentum=0.1", "bn.running_mean is off",
         "momentum: 0.9 (keeps 0.9) against 0.1 (keeps 0.1)"),
    ]),
    ("five", "nnx", [
        ("x = x.transpose(0, 3, 1, 2)", "pass", "between c2", "flatten order"),
        ("momentum=0.9", "momentum=0.1", "bn.running_mean is off",
         "momentum: 0.9 (keeps 0.9) against 0.1 (keeps 0.1)"),
    ]),
    ("five", "keras", [
        ("momentum=0.9", "momentum=0.1", "bn.running_mean is off", "momentum: 0.9"),
    ]),
    ("flat", "keras", [
        ('"relu"', '"gelu"', "first in 0 ", "relu against gelu"),
        ("layers.Permute((3, 1, 2)),", "", "first in 2 ", "flatten order"),
    ]),
    ("attention", "nnx", [
        ("approximate=False", "approximate=True", "between fc1",
         "gelu against gelu (tanh)"),
    ]),
    ("attention", "keras", [
        ("(2, 4)", "(4, 2)", "attn", "heads: 2 against 4, which explains 100 %"),
    ]),
    ("fused", "keras", [("8**0.5", "4**0.5", "proj", "scale of the attention")]),
    ("gru", "keras", [
        ('padding="same"', 'padding="causal"', "first in conv ",
         "padding: 1 against causal"),
    ]),
    ("nested", "keras", [
        ("x @ table", "2 * (x @ table)", "diverges after", "scale: 1 against 2"),
    ]),
    ("nested", "nnx", [
        ("attend(x)", "attend(__import__('jax').lax.stop_gradient(x))",
         "that of embed.weight is the first to differ",
         "a gradient that is stopped (what enters head)"),
    ]),
    ("bridge", "nnx", [
        ("jnp.tanh", "jnp.sin", "between 0, which agrees, and 2", "tanh against sine"),
    ]),
    ("mixed", "linen", [
        ("padding=1", 'padding="SAME"', "first in conv ", "padding"),
        ("epsilon=1e-5", "epsilon=1e-3", "first in bn ", "0.001"),
    ]),
    ("mixed", "linen", [
        ("nn.relu", "nn.gelu", "between bn", "relu against gelu"),
        ("momentum=0.9", "momentum=0.5", "bn.running_mean", "0.5"),
    ]),
    ("mixed", "linen", [("out(0.2", "out(0.3", "drop drops 0.2", "dropout")]),
]  # fmt: skip


@pytest.fixture
def ported(recorders, tmp_path):
    """Compares the sources of a pair, one of them changed."""

    def compare(name, only=None, changes=(), **options):
        given, whose = PAIRS[name]
        targets = []
        for i, framework in enumerate(whose):
            if only and i and framework != only:
                continue
            code = (MODELS / f"{name}_{framework}.py").read_text()
            for right, wrong, *_ in changes if i else ():
                assert right in code
                code = code.replace(right, wrong, 1)
            module = f"{name}_{framework}_{abs(hash((name, only, *changes))) % 10**8}"
            (tmp_path / f"{module}.py").write_text(code)
            targets.append(parse_target(f"{module}:make", tmp_path))
        inputs = {str(i): parse_input(text) for i, text in enumerate(given)}
        question = Question(folder=tmp_path, **options)
        return diff(targets, inputs, recorders, question)

    return compare


@pytest.mark.parametrize("name", PAIRS)
def test_a_right_port_agrees_and_no_layer_is_blamed(name, ported):
    found = ported(name)
    assert [check.reason for check in found.checks if not check.passed] == []
    assert found.trace.agrees
    assert not any(found.guilty.values())
    assert found.trace.verdict.startswith("all agree within 1e-06")


@pytest.mark.parametrize(("name", "framework", "mistakes"), MISTAKES)
def test_all_that_is_wrong_is_named_in_one_run_and_why(
    name, framework, mistakes, ported
):
    found = ported(name, framework, mistakes)
    assert not all(check.passed for check in found.checks)
    assert not found.trace.agrees
    guilty = next(iter(found.guilty.values()))
    assert guilty[0].said in found.trace.verdict
    each = {(one.what, one.layer): one for one in guilty[::-1]}  # of mean and variance
    for one, (_, _, place, cause) in zip([*each.values()][::-1], mistakes, strict=True):
        assert place in one.said
        assert cause in one.causes[0].said


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


@pytest.mark.parametrize("root", ["paddle", "mlx", "sonnet"])
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


def test_of_two_resnets_every_tensor_meets_its_own(recorders):
    """A port with other names, whose shortcut stands first: no running mean is paired
    with a weight, and no block with another of its shape."""
    both = [Target("pytorch", "resnet18_torchvision:make")]
    both += [Target("nnx", "resnet18_nnx:make")]
    given = {"0": parse_input("2,3,64,64")}
    ports = opened_of(both, given, recorders, Question(folder=MODELS))
    chains = ports[0].tree.sources, ports[1].tree.sources
    found = match(ports[0].layers, ports[1].layers, None, chains)
    assert (found.missing, found.extra, found.misshapen) == ([], [], [])
    places = {"stem": "conv1 bn1", "out": "fc"}
    for name, block in zip("abcde", ("1.0", "1.1", "2.0", "3.0", "4.0"), strict=True):
        places[f"{name}.first"] = f"layer{block}.conv1 layer{block}.bn1"
        places[f"{name}.second"] = f"layer{block}.conv2 layer{block}.bn2"
        if name in "cde":
            down = f"layer{block}.downsample"
            places[f"{name}.skip"] = f"{down}.0 {down}.1"
    leaves = [("kernel.weight", 0, "weight"), ("scale.weight", 1, "weight")]
    leaves += [("scale.bias", 1, "bias"), ("scale.running_mean", 1, "running_mean")]
    leaves += [("scale.running_var", 1, "running_var")]
    expected = {
        f"{own}.{leaf}": f"{theirs.split()[which]}.{role}"
        for own, theirs in places.items()
        for leaf, which, role in leaves
        if own != "out"
    }
    expected |= {"out.weight": "fc.weight", "out.bias": "fc.bias"}
    assert found.renames == expected


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

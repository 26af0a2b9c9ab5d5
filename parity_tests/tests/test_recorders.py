"""The recorder's file runs alone, and what it wrote is read with suspicion."""

import ast
import json
import struct
import subprocess
import sys
import weakref

import numpy as np
import pytest

from parity_tests.ports.diff import diff
from parity_tests.ports.dumps import read, read_tensors, write_tensors
from parity_tests.ports.opening import Question
from parity_tests.ports.targets import parse_target
from shared.errors import UsageError
from triptych.recorders import FRAMEWORKS, HOMES, bundle

NET = """
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(2, 3, 3, stride=2, padding=1)
        self.norm = nn.BatchNorm2d(3, eps=1e-3, momentum=0.2)

    def forward(self, x):
        return self.norm(self.conv(x)).relu()
"""


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_recorder_is_one_file_that_imports_nothing_of_the_suite(framework):
    tree = ast.parse(bundle(framework))
    roots, defined = set(), []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            roots |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level
            roots.add(str(node.module).partition(".")[0])
    allowed = {"numpy", "torch", "keras", "tensorflow", "jax", "flax", "optax"}
    allowed |= {"equinox", "haiku", "onnx", "onnxruntime"}
    assert roots - set(sys.stdlib_module_names) <= allowed
    assert "pickle" not in roots
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            defined.append(node.name)
        elif isinstance(node, ast.Assign):
            names = [n for t in node.targets for n in ast.walk(t)]
            defined += [n.id for n in names if isinstance(n, ast.Name)]
    assert sorted(defined) == sorted({*defined})
    asked = {"is_model", "seed", "prepare", "held", "environment", "Model", "main"}
    assert asked <= set(defined)


def test_a_live_model_of_every_framework_is_known():
    assert set(HOMES) == set(FRAMEWORKS)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """A dump that the file made elsewhere, where nothing of the suite lies."""
    folder = tmp_path_factory.mktemp("elsewhere")
    (folder / "net.py").write_text(NET)
    (folder / "recorder.py").write_text(bundle("pytorch"))
    command = [sys.executable, "-I", "recorder.py", "net:Net"]
    command += ["--input", "4,2,6,6", "--out", "made"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return folder / "made"


def test_a_dump_says_what_a_model_is_made_of_and_did(recorded):
    dump = read(recorded)
    assert dump.framework == "pytorch"
    norm = dump.modules["norm"]
    assert (norm.kind, norm.settings["eps"], norm.settings["momentum"]) == (
        "BatchNorm2d",
        1e-3,
        0.2,
    )
    assert dump.modules[""].file.endswith("net.py")
    assert dump.modules[""].line == 4
    assert [w.name for w in dump.weights] == [
        "conv.weight",
        "conv.bias",
        "norm.weight",
        "norm.bias",
        "norm.running_mean",
        "norm.running_var",
    ]
    training = dump.runs["training"]
    assert [call.name for call in training.calls] == ["conv", "norm", ""]
    entered = dump.array(training.calls[1].inputs["0"])
    mean = dump.array(training.buffers["norm.running_mean"])
    np.testing.assert_allclose(mean, 0.2 * entered.mean((0, 2, 3)), atol=1e-14)
    assert dump.array(training.input_gradients["0"]).shape == (4, 2, 6, 6)


def test_gradients_are_of_the_stated_sum(recorded):
    """The gradient of the norm's bias is the sum of the weights where it is above 0."""
    dump = read(recorded)
    run = dump.runs["evaluation"]
    (output,) = (dump.array(key) for key in run.outputs.values())
    from shared.randomness import generator

    fixed = generator("cotangent", 0, 0).standard_normal(output.shape)
    expected = np.where(output > 0, fixed, 0).sum((0, 2, 3))
    found = dump.array(run.gradients["norm.bias"])
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_dumps_and_models_are_compared_in_any_mixture(recorded, recorders, tmp_path):
    (tmp_path / "net_again.py").write_text(NET)
    live = parse_target("net_again:Net", tmp_path)
    for targets in ([recorded, live], [live, recorded], [recorded, recorded]):
        found = diff(targets, {}, recorders, Question(folder=tmp_path))
        assert [check.reason for check in found.checks if not check.passed] == []
        assert found.trace.agrees
    (tmp_path / "net_wrong.py").write_text(NET.replace("eps=1e-3", "eps=1e-2"))
    wrong = parse_target("net_wrong:Net", tmp_path)
    found = diff([recorded, wrong], {}, recorders, Question(folder=tmp_path))
    assert "first in norm " in found.trace.verdict


def test_float16_is_held_against_float64(recorded, recorders, tmp_path):
    dump, half = read(recorded), tmp_path / "half"
    (tmp_path / "net_half.py").write_text(NET)
    given, weights = tmp_path / "given", tmp_path / "weights"
    write_tensors(given, dump.arrays(dump.inputs))
    write_tensors(weights, {w.name: dump.array(w.tensor) for w in dump.weights})
    process = recorders.get("pytorch", "float16")
    asked = {"target": "net_half:Net", "out": str(half)}
    way = {"folder": str(tmp_path), "dtype": "float16", "inputs": str(given)}
    process.ask("open", **asked, **way)
    process.ask("record", **asked, weights=str(weights))
    for tolerance, agrees in ((1e-2, True), (1e-5, False)):
        question = Question(folder=tmp_path, tolerance=tolerance)
        assert diff([recorded, half], {}, recorders, question).trace.agrees == agrees


def copied(recorded, folder):
    for name in ("dump.json", "tensors.safetensors"):
        (folder / name).write_bytes((recorded / name).read_bytes())
    return folder / "dump.json", folder / "tensors.safetensors"


HOSTILE = {
    "no JSON": lambda said: "{",
    "deep": lambda said: "[" * 100_000,
    "another format": lambda said: json.dumps({**said, "format": "pickle"}),
    "a later version": lambda said: json.dumps({**said, "version": 99}),
    "a list": lambda said: "[]",
    "no modules": lambda said: json.dumps({**said, "modules": None}),
    "a weight without a tensor": lambda said: json.dumps({**said, "tensors": {}}),
    "a number for a word": lambda said: json.dumps({**said, "target": 3}),
    "runs of nothing": lambda said: json.dumps({**said, "runs": {"evaluation": 1}}),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_dump_is_one_line(name, recorded, tmp_path):
    said, _ = copied(recorded, tmp_path)
    said.write_text(HOSTILE[name](json.loads(said.read_text())))
    with pytest.raises(UsageError) as error:
        read(tmp_path)
    assert "\n" not in str(error.value)


def header(entry):
    text = json.dumps(entry).encode()
    return struct.pack("<Q", len(text)) + text + bytes(64)


TENSOR = {"dtype": "F64", "shape": [2], "data_offsets": [0, 16]}
DAMAGED = {
    "empty": b"",
    "short": b"abc",
    "a header beyond the file": struct.pack("<Q", 1 << 60) + b"{}",
    "no object": header([1]),
    "beyond the end": header({"a": {**TENSOR, "data_offsets": [0, 1 << 40]}}),
    "backwards": header({"a": {**TENSOR, "data_offsets": [16, 0]}}),
    "another size": header({"a": {**TENSOR, "shape": [3]}}),
    "negative": header({"a": {**TENSOR, "shape": [-2]}}),
    "huge": header({"a": {**TENSOR, "shape": [1 << 62, 1 << 62]}}),
    "an object": header({"a": {**TENSOR, "dtype": "O"}}),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_file_of_tensors_is_one_line(name, tmp_path):
    path = tmp_path / "tensors.safetensors"
    path.write_bytes(DAMAGED[name])
    with pytest.raises(UsageError, match="not a safetensors file"):
        read_tensors(path)


def test_tensors_are_what_the_package_safetensors_reads(tmp_path):
    from safetensors.numpy import load_file, save_file

    values = {"a": np.arange(6.0).reshape(2, 3), "b": np.array([True]), "c": np.ones(0)}
    write_tensors(tmp_path / "ours", values)
    save_file(values, tmp_path / "theirs")
    for name, value in values.items():
        np.testing.assert_array_equal(load_file(tmp_path / "ours")[name], value)
        np.testing.assert_array_equal(read_tensors(tmp_path / "theirs")[name], value)


def test_a_recorder_lets_go_of_a_model(tmp_path):
    from triptych.recorders import pytorch
    from triptych.recorders.common import Recorder

    (tmp_path / "going.py").write_text(NET)
    write_tensors(tmp_path / "given", {"0": np.ones((2, 2, 6, 6), np.float32)})
    recorder = Recorder(pytorch)
    given = str(tmp_path / "given")
    recorder.open("going:Net", str(tmp_path), inputs=given, out=str(tmp_path / "made"))
    model = weakref.ref(recorder.models["going:Net"].model.native)
    assert model() is not None
    recorder.close("going:Net")
    assert model() is None


def test_of_a_compiled_model_the_layers_are_seen(recorders, tmp_path):
    """As a whole, a part of it, in place, and a function within it."""
    (tmp_path / "plain_net.py").write_text(NET)
    code = "import torch\nfrom plain_net import Net as Plain\n\n"
    code += "def whole():\n    return torch.compile(Plain())\n\n"
    code += "def part():\n    net = Plain()\n    net.conv = torch.compile(net.conv)\n"
    code += "    net.norm.compile()\n    return net\n\n"
    code += "class Inner(Plain):\n    @torch.compile\n    def forward(self, x):\n"
    code += "        return super().forward(x)\n"
    (tmp_path / "compiled_net.py").write_text(code)
    plain = parse_target("plain_net:Net", tmp_path)
    given = {"0": np.random.default_rng(0).standard_normal((2, 2, 6, 6))}
    for name in ("whole", "part", "Inner"):
        other = parse_target(f"pytorch=compiled_net:{name}", tmp_path)
        found = diff([plain, other], given, recorders, Question(folder=tmp_path))
        assert found.trace.agrees, name
        assert [row.path for row in found.trace.rows] == ["conv", "norm", "(output)"]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_compiled_model_that_is_lent_stays_compiled():
    import torch

    from triptych.recorders import pytorch

    model = torch.compile(torch.nn.Sequential(torch.nn.Linear(3, 2)))
    with pytorch.held(model, "float64", "", {}) as lent:
        made = pytorch.Model(lent, "float64", "", {})
        assert list(made.paths) == ["", "0"]
    assert type(model).__name__ == "OptimizedModule"
    assert "_orig_mod" in model._modules


def test_of_a_record_that_failed_nothing_is_left(tmp_path):
    from triptych.recorders import pytorch
    from triptych.recorders.common import Recorder

    (tmp_path / "failing.py").write_text(NET)
    write_tensors(tmp_path / "given", {"0": np.ones((2, 2, 6, 6), np.float32)})
    recorder, made = Recorder(pytorch), tmp_path / "made"
    given = str(tmp_path / "given")
    recorder.open("failing:Net", str(tmp_path), inputs=given, out=str(made))
    write_tensors(tmp_path / "odd", {"0": np.ones((2, 5, 6, 6), np.float32)})
    before = {path.name: path.read_bytes() for path in made.iterdir()}
    with pytest.raises(RuntimeError):
        recorder.record("failing:Net", str(made), inputs=str(tmp_path / "odd"))
    assert {path.name: path.read_bytes() for path in made.iterdir()} == before

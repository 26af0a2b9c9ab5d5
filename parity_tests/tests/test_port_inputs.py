"""`triptych diff` with inputs and outputs of every shape, and what is kept of dumps."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from parity_tests.ports.diff import diff
from parity_tests.ports.dumps import read, write_tensors
from parity_tests.ports.opening import Question
from parity_tests.ports.targets import parse_input, parse_target
from shared.errors import UsageError
from shared.frameworks import ROOT
from triptych.recorders import bundle

TORCH = """
import numpy as np
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(9, 4)
        self.head = nn.Linear(4, 3)

    def forward(self, ids, mask=None, scale=1.0):
        x = self.embed(ids)
        if mask is not None:
            x = x * mask[..., None]
        return {"logits": self.head(x) * scale, "states": (x, None)}


def inputs():
    return {"ids": np.arange(6).reshape(2, 3), "mask": np.eye(2, 3) > 0}
"""
FLAX = """
from flax import nnx


class Net(nnx.Module):
    def __init__(self):
        r = nnx.Rngs(0)
        self.words = nnx.Embed(9, 4, rngs=r)
        self.out = nnx.Linear(4, 3, rngs=r)

    def __call__(self, ids, mask=None, scale=1.0):
        x = self.words(ids)
        if mask is not None:
            x = x * mask[..., None]
        return self.out(x) * scale
"""
KERAS = """
import keras
from keras import layers


def make():
    ids = keras.Input((3,), dtype="int32", name="ids")
    mask = keras.Input((3,), dtype="bool", name="mask")
    x = layers.Embedding(9, 4)(ids)
    x = x * keras.ops.expand_dims(keras.ops.cast(mask, x.dtype), -1)
    return keras.Model({"ids": ids, "mask": mask}, layers.Dense(3)(x))
"""


@pytest.fixture
def project(tmp_path):
    for name, source in (("torch", TORCH), ("flax", FLAX), ("keras", KERAS)):
        (tmp_path / f"asked_{name}.py").write_text(source)
    return tmp_path


def targets(project, *names):
    return [parse_target(f"asked_{name}", project) for name in names]


def asked(project, **options):
    return Question(folder=project, outputs={"logits": ""}, **options)


@pytest.mark.parametrize("name", ["flax:Net", "keras:make"])
def test_inputs_by_name_and_an_output_by_path(name, project, recorders):
    inputs = {"ids": parse_input("2,3:9"), "mask": parse_input("2,3:bool")}
    both = targets(project, "torch:Net", name)
    found = diff(both, inputs, recorders, asked(project))
    assert [check.reason for check in found.checks if not check.passed] == []
    assert found.trace.agrees


def test_an_output_that_is_not_there_is_told(project, recorders):
    question = Question(folder=project, outputs={"scores": ""})
    both = targets(project, "torch:Net", "flax:Net")
    with pytest.raises(UsageError, match=r"no output 'scores'; there are 'logits'"):
        diff(both, {"0": parse_input("2,3:9")}, recorders, question)


def run(*arguments, folder):
    """The command's exit code, and all that it says."""
    command = [sys.executable, "-m", "triptych", "diff", *arguments]
    paths = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=folder, env=paths, capture_output=True)
    return done.returncode, (done.stdout + done.stderr).decode()


def test_a_function_gives_the_inputs_and_a_code_host_is_told_the_line(project):
    wrong = FLAX.replace("self.out(x)", "self.out(x) * 2")
    (project / "asked_wrong.py").write_text(wrong)
    code, said = run(
        "asked_torch:Net",
        "asked_wrong:Net",
        "--inputs-from=asked_torch:inputs",
        "--output=logits=",
        "--annotate=github",
        "--json=found.json",
        "--html=found.html",
        folder=project,
    )
    assert code == 1, said
    place = project / "asked_wrong.py"
    assert f"::error file={place},line=5::" in said
    assert "because of scale: 1 against 2" in said
    found = json.loads((project / "found.json").read_text())
    assert found["version"] == 1
    ((first, *_),) = found["guilty"].values()
    assert first["causes"][0]["name"] == "scale"
    written = (project / "found.html").read_text()
    assert "scale: 1 against 2" in written
    assert "<code>words</code>" in written  # the port's name beside `embed`
    assert "://" not in written  # it loads nothing


def test_a_file_gives_the_inputs(project):
    given = {"ids": np.arange(6).reshape(2, 3) % 9}
    write_tensors(project / "given.safetensors", given)
    both = ["asked_torch:Net", "asked_flax:Net"]
    options = ["--inputs-from=given.safetensors", "--output=logits="]
    code, said = run(*both, *options, folder=project)
    assert code == 0, said


@pytest.mark.parametrize("keep", ["statistics", "hash"])
def test_a_dump_may_keep_less(keep, project, recorders):
    (project / "recorder.py").write_text(bundle("pytorch"))
    command = [
        sys.executable,
        "-I",
        "recorder.py",
        "asked_torch:Net",
        "--output=logits",
    ]
    command += ["--input=ids=2,3:9", f"--keep={keep}", f"--out={keep}"]
    subprocess.run(command, cwd=project, check=True, capture_output=True)
    dump = read(project / keep)
    call = dump.runs["evaluation"].calls[0]
    assert next(iter(call.outputs.values())) not in dump.tensors
    both = [project / keep, *targets(project, "flax:Net")]
    found = diff(both, {}, recorders, Question(folder=project))
    assert [check.reason for check in found.checks if not check.passed] == []
    wrong = project / "asked_other.py"
    wrong.write_text(FLAX.replace("self.out(x)", "self.out(x) * 2"))
    both = [project / keep, *targets(project, "other:Net")]
    found = diff(both, {}, recorders, Question(folder=project))
    assert not found.trace.agrees


def test_rounding_is_told_from_a_mistake_in_float32(project, recorders):
    """Each side's own rounding bounds what is put down to it; a mistake is beyond."""
    wide = TORCH.replace("x = self.embed(ids)", "x = 1e4 + self.embed(ids)")
    (project / "asked_wide.py").write_text(wide)
    port = FLAX.replace("x = self.words(ids)", "x = self.words(ids) + 1e4")
    (project / "asked_port.py").write_text(port)
    wrong = port.replace("+ 1e4", "+ 1e4 + 1e1")
    (project / "asked_off.py").write_text(wrong)
    inputs = {"ids": parse_input("2,3:9")}
    question = asked(project, dtype="float32", tolerance=1e-9)
    found = diff(targets(project, "wide:Net", "port:Net"), inputs, recorders, question)
    assert [check.reason for check in found.checks if not check.passed] == []
    found = diff(targets(project, "wide:Net", "off:Net"), inputs, recorders, question)
    assert not found.trace.agrees

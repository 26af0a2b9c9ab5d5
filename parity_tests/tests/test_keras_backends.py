"""What Keras leaves to its back ends: one file each, with the same functions."""

import ast
import os
import subprocess
import sys

import pytest

from shared.frameworks import ROOT

FOLDER = ROOT / "keras_impl" / "backends"
BACKENDS = ("tensorflow", "torch", "jax")


def signatures(backend):
    tree = ast.parse((FOLDER / f"{backend}.py").read_text())
    return [
        (node.name, ast.unparse(node.args))
        for node in tree.body
        if isinstance(node, ast.FunctionDef)
    ]


def test_the_back_ends_have_the_same_functions_in_the_same_order():
    first, *others = (signatures(backend) for backend in BACKENDS)
    assert [name for name, _ in first][:2] == ["set_tf32", "devices"]
    assert others == [first, first]


def test_every_one_is_told_of_and_handed_on():
    text = (FOLDER / "__init__.py").read_text()
    told = ast.get_docstring(ast.parse(text))
    for name, _ in signatures("jax"):
        assert f"{name} = _own.{name}" in text
        assert name in told.replace(":", " ").replace(",", " ").split()


GROUPS = """
import jax, numpy as np
from keras_impl.layers import conv
from shared.specs.base import ConvSpec

layer = conv(ConvSpec(40, 40, 3, 1, 1, 10))
x = np.random.default_rng(0).standard_normal((2, 12, 12, 40), "float32")
alone = np.asarray(layer(x))
jax.default_backend = lambda: "gpu"
for platform in ("cpu", "cuda"):
    traced = jax.jit(lambda x: layer(x)).trace(x)
    text = traced.lower(lowering_platforms=(platform,)).as_text()
    print(platform, "feature_group_count = 10" in text)
print(float(abs(np.asarray(jax.jit(lambda x: layer(x))(x)) - alone).max()) < 1e-5)
"""
SPLIT = """
import tensorflow as tf
from keras_impl.backends import on_cpu

class Weights:
    def __init__(self, device): self._value = type("Value", (), {"device": device})

for name in ("/job:localhost/replica:0/task:0/device:CPU:0", "/device:GPU:1", ""):
    print(on_cpu(Weights(name), lambda: "form", lambda: "other"))
"""


@pytest.mark.parametrize(
    ("backend", "code", "said"),
    [
        ("jax", GROUPS, ["cpu False", "cuda True", "True"]),
        ("tensorflow", SPLIT, ["form", "other", "form"]),
        ("torch", SPLIT.replace("tensorflow as tf", "torch"), ["other"] * 3),
    ],
)
def test_a_form_for_the_cpu_is_chosen_by_where_the_weights_live(backend, code, said):
    environment = {**os.environ, "KERAS_BACKEND": backend, "JAX_PLATFORMS": "cpu"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={**environment, "PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": ""},
        cwd=ROOT,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.splitlines() == said

"""The judge and what is shared import no framework, and no framework another."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from triptych import recorders

ROOT = Path(__file__).resolve().parents[2]
FRAMEWORKS = {"torch", "tensorflow", "keras", "jax", "flax", "optax", "orbax"}
# A recorder is handed to a process that has its framework; nobody imports it.
RECORDERS = {
    ROOT / "triptych" / "recorders" / f"{name}.py"
    for parts in recorders.PARTS.values()
    for name in parts
}
# Models as other people write them, which recorders open.
MODELS = ROOT / "parity_tests" / "tests" / "pairs" / "models"
NEUTRAL = [
    path
    for room in ("shared", "parity_tests", "benchmarks", "triptych")
    for path in sorted((ROOT / room).rglob("*.py"))
    if not path.stem.startswith(("test_", "conftest"))
    and path not in RECORDERS
    and path.parent != MODELS
]

BLOCK = """
import importlib, sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {blocked}:
            raise ImportError(f"{{name}} must not be imported here")

sys.meta_path.insert(0, Blocker())
for module in {modules}:
    importlib.import_module(module)
"""


def _module(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def _imports(path: Path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.partition(".")[0]


def test_all_of_it_imports_where_no_framework_can_be():
    modules = [_module(path) for path in NEUTRAL]
    code = BLOCK.format(blocked=FRAMEWORKS, modules=modules)
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_the_blocker_blocks():
    code = BLOCK.format(blocked=FRAMEWORKS, modules=["jax_impl.weights"])
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True
    )
    assert "flax must not be imported here" in done.stderr.replace(".nnx", "")


@pytest.mark.parametrize(
    ("package", "others"),
    [
        ("pytorch_impl", {"keras_impl", "jax_impl", "keras", "tensorflow", "jax"}),
        ("keras_impl", {"pytorch_impl", "jax_impl", "flax"}),
        ("jax_impl", {"pytorch_impl", "keras_impl", "torch", "tensorflow", "keras"}),
    ],
)
def test_no_implementation_imports_another(package, others):
    for path in (ROOT / package).rglob("*.py"):
        assert not others & set(_imports(path)), path


def test_keras_models_and_layers_name_no_back_end():
    paths = [*(ROOT / "keras_impl" / "models").rglob("*.py")]
    layers = [*(ROOT / "keras_impl" / "layers").rglob("*.py")]
    assert paths
    assert layers
    for path in [*paths, *layers]:
        assert not {"tensorflow", "torch", "jax"} & set(_imports(path)), path


@pytest.mark.parametrize(
    ("package", "slow"),
    [("pytorch_impl", "torch._dynamo"), ("jax_impl", "orbax.checkpoint")],
)
def test_a_package_starts_without_what_few_ask_for(package, slow):
    """Each would double the time that a worker takes to start."""
    code = f"import sys, {package}; print({slow!r} in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True
    )
    assert done.stdout == "False\n", done.stderr

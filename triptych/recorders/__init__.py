"""The recorders: each runs a person's model where it lives, and writes what it saw.

A recorder is one file that needs the standard library, NumPy and its framework. Here
it is kept in parts, so that what all share stands once; `bundle` joins them.
"""

import ast
import importlib
import sys
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
COMMON = ("values", "training", "dumps", "modules", "common")
# The parts of each recorder behind those that all have.
PARTS = {
    "pytorch": ("pytorch",),
    "keras": ("backends", "keras"),
    "nnx": ("jaxed", "intercepted", "nnx"),
    "linen": ("jaxed", "intercepted", "linen"),
    "equinox": ("jaxed", "equinox"),
    "haiku": ("jaxed", "haiku"),
    "onnx": ("onnx",),
}
FRAMEWORKS = tuple(PARTS)
# What is imported wherever there is a model of a kind. Keras comes before PyTorch,
# whose modules its layers are on that back end.
HOMES = {
    "keras": "keras",
    "nnx": "flax.nnx",
    "linen": "flax.linen",
    "equinox": "equinox",
    "haiku": "haiku",
    "pytorch": "torch",
    "onnx": "onnx",
}


def native_of(model: Any) -> Any:
    """Gives the part of the framework that a model is of; None where it is of none."""
    for framework, home in HOMES.items():
        if sys.modules.get(home) is not None:
            part = importlib.import_module(f"{__name__}.{framework}")
            if part.is_model(model):
                return part
    return None


def bundle(framework: str) -> str:
    """Gives the whole recorder of a framework as the text of one file."""
    names = (*COMMON, *PARTS[framework])
    parts = [_alone(FOLDER / f"{name}.py") for name in names]
    return "\n\n".join([*parts, 'if __name__ == "__main__":\n    main()\n'])


def _alone(path: Path) -> str:
    """A part without what it imports of the others, which stand before it."""
    text = path.read_text()
    lines = text.splitlines(keepends=True)
    for node in reversed(ast.parse(text).body):
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith(__name__):
            del lines[node.lineno - 1 : node.end_lineno]
    return "".join(lines)

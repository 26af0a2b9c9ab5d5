"""What a person names: targets, and the inputs to give them."""

import ast
import math
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from parity_tests.compare import Array
from parity_tests.ports.dumps import LABELS
from parity_tests.ports.recording import Asker
from shared import fields
from shared.errors import UsageError, brief
from shared.randomness import generator
from shared.tensors import ANY, MOST_VALUES

ALIASES = {"jax": "nnx"}
BACKENDS = ("keras[tensorflow]", "keras[torch]", "keras[jax]")
FRAMEWORKS = (
    "pytorch", "keras", *BACKENDS, "jax", "nnx", "linen", "equinox", "haiku", "onnx"
)  # fmt: skip
# A module's imports tell its framework; of several the first in this order does.
ROOTS = {
    "torch": "pytorch",
    "torchvision": "pytorch",
    "timm": "pytorch",
    "transformers": "pytorch",
    "keras": "keras",
    "keras_hub": "keras",
    "tensorflow": "keras",
    "flax": "nnx",
    "equinox": "equinox",
    "haiku": "haiku",
    "onnx": "onnx",
    "onnxruntime": "onnx",
    "jax": "nnx",
}
# Libraries on JAX, whose modules import it, too.
ON_JAX = ("equinox", "haiku")
NO_RECORDER = ("paddle", "mxnet", "mlx", "tinygrad", "sonnet", "chainer")


@dataclass(frozen=True)
class Target:
    """`package.module:name`, and the recorder that knows its framework.

    held: for a model that lives in a process already: its recorder in a precision.
    """

    framework: str
    path: str
    held: Callable[[str], Asker] | None = None


def parse_target(text: str, folder: Path | None = None) -> Target:
    """`pytorch=package.module:name`; without a framework the module's imports tell."""
    framework, separator, path = text.rpartition("=")
    if separator and framework not in FRAMEWORKS:
        raise UsageError(f"{text!r}: allowed before '=': {', '.join(FRAMEWORKS)}")
    if path.endswith(".onnx") and framework in ("", "onnx"):
        return Target("onnx", path)
    if ":" not in path:
        raise UsageError(f"{text!r} is not of the form package.module:name")
    where = path.rpartition(":")[0]
    found = framework or detect(where, folder or Path.cwd())
    return Target(ALIASES.get(found, found), path)


def detect(module: str, folder: Path) -> str:
    """The framework that a module's source imports, itself or by its neighbours."""
    file = _file(module, folder)
    if file is None:
        raise UsageError(f"no module {module!r} here or on the Python path")
    waiting, seen = [file], {file}
    while waiting:
        file = waiting.pop()
        names = list(_imports(file))
        missing = [n for n in NO_RECORDER if any(_root(name) == n for name in names)]
        if missing:
            raise UsageError(
                f"{module} imports {missing[0]}, which has no recorder yet; there are "
                f"some for {', '.join(FRAMEWORKS)}: say pytorch={module}:name where it "
                "is one of those all the same, or export it as an .onnx file"
            )
        linen = "flax.linen" in names and "flax.nnx" not in names
        found = {ROOTS[_root(name)] for name in names if _root(name) in ROOTS}
        if found & {*ON_JAX}:
            found.discard("nnx")
        if len(found) == 1:
            return "linen" if linen and found == {"nnx"} else found.pop()
        if found:
            seen_names = ", ".join(sorted(LABELS.get(f, f) for f in found))
            raise UsageError(
                f"{module} imports {seen_names}: say which, as in pytorch={module}:name"
            )
        for name in [n for whole in names for n in (whole, whole.rpartition(".")[0])]:
            near = _file(name, folder, own=True) if name else None
            if near is not None and near not in seen:
                seen.add(near)
                waiting.append(near)
    raise UsageError(
        f"{module} imports none of them: say which, as in pytorch={module}:name"
    )


def _root(name: str) -> str:
    return name.partition(".")[0]


def pythons(texts: Sequence[str]) -> dict[str, str]:
    """The interpreter of each recorder: `PATH` for all, `pytorch=PATH` for one."""
    found: dict[str, str] = {}
    for text in texts:
        framework, separator, path = text.partition("=")
        if not separator:
            found = {
                **dict.fromkeys(set(ALIASES.values()) | {*FRAMEWORKS}, text),
                **found,
            }
        elif framework not in FRAMEWORKS:
            allowed = ", ".join(FRAMEWORKS)
            raise UsageError(f"--python {text}: allowed before '=': {allowed}")
        else:
            found[ALIASES.get(framework, framework)] = path
    return found


def _file(module: str, folder: Path, own: bool = False) -> Path | None:
    if module.endswith(".py"):
        return folder / module if (folder / module).is_file() else None
    roots = [folder] if own else [folder, *map(Path, sys.path)]
    for root in roots:
        base = root.joinpath(*module.split("."))
        for file in (base.with_name(f"{base.name}.py"), base / "__init__.py"):
            if file.is_file():
                return file
    return None


def _imports(file: Path) -> Iterator[str]:
    try:
        tree = ast.parse(file.read_text())
    except (SyntaxError, ValueError) as error:
        raise UsageError(f"{file} cannot be read: {error}") from None
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


MOST_AXES = 16


def parse_input(text: str, again: int = 0) -> Array:
    """`2,3,32,32` for reals, `2,16:100` for whole numbers, `2,16:bool` for a mask.

    again: how many inputs of the same text stand before it, which has other values.
    """
    shape_text, separator, below = text.partition(":")
    try:
        shape = tuple(int(n) for n in shape_text.split(","))
        limit = (2 if below == "bool" else int(below)) if separator else None
    except ValueError:
        shape, limit = (), None
    if not shape or min(shape) < 1 or (limit is not None and not 1 <= limit <= ANY):
        allowed = "2,3,32,32 or 2,16:100 or 2,16:bool"
        raise UsageError(f"input {brief(text)!r}: allowed: {allowed}")
    number = math.prod(shape)
    if number > MOST_VALUES or len(shape) > MOST_AXES:
        raise UsageError(
            f"input {brief(text)!r}: {fields.told(number)} values in {len(shape)} "
            f"axes; allowed: {MOST_VALUES:,} in {MOST_AXES}"
        )
    draw = generator("diff", again, text)
    if below == "bool":
        return draw.integers(0, 2, shape).astype(bool)
    if limit is not None:
        return draw.integers(0, limit, shape, dtype=np.int64)
    return draw.standard_normal(shape).astype(np.float32)

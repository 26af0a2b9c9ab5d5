"""The house as its imports draw it: no circle, no arrow upwards, no file too long."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from shared.frameworks import NATIVE, PACKAGES, ROOT

LONGEST = 500
# From the ground up. What stands on one level does not know its neighbours; of a name
# that begins in two ways the longer one counts.
LEVELS: tuple[tuple[str, ...], ...] = (
    ("triptych.recorders",),  # each runs alone, beside other people's models
    ("shared",),  # the words that everything else is said in
    ("shared.definitions", "shared.data"),
    ("shared.objectives",),
    ("shared.specs",),
    ("shared.catalog", "shared.tasks", "shared.porting"),
    ("shared.distributed", "shared.messages"),
    ("shared.files",),
    ("shared.contract",),
    ("shared.natively", "shared.running"),
    (*dict.fromkeys(PACKAGES.values()),),
    ("parity_tests",),
    ("benchmarks",),
    ("triptych",),  # the package that a wheel holds
    ("triptych.commands",),
    ("triptych.cli",),
    ("triptych.__main__",),
    ("triptych.faults",),  # tries all of it
)
FRAMEWORKS = {
    "pytorch_impl": {"torch"},
    "keras_impl": {"keras", "tensorflow", "torch", "jax"},
    "jax_impl": {"jax", "flax", "optax"},
    "triptych.recorders.pytorch": {"torch"},
    "triptych.recorders.keras": {"keras"},
    "triptych.recorders.backends": {"keras", "tensorflow", "torch", "jax"},
    "triptych.recorders.jaxed": {"jax", "optax"},
    "triptych.recorders.intercepted": {"flax"},
    "triptych.recorders.nnx": {"jax", "flax"},
    "triptych.recorders.linen": {"jax", "flax"},
    "triptych.recorders.equinox": {"jax", "equinox"},
    "triptych.recorders.haiku": {"jax", "haiku"},
    "triptych.recorders.onnx": {"onnx", "onnxruntime"},
}


@cache
def modules() -> dict[str, Path]:
    """Every file of product, by the name that it is imported by."""
    rooms = ("shared", *(PACKAGES[f] for f in NATIVE), "parity_tests", "benchmarks")
    files = [
        path for room in (*rooms, "triptych") for path in (ROOT / room).rglob("*.py")
    ]
    tests = ROOT / "parity_tests" / "tests"
    product = [path for path in files if not path.is_relative_to(tests)]
    return {_name(path): path for path in product}


def _name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def imported(module: str, *, inside: bool = True) -> Iterator[str]:
    """What a module imports, by whole names; without `inside` only what is imported
    together with it, and not when a function runs or a type is checked."""
    tree = ast.parse(modules()[module].read_text())
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = _base(module, node)
            yield from (f"{base}.{alias.name}" for alias in node.names)
        later = isinstance(node, ast.FunctionDef) or (
            isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        )
        if inside or not later:
            waiting += ast.iter_child_nodes(node)


def _base(module: str, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    package = module.split(".")
    if modules()[module].name != "__init__.py":
        package.pop()
    whole = package[: len(package) - node.level + 1]
    return ".".join([*whole, node.module] if node.module else whole)


@cache
def arrows(*, inside: bool = True) -> dict[str, set[str]]:
    """Module -> the modules of this house that it imports."""
    return {
        module: {_module(name) for name in imported(module, inside=inside)}
        - {"", module}
        for module in modules()
    }


def _module(name: str) -> str:
    """The module that an imported name is of; empty where it is not of this house."""
    while name and name not in modules():
        name = name.rpartition(".")[0]
    return name


def level(module: str) -> int:
    parts = module.split(".")
    for length in range(len(parts), 0, -1):
        for number, rooms in enumerate(LEVELS):
            if ".".join(parts[:length]) in rooms:
                return number
    raise AssertionError(f"{module} stands on no level")


def circle(of: dict[str, set[str]]) -> list[str]:
    """The modules of one circle, in order; none where there is none."""
    done: set[str] = set()

    def follow(module: str, way: list[str]) -> list[str]:
        if module in way:
            return [*way[way.index(module) :], module]
        if module in done:
            return []
        for other in sorted(of.get(module, ())):
            if found := follow(other, [*way, module]):
                return found
        done.add(module)
        return []

    return next((found for one in of if (found := follow(one, []))), [])


def test_a_circle_is_seen():
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c", "b"]
    assert circle({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []


def test_all_imports_are_seen():
    assert len(modules()) > 400
    assert "shared.frameworks" in arrows()["shared.files.sources"]
    assert "triptych.commands.parity" in arrows()["triptych.cli"]
    assert "triptych.commands.parity" not in arrows(inside=False)["triptych.cli"]
    assert "jax_impl.optimizers.base" in arrows()["jax_impl.optimizers.adam"]


@pytest.mark.parametrize("inside", [False, True], ids=["at import", "at any time"])
def test_no_module_imports_itself_by_others(inside):
    assert circle(arrows(inside=inside)) == []


def test_no_arrow_runs_up():
    up = [
        f"{module} -> {other}"
        for module, others in arrows().items()
        for other in others
        if level(other) > level(module)
    ]
    assert up == []


def test_neighbours_of_one_level_do_not_know_each_other():
    known = [
        f"{module} -> {other}"
        for module, others in arrows().items()
        for other in others
        if level(other) == level(module) and _room(other) != _room(module)
    ]
    assert known == []


def _room(module: str) -> str:
    rooms = [r for r in LEVELS[level(module)] if f"{module}.".startswith(f"{r}.")]
    return max(rooms, key=len)


def test_a_framework_is_imported_in_its_own_package_alone():
    every = set().union(*FRAMEWORKS.values())
    for module in modules():
        own = FRAMEWORKS.get(module, FRAMEWORKS.get(module.partition(".")[0], set()))
        found = {name.partition(".")[0] for name in imported(module)}
        assert not found & (every - own), module


def test_no_file_is_too_long():
    lines = {str(p): len(p.read_text().splitlines()) for p in modules().values()}
    assert {path: number for path, number in lines.items() if number >= LONGEST} == {}

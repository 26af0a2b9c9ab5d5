"""How to test a port: the recipes of docs/recipes, which are files that tests run."""

import ast
from dataclasses import dataclass

from benchmarks.report import code, prose
from shared.frameworks import ROOT

FOLDER = ROOT / "docs" / "recipes"
# In the order of the page; a recipe that shows two projects has two files.
RECIPES = (
    ("test_keras.py",),
    ("test_jax.py",),
    ("test_golden_reference.py", "test_golden_port.py"),
    ("test_own_weights.py",),
    ("test_dict_inputs.py",),
    ("test_several_inputs.py",),
    ("test_names.py",),
    ("test_float32.py",),
    ("test_gradients_off.py",),
    ("test_statistics.py",),
    ("test_two_interpreters.py",),
    ("test_devices.py",),
)
MODELS = ("nets_torch.py", "nets_keras.py", "nets_jax.py")


@dataclass(frozen=True)
class Part:
    """A file: what it says of itself, and its code, both as HTML."""

    file: str
    title: str
    text: str
    source: str

    @property
    def key(self) -> str:
        return self.file.removeprefix("test_").removesuffix(".py")


def recipes() -> list[list[Part]]:
    """Give every recipe by its files."""
    return [[part(file) for file in files] for files in RECIPES]


def part(file: str) -> Part:
    """Read a file: the first line of its docstring is the title."""
    whole = (FOLDER / file).read_text()
    tree = ast.parse(whole)
    title, _, text = (ast.get_docstring(tree) or "").partition("\n")
    end = tree.body[0].end_lineno or 0
    source = "\n".join(whole.splitlines()[end:]).strip("\n")
    return Part(file, title, prose.markdown(text), code.coloured(source))

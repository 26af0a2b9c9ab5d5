"""Sources side by side, aligned by definition: of a family the three, and NumPy's where
it has a network there; of an optimizer the three and its definition."""

import ast
import dataclasses
import html
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template

from rich.console import Group, RenderableType
from rich.rule import Rule
from rich.syntax import Syntax
from rich.table import Table

from shared.catalog import FAMILIES, VARIANTS, family_of, place_of
from shared.definitions.optimizers import OPTIMIZERS
from shared.errors import unknown
from shared.files.writing import write_text
from shared.frameworks import NATIVE, ORACLE, PACKAGES, ROOT

PANELS = {"pytorch": "PyTorch", "keras": "Keras", "jax": "JAX", "numpy": "NumPy"}
HEAD = "imports"
# Narrower panels would break most lines.
PANEL_WIDTH = 60


@dataclass(frozen=True)
class Aligned:
    """One definition in each framework that has what was asked for, in the order of
    PANELS; empty where a framework lacks it."""

    name: str
    sources: tuple[str, ...]


def aligned(name: str) -> list[Aligned]:
    """Give the definitions of a family or an optimizer, in the order of their files; of
    a variant its family's, behind its own numbers."""
    if name in FAMILIES or name in VARIANTS:
        family = name if name in FAMILIES else family_of(VARIANTS[name].spec)
        found = [path_of(framework, family) for framework in implementations(family)]
        parts = [definitions(path.read_text()) for path in found]
        if name in VARIANTS:
            said = numbers(name)
            parts = [{f"{name}, in all of them": said, **part} for part in parts]
    elif name in OPTIMIZERS:
        parts = [_of_optimizer(framework, name) for framework in (*NATIVE, ORACLE)]
    else:
        known = (*FAMILIES, *VARIANTS, *OPTIMIZERS)
        raise unknown("family, model or optimizer", name, known)
    names = dict.fromkeys(name for part in parts for name in part)
    return [
        Aligned(name, tuple(part.get(name, "") for part in parts)) for name in names
    ]


def numbers(variant: str) -> str:
    """Write a variant's spec, a field a line, as Python has it."""
    spec, count = VARIANTS[variant].spec, VARIANTS[variant].parameters
    fields = [
        f"    {field.name}={getattr(spec, field.name)!r},"
        for field in dataclasses.fields(spec)
    ]
    head = f"{type(spec).__name__}(  # {count:,} parameters"
    return "\n".join([head, *fields, ")"])


def implementations(family: str) -> list[str]:
    """The frameworks that have this family."""
    return [f for f in (*NATIVE, ORACLE) if path_of(f, family).exists()]


def path_of(framework: str, family: str) -> Path:
    """Give the place where a framework's model file is, or would be."""
    package = PACKAGES[framework].replace(".", "/")
    return ROOT / package / "models" / place_of(family)


def optimizers(framework: str) -> Path:
    """Give the folder of a framework's optimizers; NumPy's are the definitions."""
    if framework == ORACLE:
        return ROOT / "shared" / "definitions" / "optimizers"
    return ROOT / PACKAGES[framework] / "optimizers"


def native_name(framework: str, kind: str) -> str:
    """AdamW is adamw in JAX, as optax names things."""
    if framework != "jax":
        return kind
    return re.sub("(?<=[a-z])(?=[A-Z][a-z])", "_", kind).lower()


def with_state(found: dict[str, str], kind: str) -> str:
    """Give an optimizer's source, in JAX with the state that goes before the
    function."""
    if kind in found:
        return found[kind]
    parts = [found.get(f"{kind}State", ""), found[native_name("jax", kind)]]
    return "\n\n\n".join(part for part in parts if part)


def _of_optimizer(framework: str, preset: str) -> dict[str, str]:
    """Give the definitions of an optimizer's file, JAX's by the names of the others."""
    kind = type(OPTIMIZERS[preset])
    file = f"{kind.__module__.rpartition('.')[2]}.py"
    found = definitions((optimizers(framework) / file).read_text())
    named = {HEAD: found[HEAD], kind.__name__: with_state(found, kind.__name__)}
    known = {*named, f"{kind.__name__}State", native_name(framework, kind.__name__)}
    return named | {name: part for name, part in found.items() if name not in known}


def definitions(source: str) -> dict[str, str]:
    """Name -> source of each top-level definition, with the comments above it."""
    lines = source.splitlines()
    found: dict[str, str] = {}
    start = 0
    for node in ast.parse(source).body:
        name = _name(node)
        begin = min(
            [node.lineno, *(d.lineno for d in getattr(node, "decorator_list", ()))]
        )
        while begin > start + 1 and lines[begin - 2].startswith("#"):
            begin -= 1
        if name is not None:
            found[name] = "\n".join(lines[begin - 1 : node.end_lineno])
        else:
            text = "\n".join(lines[begin - 1 : node.end_lineno])
            found[HEAD] = f"{found[HEAD]}\n{text}" if HEAD in found else text
        start = node.end_lineno or start
    return found


def _name(node: ast.stmt) -> str | None:
    if isinstance(node, ast.ClassDef | ast.FunctionDef):
        return node.name
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
        return node.targets[0].id
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        return node.target.id
    return None


def table(parts: Sequence[Aligned], width: int) -> RenderableType:
    """The panels beside each other where they fit, else one below the other."""
    number = len(parts[0].sources)
    if width < number * PANEL_WIDTH:
        return _stacked(parts)
    grid = Table(expand=True, show_lines=True, pad_edge=False)
    for panel in [*PANELS.values()][:number]:
        grid.add_column(panel, ratio=1)
    for part in parts:
        grid.add_row(*(_coloured(source) for source in part.sources))
    return grid


def _stacked(parts: Sequence[Aligned]) -> RenderableType:
    blocks: list[RenderableType] = []
    for part in parts:
        for panel, source in zip(PANELS.values(), part.sources, strict=False):
            if source:
                blocks += [Rule(f"{part.name} - {panel}", align="left")]
                blocks += [_coloured(source)]
    return Group(*blocks)


def _coloured(source: str) -> Syntax:
    return Syntax(source, "python", theme="ansi_dark", word_wrap=True)


def write_page(path: Path, family: str, parts: Sequence[Aligned]) -> None:
    """One file that opens from disk: no request leaves it."""
    template = Template(Path(__file__).with_name("sources.html").read_text())
    rows = "".join(_section(part) for part in parts)
    number = len(parts[0].sources)
    page = template.substitute(family=html.escape(family), number=number, rows=rows)
    write_text(path, page)


def _section(part: Aligned) -> str:
    from pygments import highlight
    from pygments.formatters import HtmlFormatter
    from pygments.lexers import PythonLexer

    lexer, formatter = PythonLexer(), HtmlFormatter(nowrap=True)
    panels = "".join(
        f"<figure><figcaption>{panel}</figcaption>"
        f"<pre>{highlight(source, lexer, formatter)}</pre></figure>"
        for panel, source in zip(PANELS.values(), part.sources, strict=False)
    )
    return f"<section><h2>{html.escape(part.name)}</h2><div>{panels}</div></section>"

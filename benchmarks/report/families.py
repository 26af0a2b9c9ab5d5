"""What the page of a family shows, from the catalog and the sources alone."""

import ast
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path

from benchmarks.report import code, gather, prose, samples, tutorial
from benchmarks.report.gather import Node, Traced
from benchmarks.report.prose import Settled
from shared.catalog import FAMILIES, place_of
from shared.files import checkpoints, sources
from shared.frameworks import NATIVE, PACKAGES, ROOT
from shared.specs.base import Variant

# Which library each public form is of, as the sources of counts name it.
LIBRARIES = {
    "torchvision": "torchvision",
    "huggingface": "transformers",
    "timm": "timm",
    "keras.applications": "keras.applications",
}


@dataclass(frozen=True)
class Panel:
    """One definition in each framework, as HTML; empty where one lacks it."""

    name: str
    key: str
    sources: tuple[str, ...]


@dataclass(frozen=True)
class Below:
    """A difference that this family meets in its layers, and where."""

    tag: str
    frameworks: tuple[str, ...]
    layers: tuple[str, ...]


@dataclass(frozen=True)
class Shown:
    """A variant of the catalog, with what of its spec differs from the defaults."""

    name: str
    variant: Variant
    settings: str


@dataclass(frozen=True)
class Family:
    name: str
    title: str
    paper: str
    place: Path
    notes: tuple[Settled, ...]
    links: tuple[str, ...]
    variants: tuple[Shown, ...]
    panels: tuple[Panel, ...]
    below: tuple[Below, ...]
    layers: tuple[Panel, ...]
    spec: str
    lesson: Mapping[str, str]
    lesson_of: str
    public: tuple[tuple[str, str], ...]
    trees: tuple[tuple[Traced, Node], ...]
    samples: tuple[samples.Sample, ...]

    @property
    def tiny(self) -> int:
        return sum(shown.variant.tiny for shown in self.variants)


def family(name: str, traced: Mapping[str, Traced], pictures: bool = True) -> Family:
    module = FAMILIES[name]
    source = Path(str(module.__file__)).read_text()
    doc = code.docstring(source)
    first, rest = code.paper(doc)
    model = tutorial.first_variant(name)
    lesson = tutorial.lesson(model, module.VARIANTS[model].spec)
    wanted = (gather.smallest(name), model)
    return Family(
        name,
        title(name),
        prose.inline(first),
        place_of(name),
        tuple(prose.paragraphs(rest)) if rest else (),
        tuple(code.links(doc)),
        tuple(_shown(n, v) for n, v in module.VARIANTS.items()),
        panels(name),
        below(name),
        surfaces(name),
        code.coloured(source, "../"),
        {f: code.coloured(t) for f, t in tutorial.texts(lesson).items()}
        if lesson
        else {},
        model,
        _published(name),
        tuple((traced[n], gather.tree(traced[n])) for n in wanted if n in traced),
        tuple(samples.of(name)) if pictures else (),
    )


def title(name: str) -> str:
    """Give a family's title, as PyTorch's model file begins: `GPT-2 in PyTorch,
    ...`."""
    path = ROOT / PACKAGES["pytorch"] / "models" / place_of(name)
    doc = code.docstring(path.read_text()) if path.exists() else ""
    return doc.partition(" in PyTorch")[0] or name


def _published(name: str) -> tuple[tuple[str, str], ...]:
    """Each public form, and the first variant that has it."""
    variants = FAMILIES[name].VARIANTS
    first = {
        library: next(
            (n for n, v in variants.items() if v.source.startswith(library)), ""
        )
        for library in LIBRARIES.values()
    }
    any_ = next((model for model in first.values() if model), "")
    usual = {
        form: first[LIBRARIES[form]] or any_
        for form in checkpoints.sources(name)
        if form in LIBRARIES and any_
    }
    return tuple((usual | checkpoints.only(name)).items())


def _shown(name: str, variant: Variant) -> Shown:
    usual = {field.name: field.default for field in fields(variant.spec)}
    given = {name: getattr(variant.spec, name) for name in usual}
    chosen = {k: v for k, v in given.items() if v != usual[k]}
    settings = ", ".join(f"{k}={_brief(v)}" for k, v in chosen.items())
    return Shown(name, variant, settings)


def _brief(value: object) -> str:
    text = str(value).replace("'", "")
    return text if len(text) <= 60 else f"{text[:57]}..."


def panels(name: str) -> tuple[Panel, ...]:
    return tuple(
        Panel(
            part.name,
            f"def-{prose.slug(part.name)}",
            tuple(code.coloured(s, "../") if s else "" for s in part.sources),
        )
        for part in sources.aligned(name)
    )


def example(family: str, name: str) -> Panel:
    """Show one definition, for a page in the site's own folder."""
    part = next(one for one in sources.aligned(family) if one.name == name)
    return Panel(name, family, tuple(code.coloured(s) for s in part.sources))


# What lies below a model file: the layers it takes from its own package


def _imported(package: str, name: str) -> list[str]:
    """Give the layers of its own package that a model file imports."""
    path = ROOT / package / "models" / place_of(name)
    if not path.exists():
        return []
    return [
        alias.name
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom) and node.module == f"{package}.layers"
        for alias in node.names
    ]


@cache
def _known(folder: Path) -> dict[str, str]:
    """Give the sources of a package's layers by name: what its `__init__` offers, and
    what else stands in the same files."""
    offers = ast.parse((folder / "__init__.py").read_text()).body
    files = (
        str(n.module).rsplit(".")[-1] for n in offers if isinstance(n, ast.ImportFrom)
    )
    found: dict[str, str] = {}
    for file in dict.fromkeys(files):
        found |= sources.definitions((folder / f"{file}.py").read_text())
    return found


@cache
def _layers(framework: str, name: str) -> dict[str, str]:
    """Give the layers' sources, and those of the layers that they in turn stand on."""
    package = PACKAGES[framework]
    known = _known(ROOT / package / "layers")
    found: dict[str, str] = {}
    waiting = _imported(package, name)
    while waiting:
        layer = waiting.pop(0)
        if layer in known and layer not in found and layer != sources.HEAD:
            found[layer] = known[layer]
            called = code.names(known[layer])
            waiting += [other for other in known if other in called]
    return {layer: found[layer] for layer in known if layer in found}


def below(name: str) -> tuple[Below, ...]:
    met: dict[str, dict[str, None]] = {}
    where: dict[str, dict[str, None]] = {}
    for framework in NATIVE:
        parts = dict(_layers(framework, name))
        model = ROOT / PACKAGES[framework] / "models" / place_of(name)
        parts["this file"] = model.read_text() if model.exists() else ""
        for layer, source in parts.items():
            for tag in code.tags(source):
                met.setdefault(tag, {})[framework] = None
                where.setdefault(tag, {})[layer] = None
    return tuple(Below(tag, tuple(met[tag]), tuple(where[tag])) for tag in sorted(met))


def surfaces(name: str) -> tuple[Panel, ...]:
    """Show the layers' sources side by side, by name."""
    parts = [_layers(framework, name) for framework in NATIVE]
    names = dict.fromkeys(layer for part in parts for layer in part)
    return tuple(
        Panel(
            layer,
            f"layer-{layer}",  # as it is written: `conv` makes a `Conv`
            tuple(
                code.coloured(part[layer], "../") if layer in part else ""
                for part in parts
            ),
        )
        for layer in names
    )

"""What the page of an optimizer shows: its definition, its three sources, what the
built-ins do beside it, its path, its speed."""

import ast
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

from benchmarks.report import code, prose, surfaces
from benchmarks.report.evidence import Speed
from benchmarks.report.families import Panel
from benchmarks.report.figures import Figure, spanned, told
from benchmarks.report.groups import framework_name
from benchmarks.report.ratios import Ratio, rows_of
from parity_tests import builtins
from parity_tests.builtins import Row
from shared.definitions.optimizers import OPTIMIZERS, describe
from shared.files import sources
from shared.frameworks import NATIVE, ORACLE

# What all optimizers of a package have in common.
COMMON = {"Optimizer", "check", "used", "_ALLOWED", "excluded"}


@dataclass(frozen=True)
class Definition:
    """A definition's source, and the names that its file defines or imports."""

    source: str
    reach: frozenset[str]


@dataclass(frozen=True)
class Preset:
    name: str
    settings: str


@dataclass(frozen=True)
class Kind:
    """The presets of one class. `helpers` are what the sources below call."""

    name: str
    key: str
    doc: str
    links: tuple[str, ...]
    presets: tuple[Preset, ...]
    file: str
    definition: str
    natives: tuple[str, ...]
    helpers: tuple[Panel, ...]
    builtins: tuple[Row, ...]
    paths: tuple[Figure, ...]
    speeds: tuple[Figure, ...]
    keeps: Mapping[str, str]


def kinds() -> dict[str, list[str]]:
    """Give the presets of each class, in the order of the catalog."""
    found: dict[str, list[str]] = {}
    for name, preset in OPTIMIZERS.items():
        found.setdefault(type(preset).__name__, []).append(name)
    return found


def kind(name: str, speeds: Sequence[Speed], rows: Sequence[Row]) -> Kind:
    presets = kinds()[name]
    made = type(OPTIMIZERS[presets[0]])
    doc = _docstring(_known(ORACLE)[name].source)
    return Kind(
        name,
        prose.slug(name),
        " ".join(part.text for part in prose.paragraphs(doc)),
        tuple(code.links(doc)),
        tuple(_preset(preset) for preset in presets),
        made.__module__.replace(".", "/") + ".py",
        code.coloured(_with_bases(name), "../"),
        tuple(code.coloured(source, "../") for source in natives(name)),
        _helpers(name),
        tuple(row for row in rows if row.preset in presets),
        tuple(surfaces.figure(_distinct(presets), i) for i in range(2)),
        tuple(figure for figure in (_speed(speeds, p) for p in presets) if figure),
        made.keeps,
    )


def _preset(name: str) -> Preset:
    settings = asdict(OPTIMIZERS[name])
    return Preset(name, ", ".join(f"{k}={v}" for k, v in settings.items()))


def _distinct(presets: Sequence[str]) -> list[str]:
    """Presets that are equal are one."""
    found: dict[Any, str] = {}
    for preset in presets:
        found.setdefault(OPTIMIZERS[preset], preset)
    return list(found.values())


# Sources


@cache
def _known(framework: str) -> dict[str, Definition]:
    """Give all that a framework's optimizers consist of, what they share first."""
    found: dict[str, Definition] = {}
    files = sources.optimizers(framework).glob("*.py")
    for path in sorted(files, key=lambda path: (path.stem != "base", path.stem)):
        parts = sources.definitions(path.read_text())
        reach = frozenset(parts) | code.imported(parts.pop(sources.HEAD))
        found |= {name: Definition(part, reach) for name, part in parts.items()}
    return found


def _docstring(source: str) -> str:
    return code.docstring("\n".join(_body(source)))


def _body(source: str) -> list[str]:
    """A class's own lines, so that its docstring is that of a module."""
    node = ast.parse(source).body[0]
    if not isinstance(node, ast.ClassDef):
        return []
    first = node.body[0].lineno - 1
    return textwrap.dedent("\n".join(source.splitlines()[first:])).splitlines()


def _with_bases(name: str) -> str:
    """Give a definition with those it derives from and the functions it calls before
    it."""
    known, wanted = _known(ORACLE), {name}
    waiting = [name]
    while waiting:
        for other in _called(known, waiting.pop()):
            if other not in wanted and code.defines(known[other].source):
                wanted.add(other)
                waiting.append(other)
    return "\n\n\n".join(known[n].source for n in known if n in wanted)


def _called(known: Mapping[str, Definition], name: str) -> list[str]:
    called = code.names(known[name].source) & known[name].reach - COMMON
    return [other for other in known if other in called and other != name]


def natives(name: str) -> list[str]:
    """Give the three sources, in JAX with the state that goes before the function."""
    return [
        sources.with_state({n: d.source for n, d in _known(f).items()}, name)
        for f in NATIVE
    ]


def _helpers(name: str) -> tuple[Panel, ...]:
    parts = []
    for framework in NATIVE:
        known, own = _known(framework), sources.native_name(framework, name)
        wanted: dict[str, None] = {}
        waiting = _called(known, own)
        while waiting:
            other = waiting.pop(0)
            if other in wanted or other in (own, f"{name}State"):
                continue
            wanted[other] = None
            waiting += _called(known, other)
        parts.append("\n\n\n".join(known[n].source for n in known if n in wanted))
    if not any(parts):
        return ()
    shown = tuple(code.coloured(part, "../") if part else "" for part in parts)
    return (Panel("what these call", "helpers", shown),)


def built_ins() -> list[Row]:
    return builtins.read()


# Speed


def _speed(speeds: Sequence[Speed], preset: str) -> Figure | None:
    """The time of ours over that of theirs, from the last record that has it."""
    last = next((speed for speed in reversed(speeds) if speed.rows(preset)), None)
    if last is None:
        return None
    found, record = last.rows(preset), last.record
    title, rows = f"Time of an update: {preset}", tuple(_cells(row) for row in found)
    below = "our time over theirs; left of 1 is faster"
    return Figure(
        f"speed-{preset}",
        title,
        rows_of(title, [_ratio(row) for row in found], below, told(rows)),
        ("framework", "beside", "our time over theirs [95 %]", "bound"),
        rows,
        f"{record['tensors']} float32 tensors, {record['parameters']:,} numbers; "
        f"{record['rounds']} interleaved rounds on {record['machine']['cpu']}, "
        f"{record['date'][:10]}, revision {record['revision']}.",
        (("the record", f"records.html#{prose.slug(last.source)}-{last.number}"),),
    )


def _ratio(row: Mapping[str, Any]) -> Ratio:
    name = f"{framework_name(row['framework'])}, beside {row['against']}"
    return Ratio(name, row["framework"], row["ratio"], row["low"], row["high"])


def _cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    bound = row["bound"]
    return (
        framework_name(row["framework"]),
        str(row["against"]),
        spanned(row["ratio"], row["low"], row["high"]),
        "none" if bound is None else f"at most {bound:g}",
    )


def paper(name: str) -> str:
    return next(
        row["paper"] for row in describe(kinds()[name][:1]) if row["optimizer"] == name
    )

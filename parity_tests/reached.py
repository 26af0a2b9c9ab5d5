"""Which families a change in a layer can reach, by the names that files mention."""

import ast
from functools import cache
from pathlib import Path

from shared.catalog import FAMILIES, place_of
from shared.frameworks import ROOT


def owners(text: str) -> dict[int, str]:
    """Give, by line, the class, function or table of the file's outermost level."""
    return {
        line: name
        for node in ast.parse(text).body
        for name in _defined(node)
        for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)
    }


def families(package: str, owner: str) -> tuple[str, ...]:
    """Give the families whose models use what `owner` defines in the package's layers;
    all, where that is none's or the package uses it elsewhere too."""
    reached = _users(package, owner)
    elsewhere = _functions(package) & reached & _outside(package)
    if not owner or elsewhere:
        return tuple(FAMILIES)
    return tuple(name for name in FAMILIES if reached & _of_model(package, name))


def _users(package: str, owner: str) -> set[str]:
    """What stands in the layers on `owner`, itself included."""
    found, waiting = {owner}, [owner]
    mentions = _of_layers(package)
    while waiting:
        name = waiting.pop()
        more = {user for user, names in mentions.items() if name in names} - found
        found |= more
        waiting += more
    return found


@cache
def _of_layers(package: str) -> dict[str, set[str]]:
    """Find every name that the layers define, and the names that its definition
    mentions.

    A rule of derivation is part of the function that it is given to, as a decorator.
    """
    nodes = [
        (name, node)
        for path in sorted((ROOT / package / "layers").glob("*.py"))
        for node in ast.parse(path.read_text()).body
        for name in _defined(node)
    ]
    found: dict[str, set[str]] = {name: set() for name, _ in nodes}
    for name, node in nodes:
        found[name] |= _mentioned(node)
        for decorator in getattr(node, "decorator_list", ()):
            for other in _mentioned(decorator) & found.keys():
                found[other].add(name)
    return found


@cache
def _functions(package: str) -> set[str]:
    """What may be called without a layer: all but classes."""
    classes = {
        node.name
        for path in (ROOT / package / "layers").glob("*.py")
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.ClassDef)
    }
    return _of_layers(package).keys() - classes


@cache
def _outside(package: str) -> set[str]:
    """The names that files mention which are neither layers nor models."""
    folder = ROOT / package
    inside = (folder / "layers", folder / "models")
    files = [
        path
        for path in folder.rglob("*.py")
        if not any(path.is_relative_to(one) for one in inside)
    ]
    return set().union(*(_mentioned(ast.parse(path.read_text())) for path in files))


@cache
def _of_model(package: str, family: str) -> set[str]:
    """Give the names that a family's file mentions, and those in the files of the
    families that it imports."""
    models = ROOT / package / "models"
    return _of_file(models / place_of(family), models)


def _of_file(path: Path, models: Path) -> set[str]:
    tree = ast.parse(path.read_text())
    found = _mentioned(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and ".models." in (node.module or ""):
            other = models / Path(*(node.module or "").split(".")[2:])
            found |= _of_file(other.with_suffix(".py"), models)
    return found


def _defined(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.ClassDef | ast.FunctionDef):
        return [node.name]
    if isinstance(node, ast.Assign):
        return [one.id for one in node.targets if isinstance(one, ast.Name)]
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        return [node.target.id]
    return []


def _mentioned(root: ast.AST) -> set[str]:
    names = {node.id for node in ast.walk(root) if isinstance(node, ast.Name)}
    return names | {
        node.attr for node in ast.walk(root) if isinstance(node, ast.Attribute)
    }

"""What a dump says of a module: its kind, settings, and where it is written."""

import inspect
from collections.abc import Mapping
from typing import Any

import numpy as np


def settings_of(values: Mapping[str, Any]) -> dict[str, Any]:
    """Keeps the settings that JSON can say: numbers, words, functions by their name."""
    found = {}
    for name, value in values.items():
        said = _said(value)
        if said is not _NOTHING and not name.startswith("_"):
            found[name] = said
    return found


_NOTHING = object()


def _said(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float | np.floating):
        return float(value) if np.isfinite(value) else str(value)
    if isinstance(value, list | tuple):
        parts = [_said(part) for part in value]
        return _NOTHING if any(p is _NOTHING for p in parts) else parts
    if isinstance(value, Mapping) and all(isinstance(k, str) for k in value):
        return _NOTHING
    name = getattr(value, "__name__", None)
    return name if callable(value) and isinstance(name, str) else _NOTHING


def module_of(
    path: str,
    module: Any,
    children: list[str],
    settings: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """A dump's entry of a module; its settings are its attributes unless given."""
    kind = type(module)
    return {
        "path": path,
        "kind": kind.__name__,
        "base": base_of(kind),
        "package": kind.__module__,
        "settings": _own_settings(module) if settings is None else settings,
        "children": children,
        **source_of(kind),
    }


def _own_settings(module: Any) -> dict[str, Any]:
    """A module's attributes, and those of the configuration that it holds."""
    held = getattr(vars(module).get("config"), "__dict__", {})
    return {**settings_of(held), **settings_of(vars(module))}


# Whose layers a person may derive own ones from, and what every layer is.
LIBRARIES = ("torch", "keras", "flax", "equinox", "haiku")
GENERIC = ("Module", "Layer", "Model", "ScriptModule")


def base_of(kind: type) -> str:
    """The library's layer that a person's own is derived from; else empty."""
    if kind.__module__.partition(".")[0] in LIBRARIES:
        return ""
    known = (k for k in kind.__mro__ if k.__module__.partition(".")[0] in LIBRARIES)
    name = next((k.__name__ for k in known), "")
    return "" if name in GENERIC else name


def source_of(kind: type) -> dict[str, Any]:
    """Says where a class is written."""
    try:
        lines = inspect.getsourcelines(kind)[1]
        return {"file": inspect.getsourcefile(kind), "line": lines}
    except (OSError, TypeError):
        return {"file": None, "line": None}


def quiet(value: Any, name: str, tape: dict[str, float]) -> float:
    """Notes a rate of dropout, of which no two frameworks draw alike, and gives 0."""
    tape[name] = float(value)
    return 0.0

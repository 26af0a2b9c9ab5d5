"""The one coder between dataclasses and JSON: results one way, specs and plans both."""

import dataclasses
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar, get_args, get_type_hints

from shared.errors import UsageError, unknown

Kind = TypeVar("Kind")
KIND = "kind"


def plain(value: Any, kinds: bool = False) -> Any:
    """Gives a value as JSON can hold it: dataclasses as objects, what is not finite as
    null. With `kinds` each dataclass inside another says which it is."""
    if _is_dataclass(value):
        names = [field.name for field in dataclasses.fields(value)]
        return {name: _part(getattr(value, name), kinds) for name in names}
    if isinstance(value, Mapping):
        return {str(key): _part(item, kinds) for key, item in value.items()}
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, list | tuple | set):
        return [_part(item, kinds) for item in value]
    return value


def _part(value: Any, kinds: bool) -> Any:
    """Gives what stands inside another value."""
    found = plain(value, kinds)
    if kinds and _is_dataclass(value):
        return {KIND: type(value).__name__, **found}
    return found


def _is_dataclass(value: Any) -> bool:
    return dataclasses.is_dataclass(value) and not isinstance(value, type)


def to_json(value: object) -> str:
    return json.dumps(plain(value), indent=1)


def to_json_lines(values: Iterable[object] | object) -> str:
    items = values if isinstance(values, Iterable) else [values]
    return "\n".join(json.dumps(plain(item)) for item in items)


def to_plain(value: Any) -> dict[str, Any]:
    """Gives a spec or a plan as JSON can hold it, in a form that from_plain reads."""
    found: dict[str, Any] = plain(value, kinds=True)
    return found


def from_plain(kind: type[Kind], given: Mapping[str, Any]) -> Kind:
    """Gives back what to_plain was given; refuses unknown and missing fields by name.

    What stands inside is of the kind it names, which the field's annotation allows.
    """
    hints = get_type_hints(kind)
    known = {field.name for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    extra = set(given) - known
    if extra:
        raise UsageError(f"{kind.__name__} has no field {', '.join(sorted(extra))}")
    try:
        return kind(**{name: _inner(v, hints[name]) for name, v in given.items()})
    except TypeError as error:
        raise UsageError(f"{kind.__name__}: {error}") from None


def _inner(value: Any, hint: Any) -> Any:
    if isinstance(value, list | tuple):
        return tuple(_inner(item, hint) for item in value)
    if isinstance(value, Mapping) and KIND in value:
        fields = {name: item for name, item in value.items() if name != KIND}
        return from_plain(_named(value[KIND], hint), fields)
    return value


def _named(name: Any, hint: Any) -> type:
    """Finds the class of this name among those that an annotation allows."""
    allowed = {kind.__name__: kind for kind in _allowed(hint)}
    if name not in allowed:
        raise unknown("kind", str(name), allowed)
    return allowed[name]


def _allowed(hint: Any) -> Iterator[type]:
    """Goes through an annotation's dataclasses and all that are derived from them."""
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        yield hint
        for derived in hint.__subclasses__():
            yield from _allowed(derived)
    for part in get_args(hint):
        yield from _allowed(part)

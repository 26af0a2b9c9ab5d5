"""The native form of a definition, found by its name, and called."""

import dataclasses
import importlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from shared.arrays import Array
from shared.contract import flat

Compile = Callable[[Callable[..., Any]], Callable[..., Any]]


def natively(
    package: str,
    definition: Callable[..., Any],
    arguments: Sequence[Any],
    tensor: Callable[[Array], Any],
    compiled: Compile = lambda function: function,
    kept: dict[Any, Callable[..., Any]] | None = None,
) -> tuple[Any, ...]:
    """What the package's form of a function in shared/definitions, or of a method of
    settings there, makes of these arguments, laid out in a row.

    Arrays become tensors, settings the package's own; anything else is given as it is.

    kept: what was compiled before, by all but the arrays.
    """
    module = importlib.import_module(
        f"{package}.{definition.__module__.split('.')[-1]}"
    )
    held = getattr(definition, "__self__", None)
    places = [i for i, value in enumerate(arguments) if _has_arrays(value)]
    fixed = tuple(None if _has_arrays(value) else value for value in arguments)
    given = [_given(module, value, tensor) for value in arguments]

    def call(*tensors: Any) -> Any:
        every = list(given)
        for i, value in zip(places, tensors, strict=True):
            every[i] = value
        owner = module if held is None else _own(module, held)
        return getattr(owner, definition.__name__)(*every)

    kept = {} if kept is None else kept
    shapes = tuple(
        np.shape(value[0] if isinstance(value, tuple) else value) for value in arguments
    )
    key = module, held, definition.__name__, fixed, shapes
    if key not in kept:
        kept[key] = compiled(call)
    return flat(kept[key](*(given[i] for i in places)))


def _has_arrays(value: Any) -> bool:
    return isinstance(value, np.ndarray | tuple)


def _given(module: Any, value: Any, tensor: Callable[[Array], Any]) -> Any:
    if isinstance(value, np.ndarray):
        return tensor(value)
    if isinstance(value, tuple):  # a named one
        return getattr(module, type(value).__name__)(*map(tensor, value))
    return _own(module, value) if dataclasses.is_dataclass(value) else value


def _own(module: Any, settings: Any) -> Any:
    names = [field.name for field in dataclasses.fields(settings)]
    values = {name: getattr(settings, name) for name in names}
    return getattr(module, type(settings).__name__)(**values)

"""Flax NNX variables <-> canonical ones: one rule per layer type."""

from collections.abc import Iterator
from typing import Any

import jax.numpy as jnp
from flax import nnx

from shared.files.weights import DENSE, KERNEL, SAME, TURNED, Layout, Slot

_NORM = {
    "scale": ("weight", SAME),
    "bias": ("bias", SAME),
    "mean": ("running_mean", SAME),
    "var": ("running_var", SAME),
}
# Layer type -> attribute -> canonical leaf and layout; what is not listed keeps both.
RULES: dict[type, dict[str, tuple[str, Layout]]] = {
    nnx.Linear: {"kernel": ("weight", DENSE)},
    nnx.Conv: {"kernel": ("weight", KERNEL)},
    nnx.Embed: {"embedding": ("weight", SAME)},
    nnx.BatchNorm: _NORM,
    nnx.LayerNorm: _NORM,
    nnx.GroupNorm: _NORM,
    nnx.RMSNorm: _NORM,
}


def children(module: Any) -> Iterator[tuple[str, Any]]:
    """The attributes and items that can hold variables, in order of definition."""
    if isinstance(module, nnx.List | list | tuple):
        yield from ((str(i), value) for i, value in enumerate(module))
    elif isinstance(module, nnx.Sequential):
        yield from ((str(i), value) for i, value in enumerate(module.layers))
    elif isinstance(module, nnx.Dict | dict):
        yield from module.items()
    elif isinstance(module, nnx.Module):
        yield from vars(module).items()


def named_modules(module: Any, path: str = "") -> Iterator[tuple[str, nnx.Module]]:
    """Yield every module but containers, each with its path; the root's is empty."""
    if isinstance(module, nnx.Module) and not isinstance(module, nnx.List | nnx.Dict):
        yield path, module
    for name, value in children(module):
        if isinstance(value, nnx.Module | list | tuple | dict):
            yield from named_modules(value, f"{path}.{name}" if path else name)


def _variables(model: nnx.Module) -> Iterator[tuple[str, nnx.Module, str, Any]]:
    """Yield the real variables, each once, in order, with where they live."""
    seen: set[int] = set()
    for path, module in named_modules(model):
        for name, value in children(module):
            if not isinstance(value, nnx.Variable) or isinstance(value, nnx.RngState):
                continue
            if id(value) in seen or not jnp.issubdtype(value.dtype, jnp.floating):
                continue
            seen.add(id(value))
            yield f"{path}." if path else "", module, name, value


def slots(model: nnx.Module, dtype: str) -> dict[str, Slot]:
    found: dict[str, Slot] = {}
    for prefix, module, name, value in _variables(model):
        leaf, layout = _rule(module).get(name, (name, SAME))
        trainable = isinstance(value, nnx.Param)
        shape = layout.shape(value.shape)
        found[prefix + leaf] = Slot(value, shape, dtype, trainable, layout)
    return found


def native_names(model: nnx.Module) -> dict[str, str]:
    """Give NNX's own name for each canonical one."""
    return {
        prefix + _rule(module).get(name, (name, SAME))[0]: prefix + name
        for prefix, module, name, _ in _variables(model)
    }


def _rule(module: nnx.Module) -> dict[str, tuple[str, Layout]]:
    if isinstance(module, nnx.ConvTranspose):
        # DIFF(conv-transpose)
        layout = KERNEL if module.transpose_kernel else TURNED
        return {"kernel": ("weight", layout)}
    return next((RULES[t] for t in type(module).__mro__ if t in RULES), {})

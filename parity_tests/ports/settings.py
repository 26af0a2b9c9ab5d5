"""Settings of layers under one name each, whatever a framework calls them."""

from collections.abc import Mapping
from typing import Any

from parity_tests.ports.dumps import Dump, Module

NAMES = {
    "epsilon": "eps",
    "variance_epsilon": "eps",
    "strides": "stride",
    "dilation_rate": "dilation",
    "kernel_dilation": "dilation",
    "feature_group_count": "groups",
    "negative_slope": "slope",
    "alpha": "slope",
    "num_attention_heads": "num_heads",
    "n_head": "num_heads",
    "pool_size": "kernel_size",
    "fun": "activation",
}
COMPARED = (
    "eps",
    "momentum",
    "stride",
    "padding",
    "dilation",
    "groups",
    "activation",
    "approximate",
    "slope",
    "num_heads",
    "kernel_size",
    "ceil_mode",
    "count_include_pad",
    "reset_after",
    "padding_idx",
)


def settings_of(dump: Dump, module: Module) -> dict[str, Any]:
    """What a layer is set to; momentum is the weight of the old statistic."""
    found = {NAMES.get(k, k): v for k, v in module.settings.items()}
    found = {k: _said(v) for k, v in found.items() if k in COMPARED}
    momentum = found.get("momentum")
    if dump.framework == "pytorch" and isinstance(momentum, float):
        found["momentum"] = round(1 - momentum, 12)
    if dump.framework == "pytorch" and isinstance(found.get("approximate"), str):
        found["approximate"] = found["approximate"] == "tanh"
    return found


def _said(value: Any) -> Any:
    """`(2, 2)` and `2` are one setting."""
    if isinstance(value, list) and value and all(v == value[0] for v in value):
        return _said(value[0])
    return value.lower() if isinstance(value, str) else value


def differing(
    one: Mapping[str, Any], two: Mapping[str, Any]
) -> dict[str, tuple[Any, Any]]:
    """The settings that both layers have, and not the same."""
    both = [k for k in one if k in two and one[k] != two[k]]
    return {k: (one[k], two[k]) for k in both if not _alike(one[k], two[k])}


def _alike(a: Any, b: Any) -> bool:
    """`same` and 1 may be one padding, and no activation is `linear`."""
    if {str(a), str(b)} <= {"None", "linear", "", "identity"}:
        return True
    number = isinstance(a, int | float) and isinstance(b, int | float)
    return number and abs(a - b) <= 1e-12 * max(abs(a), abs(b))


# What says nothing of what a layer computes.
NO_MATTER = ("training", "trainable", "name", "dtype", "layer_idx", "built", "path")


def unlike(
    one: Mapping[str, Any], two: Mapping[str, Any]
) -> dict[str, tuple[Any, Any]]:
    """The settings of a person's own layers that have one name and two values."""
    both = [k for k in one if k in two and k not in NO_MATTER and k not in NAMES]
    pairs = {k: (_said(one[k]), _said(two[k])) for k in both}
    plain = bool | int | float | str | None
    return {
        k: (a, b)
        for k, (a, b) in pairs.items()
        if isinstance(a, plain) and isinstance(b, plain) and a != b and not _alike(a, b)
    }


def within(one: Dump, ours: str, two: Dump, theirs: str) -> dict[str, tuple[Any, Any]]:
    """The settings that have one value all through a module, and another through its
    counterpart, whichever of the layers in it holds them."""
    return unlike(_throughout(one, ours), _throughout(two, theirs))


def _throughout(dump: Dump, path: str) -> dict[str, Any]:
    found: dict[str, list[Any]] = {}
    inside = f"{path}." if path else ""
    for module in dump.modules.values():
        if module.path == path or module.path.startswith(inside):
            for name, value in module.settings.items():
                found.setdefault(name, []).append(_said(value))
    return {k: v[0] for k, v in found.items() if all(x == v[0] for x in v)}

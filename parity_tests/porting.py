"""The porting dictionary held to its word: every entry runs in each framework, on the
same numbers. `value` runs in the worker, where it is asked for by name."""

import importlib
import inspect
import sys
from collections.abc import Mapping
from functools import reduce
from typing import Any

import numpy as np

from shared.arrays import Array
from shared.frameworks import PACKAGES
from shared.porting.base import Entry
from shared.randomness import generator
from shared.running.client import Worker

# By which short names an entry's code knows what.
NAMES = {
    "pytorch": {"torch": "torch", "nn": "torch.nn", "F": "torch.nn.functional"},
    "keras": {
        "keras": "keras",
        "layers": "keras.layers",
        "losses": "keras.losses",
        "ops": "keras.ops",
    },
    "jax": {"jax": "jax", "jnp": "jax.numpy", "nnx": "flax.nnx", "optax": "optax"},
}


def asked(entry: Entry) -> tuple[dict[str, Array], dict[str, Array]]:
    """Inputs and weights of an entry, as PyTorch lays them out."""
    draw = generator("porting", entry.key)
    inputs: dict[str, Array] = {
        name: draw.integers(0, entry.whole[name], shape)
        if name in entry.whole
        else draw.standard_normal(shape)
        for name, shape in entry.inputs.items()
    }
    weights: dict[str, Array] = {}
    for name, shape in entry.weights.items():
        drawn = draw.standard_normal(shape)
        weights[name] = np.abs(drawn) + 0.5 if name == "running_var" else drawn
        if name in entry.zeros:
            weights[name] = np.zeros(shape)
    return inputs, weights


def values(worker: Worker, entries: list[Entry]) -> dict[str, Array]:
    """What every entry gives in one framework, as PyTorch would lay it out."""
    found: dict[str, Array] = worker.ask("parity_tests.porting:every", entries)
    return found


def every(entries: list[Entry]) -> dict[str, Array]:
    return {entry.key: value(_here(), entry) for entry in entries}


def defaults(entries: list[Entry]) -> dict[str, dict[str, object]]:
    """What the framework itself takes where nothing is said, of what entries name."""
    framework = _here()
    known = _known(framework)
    return {
        entry.key: {
            name: _signature(eval(form.name, known)).parameters[name].default
            for name in form.defaults
        }
        for entry in entries
        if (form := entry.forms[framework]).defaults
    }


def _signature(called: Any) -> inspect.Signature:
    return inspect.signature(called.__init__ if inspect.isclass(called) else called)


def value(framework: str, entry: Entry) -> Array:
    inputs, weights = asked(entry)
    form, known = entry.forms[framework], _known(framework)
    for name, given in inputs.items():
        known[name] = _tensor(framework, known, _there(framework, entry, name, given))
    if form.code:
        layer = known["layer"] = eval(form.code, known)
        if framework == "pytorch" and weights:
            layer.double()
            layer.load_state_dict(
                {n: known["torch"].tensor(w) for n, w in weights.items()}, strict=False
            )
        elif weights and framework == "keras":
            eval(form.call, known)  # it has weights when it was called
            _give(framework, layer, form.takes, weights)
        elif weights:
            for _, part in known["nnx"].iter_modules(layer):
                for name in vars(part).keys() & {"param_dtype", "dtype"}:
                    setattr(part, name, np.dtype("float64"))
            _give(framework, layer, form.takes, weights)
    found = eval(form.call, known)
    array = np.asarray(found.detach() if framework == "pytorch" else found)
    return np.moveaxis(array, -1, 1) if _moves(framework, entry, "y") else array


def _here() -> str:
    """The framework whose worker this is: its package is imported."""
    return next(name for name in NAMES if PACKAGES[name] in sys.modules)


def _known(framework: str) -> dict[str, Any]:
    known = {k: importlib.import_module(name) for k, name in NAMES[framework].items()}
    return {**known, **({"rngs": known["nnx"].Rngs(0)} if framework == "jax" else {})}


def _moves(framework: str, entry: Entry, name: str) -> bool:
    return framework != "pytorch" and name in entry.last


def _there(framework: str, entry: Entry, name: str, given: Array) -> Array:
    return np.moveaxis(given, 1, -1) if _moves(framework, entry, name) else given


def _tensor(framework: str, known: Mapping[str, Any], given: Array) -> Any:
    if framework == "pytorch":
        return known["torch"].tensor(given)
    if framework == "keras":
        return known["ops"].convert_to_tensor(given)
    return known["jnp"].asarray(given)


def _give(
    framework: str, layer: Any, takes: Mapping[str, str], weights: Mapping[str, Array]
) -> None:
    """Put PyTorch's tensors where this layer keeps them."""
    given = {name.replace(".", "_"): w for name, w in weights.items()}
    for path, expression in takes.items():
        made = eval(expression, {"np": np, **given})
        *way, last = path.split(".")
        place = getattr(reduce(getattr, way, layer), last)
        if framework == "keras":
            place.assign(made.reshape(place.shape))
        else:
            jnp = importlib.import_module("jax.numpy")
            place.set_value(jnp.asarray(made).reshape(place.get_value().shape))

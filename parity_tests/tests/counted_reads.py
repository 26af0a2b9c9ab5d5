"""How many tokens a decoder reads at a time while it generates, counted in a worker's
own process."""

from importlib import import_module
from pkgutil import resolve_name
from typing import Any

import numpy as np

from shared.arrays import Array

TENSOR = {
    "pytorch_impl": "torch:from_numpy",
    "keras_impl": "keras.ops:convert_to_tensor",
    "jax_impl": "jax.numpy:asarray",
}


def reads(package: str, name: str, prompt: Array, new: int) -> list[int]:
    """Of what a loop traces once, one step stands for all."""
    model: Any = import_module(f"{package}.adapter").build(name)
    if package != "keras_impl":
        model.eval()
    tensor, kind, found = resolve_name(TENSOR[package]), type(model), []
    extend = kind.extend

    def counted(self: Any, tokens: Any, cache: Any, places: Any) -> Any:
        assert len(places) == tokens.shape[1]
        found.append(tokens.shape[1])
        return extend(self, tokens, cache, places)

    kind.extend = counted
    try:
        uniform = tensor(np.zeros((len(prompt), new)))
        model.generate(tensor(prompt), uniform, temperature=0.0)
    finally:
        kind.extend = extend
    return found

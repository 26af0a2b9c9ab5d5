"""PyTorch parameters <-> canonical ones: torch's names and layouts are the canon."""

import torch
from torch import nn

from shared.files.weights import Slot


def slots(model: nn.Module, dtype: str) -> dict[str, Slot]:
    """Give the real parameters and buffers, each once, in order of definition.

    `num_batches_tracked` and index buffers are no part of the function's values.
    """
    found: dict[str, Slot] = {}
    seen: set[int] = set()
    for path, module in model.named_modules():
        for store, is_parameter in (
            (module._parameters, True),
            (module._buffers, False),
        ):
            for leaf, value in store.items():
                if value is None or not value.is_floating_point() or id(value) in seen:
                    continue
                seen.add(id(value))
                name = f"{path}.{leaf}" if path else leaf
                trainable = is_parameter and value.requires_grad
                found[name] = Slot((module, leaf), tuple(value.shape), dtype, trainable)
    return found


def tensor(slot: Slot) -> torch.Tensor:
    module, leaf = slot.place
    return getattr(module, leaf)


def set_tensor(slot: Slot, value: torch.Tensor) -> None:
    """Set a tensor: in place where the model has memory; an abstract one is
    replaced."""
    module, leaf = slot.place
    old = getattr(module, leaf)
    if not old.is_meta:
        with torch.no_grad():
            old.copy_(value)
    elif leaf in module._parameters:
        setattr(module, leaf, nn.Parameter(value, requires_grad=old.requires_grad))
    else:
        module._buffers[leaf] = value

"""Activations by the names that specs give them."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def hard_swish(x: Tensor) -> Tensor:
    # DIFF(hard-float32): on a GPU F.hardswish has 1/6 in float32, also in float64.
    if x.is_cuda and x.dtype == torch.float64:
        return x * (F.relu6(x + 3) / 6)
    return F.hardswish(x)


# DIFF(in-place): a ReLU is written over what nobody reads again; of the others autograd
# would keep a copy.
ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "identity": lambda x: x,
    "relu": F.relu_,
    "relu6": F.relu6,
    "silu": F.silu,
    "hard_swish": hard_swish,
    # DIFF(hard-float32): the gradient of F.hardsigmoid has 1/6 in float32.
    "hard_sigmoid": lambda x: F.relu6(x + 3) / 6,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "gelu": F.gelu,
    "gelu_tanh": lambda x: F.gelu(x, approximate="tanh"),
}


class Activation(nn.Module):
    """An activation as a layer, for lists of layers whose published names count it."""

    def __init__(self, name: str):
        super().__init__()
        self.name = name

    def forward(self, x: Tensor) -> Tensor:
        return ACTIVATIONS[self.name](x)

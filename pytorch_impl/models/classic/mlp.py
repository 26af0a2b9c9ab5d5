"""Multilayer perceptron in PyTorch, [B, features].

Spec, paper: shared/specs/classic/mlp.py.
"""

from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pytorch_impl.layers import Dropout
from shared.specs.classic.mlp import MLPSpec


def norm(channels: int, spec: MLPSpec) -> nn.BatchNorm1d:
    # DIFF(bn-momentum): torch's momentum weighs the NEW value.
    return nn.BatchNorm1d(channels, eps=spec.bn_eps, momentum=1 - spec.bn_decay)


def activation(spec: MLPSpec) -> Callable[[Tensor], Tensor]:
    choices: dict[str, Callable[[Tensor], Tensor]] = {
        "sigmoid": torch.sigmoid,
        "tanh": torch.tanh,
        "relu": F.relu,
        "leaky_relu": partial(F.leaky_relu, negative_slope=spec.leaky_slope),
        "gelu": partial(F.gelu, approximate="none"),
    }
    return choices[spec.activation]


class Hidden(nn.Module):
    def __init__(self, c_in: int, c_out: int, spec: MLPSpec):
        super().__init__()
        self.spec = spec
        self.linear = nn.Linear(c_in, c_out, bias=spec.hidden_bias)
        self.norm = norm(c_out, spec) if spec.batch_norm else None
        self.dropout = Dropout(spec.dropout)

    def forward(self, x: Tensor) -> Tensor:
        x = self.linear(x)  # [B, c_out]
        if self.norm is not None:
            x = self.norm(x)
        return self.dropout(activation(self.spec)(x))


class MLP(nn.Module):
    def __init__(self, spec: MLPSpec):
        super().__init__()
        self.spec = spec
        self.hidden = nn.ModuleList(Hidden(*sizes, spec) for sizes in spec.sizes)
        self.fc = nn.Linear(spec.c_out, spec.targets)

    def forward(self, x: Tensor) -> Tensor:
        for hidden in self.hidden:
            x = hidden(x)
        return self.fc(x)  # [B, targets]

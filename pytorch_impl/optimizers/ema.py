"""The moving average of the parameters, in PyTorch."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from .base import check


class Ema:
    """The moving average of parameters, from their values now on; `update` after each
    step. `averages` are in the parameters' order."""

    def __init__(self, parameters: Iterable[Tensor], *, decay: float):
        check("Ema", {"decay": decay})
        self.parameters, self.decay = list(parameters), decay
        self.averages = [p.detach().clone() for p in self.parameters]

    @torch.no_grad()
    def update(self) -> None:
        torch._foreach_lerp_(self.averages, self.parameters, 1 - self.decay)

    def state_dict(self) -> dict[str, Any]:
        return {"decay": self.decay, "averages": self.averages}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.decay = state["decay"]
        torch._foreach_copy_(self.averages, state["averages"])

"""What noise was put in. Objective: shared/objectives/diffusion.py."""

import torch
from torch import Tensor, nn

from pytorch_impl import definitions
from pytorch_impl import diffusion as mixing
from pytorch_impl.precision import exact
from shared.contract import flat
from shared.objectives.diffusion import Diffusion

Tensors = tuple[Tensor, ...]


def diffusion(
    s: Diffusion, model: nn.Module, inputs: Tensors, targets: Tensors, noise: Tensors
) -> dict[str, Tensor]:
    (x0, *label), (time, mixed, *chance) = inputs, noise
    a = definitions.diffusing(s.noising).alpha_bar(time).to(x0)
    x = mixing.noised(x0, mixed, a)
    wanted = {"noise": mixed, "data": x0, "velocity": mixing.velocity(x0, mixed, a)}
    if s.forgets:
        label = [torch.where(chance[0] < s.forgets, s.nothing, label[0])]
    said, *_ = flat(model(x, *label, time))
    with exact((said, wanted[s.says])) as (said, right):
        return {"loss": (said - right).square().mean()}

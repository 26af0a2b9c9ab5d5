"""What noise was put in. Objective: shared/objectives/diffusion.py."""

from torch import Tensor, nn

from pytorch_impl import definitions
from pytorch_impl import diffusion as mixing
from pytorch_impl.precision import exact
from shared.objectives.diffusion import Diffusion

Tensors = tuple[Tensor, ...]


def diffusion(
    s: Diffusion, model: nn.Module, inputs: Tensors, targets: Tensors, noise: Tensors
) -> dict[str, Tensor]:
    (x0, *others), (*drawn, mixed) = inputs, noise
    a = _noising(s).alpha_bar(drawn[0]).to(x0)
    x = mixing.noised(x0, mixed, a)
    wanted = {"noise": mixed, "data": x0, "velocity": mixing.velocity(x0, mixed, a)}
    with exact((model(x, *others, *drawn), wanted[s.says])) as (said, right):
        return {"loss": (said - right).square().mean()}


def _noising(s: Diffusion) -> mixing.Noising:
    kind = getattr(mixing, type(s.noising).__name__)
    return kind(**definitions.settings(s.noising))

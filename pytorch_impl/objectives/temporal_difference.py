"""Values of actions. Objective: shared/objectives/temporal_difference.py."""

import torch
from torch import Tensor, nn

from pytorch_impl import definitions, returns
from pytorch_impl.precision import exact
from shared.objectives.temporal_difference import TemporalDifference

Tensors = tuple[Tensor, ...]


def temporal_difference(
    s: TemporalDifference,
    model: nn.Module,
    inputs: Tensors,
    targets: Tensors,
    noise: Tensors,
) -> dict[str, Tensor]:
    (state,), (action, reward, done, following) = inputs, targets
    online, target = model.get_submodule("online"), model.get_submodule("target")
    with torch.no_grad():
        after = target(following)
        chosen = (online(following) if s.double else after).argmax(-1, keepdim=True)
    with exact((online(state), after, reward)) as (y, after, reward):
        said = y.gather(-1, action.long()[:, None])[:, 0]
        worth = returns.TemporalDifference(gamma=s.gamma).target(
            reward, done > 0, after.gather(-1, chosen)[:, 0]
        )
        loss = definitions.loss(s.loss)(said, worth)
        return {"loss": loss, "value": said.mean()}

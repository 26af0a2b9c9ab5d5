"""Words, and the balance of experts. Objective: shared/objectives/routing.py."""

from torch import Tensor, nn

from pytorch_impl import definitions
from pytorch_impl.layers import ranked
from pytorch_impl.precision import exact
from shared.objectives.routing import Balanced

Tensors = tuple[Tensor, ...]


def balanced(
    s: Balanced, model: nn.Module, inputs: Tensors, targets: Tensors, noise: Tensors
) -> dict[str, Tensor]:
    with exact(model(*inputs, *noise)) as (logits, scores):
        words = definitions.loss(s.loss)(logits, *targets)
        chosen = (ranked(scores) < s.chosen).to(scores.dtype)
        both = chosen.mean(2) * scores.softmax(-1).mean(2)  # [B, depth, experts]
        balance = scores.shape[-1] * both.sum((1, 2)).mean()
        loss = words + s.weight * balance
    return {"loss": loss, "words": words, "balance": balance}

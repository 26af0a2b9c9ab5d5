"""A loss of what the model puts out. Objective: shared/objectives/supervised.py."""

from torch import Tensor, nn

from pytorch_impl import definitions
from pytorch_impl.precision import exact
from shared.contract import flat
from shared.objectives.supervised import Supervised

Tensors = tuple[Tensor, ...]


def supervised(
    s: Supervised, model: nn.Module, inputs: Tensors, targets: Tensors, noise: Tensors
) -> dict[str, Tensor]:
    outputs = flat(model(*inputs, *noise))
    with exact(outputs) as outputs:
        return {"loss": s.of(definitions.loss(s.loss), outputs, targets)}

"""Squeeze and excitation (Hu et al. 2017, arXiv:1709.01507)."""

from torch import Tensor, nn

from pytorch_impl.layers.activation import ACTIVATIONS
from pytorch_impl.layers.convolution import conv
from shared.specs.base import SqueezeSpec


class SqueezeExcitation(nn.Module):
    """Channels weighed by what their means say (figure 1)."""

    def __init__(self, s: SqueezeSpec):
        super().__init__()
        self.s = s
        self.fc1, self.fc2 = map(conv, s.convs)

    def forward(self, x: Tensor) -> Tensor:
        y = self.fc1(x.mean((2, 3), keepdim=True))  # [B, squeezed, 1, 1]
        y = self.fc2(ACTIVATIONS[self.s.activation](y))
        return x * ACTIVATIONS[self.s.gate](y)

"""A small CNN in PyTorch, BCHW.

Spec, names, papers: shared/specs/vision/simple_cnn.py.
"""

from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor, nn

from pytorch_impl.layers import Dropout, conv, max_pool
from shared.specs.vision.simple_cnn import SimpleCNNSpec

POOLINGS: dict[str, Callable[[Tensor], Tensor]] = {
    "flatten": lambda x: x.flatten(1),
    "mean": lambda x: x.mean((2, 3)),
    "max": lambda x: x.amax((2, 3)),
}


class SimpleCNN(nn.Module):
    def __init__(self, spec: SimpleCNNSpec):
        super().__init__()
        self.spec = spec
        self.convs = nn.ModuleList(conv(c) for c in spec.convs)
        self.hidden = nn.ModuleList(nn.Linear(*sizes) for sizes in spec.sizes)
        self.dropout = Dropout(spec.dropout)
        self.fc = nn.Linear(spec.c_out, spec.num_classes)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.convs:
            x = max_pool(F.relu_(layer(x)), self.spec.pool)  # [B, width, H/2, W/2]
        x = POOLINGS[self.spec.pooling](x)  # [B, features]
        for layer in self.hidden:
            x = F.relu_(layer(x))
        return self.fc(self.dropout(x))  # [B, num_classes]

"""Spatial transformer networks in PyTorch, BCHW.

Spec, names, paper: shared/specs/vision/stn.py.
"""

import torch.nn.functional as F
from torch import Tensor, nn

from pytorch_impl.layers import conv, max_pool, sample_maps
from pytorch_impl.models.vision.simple_cnn import SimpleCNN
from pytorch_impl.precision import exact, full
from shared.specs.vision.stn import STNSpec


class Localisation(nn.Module):
    """Finds two rows that give each place of the new picture its place in the old."""

    def __init__(self, spec: STNSpec):
        super().__init__()
        self.spec = spec
        self.convs = nn.ModuleList(conv(c) for c in spec.convs)
        self.hidden = nn.Linear(spec.features, spec.hidden)
        self.out = nn.Linear(spec.hidden, 6)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.convs:
            x = F.relu(max_pool(layer(x), self.spec.pool))  # [B, width, H/2, W/2]
        x = F.relu(self.hidden(x.flatten(1)))
        return full(self.out(x)).reshape(-1, 2, 3)


class STN(nn.Module):
    """Figure 2, in front of a classifier."""

    def __init__(self, spec: STNSpec):
        super().__init__()
        self.spec = spec
        self.localisation = Localisation(spec)
        self.classifier = SimpleCNN(spec.classifier)

    def forward(self, image: Tensor) -> Tensor:
        transformed, _ = self.transform(image)
        return self.classifier(transformed)  # [B, num_classes]

    def transform(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Give the picture that the classifier is shown, and theta."""
        theta = self.localisation(image)  # [B, 2, 3]
        with exact((theta,)) as (theta,):
            points = theta.new_tensor(self.spec.points)
            places = points @ theta.mT  # [B, rows * columns, 2], equation 1
        return sample_maps(image, places).reshape(image.shape), theta

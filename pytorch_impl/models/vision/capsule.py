"""Capsule networks in PyTorch: capsules [B, number, width], pictures BCHW.

Spec, names, paper: shared/specs/vision/capsule.py.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pytorch_impl.layers import conv, unit
from pytorch_impl.losses import root
from pytorch_impl.precision import full
from shared.specs.vision.capsule import CapsuleSpec


def squash(s: Tensor) -> Tensor:
    """Keep a vector's direction, and let its length be from 0 to 1 (equation 1)."""
    squares = s.square().sum(-1, keepdim=True)
    return squares / (1 + squares) * unit(s)


class Decoder(nn.Module):
    """Figure 2."""

    def __init__(self, spec: CapsuleSpec):
        super().__init__()
        self.spec = spec
        self.hidden = nn.ModuleList(nn.Linear(*sizes) for sizes in spec.decoder_sizes)
        self.fc = nn.Linear(spec.decoder[-1], spec.features)

    def forward(self, capsules: Tensor, label: Tensor) -> Tensor:
        own = F.one_hot(label.long(), self.spec.num_classes).to(capsules)
        x = (capsules * own[:, :, None]).flatten(1)
        for layer in self.hidden:
            x = F.relu(layer(x))
        return self.fc(x).sigmoid().reshape(-1, *self.spec.maps)


class Capsule(nn.Module):
    """Figure 1."""

    def __init__(self, spec: CapsuleSpec):
        super().__init__()
        self.spec = spec
        self.conv = conv(spec.conv)
        self.primary = conv(spec.primary)
        self.votes = nn.Parameter(torch.zeros(spec.votes))
        self.decoder = Decoder(spec)

    def forward(self, image: Tensor, label: Tensor) -> tuple[Tensor, Tensor]:
        capsules = self.capsules(image)
        return self.lengths(capsules), self.decoder(capsules, label)

    def capsules(self, image: Tensor) -> Tensor:
        s = self.spec
        x = full(self.primary(F.relu(self.conv(image))))  # [B, kinds * width, H, W]
        x = x.reshape(len(x), s.kinds, s.primary_width, -1).mT
        lower = squash(x.flatten(1, 2))  # [B, capsules, primary_width]
        votes = torch.einsum("bip,ijpq->bijq", lower, full(self.votes))
        return self.routed(full(votes))

    def routed(self, votes: Tensor) -> Tensor:
        """Route by agreement (procedure 1). [B, capsules, classes, width of votes]"""
        logits = votes.new_zeros(votes.shape[:3])
        for _ in range(self.spec.agreements):
            capsules = self.joined(votes, logits)
            logits = logits + (votes * capsules[:, None]).sum(-1)
        return self.joined(votes, logits)

    def joined(self, votes: Tensor, logits: Tensor) -> Tensor:
        """Give the classes' capsules, [B, classes, width], as votes share them."""
        shares = logits.softmax(2)
        return squash((shares[..., None] * votes).sum(1))

    def lengths(self, capsules: Tensor) -> Tensor:
        return root(capsules.square().sum(-1))  # [B, classes]

    def classify(self, image: Tensor) -> Tensor:
        return self.lengths(self.capsules(image))

    def reconstruct(self, image: Tensor) -> Tensor:
        capsules = self.capsules(image)
        return self.decoder(capsules, self.lengths(capsules).argmax(1))

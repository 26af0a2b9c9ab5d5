"""The conditional variational autoencoder in PyTorch, [B, features].

Spec, papers: shared/specs/generative/cvae.py.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pytorch_impl.models.generative.vae import Decoder, Encoder
from shared.specs.generative.cvae import ConditionalVAESpec


class ConditionalVAE(nn.Module):
    def __init__(self, spec: ConditionalVAESpec):
        super().__init__()
        self.spec = spec
        self.encoder = Encoder(spec)
        self.decoder = Decoder(spec)

    def forward(
        self, image: Tensor, label: Tensor, noise: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        mean, log_variance = self.encode(image, label)
        z = mean + torch.exp(log_variance / 2) * noise
        return self.decode(z, label), mean, log_variance

    def encode(self, image: Tensor, label: Tensor) -> tuple[Tensor, Tensor]:
        return self.encoder(self.told(image, label))

    def decode(self, z: Tensor, label: Tensor) -> Tensor:
        return self.decoder(self.told(z, label))

    def sample(self, label: Tensor, z: Tensor) -> Tensor:
        y = self.decode(z, label)
        return y.sigmoid() if self.spec.likelihood == "bernoulli" else y

    def told(self, x: Tensor, label: Tensor) -> Tensor:
        """Put the class behind it, as ones and zeros."""
        own = F.one_hot(label.long(), self.spec.classes).to(x)
        return torch.cat([x, own], -1)

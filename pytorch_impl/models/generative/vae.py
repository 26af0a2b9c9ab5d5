"""The variational autoencoder in PyTorch, [B, features].

Spec, papers: shared/specs/generative/vae.py.
"""

import torch
from torch import Tensor, nn

from shared.specs.generative.vae import VAESpec

ACTIVATIONS = {"relu": torch.relu, "tanh": torch.tanh}


class Encoder(nn.Module):
    """q(z|x), by its parameters (appendix C.2)."""

    def __init__(self, spec: VAESpec):
        super().__init__()
        self.activation = ACTIVATIONS[spec.activation]
        self.hidden = nn.ModuleList(nn.Linear(*sizes) for sizes in spec.encoder)
        self.mean = nn.Linear(spec.hidden[-1], spec.latent)
        self.log_variance = nn.Linear(spec.hidden[-1], spec.latent)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        for layer in self.hidden:
            x = self.activation(layer(x))
        return self.mean(x), self.log_variance(x)  # [B, latent] each


class Decoder(nn.Module):
    """p(x|z): logits, or means (appendix C.1)."""

    def __init__(self, spec: VAESpec):
        super().__init__()
        self.activation = ACTIVATIONS[spec.activation]
        self.hidden = nn.ModuleList(nn.Linear(*sizes) for sizes in spec.decoder)
        self.fc = nn.Linear(spec.hidden[0], spec.features)

    def forward(self, z: Tensor) -> Tensor:
        for layer in self.hidden:
            z = self.activation(layer(z))
        return self.fc(z)  # [B, features]


class VAE(nn.Module):
    def __init__(self, spec: VAESpec):
        super().__init__()
        self.spec = spec
        self.encoder = Encoder(spec)
        self.decoder = Decoder(spec)

    def forward(self, image: Tensor, noise: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        mean, log_variance = self.encoder(image)
        z = mean + torch.exp(log_variance / 2) * noise  # section 2.4
        return self.decoder(z), mean, log_variance

    def encode(self, image: Tensor) -> tuple[Tensor, Tensor]:
        return self.encoder(image)

    def decode(self, z: Tensor) -> Tensor:
        return self.decoder(z)

    def sample(self, z: Tensor) -> Tensor:
        y = self.decoder(z)
        return y.sigmoid() if self.spec.likelihood == "bernoulli" else y

"""The variational autoencoder in PyTorch: [B, features], and of pictures BCHW.

Spec, papers: shared/specs/generative/vae.py.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pytorch_impl.layers import conv, conv_transpose
from pytorch_impl.precision import full
from shared.specs.generative.vae import ConvVAESpec, VAESpec

ACTIVATIONS = {"relu": torch.relu, "tanh": torch.tanh}


class Encoder(nn.Module):
    """Gives q(z|x) by its parameters (appendix C.2)."""

    def __init__(self, spec: VAESpec):
        super().__init__()
        self.activation = ACTIVATIONS[spec.activation]
        self.hidden = nn.ModuleList(nn.Linear(*sizes) for sizes in spec.encoder)
        self.mean = nn.Linear(spec.hidden[-1], spec.latent)
        self.log_variance = nn.Linear(spec.hidden[-1], spec.latent)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        for layer in self.hidden:
            x = self.activation(layer(x))
        return full(self.mean(x)), full(self.log_variance(x))  # [B, latent] each


class Decoder(nn.Module):
    """Gives p(x|z) by logits, or means (appendix C.1)."""

    def __init__(self, spec: VAESpec):
        super().__init__()
        self.activation = ACTIVATIONS[spec.activation]
        self.hidden = nn.ModuleList(nn.Linear(*sizes) for sizes in spec.decoder)
        self.fc = nn.Linear(spec.hidden[0], spec.features)

    def forward(self, z: Tensor) -> Tensor:
        for layer in self.hidden:
            z = self.activation(layer(z))
        return self.fc(z)  # [B, features]


class ConvEncoder(nn.Module):
    def __init__(self, spec: ConvVAESpec):
        super().__init__()
        self.convs = nn.ModuleList(conv(c) for c in spec.encoder)
        self.hidden = nn.Linear(spec.features, spec.hidden)
        self.mean = nn.Linear(spec.hidden, spec.latent)
        self.log_variance = nn.Linear(spec.hidden, spec.latent)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        for layer in self.convs:
            x = F.relu(layer(x))  # [B, width, H/2, W/2]
        x = F.relu(self.hidden(x.flatten(1)))
        return full(self.mean(x)), full(self.log_variance(x))  # [B, latent] each


class ConvDecoder(nn.Module):
    def __init__(self, spec: ConvVAESpec):
        super().__init__()
        self.spec = spec
        self.hidden = nn.Linear(spec.latent, spec.hidden)
        self.fc = nn.Linear(spec.hidden, spec.features)
        self.convs = nn.ModuleList(conv_transpose(c) for c in spec.decoder)
        self.out = conv_transpose(spec.decoder_out)

    def forward(self, z: Tensor) -> Tensor:
        x = F.relu(self.fc(F.relu(self.hidden(z))))
        x = x.reshape(-1, *self.spec.maps)
        for layer in self.convs:
            x = F.relu(layer(x))  # [B, width, 2H, 2W]
        return self.out(x)  # [B, channels, rows, columns]


class Autoencoder(nn.Module):
    """Any encoder and decoder."""

    spec: VAESpec | ConvVAESpec
    encoder: nn.Module
    decoder: nn.Module

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


class VAE(Autoencoder):
    def __init__(self, spec: VAESpec):
        super().__init__()
        self.spec = spec
        self.encoder = Encoder(spec)
        self.decoder = Decoder(spec)


class ConvVAE(Autoencoder):
    def __init__(self, spec: ConvVAESpec):
        super().__init__()
        self.spec = spec
        self.encoder = ConvEncoder(spec)
        self.decoder = ConvDecoder(spec)

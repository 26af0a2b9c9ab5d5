"""Autoencoders in PyTorch: [B, features], and of pictures BCHW.

Spec, papers: shared/specs/generative/autoencoder.py.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from pytorch_impl.layers import ACTIVATIONS, conv, conv_transpose
from shared.specs.generative.autoencoder import AutoencoderSpec, ConvAutoencoderSpec

# The slope of each activation, of what it put out.
SLOPES: dict[str, Callable[[Tensor], Tensor]] = {
    "identity": torch.ones_like,
    "relu": lambda h: (h > 0).to(h.dtype),
    "sigmoid": lambda h: h * (1 - h),
    "tanh": lambda h: 1 - h * h,
}


class Encoder(nn.Module):
    def __init__(self, spec: AutoencoderSpec):
        super().__init__()
        *hidden, code = spec.encoder
        self.spec = spec
        self.hidden = nn.ModuleList(nn.Linear(*sizes) for sizes in hidden)
        self.code = nn.Linear(*code)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.hidden:
            x = ACTIVATIONS[self.spec.activation](layer(x))
        return ACTIVATIONS[self.spec.code](self.code(x))  # [B, latent]

    def jacobian(self, x: Tensor) -> Tensor:
        """Give the slopes of the code by the features: those of each layer times those
        of the layers before it."""
        slopes = torch.eye(self.spec.features, dtype=x.dtype, device=x.device)
        for layer in self.hidden:
            x = ACTIVATIONS[self.spec.activation](layer(x))
            slopes = chained(SLOPES[self.spec.activation](x), layer, slopes)
        slope = SLOPES[self.spec.code](ACTIVATIONS[self.spec.code](self.code(x)))
        return chained(slope, self.code, slopes)  # [B, latent, features]


def chained(slope: Tensor, layer: Any, slopes: Tensor) -> Tensor:
    weight: Tensor = layer.weight
    return slope[:, :, None] * (weight @ slopes)


class Decoder(nn.Module):
    def __init__(self, spec: AutoencoderSpec):
        super().__init__()
        *hidden, out = spec.decoder
        self.spec = spec
        self.hidden = nn.ModuleList(nn.Linear(*sizes) for sizes in hidden)
        self.fc = nn.Linear(*out)

    def forward(self, z: Tensor) -> Tensor:
        for layer in self.hidden:
            z = ACTIVATIONS[self.spec.activation](layer(z))
        return self.fc(z)  # [B, features]


class ConvEncoder(nn.Module):
    def __init__(self, spec: ConvAutoencoderSpec):
        super().__init__()
        self.spec = spec
        self.convs = nn.ModuleList(conv(c) for c in spec.encoder)
        self.code = nn.Linear(spec.features, spec.latent)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.convs:
            x = ACTIVATIONS[self.spec.activation](layer(x))  # [B, width, H/2, W/2]
        return ACTIVATIONS[self.spec.code](self.code(x.flatten(1)))  # [B, latent]


class ConvDecoder(nn.Module):
    def __init__(self, spec: ConvAutoencoderSpec):
        super().__init__()
        self.spec = spec
        self.fc = nn.Linear(spec.latent, spec.features)
        self.convs = nn.ModuleList(conv_transpose(c) for c in spec.decoder)
        self.out = conv_transpose(spec.decoder_out)

    def forward(self, z: Tensor) -> Tensor:
        x = ACTIVATIONS[self.spec.activation](self.fc(z))
        x = x.reshape(-1, *self.spec.maps)
        for layer in self.convs:
            x = ACTIVATIONS[self.spec.activation](layer(x))  # [B, width, 2H, 2W]
        return self.out(x)  # [B, channels, rows, columns]


class _Coder(nn.Module):
    """Any encoder and decoder."""

    spec: AutoencoderSpec | ConvAutoencoderSpec
    encoder: nn.Module
    decoder: nn.Module

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        code = self.encoder(image)
        return self.decoder(code), code

    def encode(self, image: Tensor) -> Tensor:
        return self.encoder(image)

    def decode(self, code: Tensor) -> Tensor:
        return self.decoder(code)

    def reconstruct(self, image: Tensor) -> Tensor:
        y = self.decoder(self.encoder(image))
        return y.sigmoid() if self.spec.likelihood == "bernoulli" else y

    def score(self, image: Tensor) -> Tensor:
        """Give the mean squared error: what is not like the data has much of it."""
        return (image - self.reconstruct(image)).square().flatten(1).mean(1)  # [B]


class Autoencoder(_Coder):
    def __init__(self, spec: AutoencoderSpec):
        super().__init__()
        self.spec = spec
        self.encoder: Encoder = Encoder(spec)
        self.decoder = Decoder(spec)

    def jacobian(self, image: Tensor) -> Tensor:
        return self.encoder.jacobian(image)


class ConvAutoencoder(_Coder):
    def __init__(self, spec: ConvAutoencoderSpec):
        super().__init__()
        self.spec = spec
        self.encoder = ConvEncoder(spec)
        self.decoder = ConvDecoder(spec)

"""Generative adversarial networks in PyTorch: [B, features], and the DCGAN BCHW.

Spec, papers: shared/specs/generative/gan.py.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pytorch_impl.layers import ACTIVATIONS, Dropout, conv, conv_transpose, norm
from shared.specs.base import ConvSpec, ConvTransposeSpec
from shared.specs.generative.gan import DCGANSpec, GANSpec


class Generator(nn.Module):
    def __init__(self, spec: GANSpec):
        super().__init__()
        self.spec = spec
        self.hidden = nn.ModuleList(nn.Linear(*s) for s in spec.generator_sizes)
        self.fc = nn.Linear(spec.generator[-1], spec.features)

    def forward(self, z: Tensor) -> Tensor:
        for layer in self.hidden:
            z = F.relu(layer(z))
        return ACTIVATIONS[self.spec.output](self.fc(z))  # [B, features]


class Discriminator(nn.Module):
    def __init__(self, spec: GANSpec):
        super().__init__()
        self.spec = spec
        self.hidden = nn.ModuleList(nn.Linear(*s) for s in spec.discriminator_sizes)
        self.dropout = Dropout(spec.dropout)
        self.fc = nn.Linear(spec.discriminator[-1], 1)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.hidden:
            x = self.dropout(F.leaky_relu(layer(x), self.spec.slope))
        return self.fc(x).flatten()  # [B]


class GAN(nn.Module):
    def __init__(self, spec: GANSpec):
        super().__init__()
        self.spec = spec
        self.generator = Generator(spec)
        self.discriminator = Discriminator(spec)

    def forward(self, image: Tensor, z: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        sample = self.generator(z)
        return self.discriminator(image), self.discriminator(sample), sample

    def sample(self, z: Tensor) -> Tensor:
        return self.generator(z)


class Up(nn.Module):
    def __init__(self, c: ConvTransposeSpec, spec: DCGANSpec):
        super().__init__()
        self.conv = conv_transpose(c)
        self.norm = norm(c.c_out, spec)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.norm(self.conv(x)))


class Down(nn.Module):
    def __init__(self, c: ConvSpec, normed: bool, spec: DCGANSpec):
        super().__init__()
        self.spec = spec
        self.conv = conv(c)
        self.norm = norm(c.c_out, spec) if normed else None

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        if self.norm is not None:
            x = self.norm(x)
        return F.leaky_relu(x, self.spec.slope)


class ConvGenerator(nn.Module):
    """Radford et al. 2015, figure 1."""

    def __init__(self, spec: DCGANSpec):
        super().__init__()
        self.stem = Up(spec.stem, spec)
        self.ups = nn.ModuleList(Up(c, spec) for c in spec.ups)
        self.out = conv_transpose(spec.generator_out)

    def forward(self, z: Tensor) -> Tensor:
        x = self.stem(z[:, :, None, None])  # [B, widths[-1], 4, 4]
        for up in self.ups:
            x = up(x)
        return torch.tanh(self.out(x))  # [B, channels, image_size, image_size]


class ConvDiscriminator(nn.Module):
    def __init__(self, spec: DCGANSpec):
        super().__init__()
        pairs = zip(spec.downs, spec.normed, strict=True)
        self.downs = nn.ModuleList(Down(c, normed, spec) for c, normed in pairs)
        self.out = conv(spec.discriminator_out)

    def forward(self, x: Tensor) -> Tensor:
        for down in self.downs:
            x = down(x)
        return self.out(x).flatten()  # [B]


class DCGAN(nn.Module):
    def __init__(self, spec: DCGANSpec):
        super().__init__()
        self.spec = spec
        self.generator = ConvGenerator(spec)
        self.discriminator = ConvDiscriminator(spec)

    def forward(self, image: Tensor, z: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        sample = self.generator(z)
        return self.discriminator(image), self.discriminator(sample), sample

    def sample(self, z: Tensor) -> Tensor:
        return self.generator(z)

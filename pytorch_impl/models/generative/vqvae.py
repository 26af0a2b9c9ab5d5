"""The vector-quantised autoencoder in PyTorch, BCHW.

Spec, names, paper: shared/specs/generative/vqvae.py.
"""

import torch.nn.functional as F
from torch import Tensor, nn

from pytorch_impl.layers import conv, conv_transpose
from pytorch_impl.precision import exact, full
from shared.specs.generative.vqvae import VQVAESpec


class Block(nn.Module):
    def __init__(self, spec: VQVAESpec):
        super().__init__()
        first, second = spec.block
        self.conv1 = conv(first)
        self.conv2 = conv(second)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv2(F.relu(self.conv1(F.relu(x))))


class Encoder(nn.Module):
    def __init__(self, spec: VQVAESpec):
        super().__init__()
        self.convs = nn.ModuleList(conv(c) for c in spec.encoder)
        self.conv = conv(spec.encoder_conv)
        self.blocks = nn.ModuleList(Block(spec) for _ in range(spec.blocks))
        self.out = conv(spec.encoder_out)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.convs:
            x = F.relu(layer(x))  # [B, width, H/2, W/2]
        x = self.conv(x)
        for block in self.blocks:
            x = block(x)
        return full(self.out(F.relu(x)))  # [B, code_width, rows, columns]


class Decoder(nn.Module):
    def __init__(self, spec: VQVAESpec):
        super().__init__()
        self.conv = conv(spec.decoder_conv)
        self.blocks = nn.ModuleList(Block(spec) for _ in range(spec.blocks))
        self.convs = nn.ModuleList(conv_transpose(c) for c in spec.decoder)
        self.out = conv_transpose(spec.decoder_out)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        for block in self.blocks:
            x = block(x)
        x = F.relu(x)
        for layer in self.convs:
            x = F.relu(layer(x))  # [B, width, 2H, 2W]
        return self.out(x)  # [B, channels, H, W]


class VQVAE(nn.Module):
    """Figure 1."""

    def __init__(self, spec: VQVAESpec):
        super().__init__()
        self.spec = spec
        self.encoder = Encoder(spec)
        self.codebook = nn.Embedding(spec.codes, spec.code_width)
        self.decoder = Decoder(spec)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        code = self.encoder(image)
        numbers, _ = self.numbers(code)
        nearest = self.read(numbers)
        passed = code + (nearest - code).detach()  # straight through
        return self.decoder(passed), code, nearest

    def numbers(self, code: Tensor) -> tuple[Tensor, Tensor]:
        """Give the nearest row of each place (equation 1), and by how much it is."""
        rows = code.detach().permute(0, 2, 3, 1).flatten(0, 2)
        with exact((rows, self.codebook.weight.detach())) as (rows, table):
            near = 2 * rows @ table.T - table.square().sum(1)  # |code|^2 all share
            best, second = near.topk(2).values.unbind(1)
        shape = (-1, *self.spec.size)
        numbers = near.argmax(1).reshape(shape)
        return numbers, (best - second).reshape(shape)

    def read(self, numbers: Tensor) -> Tensor:
        return full(self.codebook(numbers)).permute(0, 3, 1, 2)

    def encode(self, image: Tensor) -> tuple[Tensor, Tensor]:
        return self.numbers(self.encoder(image))

    def decode(self, numbers: Tensor) -> Tensor:
        return self.decoder(self.read(numbers))

    def reconstruct(self, image: Tensor) -> Tensor:
        numbers, _ = self.encode(image)
        return self.decode(numbers)

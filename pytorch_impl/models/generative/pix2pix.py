"""pix2pix in PyTorch, BCHW.

Spec, names, paper: shared/specs/generative/pix2pix.py.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pytorch_impl.layers import Dropout, conv, conv_transpose, norm
from shared.specs.generative.pix2pix import DownSpec, Pix2PixSpec, UpSpec


class Down(nn.Module):
    def __init__(self, s: DownSpec, spec: Pix2PixSpec):
        super().__init__()
        self.active = s.active
        self.conv = conv(s.conv)
        self.norm = norm(s.conv.c_out, spec) if s.normed else None

    def forward(self, x: Tensor) -> Tensor:
        if self.active:
            x = F.leaky_relu(x, 0.2)
        x = self.conv(x)
        return x if self.norm is None else self.norm(x)


class Up(nn.Module):
    def __init__(self, s: UpSpec, spec: Pix2PixSpec):
        super().__init__()
        self.conv = conv_transpose(s.conv)
        self.norm = norm(s.conv.c_out, spec)
        self.dropout = Dropout(s.dropout)

    def forward(self, x: Tensor) -> Tensor:
        return self.dropout(self.norm(self.conv(F.relu(x))))


class Generator(nn.Module):
    """Figure 3, the U-Net."""

    def __init__(self, spec: Pix2PixSpec):
        super().__init__()
        self.downs = nn.ModuleList(Down(s, spec) for s in spec.downs)
        self.ups = nn.ModuleList(Up(s, spec) for s in spec.ups)
        self.out = conv_transpose(spec.out)

    def forward(self, x: Tensor) -> Tensor:
        kept = []
        for down in self.downs:
            x = down(x)  # [B, width, H/2, W/2]
            kept.append(x)
        kept.pop()
        for up in self.ups:
            x = torch.cat([kept.pop(), up(x)], 1)  # [B, 2 * width, 2H, 2W]
        return torch.tanh(self.out(F.relu(x)))  # [B, c_out, H, W]


class Discriminator(nn.Module):
    """Scores each patch of a pair (section 3.2.2)."""

    def __init__(self, spec: Pix2PixSpec):
        super().__init__()
        self.downs = nn.ModuleList(Down(s, spec) for s in spec.discriminator)

    def forward(self, image: Tensor, picture: Tensor) -> Tensor:
        x = torch.cat([image, picture], 1)
        for down in self.downs:
            x = down(x)
        return x  # [B, 1, rows, columns]


class Pix2Pix(nn.Module):
    def __init__(self, spec: Pix2PixSpec):
        super().__init__()
        self.generator = Generator(spec)
        self.discriminator = Discriminator(spec)

    def forward(self, image: Tensor, picture: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        made = self.generator(image)
        of_picture = self.discriminator(image, picture)
        return of_picture, self.discriminator(image, made), made

    def translate(self, image: Tensor) -> Tensor:
        return self.generator(image)

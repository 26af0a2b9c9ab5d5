"""U-Net in PyTorch, BCHW.

Spec, names, paper: shared/specs/vision/unet.py.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pytorch_impl.layers import Dropout, conv, conv_transpose, max_pool, norm
from shared.specs.vision.unet import BlockSpec, UNetSpec, UpSpec


class Block(nn.Module):
    """Two blue arrows of figure 1."""

    def __init__(self, s: BlockSpec, spec: UNetSpec):
        super().__init__()
        c1, c2 = s.convs
        self.conv1 = conv(c1)
        self.norm1 = norm(c1.c_out, spec) if spec.batch_norm else None
        self.conv2 = conv(c2)
        self.norm2 = norm(c2.c_out, spec) if spec.batch_norm else None
        self.dropout = Dropout(s.dropout)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv1(x)
        x = F.relu_(x if self.norm1 is None else self.norm1(x))  # [B, width, H, W]
        x = self.conv2(x)
        x = F.relu_(x if self.norm2 is None else self.norm2(x))
        return self.dropout(x)


class Up(nn.Module):
    """A green arrow and a grey one, copy and crop, then a block."""

    def __init__(self, s: UpSpec, spec: UNetSpec):
        super().__init__()
        self.s = s
        self.up = conv_transpose(s.up)
        self.block = Block(s.block, spec)

    def forward(self, x: Tensor, copied: Tensor) -> Tensor:
        s, (rows, columns) = self.s, self.s.size
        middle = copied[:, :, s.top : s.top + rows, s.left : s.left + columns]
        x = torch.cat([middle, self.up(x)], 1)  # [B, 2 * width, 2H, 2W]
        return self.block(x)


class UNet(nn.Module):
    """Figure 1."""

    def __init__(self, spec: UNetSpec):
        super().__init__()
        self.spec = spec
        self.encoder = nn.ModuleList(Block(s, spec) for s in spec.encoder)
        self.decoder = nn.ModuleList(Up(s, spec) for s in spec.decoder)
        self.out = conv(spec.out)

    def forward(self, image: Tensor) -> Tensor:
        top, *levels = self.encoder
        x, copied = top(image), []
        for level in levels:
            copied.append(x)
            x = level(max_pool(x, self.spec.pool))  # [B, width, H/2, W/2]
        for up in self.decoder:
            x = up(x, copied.pop())
        return self.out(x).permute(0, 2, 3, 1)  # [B, rows, columns, classes]

    def segment(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Give each pixel's class, and by how much its logit is above the next."""
        logits = self(image)
        best, next_best = logits.topk(2)[0].unbind(-1)
        return logits.argmax(-1), best - next_best

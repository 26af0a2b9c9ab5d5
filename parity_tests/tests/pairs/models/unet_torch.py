"""A small U-Net: transposed convolutions, joined maps."""

import torch
import torch.nn.functional as F
from torch import nn


class Double(nn.Sequential):
    def __init__(self, i, o):
        super().__init__(
            nn.Conv2d(i, o, 3, padding=1), nn.BatchNorm2d(o), nn.ReLU(inplace=True)
        )


class UNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.enc1, self.enc2 = Double(3, 4), Double(4, 8)
        self.mid = Double(8, 12)
        self.up2 = nn.ConvTranspose2d(12, 8, 2, stride=2)
        self.dec2 = Double(16, 8)
        self.dec1 = Double(12, 4)
        self.out = nn.Conv2d(4, 2, 1)

    def forward(self, x):
        a = self.enc1(x)
        b = self.enc2(F.max_pool2d(a, 2))
        c = self.up2(self.mid(F.max_pool2d(b, 2)))
        d = self.dec2(torch.cat([b, c], 1))
        d = F.interpolate(d, scale_factor=2, mode="nearest")
        return self.out(self.dec1(torch.cat([a, d], 1)))


def make():
    return UNet()

"""Convolutions as specs describe them, padded alike on both sides or not."""

import torch.nn.functional as F
from torch import Tensor, nn

from shared.specs.base import Conv1dSpec, ConvSpec, ConvTransposeSpec


def conv(c: ConvSpec) -> nn.Conv2d:
    (top, bottom), (left, right) = c.pads
    if (top, left) != (bottom, right):
        return LopsidedConv2d(c)
    return nn.Conv2d(
        c.c_in, c.c_out, c.k, c.stride, (top, left), c.dilation, c.groups, c.bias
    )


class LopsidedConv2d(nn.Conv2d):
    """DIFF(lopsided): nn.Conv2d pads both sides alike."""

    def __init__(self, c: ConvSpec):
        super().__init__(
            c.c_in, c.c_out, c.k, c.stride, 0, c.dilation, c.groups, c.bias
        )
        (top, bottom), (left, right) = c.pads
        self.around = (left, right, top, bottom)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(F.pad(x, self.around))


def conv1d(c: Conv1dSpec) -> nn.Conv1d:
    first, last = c.pads
    if first != last:
        return LopsidedConv1d(c)
    return nn.Conv1d(c.c_in, c.c_out, c.k, c.stride, first, bias=c.bias)


class LopsidedConv1d(nn.Conv1d):
    """DIFF(lopsided): nn.Conv1d pads both ends alike."""

    def __init__(self, c: Conv1dSpec):
        super().__init__(c.c_in, c.c_out, c.k, c.stride, bias=c.bias)
        self.around = c.pads

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(F.pad(x, self.around))


def conv_transpose(c: ConvTransposeSpec) -> nn.ConvTranspose2d:
    return nn.ConvTranspose2d(
        c.c_in, c.c_out, c.k, c.stride, c.padding, c.output_padding, bias=c.bias
    )

"""Convolutions as specs describe them, padded alike on both sides or not."""

from typing import Any

import numpy as np
from keras import KerasTensor, layers, ops

from keras_impl import backends
from keras_impl.layers.saved import Saved
from shared.specs.base import Conv1dSpec, ConvSpec, ConvTransposeSpec, Pair, Sides

Shape = tuple[int | None, ...]
# Channels that a convolution needs to be worth its calls.
WIDE = 32


def conv(c: ConvSpec) -> "Conv2D":
    return Conv2D(c)


class Conv2D(Saved, layers.Conv2D):
    """DIFF(padding): "same" is asymmetric at stride 2, so pad here, then "valid";
    at stride 1 "same" is right and spares a copy.
    DIFF(grouped-conv): the gradient of a grouped convolution is up to some hundred
    times slower on a CPU; a few groups at a time are one convolution of their own.
    DIFF(depthwise): one channel a group has an operation of its own.
    """

    def __init__(self, c: ConvSpec, *, name: str | None = None, dtype: Any = None):
        super().__init__(
            c.c_out,
            c.kernel,
            c.stride,
            padding="same" if c.keeps_size else "valid",
            dilation_rate=c.dilation,
            groups=c.groups,
            use_bias=c.bias,
            name=name,
            dtype=dtype,
        )
        self.c = c
        self.build((None, None, None, c.c_in))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        if self.c.keeps_size:
            return super().compute_output_shape(input_shape)
        return super().compute_output_shape(grown(input_shape, self.c.pads))

    def call(self, x: KerasTensor) -> KerasTensor:
        if not self.c.keeps_size and any(map(any, self.c.pads)):
            x = ops.pad(x, ((0, 0), *self.c.pads, (0, 0)))
        if self.groups == 1:
            return super().call(x)
        whole = super().call
        return backends.on_cpu(self._kernel, self.call_groups, whole, x)

    def call_groups(self, x: KerasTensor) -> KerasTensor:
        if self.groups == self.filters == x.shape[-1]:
            kernel = ops.reshape(self.kernel, (*self.kernel_size, self.filters, 1))
            y = ops.depthwise_conv(x, kernel, *self.steps)
        else:
            y = self.convolve_groups(x)
        return y + self.bias if self.use_bias else y

    def convolve_groups(self, x: KerasTensor) -> KerasTensor:
        """Narrow groups are joined to a convolution of WIDE channels, whose kernel is
        zero between them."""
        *window, c_in, c_out = self.kernel.shape
        shape = (*window, c_in, self.groups, c_out // self.groups)
        kernels = ops.reshape(self.kernel, shape)
        ends = np.arange(0, self.groups, max(1, WIDE // c_in))[1:]
        if not ends.size:
            return ops.conv(x, dense(kernels), *self.steps)
        parts = zip(
            ops.split(x, ends * c_in, axis=-1),
            ops.split(kernels, ends, axis=-2),
            strict=True,
        )
        found = [ops.conv(maps, dense(part), *self.steps) for maps, part in parts]
        return ops.concatenate(found, axis=-1)

    @property
    def steps(self) -> tuple[Any, ...]:
        """The arguments of Keras's operations behind the kernel."""
        return self.strides, self.padding, "channels_last", self.dilation_rate


def dense(kernels: KerasTensor) -> KerasTensor:
    """Join the kernels of groups to one that is zero between them; kernels: [rows,
    columns, c_in of a group, groups, c_out of a group]."""
    *window, c_in, groups, c_out = kernels.shape
    own = ops.eye(groups, dtype=kernels.dtype)[:, None, :, None]
    shape = (*window, groups * c_in, groups * c_out)
    return ops.reshape(kernels[:, :, None] * own, shape)


def conv1d(c: Conv1dSpec) -> "Conv1D":
    return Conv1D(c)


class Conv1D(Saved, layers.Conv1D):
    """DIFF(padding): "same" depends on the length; here it is padded as told."""

    def __init__(self, c: Conv1dSpec, *, name: str | None = None, dtype: Any = None):
        super().__init__(
            c.c_out,
            c.k,
            c.stride,
            padding="valid",
            use_bias=c.bias,
            name=name,
            dtype=dtype,
        )
        self.c = c
        self.build((None, None, c.c_in))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return super().compute_output_shape(grown(input_shape, (self.c.pads,)))

    def call(self, x: KerasTensor) -> KerasTensor:
        if any(self.c.pads):
            x = ops.pad(x, ((0, 0), self.c.pads, (0, 0)))
        return super().call(x)


def conv_transpose(c: ConvTransposeSpec) -> "Conv2DTranspose":
    return Conv2DTranspose(c)


class Conv2DTranspose(Saved, layers.Conv2DTranspose):
    """DIFF(conv-transpose): "same" cuts off one place less at the start than at the end
    where it cuts an odd number; here the whole map is made, and cut as told."""

    def __init__(
        self, c: ConvTransposeSpec, *, name: str | None = None, dtype: Any = None
    ):
        super().__init__(
            c.c_out,
            c.kernel,
            c.stride,
            padding="same" if c.scales_size else "valid",
            use_bias=c.bias,
            name=name,
            dtype=dtype,
        )
        self.c = c
        self.build((None, None, None, c.c_in))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        whole = super().compute_output_shape(input_shape)
        if self.c.scales_size:
            return whole
        less = tuple((-first, -last) for first, last in self.c.cuts)
        return grown(whole, less)

    def call(self, x: KerasTensor) -> KerasTensor:
        if self.c.scales_size:
            return super().call(x)
        whole = ops.conv_transpose(x, self.kernel, self.strides, "valid", 0)
        y = cut(whole, self.c.cuts)
        return y + self.bias if self.use_bias else y


def grown(shape: Shape, sides: tuple[Pair, ...]) -> Shape:
    """Give the shape of a map with so much more at its sides; None is not known."""
    batch, *size, channels = shape
    pairs = zip(size, sides, strict=True)
    more = (n if n is None else n + first + last for n, (first, last) in pairs)
    return batch, *more, channels


def cut(x: KerasTensor, sides: Sides) -> KerasTensor:
    """Cut a map at its sides; where a number is below 0 zeros are added."""
    zeros = tuple((max(-first, 0), max(-last, 0)) for first, last in sides)
    if any(map(any, zeros)):
        x = ops.pad(x, ((0, 0), *zeros, (0, 0)))
    rows, columns = (
        slice(max(first, 0), -last if last > 0 else None) for first, last in sides
    )
    return x[:, rows, columns]

"""Convolutions as specs describe them, padded alike on both sides or not."""

from functools import partial

import jax
from flax import nnx
from jax import Array

from jax_impl.layers import forms
from jax_impl.precision import exact
from shared.specs.base import Conv1dSpec, ConvSpec, ConvTransposeSpec, Sides


# DIFF(rngs): NNX has no global generator; every constructor passes one down.
def conv(c: ConvSpec, *, rngs: nnx.Rngs) -> "Conv":
    return Conv(c, rngs=rngs)


class Conv(nnx.Conv):
    """A 2-D convolution in the form XLA's CPU is fast at.

    DIFF(conv-forms): value and gradients each have the form that suits their shapes.
    DIFF(grouped-conv): the gradient of a grouped convolution is ten to some hundred
    times slower there; a few groups at a time are one convolution of their own.
    DIFF(depthwise): one channel a group is a sum of shifted maps.
    """

    def __init__(self, c: ConvSpec, *, rngs: nnx.Rngs):
        super().__init__(
            c.c_in,
            c.c_out,
            c.kernel,
            c.stride,
            padding=c.pads,
            kernel_dilation=c.dilation,
            feature_group_count=c.groups,
            use_bias=c.bias,
            rngs=rngs,
        )
        self.c = c

    def __call__(self, x: Array) -> Array:
        bias = None if self.bias is None else self.bias[...]
        x, kernel, bias = self.promote_dtype(
            (x, self.kernel[...], bias), dtype=self.dtype
        )
        y = forms.on_cpu(self.form, self.plain, x, kernel)
        return y if bias is None else y + bias

    def form(self, x: Array, kernel: Array) -> Array:
        """What a form adds up, it adds up in full precision."""
        full, kernel = exact((x, kernel))
        if self.c.dilation == 1:
            y = self.close(full, kernel, self.c.stride, self.c.pads)
        else:
            y = forms.dilated(self.close, full, kernel, self.c)
        return y.astype(x.dtype)

    def close(self, x: Array, kernel: Array, stride: int, pads: Sides) -> Array:
        """Convolve with the kernel's places side by side."""
        groups = self.c.groups
        if groups == self.c.c_in == self.c.c_out:
            return forms.depthwise(x, kernel, stride, pads)
        if groups == 1:
            return forms.convolve(x, kernel, stride, pads)
        return forms.grouped(x, kernel, groups, stride, pads)

    def plain(self, x: Array, kernel: Array) -> Array:
        c = self.c
        return forms.plain(x, kernel, c.stride, c.pads, c.groups, c.dilation)


def conv1d(c: Conv1dSpec, *, rngs: nnx.Rngs) -> "Conv1d":
    return Conv1d(c, rngs=rngs)


class Conv1d(nnx.Conv):
    """DIFF(conv-forms): as a map of one row, in the forms of `Conv`."""

    def __init__(self, c: Conv1dSpec, *, rngs: nnx.Rngs):
        super().__init__(
            c.c_in,
            c.c_out,
            (c.k,),
            c.stride,
            padding=(c.pads,),
            use_bias=c.bias,
            rngs=rngs,
        )
        self.c = c

    def __call__(self, x: Array) -> Array:
        bias = None if self.bias is None else self.bias[...]
        x, kernel, bias = self.promote_dtype(
            (x, self.kernel[...], bias), dtype=self.dtype
        )
        stride, pads = self.c.stride, ((0, 0), self.c.pads)
        form, plain = (
            partial(convolve, stride=stride, pads=pads)
            for convolve in (_in_full, forms.plain)
        )
        y = forms.on_cpu(form, plain, x[:, None], kernel[None])[:, 0]
        return y if bias is None else y + bias


def _in_full(x: Array, kernel: Array, stride: int, pads: Sides) -> Array:
    full, kernel = exact((x, kernel))
    return forms.convolve(full, kernel, stride, pads).astype(x.dtype)


def conv_transpose(c: ConvTransposeSpec, *, rngs: nnx.Rngs) -> "ConvTranspose":
    return ConvTranspose(c, rngs=rngs)


class ConvTranspose(nnx.ConvTranspose):
    """DIFF(conv-transpose): by default NNX's kernel is turned by half and its channels
    are swapped; its padding is that of the convolution which does the work.
    DIFF(conv-forms): as many convolutions as the stride has steps.
    """

    def __init__(self, c: ConvTransposeSpec, *, rngs: nnx.Rngs):
        super().__init__(
            c.c_in,
            c.c_out,
            c.kernel,
            (c.stride, c.stride),
            padding=c.pads,
            use_bias=c.bias,
            transpose_kernel=True,
            rngs=rngs,
        )
        self.c = c

    def __call__(self, x: Array) -> Array:
        bias = None if self.bias is None else self.bias[...]
        x, kernel, bias = self.promote_dtype(
            (x, self.kernel[...], bias), dtype=self.dtype
        )
        y = forms.on_cpu(self.form, self.plain, x, kernel)
        return y if bias is None else y + bias

    def form(self, x: Array, kernel: Array) -> Array:
        full, kernel = exact((x, kernel))
        return forms.transposed(full, kernel, self.c).astype(x.dtype)

    def plain(self, x: Array, kernel: Array) -> Array:
        strides = (self.c.stride, self.c.stride)
        return jax.lax.conv_transpose(
            x, kernel, strides, self.c.pads, transpose_kernel=True
        )

"""The same sums in the forms that XLA's CPU is fast at.

Which form is a matter of shapes alone, known when a program is traced. Elsewhere than
on a CPU the plain operation is the fast one, and the callers take it.
"""

from collections.abc import Callable
from functools import partial, reduce
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jax.custom_derivatives import SymbolicZero
from jax.experimental.xla_metadata import set_xla_metadata

Form = Callable[[Array, Array, int, int], Array]


def apart(function: Callable[..., Any], *arguments: Any) -> Any:
    """As a computation of its own: XLA would merge it with its neighbours, compute them
    anew for every reader, and lose the vector lanes."""
    with set_xla_metadata(inlineable="false"):
        return jax.jit(function)(*arguments)


@partial(jax.custom_jvp, nondiff_argnums=(2, 3))
def convolve(x: Array, kernel: Array, stride: int, pad: int) -> Array:
    """x: [B, H, W, c_in]; kernel: [k, k, c_in, c_out]. Value, gradient of x and
    gradient of the kernel each have a form of their own."""
    return _forms(x, kernel, stride, pad)[0](x, kernel, stride, pad)


@partial(convolve.defjvp, symbolic_zeros=True)
def _convolve_jvp(stride: int, pad: int, primals: Any, tangents: Any) -> Any:
    (x, kernel), (dx, dkernel) = primals, tangents
    _, of_x, of_kernel = _forms(x, kernel, stride, pad)
    y = convolve(x, kernel, stride, pad)
    parts = []
    if not isinstance(dx, SymbolicZero):
        parts.append(of_x(dx, kernel, stride, pad))
    if not isinstance(dkernel, SymbolicZero):
        parts.append(of_kernel(x, dkernel, stride, pad))
    return y, sum(parts) if parts else jnp.zeros_like(y)


def _forms(x: Array, kernel: Array, stride: int, pad: int) -> tuple[Form, Form, Form]:
    """Of the value, and of what is linear in x and in the kernel.

    DIFF(small-map): the plain form is some hundred times slower where the map is
    smaller than the kernel. The other bounds are where one form overtakes another on
    a Xeon with AVX-512: few places beside the maps leave its packing of the kernel
    unpaid, and fewer maps than two vectors leave its lanes empty.
    """
    k, _, c_in, c_out = kernel.shape
    rows = x.shape[0]
    for n in x.shape[1:3]:
        rows *= (n + 2 * pad - k) // stride + 1
    if k == 1 or min(x.shape[1:3]) < k or 2 * rows <= c_out:
        return (_product,) * 3
    few = c_out < 32
    value = _terms if few and k * k * c_in <= 100 else _plain
    return value, _product if few or rows <= 4 * c_out else _plain, _plain


def _plain(x: Array, kernel: Array, stride: int, pad: int) -> Array:
    return jax.lax.conv_general_dilated(
        x,
        kernel,
        (stride, stride),
        ((pad, pad), (pad, pad)),
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
    )


def _product(x: Array, kernel: Array, stride: int, pad: int) -> Array:
    """One matrix product of patches [B * H' * W', k * k * c_in] with the kernel."""

    def patch(x: Array) -> Array:
        return jnp.concatenate(_shifted(x, kernel.shape[0], stride, pad), -1)

    patches = apart(patch, x) if kernel.shape[0] > 1 else patch(x)
    *positions, depth = patches.shape
    y = patches.reshape(-1, depth) @ kernel.reshape(depth, -1)
    return y.reshape(*positions, -1)


def _terms(x: Array, kernel: Array, stride: int, pad: int) -> Array:
    """A sum of k * k * c_in terms; XLA makes one loop of it, whose lanes are maps."""
    k, _, c_in, c_out = kernel.shape

    def total(x: Array, kernel: Array) -> Array:
        shifted = _shifted(x, k, stride, pad)
        columns = [part[..., c : c + 1] for part in shifted for c in range(c_in)]
        pairs = zip(columns, kernel.reshape(-1, c_out), strict=True)
        return sum(column * row for column, row in pairs)

    return apart(total, x, kernel)


def _shifted(
    x: Array, k: int, stride: int, pad: int, outside: float = 0.0
) -> list[Array]:
    """What each place of a k x k window sees: [B, H', W', channels] each."""
    if pad:
        pads = ((0, 0), (pad, pad), (pad, pad), (0, 0))
        x = jnp.pad(x, pads, constant_values=outside)
    rows, columns = (n - k + 1 for n in x.shape[1:3])
    return [
        x[:, i : i + rows : stride, j : j + columns : stride]
        for i in range(k)
        for j in range(k)
    ]


@partial(jax.custom_jvp, nondiff_argnums=(1, 2, 3))
def max_pool(x: Array, size: int, stride: int, pad: int) -> Array:
    """The gradient goes to the first of the largest, as XLA's own does."""
    return apart(
        lambda x: reduce(jnp.maximum, _shifted(x, size, stride, pad, -jnp.inf)), x
    )


@max_pool.defjvp
def _max_pool_jvp(size: int, stride: int, pad: int, primals: Any, tangents: Any) -> Any:
    (x,), (dx,) = primals, tangents

    def largest(x: Array) -> tuple[Array, Array]:
        first, *rest = _shifted(x, size, stride, pad, -jnp.inf)
        y, place = first, jnp.zeros(first.shape, jnp.int8)
        for i, value in enumerate(rest, start=1):
            y, place = jnp.maximum(y, value), jnp.where(value > y, jnp.int8(i), place)
        return y, place

    def change(dx: Array, place: Array) -> Array:
        changes = _shifted(dx, size, stride, pad)
        return sum(jnp.where(place == i, one, 0) for i, one in enumerate(changes))

    y, place = apart(largest, x)
    return y, apart(change, dx, place)


@partial(jax.custom_jvp, nondiff_argnums=(1,))
def mean_pool(x: Array, size: int) -> Array:
    """Over windows that do not overlap."""
    return apart(lambda x: sum(_shifted(x, size, size, 0)) / size**2, x)


@mean_pool.defjvp
def _mean_pool_jvp(size: int, primals: Any, tangents: Any) -> Any:
    (x,), (dx,) = primals, tangents
    batch, rows, columns, channels = x.shape
    rows, columns = rows // size, columns // size
    dx = dx[:, : rows * size, : columns * size]
    windows = dx.reshape(batch, rows, size, columns, size, channels)
    return mean_pool(x, size), windows.mean((2, 4))

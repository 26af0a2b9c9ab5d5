"""The same sums in the forms that XLA's CPU is fast at.

Which form is a matter of shapes alone, known when a program is traced. Elsewhere than
on a CPU the plain operation is the fast one; that is known when it is lowered.
"""

from collections.abc import Callable
from functools import partial, reduce
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.custom_derivatives import SymbolicZero
from jax.experimental.xla_metadata import set_xla_metadata

from shared.specs.base import ConvSpec, ConvTransposeSpec, Pair, Sides, pair

Form = Callable[[Array, Array, int, Sides], Array]
# Channels that a convolution needs to be worth its calls.
WIDE = 32
# Of rows, that a sum over a map is made of.
BLOCKS = 7


def on_cpu(form: Callable[..., Any], other: Callable[..., Any], *arrays: Any) -> Any:
    """Choose one form where the program runs on a CPU, elsewhere the other.

    DIFF(platform): which device that is, a trace does not know. Both are traced, which
    takes time, only where there are others than the CPU.
    """
    if jax.default_backend() == "cpu":
        return form(*arrays)
    return jax.lax.platform_dependent(*arrays, cpu=form, default=other)


def has_flash(q: Array) -> bool:
    """Whether cuDNN has an attention for such queries that keeps no scores: in half
    precision, of heads neither wide nor odd, on NVIDIA's GPUs since Ampere."""
    fits = q.dtype.itemsize == 2 and q.shape[-1] <= 128 and q.shape[-1] % 8 == 0
    return fits and local_capability() >= 8


def local_capability() -> float:
    """Give the generation of an NVIDIA GPU, of other devices 0."""
    said = str(getattr(jax.local_devices()[0], "compute_capability", ""))
    return float(said) if said.replace(".", "").isdigit() else 0.0


def apart(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call a function as a computation of its own: XLA would merge it with its
    neighbours, compute them anew for every reader, and lose the vector lanes."""
    with set_xla_metadata(inlineable="false"):
        return jax.jit(function)(*arguments)


@partial(jax.custom_jvp, nondiff_argnums=(2, 3))
def convolve(x: Array, kernel: Array, stride: int, pads: Sides) -> Array:
    """Convolve, where value, gradient of x and gradient of the kernel each have a form
    of their own. x: [B, H, W, c_in]; kernel: [rows, columns, c_in, c_out]."""
    return _forms(x, kernel, stride, pads)[0](x, kernel, stride, pads)


@partial(convolve.defjvp, symbolic_zeros=True)
def _convolve_jvp(stride: int, pads: Sides, primals: Any, tangents: Any) -> Any:
    x, kernel = primals
    _, of_x, of_kernel = _forms(x, kernel, stride, pads)
    y = convolve(x, kernel, stride, pads)
    return y, _change(y, of_x, of_kernel, primals, tangents, stride, pads)


def _change(
    y: Array,
    of_x: Form,
    of_kernel: Form,
    primals: Any,
    tangents: Any,
    stride: int,
    pads: Sides,
) -> Array:
    (x, kernel), (dx, dkernel) = primals, tangents
    parts = []
    if not isinstance(dx, SymbolicZero):
        parts.append(of_x(dx, kernel, stride, pads))
    if not isinstance(dkernel, SymbolicZero):
        parts.append(of_kernel(x, dkernel, stride, pads))
    return sum(parts) if parts else jnp.zeros_like(y)


def _forms(
    x: Array, kernel: Array, stride: int, pads: Sides
) -> tuple[Form, Form, Form]:
    """Choose the forms of the value, and of what is linear in x and in the kernel.

    DIFF(small-map): the plain form is some hundred times slower where the map is
    smaller than the kernel. The other bounds are where one form overtakes another on
    a Xeon with AVX-512: few places beside the maps leave its packing of the kernel
    unpaid, and fewer maps than two vectors leave its lanes empty.
    """
    *window, c_in, c_out = kernel.shape
    rows, inside = x.shape[0], True
    for n, k, around in zip(x.shape[1:3], window, pads, strict=True):
        rows *= (n + sum(around) - k) // stride + 1
        inside = inside and k <= n
    places = window[0] * window[1]
    # Windows side by side, as of a patch embedding: nothing is read twice.
    tiled = 1 < stride == window[0] == window[1] and not any(map(any, pads))
    product = _tiles if tiled else _product
    if places == 1 or not inside or 2 * rows <= c_out:
        return (product,) * 3
    few = c_out < 32
    value = _terms if few and places * c_in <= 100 else plain
    if tiled:
        return value, product, product
    return value, product if few or rows <= 4 * c_out else plain, plain


def plain(
    x: Array,
    kernel: Array,
    stride: int,
    pads: Sides,
    groups: int = 1,
    dilation: int = 1,
) -> Array:
    return jax.lax.conv_general_dilated(
        x,
        kernel,
        (stride, stride),
        pads,
        rhs_dilation=(dilation, dilation),
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
        feature_group_count=groups,
    )


def _product(x: Array, kernel: Array, stride: int, pads: Sides) -> Array:
    """Convolve by one matrix product of patches [B * H' * W', places * c_in] with the
    kernel."""
    window = kernel.shape[:2]

    def patch(x: Array) -> Array:
        return jnp.concatenate(_shifted(x, window, stride, pads), -1)

    patches = patch(x) if window == (1, 1) else apart(patch, x)
    *positions, depth = patches.shape
    y = patches.reshape(-1, depth) @ kernel.reshape(depth, -1)
    return y.reshape(*positions, -1)


def _tiles(x: Array, kernel: Array, stride: int, pads: Sides) -> Array:
    """Convolve where windows do not overlap: its patches are the map in another
    order. What is left over at the end is in none."""
    batch, *sides, c_in = x.shape
    rows, columns = (side // stride for side in sides)
    x = x[:, : rows * stride, : columns * stride]
    x = x.reshape(batch, rows, stride, columns, stride, c_in).swapaxes(2, 3)
    y = x.reshape(batch * rows * columns, -1) @ kernel.reshape(-1, kernel.shape[-1])
    return y.reshape(batch, rows, columns, -1)


def _terms(x: Array, kernel: Array, stride: int, pads: Sides) -> Array:
    """Convolve by a sum of places * c_in terms; XLA makes one loop of it, whose lanes
    are maps."""
    *_, c_in, c_out = kernel.shape

    def total(x: Array, kernel: Array) -> Array:
        shifted = _shifted(x, kernel.shape[:2], stride, pads)
        columns = [part[..., c : c + 1] for part in shifted for c in range(c_in)]
        pairs = zip(columns, kernel.reshape(-1, c_out), strict=True)
        return sum(column * row for column, row in pairs)

    return apart(total, x, kernel)


def dilated(form: Form, x: Array, kernel: Array, c: ConvSpec) -> Array:
    """Convolve at stride 1 where the kernel's places are apart: pixels that lie as far
    apart make a map of their own, on which the places are side by side."""
    rate = c.dilation
    height, width = c.map_size(*x.shape[1:3])
    rows, columns = (
        (first, last + -(n + first + last) % rate)
        for n, (first, last) in zip(x.shape[1:3], c.pads, strict=True)
    )
    x = _framed(x, rows, columns)
    batch, down, across, channels = x.shape
    x = x.reshape(batch, down // rate, rate, across // rate, rate, channels)
    x = x.transpose(0, 2, 4, 1, 3, 5)  # [B, rate, rate, H / rate, W / rate, c_in]
    maps = x.reshape(-1, *x.shape[3:])
    y = form(maps, kernel, 1, ((0, 0), (0, 0)))
    y = y.reshape(batch, rate, rate, *y.shape[1:]).transpose(0, 3, 1, 4, 2, 5)
    y = y.reshape(batch, y.shape[1] * rate, y.shape[3] * rate, -1)
    return y[:, :height, :width]


def transposed(x: Array, kernel: Array, c: ConvTransposeSpec) -> Array:
    """Convolve transposed: places as far apart as the stride see the same places of the
    kernel, so each such grid is a convolution of its own. kernel: [rows, columns,
    c_out, c_in]."""
    map_size, size = x.shape[1:3], c.map_size(*x.shape[1:3])
    rows, columns = (
        [_grid(k, n, whole, cut + at, c.stride) for at in range(c.stride)]
        for k, n, whole, (cut, _) in zip(c.kernel, map_size, size, c.cuts, strict=True)
    )
    kernel = kernel.swapaxes(2, 3)
    lines = [
        jnp.stack([_on_grid(x, kernel, row, column) for column in columns], 3)
        for row in rows
    ]
    y = jnp.stack(lines, 2)  # [B, H', stride, W', stride, c_out]
    down, across = (n * c.stride for n in y.shape[1:5:2])
    return y.reshape(len(y), down, across, -1)[:, : size[0], : size[1]]


def _grid(k: int, n: int, size: int, start: int, stride: int) -> tuple[slice, Pair]:
    """Lay out, of one axis, the grid from `start` on, which counts what is cut off:
    the places of the kernel that reach it, the last first, and the padding of the
    map for them."""
    ahead, first = divmod(start, stride)
    reach = len(range(first, k, stride))
    places = slice(first + stride * (reach - 1), None, -stride) if reach else slice(0)
    return places, (reach - 1 - ahead, -(-size // stride) - n + ahead)


def _on_grid(
    x: Array, kernel: Array, row: tuple[slice, Pair], column: tuple[slice, Pair]
) -> Array:
    (rows, above), (columns, beside) = row, column
    own = kernel[rows, columns]
    if min(*above, *beside) < 0 or not own.size:
        x, above, beside = _framed(x, above, beside), (0, 0), (0, 0)
    if own.size:
        return convolve(x, own, 1, (above, beside))
    # Nothing reaches it.
    height, width = (n + 1 - k for n, k in zip(x.shape[1:3], own.shape, strict=False))
    return jnp.zeros((len(x), height, width, own.shape[-1]), x.dtype)


def grouped(x: Array, kernel: Array, groups: int, stride: int, pads: Sides) -> Array:
    """Convolve in groups: narrow ones are joined to a convolution of WIDE channels,
    whose kernel is zero between them. kernel: [rows, columns, c_in of a group, c_out of
    all]."""
    *window, c_in, c_out = kernel.shape
    kernels = kernel.reshape(*window, c_in, groups, c_out // groups)
    ends = np.arange(0, groups, max(1, WIDE // c_in))[1:]
    parts = zip(
        jnp.split(x, ends * c_in, axis=-1),
        jnp.split(kernels, ends, axis=-2),
        strict=True,
    )
    found = [convolve(maps, _dense(kernel), stride, pads) for maps, kernel in parts]
    return jnp.concatenate(found, -1)


def _dense(kernels: Array) -> Array:
    """Join the kernels of groups to one that is zero between them; kernels: [rows,
    columns, c_in of a group, groups, c_out of a group]."""
    *window, c_in, groups, c_out = kernels.shape
    own = jnp.eye(groups, dtype=kernels.dtype)[:, None, :, None]
    return (kernels[:, :, None] * own).reshape(*window, groups * c_in, groups * c_out)


@partial(jax.custom_jvp, nondiff_argnums=(2, 3))
def depthwise(x: Array, kernel: Array, stride: int, pads: Sides) -> Array:
    """Convolve each map by itself, as a sum of as many shifted maps as the kernel has
    places: XLA's own is slow here. x: [B, H, W, channels]; kernel: [rows, columns, 1,
    channels]."""

    def total(x: Array, kernel: Array) -> Array:
        shifted = _shifted(x, kernel.shape[:2], stride, pads)
        return sum(map(jnp.multiply, shifted, kernel.reshape(-1, kernel.shape[-1])))

    return apart(total, x, kernel)


@partial(depthwise.defjvp, symbolic_zeros=True)
def _depthwise_jvp(stride: int, pads: Sides, primals: Any, tangents: Any) -> Any:
    y = depthwise(*primals, stride, pads)
    return y, _change(y, _scattered, _in_blocks, primals, tangents, stride, pads)


def _scattered(x: Array, kernel: Array, stride: int, pads: Sides) -> Array:
    """Convolve by what each place of a window adds. XLA is slow at that, and fast at
    its gradient of x, which is a sum of shifted maps in turn."""
    rows, columns = kernel.shape[:2]

    def total(x: Array, kernel: Array) -> Array:
        places = [(i, j) for i in range(rows) for j in range(columns)]
        return sum(
            _framed(x * kernel[i, j, 0], (rows - 1 - i, i), (columns - 1 - j, j))
            for i, j in places
        )

    def cropped(y: Array) -> Array:
        around = (
            tuple(p - k + 1 for p in side)
            for side, k in zip(pads, (rows, columns), strict=True)
        )
        return _framed(y, *around)[:, ::stride, ::stride]

    return apart(cropped, apart(total, x, kernel))


def _framed(x: Array, rows: Pair, columns: Pair) -> Array:
    """Put zeros around it, and cut off what is negative. jnp.pad would stay a
    computation of its own within another."""
    zero = jnp.zeros((), x.dtype)
    return jax.lax.pad(x, zero, ((0, 0, 0), (*rows, 0), (*columns, 0), (0, 0, 0)))


def _in_blocks(x: Array, kernel: Array, stride: int, pads: Sides) -> Array:
    """Convolve by blocks of rows, which makes the gradient of the kernel a sum of
    blocks in vector lanes, and a product with ones. XLA's own sum over all places
    takes number after number."""
    *window, _, channels = kernel.shape
    rows, columns = (
        (n + sum(around) - k) // stride + 1
        for n, k, around in zip(x.shape[1:3], window, pads, strict=True)
    )
    blocks = min(BLOCKS, rows)
    height = -(-rows // blocks)
    (top, bottom), sides = pads
    missing = (blocks * height - rows) * stride
    x = apart(partial(_framed, rows=(top, bottom + missing), columns=sides), x)
    ones = jnp.ones((x.shape[0] * height * columns, 1), kernel.dtype)

    def of_place(i: int, j: int, x: Array, row: Array) -> Array:
        row = row.reshape(-1, height, columns, channels)
        across = slice(j, j + (columns - 1) * stride + 1, stride)
        parts = []
        for n in range(blocks):
            first = i + n * height * stride
            down = slice(first, first + (height - 1) * stride + 1, stride)
            parts.append(x[:, down, across] * row)
        return jnp.concatenate(parts, 1)

    # Recomputed, or every place would keep a copy of x for the gradient.
    found = [
        apart(jax.checkpoint(partial(of_place, i, j)), x, ones @ kernel[i, j])
        for i in range(window[0])
        for j in range(window[1])
    ]
    return sum(found)[:, :rows]


def _shifted(
    x: Array, window: Pair, stride: int, pads: Sides, outside: float = 0.0
) -> list[Array]:
    """What each place of a window sees: [B, H', W', channels] each."""
    if any(map(any, pads)):
        x = jnp.pad(x, ((0, 0), *pads, (0, 0)), constant_values=outside)
    rows, columns = (n - k + 1 for n, k in zip(x.shape[1:3], window, strict=True))
    return [
        x[:, i : i + rows : stride, j : j + columns : stride]
        for i in range(window[0])
        for j in range(window[1])
    ]


@partial(jax.custom_jvp, nondiff_argnums=(1, 2, 3))
def max_pool(x: Array, size: int | Pair, stride: int, pads: Sides) -> Array:
    """The gradient goes to the first of the largest, as XLA's own does."""

    def largest(x: Array) -> Array:
        shifted = _shifted(x, pair(size), stride, pads, -jnp.inf)
        return reduce(jnp.maximum, shifted)

    return apart(largest, x)


@max_pool.defjvp
def _max_pool_jvp(
    size: int | Pair, stride: int, pads: Sides, primals: Any, tangents: Any
) -> Any:
    (x,), (dx,) = primals, tangents

    def largest(x: Array) -> tuple[Array, Array]:
        first, *rest = _shifted(x, pair(size), stride, pads, -jnp.inf)
        y, place = first, jnp.zeros(first.shape, jnp.int8)
        for i, value in enumerate(rest, start=1):
            y, place = jnp.maximum(y, value), jnp.where(value > y, jnp.int8(i), place)
        return y, place

    def change(dx: Array, place: Array) -> Array:
        changes = _shifted(dx, pair(size), stride, pads)
        return sum(jnp.where(place == i, one, 0) for i, one in enumerate(changes))

    y, place = apart(largest, x)
    return y, apart(change, dx, place)


@partial(jax.custom_jvp, nondiff_argnums=(1, 2, 3))
def mean_pool(x: Array, size: int, stride: int, pads: Sides) -> Array:
    """Average each window; padding counts as zeros."""

    def mean(x: Array) -> Array:
        return sum(_shifted(x, (size, size), stride, pads)) / size**2

    return apart(mean, x)


@mean_pool.defjvp
def _mean_pool_jvp(
    size: int, stride: int, pads: Sides, primals: Any, tangents: Any
) -> Any:
    (x,), (dx,) = primals, tangents
    y = mean_pool(x, size, stride, pads)
    if size != stride or any(map(any, pads)):
        total = sum(_shifted(dx, (size, size), stride, pads))
        return y, total / size**2
    # Windows that do not overlap: each place is in one.
    batch, rows, columns, channels = x.shape
    rows, columns = rows // size, columns // size
    dx = dx[:, : rows * size, : columns * size]
    windows = dx.reshape(batch, rows, size, columns, size, channels)
    return y, windows.mean((2, 4))

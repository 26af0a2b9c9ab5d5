"""Why a convolution or a pooling is wrong: its padding, dilation, kernel, window."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from parity_tests.compare import Array
from parity_tests.ports import formulas
from parity_tests.ports.scenes import Scene, Try, equal

Numbers = tuple[int, ...]


def numbers(value: Any, count: int) -> Numbers:
    if isinstance(value, list | tuple) and len(value) == count:
        return tuple(int(v) for v in value)
    return (int(value),) * count if isinstance(value, int | float) else (1,) * count


def convolutions(s: Scene) -> Iterator[Try]:
    yield from _convolved(s, s.x)
    if s.given is not None and s.given.shape != s.x.shape:
        yield from _elsewhere_padded(s, s.given)


def _elsewhere_padded(s: Scene, x: Array) -> Iterator[Try]:
    """One side's input is padded before, the other's within the layer."""
    count = s.weights["weight"].ndim - 2
    kernel = s.weights["weight"].shape[2:]
    stride = numbers(s.one.get("stride", 1), count)
    own = numbers(s.one.get("dilation", 1), count)
    for wide in (own, *((n,) * count for n in (1, 2, 3, 4))):
        for name, pads in pads_of(x.shape[1:-1], kernel, stride, wide).items():
            other = partial(formulas.convolved, x, s.weights, stride, pads, wide)
            if wide == own:
                yield "padding", "of the input", s.two.get("padding", name), other
            else:
                yield "dilation", own[0], wide[0], other


def _convolved(s: Scene, x: Array) -> Iterator[Try]:
    weight = s.weights["weight"]
    kernel = weight.shape[2:]
    count = len(kernel)
    stride, dilation, paddings = _set(s)
    conv = partial(formulas.convolved, x)
    # What stands in front of the port's layer is not among its settings.
    alike = s.given is None or s.given.shape == x.shape
    for name, pads in paddings.items():
        said = s.two.get("padding", name) if alike else name
        other = partial(conv, s.weights, stride, pads, dilation)
        yield "padding", s.one.get("padding"), said, other
    pads = _own_pads(s)
    for step in {1, 2, 3, 4} - {*stride}:
        other = partial(conv, s.weights, (step,) * count, pads, dilation)
        yield "stride", stride[0], step, other
    less = {k: v for k, v in s.weights.items() if k != "bias"}
    yield "bias left out", "", "", partial(conv, less, stride, pads, dilation)
    for mode in ("reflect", "edge", "wrap"):
        other = partial(conv, s.weights, stride, pads, dilation, mode)
        yield "padding of another kind", "zeros", mode, other
    turned = {**s.weights, "weight": np.flip(weight, tuple(range(2, 2 + count)))}
    other = partial(conv, turned, stride, pads, dilation)
    yield "kernel turned round", "", "", other
    if count == 2:
        turned = {**s.weights, "weight": np.swapaxes(weight, 2, 3)}
        other = partial(conv, turned, stride, pads, dilation)
        yield "kernel transposed", "", "", other
    for wide in (1, 2, 3, 4):
        if wide == dilation[0]:
            continue
        pads = tuple((wide * (k - 1) // 2,) * 2 for k in kernel)
        other = partial(conv, s.weights, stride, pads, (wide,) * count)
        yield "dilation", dilation[0], wide, other


Pads = dict[str, tuple[tuple[int, int], ...]]


def pads_of(
    sizes: tuple[int, ...],
    kernel: tuple[int, ...],
    stride: tuple[int, ...],
    dilation: tuple[int, ...],
) -> Pads:
    """Paddings that people meet, by name."""
    number = len(kernel)
    zipped = list(zip(sizes, kernel, stride, dilation, strict=True))
    same = tuple(formulas.same(*one) for one in zipped)
    found: Pads = {"same": same, "valid": ((0, 0),) * number}
    for n in range(1, max(kernel)):
        found[str(n)] = ((n, n),) * number
        found[f"{n} before"] = ((n, 0),) * number
        found[f"{n} behind"] = ((0, n),) * number
    found["causal"] = tuple((d * (k - 1), 0) for _, k, _, d in zipped)
    found["same, the odd one before"] = tuple((b, a) for a, b in same)
    return found


def own(s: Scene) -> Iterator[Array]:
    """What a convolution gives with each padding that people meet."""
    stride, dilation, pads = _set(s)
    for known in pads.values():
        yield formulas.convolved(s.x, s.weights, stride, known, dilation)


def _set(s: Scene) -> tuple[Numbers, Numbers, Pads]:
    """A convolution's stride and dilation, and its likely paddings."""
    kernel = s.weights["weight"].shape[2:]
    stride = numbers(s.one.get("stride", 1), len(kernel))
    dilation = numbers(s.one.get("dilation", 1), len(kernel))
    return stride, dilation, pads_of(s.x.shape[1:-1], kernel, stride, dilation)


def _own_pads(s: Scene) -> tuple[tuple[int, int], ...]:
    """The padding with which the reference's own output comes out."""
    pads = _set(s)[2].values()
    fits = (p for p, out in zip(pads, own(s), strict=True) if equal(out, s.right))
    return next(fits, next(iter(pads)))


def poolings(s: Scene) -> Iterator[Try]:
    count = s.x.ndim - 2
    size = numbers(s.one.get("kernel_size", 2), count)
    stride = numbers(s.one.get("stride", size), count)
    sizes: Numbers = s.x.shape[1:-1]
    pads = pads_of(sizes, size, stride, (1,) * count)
    ways = ("max", "max over zeros", "average", "average, padding counted")
    tries = {
        f"{how}, padding {name}": partial(formulas.pooled, s.x, size, stride, own, how)
        for how in ways
        for name, own in pads.items()
    }
    own = next((name for name, run in tries.items() if equal(run(), s.right)), "")
    for name, run in tries.items():
        yield "pooling", own, name, run

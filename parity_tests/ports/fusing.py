"""Why a layer is wrong that has its activation inside: that one, or what it follows."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import numpy as np

from parity_tests.compare import Array
from parity_tests.ports import convolving, formulas
from parity_tests.ports.formulas import Act
from parity_tests.ports.scenes import Scene, Try, equal, fitting


def opened(
    s: Scene, tries: Callable[[Scene], Iterator[Try]]
) -> tuple[Scene, Iterator[Try]] | None:
    """A layer in front of the activation that the reference has in it, and what is
    tried there; None where there is none."""
    if s.wrong.shape != s.right.shape:
        return None
    with np.errstate(all="ignore"):
        for plain in fitting(_plain(s)):
            if equal(plain, s.right):
                return None
            for name, act in formulas.ACTIVATIONS.items():
                if equal(act(plain), s.right):
                    return _within(s, plain, (name, act), tries)
    return None


def _within(
    s: Scene,
    plain: Array,
    own: tuple[str, Act],
    tries: Callable[[Scene], Iterator[Try]],
) -> tuple[Scene, Iterator[Try]]:
    """Of the port what is nearer: its layer with an activation inside, or without."""
    inner = replace(s, right=plain)
    far = np.linalg.norm(s.wrong - plain) > np.linalg.norm(s.wrong - s.right)

    def tried() -> Iterator[Try]:
        for name, act in formulas.ACTIVATIONS.items():
            yield "activation", own[0], name, partial(act, plain)
        for name, one, two, make in tries(inner):
            yield name, one, two, partial(_after, own[1], make) if far else make

    return (s if far else inner), tried()


def _after(act: Act, make: Callable[[], Array]) -> Array:
    return act(make())


def _plain(s: Scene) -> Iterator[Array]:
    """What a layer's own formula gives."""
    eps = float(s.one.get("eps") or 1e-5)
    if "batch" in s.kind:
        for training in (False, True):
            yield formulas.batch_normed(s.x, s.weights, eps, training)
    elif "norm" in s.kind and "group" not in s.kind:
        yield formulas.normed(s.x, s.weights, eps)
    elif "conv" in s.kind and "transpose" not in s.kind and s.x.ndim > 3:
        yield from convolving.own(s)
    elif (
        s.weights["weight"].ndim == 2 and s.x.shape[-1] == s.weights["weight"].shape[1]
    ):
        bias = s.weights.get("bias", np.zeros(()))
        yield formulas.linear(s.x, s.weights["weight"], bias)

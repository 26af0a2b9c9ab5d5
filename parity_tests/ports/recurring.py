"""Why a recurrent layer is wrong: its functions, its gates, its steps."""

import itertools
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from parity_tests.compare import Array
from parity_tests.ports import formulas
from parity_tests.ports.scenes import Scene, Try


def recurrences(s: Scene) -> Iterator[Try]:
    """A recurrence with other functions, another order of gates, turned round."""
    kind = next((k for k in ("lstm", "gru") if k in s.kind), "rnn")
    run = partial(formulas.recurrent, s.x, s.weights, kind)
    last = s.right.ndim == 2

    def tried_with(**changes: Any) -> Callable[[], Array]:
        return lambda: run(**changes)[:, -1] if last else run(**changes)

    named = formulas.ACTIVATIONS.items()
    for name, act in named:
        yield "activation", "tanh", name, tried_with(act=act)
    if kind != "rnn":
        for name, act in (*named, *formulas.HARD.items()):
            yield "activation of the gates", "sigmoid", name, tried_with(gate=act)
    if kind == "lstm":
        for order in itertools.permutations(range(4)):
            letters = "".join("ifgo"[n] for n in order)
            yield "order of the gates", "ifgo", letters, tried_with(order=order)
        yield "bias of the forget gate", 0, 1, tried_with(forget=1.0)
    if kind == "gru":
        before = tried_with(reset_after=False)
        yield "reset", "behind the product", "before it", before
    turned = formulas.recurrent(s.x[:, ::-1], s.weights, kind)
    for name, whole in (("to the end", turned), ("and back", turned[:, ::-1])):
        yield "steps turned round", "", name, partial(np.array, whole)
    less = {r: w for r, w in s.weights.items() if not r.startswith("bias")}
    without = formulas.recurrent(s.x, less, kind)
    yield (
        "bias left out",
        "",
        "",
        partial(np.array, without[:, -1] if last else without),
    )

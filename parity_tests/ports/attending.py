"""Why two models part between projections and what they are mixed by: attention, gates.

Both are recomputed from what the reference's projections gave, in any order.
"""

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from parity_tests.compare import Array
from parity_tests.ports import formulas
from parity_tests.ports.dumps import Call, Dump
from parity_tests.ports.names import words
from parity_tests.ports.pairing import Met
from parity_tests.ports.scenes import Scene, Try, equal

# How many projections may have gone before, how large they may be, and most heads.
LAST, SMALL, HEADS = 4, 1 << 14, 16


def attended(
    q: Array,
    k: Array,
    v: Array,
    heads: int,
    scale: float = 0.0,
    window: int = 0,
    axis: int = -1,
) -> Array:
    """Attention of (batch, steps, heads * size); scale 0: 1/sqrt(size).

    window: how many steps back are seen; 0: all, and those ahead too.
    """
    batch, steps, width = q.shape
    split = (batch, steps, heads, width // heads)
    q, k, v = (a.reshape(split) for a in (q, k, v))
    score = np.einsum("bqhd,bkhd->bhqk", q, k)
    score *= scale or 1 / math.sqrt(width // heads)
    if window:
        back = np.arange(steps)[:, None] - np.arange(steps)
        score = np.where((back >= 0) & (back < window), score, -np.inf)
    weights = formulas.softmax(score, axis)
    return np.einsum("bhqk,bkhd->bqhd", weights, v).reshape(batch, steps, width)


def attentions(s: Scene, given: Sequence[Array]) -> Iterator[Try]:
    """Attention with another scale, mask, number of heads or axis of its softmax."""
    if s.right.ndim != 3 or s.right.size > SMALL:
        return
    steps, width = s.right.shape[1:]
    heads = [h for h in range(1, HEADS + 1) if width % h == 0]
    windows = {"none": 0, "causal": steps}
    for (q, k, v), h, (mask, window) in itertools.product(
        itertools.permutations(given, 3), heads, windows.items()
    ):
        if not equal(attended(q, k, v, h, window=window), s.right):
            continue
        size = width // h
        mixed = partial(attended, q, k, v)
        for name, scale in (
            ("1", 1.0),
            (f"1/sqrt({width})", width**-0.5),
            (f"1/{size}", 1 / size),
            (f"1/sqrt({2 * size})", (2 * size) ** -0.5),
            (f"1/sqrt({size / 2:g})", (size / 2) ** -0.5),
        ):
            other = partial(mixed, h, scale, window)
            yield "scale of the attention", f"1/sqrt({size})", name, other
        for name, own in {**windows, **_windows(steps)}.items():
            yield "mask of the attention", mask, name, partial(mixed, h, 0.0, own)
        for number in heads:
            yield "number of heads", h, number, partial(mixed, number, 0.0, window)
        if not window:
            along = partial(mixed, h, 0.0, 0, -2)
            yield "axis of the softmax", "keys", "queries", along
        return


def _windows(steps: int) -> dict[str, int]:
    return {f"causal, {n} back": n for n in range(1, steps)}


def gates(s: Scene, given: Sequence[Array]) -> Iterator[Try]:
    """A function on one branch that is multiplied by another."""
    functions: dict[str, Callable[[Array], Array]] = dict(formulas.ACTIVATIONS)
    functions["none"] = np.array
    for one, two in itertools.permutations(given, 2):
        if one.shape != s.right.shape or two.shape != s.right.shape:
            continue
        own = [n for n, act in functions.items() if equal(act(one) * two, s.right)]
        for name, act in functions.items() if own else ():
            made = partial(_gated, one, two, act)
            yield "activation", own[0], name, made
        if own:
            exchanged = partial(_gated, two, one, functions[own[0]])
            yield "branches exchanged", "", "", exchanged
            return


def _gated(one: Array, two: Array, act: object) -> Array:
    assert callable(act)
    found: Array = act(one) * two
    return found


def ended(dump: Dump, mode: str, gap: Met | None) -> Iterator[Call]:
    """The calls that had ended when another began."""
    for call in dump.runs[mode].calls:
        if gap is not None and call == gap.reference:
            return
        if gap is None or call.start < gap.reference.start:
            yield call


def projections(dump: Dump, mode: str, gap: Met | None, like: Array) -> list[Array]:
    """The last tensors of this shape that left a layer; of a fused one its parts."""
    found: dict[str, Array] = {}
    for call in ended(dump, mode, gap):
        for key in call.outputs.values():
            shape = dump.table[key]["shape"]
            if not call.path or dump.tensors.get(key) is None:
                continue
            if shape == list(like.shape):
                found[key] = dump.array(key)
            elif shape[:-1] == list(like.shape[:-1]) and like.ndim == 3:
                for number in (2, 3):
                    if shape[-1] == number * like.shape[-1]:
                        parts = np.split(dump.array(key), number, -1)
                        found |= {f"{key}/{i}": part for i, part in enumerate(parts)}
    return list(found.values())[-LAST:]


def steps_of(
    s: Scene, dump: Dump, mode: str, gap: Met | None
) -> Iterator[tuple[str, Mapping[int, Array]]]:
    """The sequences that went before, by name, a step each of the result's shape."""
    for call in ended(dump, mode, gap):
        for key in call.outputs.values():
            shape = dump.table[key]["shape"]
            fits = len(shape) == 3 and [shape[0], shape[2]] == list(s.right.shape)
            if fits and dump.tensors.get(key) is not None:
                whole = dump.array(key)
                yield call.name, {t: whole[:, t] for t in range(shape[1])}


def other_steps(s: Scene, dump: Dump, mode: str, gap: Met | None) -> Iterator[Try]:
    """Another step in time than the one that goes on."""
    for _, steps in steps_of(s, dump, mode, gap):
        own = [t for t, value in steps.items() if equal(value, s.right)]
        for t, value in steps.items() if own else ():
            yield "step in time", own[0], t, partial(np.array, value)
        if own:
            whole = np.stack(list(steps.values()))
            yield "step in time", own[0], "their mean", partial(whole.mean, 0)


def of_module(
    s: Scene, given: Sequence[Array], layers: Mapping[str, Mapping[str, Array]]
) -> Iterator[Try]:
    """An attention as a whole, whose projections are weights of the layers in it."""
    found = [_role(layers, role) for role in ("q", "k", "v", "out")]
    if any(part is None for part in found) or s.right.ndim != 3:
        return
    *three, out = (part for part in found if part is not None)
    inputs = list(given[:3]) + [given[-1]] * (3 - len(given[:3]))
    q, k, v = (_projected(x, part) for x, part in zip(inputs, three, strict=True))
    if q.shape != v.shape or q.shape[-1] != out["weight"].shape[1]:
        return
    # What the attention gave is known up to its last projection.
    inside = partial(_projected, part=out)
    for heads, window in itertools.product(range(1, HEADS + 1), (0, q.shape[1])):
        if q.shape[-1] % heads:
            continue
        own = attended(q, k, v, heads, window=window)
        if equal(inside(own), s.right):
            within = replace(s, right=own)
            for name, one, two, make in attentions(within, (q, k, v)):
                yield name, one, two, partial(_outward, inside, make)
            return


def _outward(inside: Callable[[Array], Array], make: Callable[[], Array]) -> Array:
    return inside(make())


def _projected(x: Array, part: Mapping[str, Array]) -> Array:
    return formulas.linear(x, part["weight"], part.get("bias", np.zeros(())))


def _role(
    layers: Mapping[str, Mapping[str, Array]], role: str
) -> Mapping[str, Array] | None:
    hits = [part for path, part in layers.items() if role in words(path)]
    return hits[0] if len(hits) == 1 and hits[0]["weight"].ndim == 2 else None

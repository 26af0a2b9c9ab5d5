"""Why two models part between their layers, or in what a layer keeps."""

from collections.abc import Iterator, Mapping
from functools import partial

import numpy as np

from parity_tests.compare import Array
from parity_tests.ports import attending, formulas
from parity_tests.ports.causes import (
    TOO_LARGE,
    Cause,
    activations,
    changed,
    place,
    places,
    tried,
    weights_of,
)
from parity_tests.ports.codecs import layers_of
from parity_tests.ports.compare import Sides, fitted
from parity_tests.ports.dumps import CHANNELS_FIRST, Dump
from parity_tests.ports.pairing import Met
from parity_tests.ports.scenes import Scene, Try, equal
from parity_tests.ports.settings import settings_of

# How many tensors that were there before may have been added, and how large.
NEAR, SMALL = 40, 1 << 16


def of_gap(
    sides: Sides, before: Met | None, gap: Met, seen: Dump, mode: str
) -> list[Cause]:
    """The causes that explain what happens between two layers."""
    call = gap.again(seen.runs[mode].calls)
    if call is None or not call.inputs or not gap.reference.inputs:
        return []
    right = sides.reference.array(next(iter(gap.reference.inputs.values())))
    wrong = seen.array(next(iter(call.inputs.values())))
    return _parted(sides, before, gap, (right, wrong), mode)


def of_end(sides: Sides, last: Met, met: Met, seen: Dump, mode: str) -> list[Cause]:
    """The causes that explain what a layer does behind the last one that it holds."""
    call = met.again(seen.runs[mode].calls)
    if call is None or not call.outputs or not met.reference.outputs:
        return []
    right = sides.reference.array(next(iter(met.reference.outputs.values())))
    wrong = seen.array(next(iter(call.outputs.values())))
    return _parted(sides, last, met, (right, wrong), mode)


def _parted(
    sides: Sides, before: Met | None, gap: Met, both: tuple[Array, Array], mode: str
) -> list[Cause]:
    """The causes that make what should be there, the first, of what was in front."""
    right = both[0]
    wrong = fitted(both[1], right)
    if wrong is None or right.size > TOO_LARGE or right.dtype.kind != "f":
        return []
    x = _left(sides.reference, before, right)
    own = weights_of(sides.reference, before.reference.path) if before else {}
    scene = Scene("", x, right, wrong, own, {}, {}, places(sides, gap))
    near = _near(sides.reference, mode, gap, right)
    found = tried(scene, _between(scene, near))
    return found or tried(scene, _mixed(scene, sides.reference, mode, gap))


def _left(dump: Dump, before: Met | None, like: Array) -> Array:
    """What the layer in front gave, in the layout of what enters the next."""
    if before is None or not before.reference.outputs:
        return like
    own = dump.array(next(iter(before.reference.outputs.values())))
    fit = fitted(own, like)
    return own if fit is None else fit


def _near(dump: Dump, mode: str, gap: Met | None, like: Array) -> dict[str, Array]:
    """What was there before, in the same shape, and what it is called."""
    found: dict[str, tuple[str, Array]] = {}
    start = gap.reference.start if gap else 1 << 40
    had = {call.start for call in attending.ended(dump, mode, gap)}
    for call in dump.runs[mode].calls:
        if call.start >= start or not call.path:
            continue
        left = call.outputs if call.start in had else {}
        for what, keys in (("entered", call.inputs), ("left", left)):
            for key in keys.values():
                if dump.table[key]["shape"] != list(like.shape):
                    continue
                found[key] = f"what {what} {call.name}", dump.array(key)
    return dict(list(found.values())[-NEAR:])


def _between(s: Scene, near: Mapping[str, Array]) -> Iterator[Try]:
    yield from activations(s.x, s.right, s.wrong)
    for name, tensor in near.items():
        if equal(tensor, s.right):
            continue
        if equal(tensor, s.wrong):
            yield "another tensor", "", name, partial(np.array, tensor)
        yield "residual left out", "", name, partial(np.subtract, s.right, tensor)
        yield "residual added", "", name, partial(np.add, s.right, tensor)
    if s.right.ndim == 2:
        for channels in range(2, s.right.shape[1]):
            if s.right.shape[1] % channels == 0:
                other = partial(formulas.interleaved, s.right, channels)
                yield "flatten order", "", "", other
    yield from _biases(s)
    yield from _axes(s)
    yield from changed(s.right, s.wrong)
    yield from _beside(s, near)


def _mixed(s: Scene, dump: Dump, mode: str, gap: Met | None) -> Iterator[Try]:
    """What several projections before are mixed by, or a step that is taken of one."""
    given = attending.projections(dump, mode, gap, s.right)
    yield from attending.attentions(s, given)
    yield from attending.gates(s, given)
    yield from attending.other_steps(s, dump, mode, gap)
    for x in given:
        yield from activations(x, s.right, s.wrong)


def _biases(s: Scene) -> Iterator[Try]:
    """The bias of the layer in front, which is taken away again or added once more."""
    bias = s.weights.get("bias", np.zeros(0))
    for axis in {1, s.right.ndim - 1}:
        if s.right.shape[axis] == bias.size:
            wide = [1] * s.right.ndim
            wide[axis] = bias.size
            own = bias.reshape(wide)
            yield "bias left out", "", "", partial(np.subtract, s.right, own)
            yield "bias added twice", "", "", partial(np.add, s.right, own)


def _axes(s: Scene) -> Iterator[Try]:
    """A softmax along another axis."""
    if s.x.shape != s.right.shape:
        return
    axes = range(s.x.ndim)
    own = [a for a in axes if equal(formulas.softmax(s.x, a), s.right)]
    for axis in axes if own else ():
        yield "axis of the softmax", own[0], axis, partial(formulas.softmax, s.x, axis)


def _beside(s: Scene, near: Mapping[str, Array]) -> Iterator[Try]:
    """One function in the place of another on a branch that is added."""
    if s.right.size > SMALL or s.x.shape != s.right.shape:
        return
    values = {name: act(s.x) for name, act in formulas.ACTIVATIONS.items()}
    values["none"] = s.x
    for tensor in near.values():
        rest = s.right - tensor
        own = next((n for n, value in values.items() if equal(value, rest)), None)
        for name, value in values.items() if own else ():
            yield "activation", own, name, partial(np.add, tensor, value)


def of_output(sides: Sides, before: Met | None, seen: Dump, mode: str) -> list[Cause]:
    """The causes that explain what is done to an output behind the last layer."""
    ours, theirs = sides.reference.runs[mode].outputs, seen.runs[mode].outputs
    for one, two in zip(ours.values(), theirs.values(), strict=False):
        right = sides.reference.array(one)
        wrong = fitted(seen.array(two), right)
        if wrong is None or right.dtype.kind != "f" or equal(wrong, right):
            continue
        lines = place(sides.reference, ""), place(sides.other, "")
        x = _left(sides.reference, before, right)
        scene = Scene("", x, right, wrong, {}, {}, {}, lines)
        near = _near(sides.reference, mode, None, right)
        found = tried(scene, _between(scene, near))
        return found or tried(scene, _mixed(scene, sides.reference, mode, None))
    return []


def of_buffer(sides: Sides, path: str) -> list[Cause]:
    """The share of the old statistic that each side keeps, from what it became."""
    pair = next((p for p in sides.matching.pairs if p.reference.path == path), None)
    if pair is None:
        return []
    ours = sides.reference.modules[pair.reference.module]
    theirs = sides.other.modules[pair.other.module]
    first = _kept(sides.reference, pair.reference.path)
    second = _kept(sides.other, pair.other.path)
    if first is None or second is None or abs(first - second) < 1e-6:
        return []
    one, two = settings_of(sides.reference, ours), settings_of(sides.other, theirs)
    lines = (
        place(sides.reference, pair.reference.module),
        place(sides.other, pair.other.module),
    )
    settings = one.get("momentum", first), two.get("momentum", second)
    said = f"{settings[0]} (keeps {first:.4g})", f"{settings[1]} (keeps {second:.4g})"
    return [Cause("momentum", 1.0, *said, lines, "bn-momentum")]


def _kept(dump: Dump, path: str) -> float | None:
    """The share of the old running mean in the new, by least squares."""
    layer = layers_of(dump)[path]
    part = layer.parts.get("running_mean")
    run = dump.runs["training"]
    calls = [c for c in run.calls if c.path == layer.module and c.inputs]
    if part is None or len(calls) != 1:
        return None
    old = part.read({w.name: dump.array(w.tensor) for w in dump.weights})
    new = part.read(dump.arrays(run.buffers))
    x = dump.array(next(iter(calls[0].inputs.values())))
    channel = 1 if dump.framework in CHANNELS_FIRST else x.ndim - 1
    mean = x.mean(tuple(a for a in range(x.ndim) if a != channel))
    away = old - mean
    whole = float((away * away).sum())
    return float(((new - mean) * away).sum()) / whole if whole else None

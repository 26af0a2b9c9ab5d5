"""Why a layer is wrong: likely causes are tried on what was recorded, not guessed."""

import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

from parity_tests.compare import Array
from parity_tests.ports import attending, convolving, formulas, fusing, recurring
from parity_tests.ports.codecs import layers_of
from parity_tests.ports.compare import Sides, fitted
from parity_tests.ports.dumps import CHANNELS_FIRST, Dump
from parity_tests.ports.forcing import laid, nearest
from parity_tests.ports.pairing import Met
from parity_tests.ports.scenes import UNFIT, Scene, Try, equal, fitting
from parity_tests.ports.settings import differing, settings_of, unlike, within

# What a cause must explain of the difference to be named.
NAMED = 0.99
TOO_LARGE = 1 << 22
# Below this two tensors are one in another layout.
SAME = 1e-6
ENTRIES = {
    "momentum": "bn-momentum",
    "padding": "padding",
    "pooling": "pool-padding",
    "axis": "norm-axis",
    "flatten": "flatten",
    "statistics": "bn-frozen",
}


@dataclass(frozen=True)
class Cause:
    """What explains a difference, and how much of it, with both settings and lines."""

    name: str
    explains: float
    reference: str = ""
    other: str = ""
    lines: tuple[str, str] = ("", "")
    entry: str = ""

    @property
    def said(self) -> str:
        settings = f" ({self.other})" if self.other else ""
        if self.reference:
            settings = f": {self.reference} against {self.other}"
        entry = f" (docs/differences.md: {self.entry})" if self.entry else ""
        places = " and ".join(line for line in self.lines if line)
        where = f"; {places}" if places else ""
        share = f"{100 * self.explains:.4g} %" if self.explains else "not tried"
        return f"because of {self.name}{settings}, which explains {share}{where}{entry}"


def of_layer(sides: Sides, met: Met, seen: Dump, mode: str) -> list[Cause]:
    """The causes that explain what a layer did with its right input, best first."""
    scene = _scene(sides, met, seen, mode)
    opened = fusing.opened(scene, tries_of) if scene else None
    found = tried(*opened) if opened else []
    if not found and scene:
        found = tried(scene, tries_of(scene))
    if not found and scene and "attention" in scene.kind:
        found = tried(scene, _attention(scene, sides, met))
    return found or told(sides, met)


def told(sides: Sides, met: Met) -> list[Cause]:
    """The settings that are not the same on a layer's two sides; none is tried."""
    ours = sides.reference.modules[met.reference.path]
    theirs = sides.other.modules[met.other.path]
    one = settings_of(sides.reference, ours)
    two = settings_of(sides.other, theirs)
    lines = places(sides, met)
    known = differing(one, two) or unlike(ours.settings, theirs.settings)
    known = known or within(sides.reference, ours.path, sides.other, theirs.path)
    return [
        Cause(name, 0.0, str(a), str(b), lines, ENTRIES.get(name, ""))
        for name, (a, b) in known.items()
    ]


def _attention(scene: Scene, sides: Sides, met: Met) -> Iterator[Try]:
    dump, start = sides.reference, f"{met.reference.path}."
    inside = {
        path.removeprefix(start): weights_of(dump, path)
        for path, layer in layers_of(dump).items()
        if path.startswith(start) and "weight" in layer.parts
    }
    given = [dump.array(key) for key in met.reference.inputs.values()]
    real = [a for a in given if a.ndim == 3 and a.dtype.kind == "f"]
    if real:
        yield from attending.of_module(scene, real, inside)


def _scene(sides: Sides, met: Met, seen: Dump, mode: str) -> Scene | None:
    reference, other = sides.reference, sides.other
    call = met.again(seen.runs[mode].calls)
    if call is None or not call.outputs or not met.reference.outputs:
        return None
    right = reference.array(next(iter(met.reference.outputs.values())))
    left = seen.array(next(iter(call.outputs.values())))
    wrong = laid(other, left, reference, right, SAME)
    if wrong is None:  # a sequence, of which the port gives the last step
        last = fitted(right, left)
        right, wrong = right if last is None else last, left
    if right.shape != wrong.shape and right.ndim == wrong.ndim:
        wrong = nearest(wrong, right)
    if wrong.ndim != right.ndim or not met.reference.inputs:
        return None
    x = reference.array(next(iter(met.reference.inputs.values())))
    given = seen.array(next(iter(call.inputs.values()))) if call.inputs else None
    ours, theirs = reference.modules[met.reference.path], other.modules[met.other.path]
    kind = ours.kind.lower()
    spatial = "conv" in kind or "batch" in kind or "pool" in kind
    if spatial and reference.framework in CHANNELS_FIRST:
        x, right, wrong = (np.moveaxis(a, 1, -1) for a in (x, right, wrong))
        if given is not None and other.framework in CHANNELS_FIRST and given.ndim > 2:
            given = np.moveaxis(given, 1, -1)
    if max(x.size, right.size) > TOO_LARGE:
        return None
    return Scene(
        kind,
        x,
        right,
        wrong,
        weights_of(reference, met.reference.path),
        settings_of(reference, ours),
        settings_of(other, theirs),
        places(sides, met),
        given,
    )


def weights_of(dump: Dump, path: str) -> dict[str, Array]:
    values = {w.name: dump.array(w.tensor) for w in dump.weights}
    layer = layers_of(dump).get(path)
    parts = layer.parts.items() if layer else ()
    return {role: part.read(values) for role, part in parts}


def tried(scene: Scene, tries: Iterator[Try]) -> list[Cause]:
    """The causes that explain most of the difference; the first of equals is kept."""
    alike = scene.wrong.shape == scene.right.shape
    off = scene.wrong - scene.right if alike else scene.wrong
    size = float(np.linalg.norm(off))
    found: list[Cause] = []
    with np.errstate(all="ignore"):
        for name, one, two, make in fitting(tries):
            try:
                again = make()
            except UNFIT:
                continue
            if again.shape != scene.wrong.shape or not np.isfinite(again).all():
                continue
            explains = 1 - float(np.linalg.norm(scene.wrong - again)) / size
            if explains >= NAMED:
                entry = ENTRIES.get(name.partition(" ")[0], "")
                found.append(
                    Cause(name, explains, str(one), str(two), scene.lines, entry)
                )
    best: dict[tuple[str, str], Cause] = {}
    for cause in sorted(found, key=lambda cause: -round(cause.explains, 4)):
        best.setdefault((cause.name, cause.other), cause)
    return list(best.values())


def tries_of(scene: Scene) -> Iterator[Try]:
    """What may have befallen a layer of its kind, and then any."""
    if "layernorm" in scene.kind or "layer_norm" in scene.kind:
        yield from _layer_norm(scene)
    elif "batch" in scene.kind:
        yield from _batch_norm(scene)
    elif "norm" in scene.kind and "group" not in scene.kind:
        yield from _rms_norm(scene)
    elif _is_linear(scene):
        yield from _linear(scene)
    elif "conv" in scene.kind and "transpose" not in scene.kind:
        yield from convolving.convolutions(scene)
    elif "pool" in scene.kind:
        yield from convolving.poolings(scene)
    elif "weight_hh" in scene.weights and scene.x.ndim == 3:
        yield from recurring.recurrences(scene)
    elif "flatten" in scene.kind:
        yield from _flatten(scene)
    yield from activations(scene.x, scene.right, scene.wrong)
    yield from _general(scene)


def _is_linear(scene: Scene) -> bool:
    """GPT-2's `Conv1D` is a matrix, too."""
    weight = scene.weights.get("weight")
    known = any(word in scene.kind for word in ("linear", "dense", "conv1d"))
    return known and weight is not None and weight.ndim == 2


EPSILONS = (1e-3, 1e-5, 1e-6, 1e-12, 1e-8, 1e-7, 1e-4, 1e-2, 1.001e-5)


def _epsilons(scene: Scene) -> list[float]:
    own = scene.two.get("eps")
    return [own, *EPSILONS] if isinstance(own, float) else list(EPSILONS)


def _without(weights: Mapping[str, Array], role: str) -> dict[str, Array]:
    return {k: v for k, v in weights.items() if k != role}


def _layer_norm(s: Scene) -> Iterator[Try]:
    eps = float(s.one.get("eps") or 1e-5)
    norm = partial(formulas.normed, s.x)
    for other in _epsilons(s):
        yield "eps", eps, other, partial(norm, s.weights, other)
    for role in ("bias", "weight"):
        less = _without(s.weights, role)
        yield f"{role} left out", "", "", partial(norm, less, eps)
    for axes in ((1,), (0,), (1, 2), (-2,)):
        yield "axis", -1, axes, partial(norm, s.weights, eps, axes)
    yield "mean left out", "", "", partial(norm, s.weights, eps, rms=True)
    unbiased = partial(norm, s.weights, eps, unbiased=True)
    yield "variance", "by n", "by n - 1", unbiased


def _rms_norm(s: Scene) -> Iterator[Try]:
    """A norm by the mean square alone, whose scale may be kept less one."""
    more = {**s.weights, "weight": 1 + s.weights["weight"]}
    for weights in (s.weights, more):
        norm = partial(formulas.normed, s.x)
        known = [s.one["eps"]] if isinstance(s.one.get("eps"), float) else EPSILONS
        own = [e for e in known if equal(norm(weights, e, rms=True), s.right)]
        for other in _epsilons(s) if own else ():
            yield "eps", own[0], other, partial(norm, weights, other, rms=True)
        if own:
            yield "mean taken off", "", "", partial(norm, weights, own[0])
            less = _without(weights, "weight")
            yield "weight left out", "", "", partial(norm, less, own[0], rms=True)
            return


def _batch_norm(s: Scene) -> Iterator[Try]:
    eps = float(s.one.get("eps") or 1e-5)
    norm = partial(formulas.batch_normed, s.x)
    names = ("those that run", "the batch's own")
    for training in (False, True):
        if not equal(norm(s.weights, eps, training), s.right):
            other = partial(norm, s.weights, eps, training)
            yield "statistics", names[not training], names[training], other
            continue
        for other_eps in _epsilons(s):
            yield "eps", eps, other_eps, partial(norm, s.weights, other_eps, training)
        for role in ("bias", "weight"):
            less = _without(s.weights, role)
            yield f"{role} left out", "", "", partial(norm, less, eps, training)


def _linear(s: Scene) -> Iterator[Try]:
    weight = np.atleast_2d(s.weights["weight"].squeeze())
    outputs, inputs = weight.shape
    bias = s.weights.get("bias", np.zeros(()))
    times = partial(formulas.linear, s.x)
    yield "bias left out", "", "", partial(times, weight, np.zeros(()))
    if outputs == inputs:
        yield "weight transposed", "", "", partial(times, weight.T, bias)
    n = math.sqrt(inputs)
    yield "scale of the weight", 1, f"1/{n:.4g}", partial(times, weight / n, bias)


def _flatten(s: Scene) -> Iterator[Try]:
    own = tuple(range(1, s.x.ndim))
    for order in itertools.permutations(own):
        other = partial(formulas.reordered, s.x, order, s.wrong.shape)
        yield "flatten order", own, order, other


def activations(x: Array, right: Array, wrong: Array) -> Iterator[Try]:
    """One function in the place of another, on the input or on the output."""
    for base in (x, right):
        if base.shape != wrong.shape:
            continue
        own = [n for n, f in formulas.ACTIVATIONS.items() if equal(f(base), right)]
        if not own and not equal(base, right):
            continue
        name = own[0] if own else "none"
        for other, act in formulas.ACTIVATIONS.items():
            yield "activation", name, other, partial(act, base)
        yield "activation", name, "none", partial(np.array, base)


def _general(s: Scene) -> Iterator[Try]:
    """What may befall any layer's output."""
    if "bias" in s.weights and s.weights["bias"].size == s.right.shape[-1]:
        bias = s.weights["bias"]
        yield "bias left out", "", "", partial(np.subtract, s.right, bias)
        yield "bias added twice", "", "", partial(np.add, s.right, bias)
    if s.x.shape == s.right.shape:
        yield "residual added", "", "", partial(np.add, s.right, s.x)
        yield "residual left out", "", "", partial(np.subtract, s.right, s.x)
        yield "layer left out", "", "", partial(np.array, s.x)
    yield from changed(s.right, s.wrong)


def changed(right: Array, wrong: Array) -> Iterator[Try]:
    """A scale, a sign, an axis the other way round, two axes exchanged."""
    whole = float((right * right).sum())
    scale = float((right * wrong).sum()) / whole if whole else 1.0
    yield "scale", 1, f"{scale:.6g}", partial(np.multiply, right, scale)
    for axis in range(right.ndim):
        yield "axis turned round", "", axis, partial(np.flip, right, axis)
    for a, b in itertools.combinations(range(right.ndim), 2):
        if right.shape[a] == right.shape[b]:
            other = partial(np.swapaxes, right, a, b)
            yield "axes exchanged", "", f"{a} and {b}", other
    if right.ndim > 1:
        yield "softmax again", "", "", partial(formulas.softmax, right)


def place(dump: Dump, path: str) -> str:
    """Where a layer's class is written, or the person's class that holds it."""
    while True:
        module = dump.modules.get(path)
        if module is not None and module.file and "site-packages" not in module.file:
            return module.place
        if not path:
            return ""
        path = path.rpartition(".")[0]


def places(sides: Sides, met: Met) -> tuple[str, str]:
    return (
        place(sides.reference, met.reference.path),
        place(sides.other, met.other.path),
    )

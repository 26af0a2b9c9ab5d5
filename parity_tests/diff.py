"""Parity of a person's own models: any two or three frameworks, from anywhere."""

import ast
import difflib
import importlib.util
import json
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from parity_tests import tolerances
from parity_tests.compare import NONE, Array, Named, Worst, worst_of
from parity_tests.engine import SEED, Check, Workers
from parity_tests.trace import Trace, trace
from shared.contract import path_of
from shared.errors import UsageError
from shared.files.weights import Entry, count
from shared.files.writing import write_text
from shared.frameworks import PACKAGES
from shared.messages import Layer, Request, Result
from shared.randomness import generator
from shared.running.client import RemoteModel

_ROOTS = {
    "torch": "pytorch",
    "keras": "keras",
    "tensorflow": "keras",
    "flax": "jax",
    "jax": "jax",
}
Renames = dict[str, str]  # a target's name -> the reference's


@dataclass(frozen=True)
class Target:
    """`package.module:name`, and the framework it is written in."""

    framework: str
    path: str


@dataclass
class Ported:
    """A target in its worker; renames lead from its names to the reference's."""

    target: Target
    model: RemoteModel
    entries: dict[str, Entry]
    renames: Renames = field(default_factory=dict)


@dataclass(frozen=True)
class Difference:
    checks: list[Check]
    trace: Trace
    renames: dict[str, Renames]


def parse_target(text: str) -> Target:
    """`pytorch=package.module:name`; without a framework the module's imports tell."""
    framework, separator, path = text.rpartition("=")
    if separator and framework not in PACKAGES:
        raise UsageError(f"{text!r}: allowed before '=': {', '.join(PACKAGES)}")
    if ":" not in path:
        raise UsageError(f"{text!r} is not of the form package.module:name")
    return Target(framework or _detect(path.partition(":")[0]), path)


def _detect(module: str) -> str:
    try:
        found = importlib.util.find_spec(module)
    except (ImportError, ValueError):
        found = None
    if found is None or not found.origin:
        raise UsageError(f"no module {module!r} here or on the Python path")
    try:
        tree = ast.parse(Path(found.origin).read_text())
    except (SyntaxError, ValueError) as error:
        raise UsageError(f"{found.origin} cannot be read: {error}") from None
    roots = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            roots |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            roots.add(node.module.partition(".")[0])
    frameworks = {_ROOTS[root] for root in roots if root in _ROOTS}
    if len(frameworks) != 1:
        seen = ", ".join(sorted(frameworks)) or "none of them"
        raise UsageError(
            f"{module} imports {seen}: say which, as in pytorch={module}:name"
        )
    return frameworks.pop()


def parse_input(text: str) -> Array:
    """`2,3,32,32` for reals, `2,16:100` for whole numbers below 100."""
    shape_text, separator, below = text.partition(":")
    try:
        shape = tuple(int(n) for n in shape_text.split(","))
        limit = int(below) if separator else None
    except ValueError:
        shape, limit = (), None
    if not shape or min(shape) < 1 or (limit is not None and limit < 1):
        raise UsageError(f"input {text!r}: allowed: 2,3,32,32 or 2,16:100")
    draw = generator("diff", SEED, text)
    if limit is not None:
        return draw.integers(0, limit, shape, dtype=np.int64)
    return draw.standard_normal(shape).astype(np.float32)


# Names


def match(reference: Mapping[str, Entry], other: Mapping[str, Entry]) -> Renames:
    """Equal names first; the rest by order, leaf and shape, then by order and shape."""
    renames = {name: name for name in other if _fits(name, name, reference, other)}
    for with_leaf in (True, False):
        left = [n for n in reference if n not in renames.values()]
        right = [n for n in other if n not in renames]
        a = [(_leaf(n) if with_leaf else "", reference[n].shape) for n in left]
        b = [(_leaf(n) if with_leaf else "", other[n].shape) for n in right]
        matcher = difflib.SequenceMatcher(a=a, b=b, autojunk=False)
        for block in matcher.get_matching_blocks():
            for i in range(block.size):
                renames[right[block.b + i]] = left[block.a + i]
    return renames


def _fits(
    one: str, two: str, reference: Mapping[str, Entry], other: Mapping[str, Entry]
) -> bool:
    return one in reference and reference[one].shape == other[two].shape


def _leaf(name: str) -> str:
    return name.rpartition(".")[2]


def read_renames(path: Path) -> Renames:
    try:
        found = json.loads(path.read_text())
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path}: not JSON ({error})") from None
    if not isinstance(found, dict) or not all(
        isinstance(name, str) for name in found.values()
    ):
        raise UsageError(f'{path}: allowed: {{"name": "name in the first model", ...}}')
    return found


def write_renames(path: Path, renames: Mapping[str, Renames]) -> None:
    """The tables of all ports in one, as `read_renames` takes it."""
    table = {n: to for own in renames.values() for n, to in own.items()}
    write_text(path, json.dumps(table, indent=1) + "\n")


def _checked(
    renames: Renames, reference: Mapping[str, Entry], other: Mapping[str, Entry]
) -> Renames:
    wrong = [f"{n} is not in the model" for n in renames if n not in other]
    wrong += [
        f"{n} is not in the first model" for n in renames.values() if n not in reference
    ]
    if wrong:
        raise UsageError("rename table: " + "; ".join(wrong))
    same = {n: n for n in other if n in reference and n not in renames}
    taken = set(renames.values())
    return renames | {n: m for n, m in same.items() if m not in taken}


def module_renames(renames: Renames) -> Renames:
    """What the leaves' names say of the modules that hold them, where it is clear."""
    found: dict[str, set[str]] = {}
    for other, reference in renames.items():
        a, b = other.split(".")[:-1], reference.split(".")[:-1]
        while a and b:
            found.setdefault(".".join(a), set()).add(".".join(b))
            a, b = a[:-1], b[:-1]
    clear = {name: names.pop() for name, names in found.items() if len(names) == 1}
    targets = list(clear.values())
    return {name: to for name, to in clear.items() if targets.count(to) == 1}


def _renamed_call(call: str, modules: Renames) -> str:
    path = path_of(call)
    return modules.get(path, path) + call.removeprefix(path)


# The comparison


def diff(
    targets: Sequence[Target],
    inputs: tuple[Array, ...],
    workers: Workers,
    *,
    dtype: str = "float64",
    tolerance: float = tolerances.PORTS,
    same_layout: bool = False,
    program: str = "",
    table: Renames | None = None,
) -> Difference:
    """The first target is the reference: its weights are loaded into the others.

    program: the method to call; it is compared in evaluation mode, by its outputs.
    """
    if len(targets) < 2:
        raise UsageError("a comparison needs at least two models")
    ported = [
        _adopt(target, inputs, workers, dtype, same_layout, program)
        for target in targets
    ]
    reference, *others = ported
    for other in others:
        given = table and _checked(table, reference.entries, other.entries)
        other.renames = given or match(reference.entries, other.entries)
    judge = _Judge(reference, others, inputs, dtype, tolerance, same_layout, program)
    checks = [judge.names(), judge.counts()]
    judge.share_weights()
    traces = []
    for training in (False,) if program else (False, True):
        results = judge.run(training)
        checks.append(judge.forward(results, training))
        if not program:
            checks.append(judge.gradients(results, training))
        traces.append(judge.trace(results))
    found = next((trace for trace in traces if not trace.agrees), traces[0])
    renames = {other.target.path: other.renames for other in others}
    return Difference(checks, found, renames)


def _adopt(
    target: Target,
    inputs: tuple[Array, ...],
    workers: Workers,
    dtype: str,
    same_layout: bool,
    program: str,
) -> Ported:
    worker = workers.get(target.framework, dtype)
    paths = tuple(path or "." for path in sys.path)
    model = worker.adopt(
        target.path, _arranged(inputs, target, same_layout, dtype), paths, program
    )
    return Ported(target, model, model.entries())


def _arranged(
    inputs: tuple[Array, ...], target: Target, same_layout: bool, dtype: str
) -> tuple[Array, ...]:
    """Images and volumes are given channels first; others than torch want them last."""
    moved = target.framework != "pytorch" and not same_layout
    arranged = [np.moveaxis(a, 1, -1) if moved and a.ndim >= 4 else a for a in inputs]
    return tuple(
        np.ascontiguousarray(a, dtype if a.dtype.kind == "f" else None)
        for a in arranged
    )


@dataclass
class _Judge:
    reference: Ported
    others: list[Ported]
    inputs: tuple[Array, ...]
    dtype: str
    tolerance: float
    same_layout: bool
    program: str

    @property
    def all(self) -> list[Ported]:
        return [self.reference, *self.others]

    def names(self) -> Check:
        reasons = []
        for other in self.others:
            left = [n for n in other.entries if n not in other.renames]
            missing = set(self.reference.entries) - set(other.renames.values())
            reasons += [f"{n} of {_say(other)} has no counterpart" for n in left]
            reasons += [f"{n} has none in {_say(other)}" for n in sorted(missing)]
            reasons += [
                f"{n}: {other.entries[n].shape} is not {to} "
                f"{self.reference.entries[to].shape}"
                for n, to in other.renames.items()
                if other.entries[n].shape != self.reference.entries[to].shape
            ]
        if len(reasons) > 6:
            reasons[6:] = [f"and {len(reasons) - 6} more"]
        return self._check("names", "; ".join(reasons))

    def counts(self) -> Check:
        counts = {_say(p): count(p.entries) for p in self.all}
        equal = len(set(counts.values())) == 1
        said = ", ".join(f"{name} {number:,}" for name, number in counts.items())
        return self._check("counts", "" if equal else f"parameters: {said}")

    def share_weights(self) -> None:
        values = self.reference.model.dump()
        for other in self.others:
            own = other.model.dump()
            for name, to in other.renames.items():
                if own[name].shape == values[to].shape:
                    own[name] = values[to].astype(own[name].dtype)
            other.model.load(own)

    def run(self, training: bool) -> dict[str, Result]:
        """Every model's answer, named as the reference names things."""
        asked = {
            _say(p): _arranged(self.inputs, p.target, self.same_layout, self.dtype)
            for p in self.all
        }
        outputs = {
            _say(p): p.model.run(self._request(asked[_say(p)], training)).outputs
            for p in self.all
        }
        shapes = outputs[_say(self.reference)]
        cotangents = [
            generator("cotangent", SEED, i).standard_normal(o.shape)
            for i, o in enumerate(shapes)
        ]
        results = {}
        for p in self.all:
            own = outputs[_say(p)]
            if len(own) != len(shapes):
                raise UsageError(
                    f"{_say(p)}: {len(own)} outputs where the first model has "
                    f"{len(shapes)}"
                )
            given = tuple(
                _as_shape(c, o.shape, _say(p))
                for c, o in zip(cotangents, own, strict=True)
            )
            request = replace(
                self._request(asked[_say(p)], training),
                cotangents=None if self.program else given,
                trace=True,
            )
            results[_say(p)] = self._renamed(p, p.model.run(request), shapes)
        return results

    def _request(self, inputs: tuple[Array, ...], training: bool) -> Request:
        return Request(inputs, training, program=self.program)

    def _renamed(
        self, ported: Ported, result: Result, like: tuple[Array, ...]
    ) -> Result:
        names = ported.renames or {name: name for name in ported.entries}
        modules = module_renames(names)
        inputs = self.inputs
        return Result(
            outputs=tuple(
                _as_shape(o, w.shape, _say(ported))
                for o, w in zip(result.outputs, like, strict=True)
            ),
            gradients={names[n]: g for n, g in result.gradients.items() if n in names},
            input_gradients=tuple(
                None if g is None else _as_shape(g, a.shape, _say(ported))
                for g, a in zip(result.input_gradients, inputs, strict=False)
            ),
            layers={_renamed_call(c, modules): a for c, a in result.layers.items()},
        )

    def forward(self, results: Mapping[str, Result], training: bool) -> Check:
        sets = {f: _numbered("output", r.outputs) for f, r in results.items()}
        said = self.program or f"forward/{_mode(training)}"
        return self._worst(said, sets, 0.0)

    def gradients(self, results: Mapping[str, Result], training: bool) -> Check:
        common = set.intersection(*(set(r.gradients) for r in results.values()))
        sets: dict[str, Named] = {
            f: {
                **{n: g for n, g in r.gradients.items() if n in common},
                **_numbered("input", r.input_gradients),
            }
            for f, r in results.items()
        }
        tier = f"gradients/{_mode(training)}"
        return self._worst(tier, sets, tolerances.GRADIENT_FLOOR)

    def trace(self, results: Mapping[str, Result]) -> Trace:
        layers: dict[str, Mapping[str, Layer]] = {
            f: r.layers for f, r in results.items()
        }
        common = set.intersection(*(set(found) for found in layers.values()))
        layers = {
            f: {p: layer for p, layer in found.items() if p in common}
            for f, found in layers.items()
        }
        outputs = {f: r.outputs for f, r in results.items()}
        return trace(_say(self.reference), layers, outputs, self.tolerance)

    def _worst(self, tier: str, sets: Mapping[str, Named], share: float) -> Check:
        start = time.monotonic()
        first = _say(self.reference)
        worst = NONE
        for other in self.others:
            between = f"{first} vs {_say(other)}"
            worst |= worst_of(sets[first], sets[_say(other)], between, share)
        bad = not worst.error <= self.tolerance
        reason = f"{worst.where}: {worst.error:.3g}" if bad else ""
        return self._check(tier, reason, worst, time.monotonic() - start)

    def _check(
        self, tier: str, reason: str, worst: Worst | None = None, seconds: float = 0.0
    ) -> Check:
        return Check(
            model=self.reference.target.path,
            tier=tier,
            frameworks=[p.target.framework for p in self.all],
            dtype=self.dtype,
            worst=worst.where if worst and worst.where else None,
            error=worst.error if worst else None,
            tolerance=self.tolerance if worst else None,
            passed=not reason,
            seconds=round(seconds, 3),
            reason=reason,
        )


def _say(ported: Ported) -> str:
    return f"{ported.target.framework} ({ported.target.path})"


def _mode(training: bool) -> str:
    return "training" if training else "evaluation"


def _numbered(kind: str, arrays: Sequence[Array | None]) -> dict[str, Array]:
    return {f"{kind} {i}": a for i, a in enumerate(arrays) if a is not None}


def _as_shape(a: Array, shape: tuple[int, ...], who: str) -> Array:
    """`a` in that shape, its channel axis moved if that is what differs."""
    if a.shape == shape:
        return a
    for moved in (np.moveaxis(a, 1, -1), np.moveaxis(a, -1, 1)) if a.ndim > 2 else ():
        if moved.shape == shape:
            return np.ascontiguousarray(moved)
    raise UsageError(f"{who}: a shape of {a.shape} where the first model has {shape}")

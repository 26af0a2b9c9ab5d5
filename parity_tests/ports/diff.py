"""Parity of a person's own models: any frameworks, from anywhere, live or recorded."""

import functools
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from parity_tests.compare import Array, Worst
from parity_tests.engine import Check
from parity_tests.ports import backward, compare, gaps, noise, steps
from parity_tests.ports.blame import (
    BUFFER,
    GRADIENT,
    NOISE,
    SETTING,
    Blame,
    Guilty,
)
from parity_tests.ports.causes import Cause
from parity_tests.ports.compare import Sides
from parity_tests.ports.dumps import write_tensors
from parity_tests.ports.lines import placed
from parity_tests.ports.matching import match
from parity_tests.ports.opening import Port, Question, opened_of
from parity_tests.ports.pairing import modules_of
from parity_tests.ports.recording import Recorders
from parity_tests.ports.rows import rows_of
from parity_tests.ports.targets import Target
from parity_tests.ports.weights import shaken, taken
from parity_tests.trace import Trace
from shared.errors import UsageError


@dataclass(frozen=True)
class Difference:
    """What was found; guilty: every wrong place, by the label of the port."""

    checks: list[Check]
    trace: Trace
    renames: dict[str, dict[str, str]]
    guilty: dict[str, list[Guilty]] = field(default_factory=dict)
    matched: dict[str, list[tuple[str, str, str]]] = field(default_factory=dict)


def diff(
    targets: Sequence[Target | Path],
    inputs: Mapping[str, Array] | Sequence[Array],
    recorders: Recorders,
    question: Question | None = None,
) -> Difference:
    """The first is the reference: its weights are given to the others.

    inputs: by path (`0`, `ids`, `0.mask`), or by position; images channels first.
    """
    question = question or Question()
    if len(targets) < 2:
        raise UsageError("a comparison needs at least two models")
    ports = opened_of(targets, inputs, recorders, question)
    try:
        return _compared(ports, recorders, question)
    finally:
        for port in ports:
            if port.live is not None and port.live.process.alive:
                port.live.close()


def _compared(
    ports: list[Port], recorders: Recorders, question: Question
) -> Difference:
    reference, *others = ports
    for other in others:
        chains = reference.tree.sources, other.tree.sources
        other.matching = match(reference.layers, other.layers, question.table, chains)
        other.modules = modules_of(other.matching, reference.tree, other.tree)
    judge = Judge(reference, others, question)
    checks = [judge.names(), judge.counts()]
    if not question.own_weights and any(port.live for port in ports):
        judge.share_weights(recorders)
    else:
        checks.append(judge.check("weights", compare.weights))
    with ThreadPoolExecutor(max_workers=len(ports)) as pool:
        list(pool.map(_record, ports))
    if question.dtype == "float32":
        judge.noises = [
            noise.measured(recorders, port.live, port.dump, port.again)
            for port in ports
            if port.live and port.again
        ]
    found = judge.checks()
    if question.dtype == "float64" and _is_small(found):
        judge.noises = [
            noise.bent(recorders, port.live, port.dump) for port in ports if port.live
        ]
        found = judge.checks()
    checks += found
    drawing = [] if all(check.passed for check in found) else judge.drawing()
    if drawing:
        checks += [judge.said_of(one) for one in drawing]
        own = {one.other or one.layer: [one] for one in drawing}
        return Difference(checks, judge.trace(checks, own), renames_of(others), own)
    parted = any(check.tier == "weights" and not check.passed for check in checks)
    guilty = {
        port.label: [
            placed(one, reference.tree, port.tree) for one in judge.guilty(port, checks)
        ]
        for port in others
        if not parted
    }
    return Difference(
        checks,
        judge.trace(checks, guilty),
        renames_of(others),
        guilty,
        {
            other.tree.target: [
                (pair.other.path, pair.reference.path, pair.why)
                for pair in other.matching.pairs
            ]
            for other in others
        },
    )


def renames_of(others: Sequence[Port]) -> dict[str, dict[str, str]]:
    return {other.tree.target: other.matching.renames for other in others}


# What float32 inside a float64 run may amount to.
SMALL = 1e-4


def _is_small(checks: Sequence[Check]) -> bool:
    """Whether what fails may be the rounding of a part that computes in float32."""
    off = [check.error for check in checks if not check.passed]
    return bool(off) and all(error is not None and error < SMALL for error in off)


def _record(port: Port) -> None:
    if port.live is not None:
        port.dump = port.live.record()


@dataclass
class Judge:
    reference: Port
    others: list[Port]
    question: Question
    noises: list[noise.Noise] = field(default_factory=list)

    @property
    def all(self) -> list[Port]:
        return [self.reference, *self.others]

    @property
    def modes(self) -> tuple[str, ...]:
        common = set.intersection(*(set(p.dump.runs) for p in self.all))
        return tuple(m for m in ("evaluation", "training") if m in common)

    @property
    def graded(self) -> bool:
        """Whether gradients are compared: an ONNX model has none."""
        has = all(port.tree.framework != "onnx" for port in self.all)
        return has and self.question.gradients and not self.question.program

    def sides(self, other: Port) -> Sides:
        return Sides(self.reference.dump, other.dump, other.matching)

    def names(self) -> Check:
        reasons = []
        for other in self.others:
            found = other.matching
            reasons += [f"{n} of {other.label} has no counterpart" for n in found.extra]
            reasons += [f"{n} has none in {other.label}" for n in found.missing]
            reasons += found.misshapen
            if not found.renames:
                reasons.append(f"{other.label}: 0 tensors are compared")
        if len(reasons) > 6:
            reasons[6:] = [f"and {len(reasons) - 6} more"]
        return self._check("names", "; ".join(reasons))

    def counts(self) -> Check:
        counts = {port.label: compare.count(port.layers) for port in self.all}
        equal = len(set(counts.values())) == 1
        said = ", ".join(f"{name} {number:,}" for name, number in counts.items())
        return self._check("counts", "" if equal else f"parameters: {said}")

    def share_weights(self, recorders: Recorders) -> None:
        """Gives the reference's weights to the others; a dump's to all that live."""
        source = next((p for p in self.all if p.live is None), self.reference)
        values = {
            w.name: np.array(source.tree.array(w.tensor)) for w in source.tree.weights
        }
        if source.live is not None:
            values = shaken(source.layers, values)
            self._load(source, values, recorders)
        reference = self.reference
        if source is not reference and reference.live is not None:
            own = taken(reference.tree, source.matching, values, back=True)
            self._load(reference, own, recorders)
            values = own
        for other in self.others:
            if other.live is not None:
                own = taken(other.tree, other.matching, values)
                self._load(other, own, recorders)

    def _load(
        self, port: Port, values: Mapping[str, Array], recorders: Recorders
    ) -> None:
        path = recorders.place("weights")
        write_tensors(path, values)
        assert port.live is not None
        port.live.weights = str(path)

    def checks(self) -> list[Check]:
        found = []
        for mode in self.modes:
            said = self.question.program or f"forward/{mode}"
            ask = functools.partial(compare.forward, mode=mode)
            found.append(self.check(said, ask))
            if self.graded:
                of_weights = functools.partial(compare.gradients, mode=mode)
                found.append(self.check(f"gradients/{mode}", of_weights))
        if "training" in self.modes:
            if any(compare.buffers(self.sides(other)) for other in self.others):
                found.append(self.check("buffers/training", _worst_buffer))
            if any(port.dump.rates for port in self.all):
                reasons = [compare.rates(self.sides(other)) for other in self.others]
                said = "; ".join(reason for reason in reasons if reason)
                found.append(self._check("dropout", said))
        for tier, question in steps.tiers(port.dump for port in self.all):
            found.append(self.check(tier, question))
        return found

    def check(self, tier: str, ask: Callable[[Sides], Worst | str]) -> Check:
        start = time.monotonic()
        worst, reason = Worst(0.0, ""), ""
        for other in self.others:
            answer = ask(self.sides(other))
            if isinstance(answer, str):
                reason = reason or answer
            else:
                worst |= answer
        bound = noise.bound(self.noises, ask, self.question.tolerance)
        if not reason and not worst.error <= bound:
            reason = f"{worst.where}: {worst.error:.3g}"
        found = self._check(tier, reason, worst, time.monotonic() - start)
        return replace(found, tolerance=bound)

    def _check(
        self, tier: str, reason: str, worst: Worst | None = None, seconds: float = 0.0
    ) -> Check:
        return Check(
            model=self.reference.tree.target,
            tier=tier,
            frameworks=[p.tree.framework for p in self.all],
            dtype=self.question.dtype,
            worst=worst.where if worst and worst.where else None,
            error=worst.error if worst else None,
            tolerance=self.question.tolerance if worst else None,
            passed=not reason,
            seconds=round(seconds, 3),
            reason=reason,
            note=worst.note if worst else "",
        )

    def drawing(self) -> list[Guilty]:
        """The models that are not like themselves when they are run again."""
        found = []
        for port in self.all:
            if port.live is None or not self.modes:
                continue
            off, layer = noise.restless(port.live, port.dump, self.modes[0])
            if off <= self._bound(self.modes[0]):
                continue
            where = f", first in {layer}" if layer else ""
            said = (
                f"{port.label} differs from itself by {off:.2g} when it is run again"
                f"{where}: it draws numbers, so nothing is judged; have them given"
            )
            found.append(Guilty(NOISE, layer, port.label, off, said))
        return found

    def said_of(self, drawn: Guilty) -> Check:
        return self._check("repeats", drawn.said)

    # Where

    def guilty(self, other: Port, checks: Sequence[Check]) -> list[Guilty]:
        """Every wrong place of a port; none where all that it gives agrees."""
        sides = self.sides(other)
        for mode in self.modes:
            tolerance = self._bound(mode)
            if not compare.forward(sides, mode).error <= tolerance:
                whole = {p.dump.keep for p in (self.reference, other)} == {"all"}
                live = other.live if whole else None
                search = Blame(sides, other.modules, mode, tolerance, live)
                return search.find() + self._buffers(other, search)
        found = self._buffers(other, None) + self._rates(other)
        for mode in self.modes if self.graded and not found else ():
            if not found:
                found = self._gradients(other, mode)
        if not found and all(port.dump.steps for port in (self.reference, other)):
            bounds = {c.tier: c.tolerance for c in checks if c.tolerance}
            found = steps.guilty(self.sides(other), bounds)
        return found

    def _bound(self, mode: str) -> float:
        ask = functools.partial(compare.forward, mode=mode)
        return noise.bound(self.noises, ask, self.question.tolerance)

    def _buffers(self, other: Port, search: Blame | None) -> list[Guilty]:
        """Layers whose statistics move otherwise though their input agrees."""
        if "training" not in self.modes:
            return []
        if search is not None:
            modules, tolerance = other.modules, self.question.tolerance
            search = Blame(self.sides(other), modules, "training", tolerance)
        found = []
        bound = noise.bound(self.noises, _worst_buffer, self.question.tolerance)
        for statistic in compare.buffers(self.sides(other)):
            if statistic.error <= bound:
                continue
            if search is not None and search.entered_bad(statistic.layer):
                continue
            said = (
                f"{other.label}: {statistic.name} is off by {statistic.error:.2g} "
                "after one pass in training, and what entered the layer agrees"
            )
            why = tuple(gaps.of_buffer(self.sides(other), statistic.layer))
            off = statistic.error
            found.append(
                Guilty(BUFFER, statistic.layer, "", off, said, "training", why)
            )
        return found

    def _rates(self, other: Port) -> list[Guilty]:
        said = compare.rates(self.sides(other))
        if "training" not in self.modes or not said:
            return []
        why = Cause("rate of dropout", 1.0, *compare.rates_of(self.sides(other)))
        layer = said.partition(" ")[0]
        return [Guilty(SETTING, layer, "", 0.0, said, "training", (why,))]

    def _gradients(self, other: Port, mode: str) -> list[Guilty]:
        errors = compare.gradient_errors(self.sides(other), mode)
        ask = functools.partial(compare.gradients, mode=mode)
        bound = noise.bound(self.noises, ask, self.question.tolerance)
        bad = [n for n, off in errors.items() if not off <= bound]
        if not bad:
            return []
        name = self._nearest(bad)
        said = (
            f"{other.label} computes the same outputs; of the gradients that of {name} "
            f"is the first to differ on the way back, by {errors[name]:.2g}"
        )
        layer = name.rpartition(".")[0]
        _, theirs, _ = compare.gradient_pairs(self.sides(other), mode)
        live = self.reference.live
        why = backward.stopped(self.sides(other), live, layer, mode, bound)
        if not why and not theirs[name].any():
            why = [Cause("a gradient that is stopped behind it", 1.0)]
        return [Guilty(GRADIENT, layer, "", errors[name], said, mode, tuple(why))]

    def _nearest(self, names: list[str]) -> str:
        """The last layer to run, rather than what a model holds by itself."""
        modules = self.reference.tree.modules
        of = {n: k.module for k in self.reference.layers.values() for n in k.names}
        own = [n for n in names if n in of and not modules[of[n]].children]
        return (own or names)[-1]

    def trace(
        self, checks: Sequence[Check], guilty: Mapping[str, list[Guilty]]
    ) -> Trace:
        """The layers in the mode in which the outputs first part, and one sentence."""
        mode = self.modes[0]
        for candidate in self.modes:
            bound = self._bound(candidate)
            errors = [
                compare.forward(self.sides(o), candidate).error for o in self.others
            ]
            if any(not off <= bound for off in errors):
                mode = candidate
                break
        first = next((found[0] for found in guilty.values() if found), None)
        pairs = {o.label: (self.sides(o), o.modules) for o in self.others}
        rows = rows_of(pairs, mode, first.layer if first else "")
        agrees = all(check.passed for check in checks if check.tier not in _TREE)
        if first is not None:
            return Trace(rows, first.said, False)
        return Trace(rows, _agreement(self, checks), agrees)


_TREE = ("names", "counts")


def _worst_buffer(sides: Sides) -> Worst:
    worst = Worst(0.0, "")
    for statistic in compare.buffers(sides):
        name = f"{sides.said}: {statistic.name}"
        worst |= Worst(statistic.error, name, statistic.note)
    return worst


def _agreement(judge: Judge, checks: Sequence[Check]) -> str:
    """The last line where no place is wrong; it says no more than was found."""
    bound = max([judge.question.tolerance, *(c.tolerance or 0.0 for c in checks)])
    failed = [check.tier for check in checks if not check.passed]
    what = "outputs, gradients and statistics" if judge.graded else "outputs"
    if number := min(len(port.dump.steps) for port in judge.all):
        what += f", {number} updates by {judge.reference.dump.optimizer}"
    for check in checks:
        if check.tier == "weights" and not check.passed:
            return f"no layer is judged, as weights differ: {check.reason}"
    if not failed:
        return f"all agree within {bound:g}: {what}"
    if set(failed) <= set(_TREE):
        return f"{what} agree within {bound:g}, but {' and '.join(failed)} do not"
    return f"what differs is said above: {', '.join(failed)}"

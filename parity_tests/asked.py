"""What a model is asked beside `forward` on plain inputs: its programs, and the awkward
cases of its inputs; and how the answers are compared."""

import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from parity_tests import tolerances
from parity_tests.compare import NONE, Array, Worst, error, worst_pair
from shared.arrays import Arrays
from shared.messages import Request, Result
from shared.specs.base import Program, Spec
from shared.tensors import Tensor, rows_of, sample


@dataclass
class Answers:
    """What one framework made of all that it was asked.

    inputs: those of the programs.
    """

    inputs: dict[str, Arrays] = field(default_factory=dict)
    programs: dict[str, Result] = field(default_factory=dict)
    cases: dict[str, tuple[Result, Result]] = field(default_factory=dict)


def cotangents(
    outputs: tuple[Tensor, ...], given: tuple[Tensor, ...], inputs: Arrays, seed: int
) -> Arrays:
    """What the outputs are weighed with where gradients are asked for."""
    return tuple(sample(t, rows_of(t, given, inputs), seed) for t in outputs)


def of_program(spec: Spec, name: str, batch: int, seed: int) -> Request:
    """Compare a program on inputs that the spec draws."""
    program, inputs = spec.programs()[name], spec.asked(name, batch, seed)
    wanted = None
    if program.differentiable:
        wanted = cotangents(program.outputs, program.inputs, inputs, seed + 1)
    return Request(inputs, program=name, seed=seed, cotangents=wanted)


def of_case(spec: Spec, case: str, batch: int, seed: int) -> tuple[Request, Request]:
    """Compare an awkward case in evaluation, and with gradients in training mode."""
    inputs, own = spec.examples(batch, seed, case), spec.inputs()
    wanted = cotangents(spec.outputs(True), own, inputs, seed + 1)
    return (
        Request(inputs, seed=seed),
        Request(inputs, training=True, seed=seed, cotangents=wanted),
    )


Sides = tuple[Mapping[str, Array], Mapping[str, Array]]
Verdict = tuple[str, Worst | str, float]


def programs(
    spec: Spec, answers: Mapping[str, Answers], dtype: str
) -> Iterator[Verdict]:
    for name, program in spec.programs().items():
        found = {f: one.programs[name] for f, one in answers.items()}
        inputs = next(iter(answers.values())).inputs[name]
        yield (
            name,
            compared(program, inputs, found),
            tolerances.bound(tolerances.FORWARD, dtype),
        )
        if program.differentiable:
            sets = {f: _gradients(result) for f, result in found.items()}
            bound = tolerances.bound(tolerances.GRADIENTS, dtype)
            yield (
                f"{name}, gradients",
                worst_pair(sets, tolerances.GRADIENT_FLOOR),
                bound,
            )


def compared(
    program: Program,
    inputs: Arrays,
    found: Mapping[str, Result],
    tie: float = tolerances.TIE,
) -> Worst | str:
    """Reals by the largest difference, decisions exactly but for those that were made
    by less than `tie`."""
    names = [tensor.name for tensor in program.outputs]
    answers = {}
    for framework, result in found.items():
        if len(result.outputs) != len(names):
            return f"{framework} puts out {len(result.outputs)} tensors, not {names}"
        answers[framework] = dict(zip(names, result.outputs, strict=True))
        for tensor in program.outputs:
            shape = answers[framework][tensor.name].shape[1:]
            if shape != tensor.shape:
                return f"{framework}: {tensor.name} is {shape}, not {tensor.shape}"
    worst, ties = NONE, 0
    for (one, a), (two, b) in itertools.combinations(answers.items(), 2):
        tied = _ties(program, inputs, (a, b), tie)
        if isinstance(tied, str):
            return f"{one} vs {two}: {tied}"
        ties += int(tied.sum())
        for name in names:
            off = error(a[name][~tied], b[name][~tied])
            worst |= Worst(off, f"{one} vs {two}: {name}")
    return Worst(worst.error, f"{worst.where} ({ties} ties)") if ties else worst


def _ties(program: Program, inputs: Arrays, sides: Sides, tie: float) -> Array | str:
    """The rows that part at a decision which was made by less than can be told."""
    a, b = sides
    decided = [tensor.name for tensor in program.outputs if tensor.below is not None]
    rows = len(a[program.outputs[0].name])
    tied = np.zeros(rows, bool)
    for name in decided:
        if a[name].shape != b[name].shape:
            return f"{name} is {a[name].shape} and {b[name].shape}"
        for row in np.flatnonzero((a[name] != b[name]).reshape(rows, -1).any(1)):
            first = tuple(np.argwhere(a[name][row] != b[name][row])[0])
            margins = (_margins(program, inputs, side) for side in sides)
            by = min(float(np.min(margin[row][first[:1]])) for margin in margins)
            if not by < tie:
                place = ", ".join(map(str, (row, *first)))
                return f"{name}[{place}] is decided otherwise, by a margin of {by:.3g}"
            tied[row] = True
    return tied


def _margins(program: Program, inputs: Arrays, side: Mapping[str, Array]) -> Array:
    """Give by how much one side made each decision of each row."""
    if callable(program.margin):
        return program.margin(inputs, tuple(side[t.name] for t in program.outputs))
    if program.margin:
        return side[program.margin]
    decided = next(tensor for tensor in program.outputs if tensor.below is not None)
    return np.full(side[decided.name].shape, math.inf)


def cases(spec: Spec, answers: Mapping[str, Answers], dtype: str) -> Iterator[Verdict]:
    forward = tolerances.bound(tolerances.FORWARD, dtype)
    for case in spec.cases:
        for part, k in (("evaluation", 0), ("training", 1)):
            sets = {f: _outputs(one.cases[case][k]) for f, one in answers.items()}
            yield f"{case}, {part}", worst_pair(sets), forward
        sets = {f: _gradients(one.cases[case][1]) for f, one in answers.items()}
        worst = worst_pair(sets, tolerances.GRADIENT_FLOOR)
        bound = tolerances.bound(tolerances.GRADIENTS, dtype)
        yield f"{case}, gradients", worst, bound


def _outputs(result: Result) -> dict[str, Array]:
    return {f"output {i}": value for i, value in enumerate(result.outputs)}


def _gradients(result: Result) -> dict[str, Array]:
    of_inputs = {
        f"input {i}": value
        for i, value in enumerate(result.input_gradients)
        if value is not None
    }
    return {**result.gradients, **of_inputs}

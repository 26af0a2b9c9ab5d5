"""What the judge asks a framework of one model, and what comes of it."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from parity_tests import asked
from parity_tests.asked import Answers
from parity_tests.compare import Named
from shared.catalog import VARIANTS
from shared.errors import UsageError
from shared.files.weights import Entry
from shared.messages import Request, Result
from shared.running.client import Worker, WorkerFailure
from shared.specs.base import Spec, Variant

SEED = 0
# Four samples make batch statistics that differ from their running values; full-size
# models get by with two.
BATCH, FULL_BATCH = 4, 2
# Which tiers look at which part of the evidence.
PARTS = {
    "values": {"forward", "gradients", "buffers", "float32", "bfloat16"},
    "gradients": {"gradients", "float32", "bfloat16"},
    "programs": {"programs"},
    "cases": {"cases"},
}


def parts_of(tiers: Sequence[str]) -> frozenset[str]:
    """What these tiers need besides a model's names."""
    return frozenset(part for part, by in PARTS.items() if by & {*tiers})


@dataclass
class Evidence:
    """What one framework says of one model; `failures` says why a part is missing."""

    entries: dict[str, Entry] = field(default_factory=dict)
    evaluation: Result | None = None
    training: Result | None = None
    answers: Answers = field(default_factory=Answers)
    failures: dict[str, str] = field(default_factory=dict)
    parts: frozenset[str] = frozenset()  # what was asked for
    seconds: float = 0.0

    def covers(self, tiers: Sequence[str]) -> bool:
        """Whether these tiers need nothing that was not asked for."""
        return bool(self.failures) or parts_of(tiers) <= self.parts


def request(
    spec: Spec, batch: int, *, training: bool, gradients: bool = False
) -> Request:
    """Make the question that every framework is asked."""
    inputs = spec.examples(batch, SEED)
    wanted = asked.cotangents(spec.outputs(training), spec.inputs(), inputs, SEED + 1)
    return Request(
        inputs,
        training=training,
        seed=SEED,
        cotangents=wanted if gradients else None,
    )


def measure(
    worker: Worker,
    name: str,
    variant: Variant,
    tiers: Sequence[str],
    layers: bool = True,
    low: bool = False,
) -> Evidence:
    """Ask one framework what these tiers need of it; a failure is evidence too.

    layers: of a tiny model, what every layer puts out. low: in bfloat16.
    """
    *_, evidence = growing(worker, name, variant, tiers, layers, low)
    return evidence


def growing(
    worker: Worker,
    name: str,
    variant: Variant,
    tiers: Sequence[str],
    layers: bool = True,
    low: bool = False,
) -> Iterator[Evidence]:
    """Yield the evidence with the model's names, with its evaluation, with its run in
    training, and whole; the last is one with a failure."""
    parts, start = parts_of(tiers), time.monotonic()
    evidence = Evidence(parts=parts)
    batch = BATCH if variant.tiny else FULL_BATCH
    gradients = "gradients" in parts
    stage = "names"
    try:
        model = worker.build(variant.spec, name)
        evidence.entries = model.entries()
        yield evidence
        if parts:
            model.fill(SEED)
            model.move(worker.device)
        if low:
            model.lower()
        if "values" in parts:
            stage = "forward"
            plain = request(variant.spec, batch, training=False, gradients=False)
            plain = replace(plain, trace=variant.tiny and layers)
            evidence.evaluation = model.run(plain)
            yield evidence
            stage = "gradients" if gradients else "forward"
            plain = request(variant.spec, batch, training=True, gradients=gradients)
            evidence.training = model.run(plain)
            yield evidence
        for name in variant.spec.programs() if "programs" in parts else ():
            stage = f"programs/{name}"
            question = asked.of_program(variant.spec, name, batch, SEED)
            evidence.answers.inputs[name] = question.inputs
            evidence.answers.programs[name] = model.run(question)
        for case in variant.spec.cases if "cases" in parts else ():
            stage = f"cases/{case}"
            one, two = asked.of_case(variant.spec, case, batch, SEED)
            evidence.answers.cases[case] = model.run(one), model.run(two)
        model.drop()
    except (WorkerFailure, UsageError) as failure:
        evidence.failures[stage] = str(failure)
    evidence.seconds = time.monotonic() - start
    yield evidence


def outputs_of(result: Result | None) -> Named:
    outputs = result.outputs if result else ()
    return {f"output {i}": value for i, value in enumerate(outputs)}


def gradients_of(result: Result | None) -> Named:
    if result is None:
        return {}
    of_inputs = {
        f"input {i}": value
        for i, value in enumerate(result.input_gradients)
        if value is not None
    }
    return {**result.gradients, **of_inputs}


# Why evidence is no evidence


def failed(found: Mapping[str, Evidence], *stages: str) -> str:
    reasons = [
        reason
        for evidence in found.values()
        for stage, reason in evidence.failures.items()
        if not stages or stage in stages
    ]
    return "; ".join(reasons)


def names_differ(found: Mapping[str, Evidence]) -> str:
    reasons = []
    (one, first), *others = found.items()
    for two, second in others:
        for name in sorted(first.entries.keys() | second.entries.keys()):
            a, b = first.entries.get(name), second.entries.get(name)
            if a is None or b is None:
                reasons.append(f"{name} is only in {two if a is None else one}")
            elif a != b:
                reasons.append(f"{name}: {one} has {_say(a)}, {two} {_say(b)}")
    if len(reasons) > 3:
        reasons[3:] = [f"and {len(reasons) - 3} more"]
    return "; ".join(reasons)


def _say(entry: Entry) -> str:
    kind = "trainable" if entry.trainable else "fixed"
    return f"{entry.dtype}{list(entry.shape)} {kind}"


def misshapen(
    name: str,
    found: Mapping[str, Evidence],
    run: Callable[[Evidence], Result | None],
    training: bool,
) -> str:
    """Outputs whose shapes are not the spec's."""
    spec, reasons = VARIANTS[name].spec, []
    said = [tensor.shape for tensor in spec.outputs(training)]
    for framework, evidence in found.items():
        result = run(evidence)
        shapes = [o.shape[1:] for o in result.outputs] if result else None
        if shapes != said:
            reasons.append(f"{framework} puts out {shapes}, the spec says {said}")
    return "; ".join(reasons)


def incomplete(
    found: Mapping[str, Evidence],
    sets: Mapping[str, Named],
    trainable: bool,
    more: Sequence[str] = (),
) -> str:
    """Tensors that a framework says it has and gave no answer for, or the reverse."""
    reasons = []
    for framework, evidence in found.items():
        own = {n for n, e in evidence.entries.items() if e.trainable == trainable}
        odd = sorted({*own, *more} ^ sets[framework].keys())
        if odd:
            reasons.append(
                f"{framework} has no answer, or no tensor, for {', '.join(odd[:3])}"
            )
    return "; ".join(reasons)


def unstarted(name: str, found: Mapping[str, Evidence]) -> str:
    """Tensors of which the spec does not say what they start from."""
    reasons = []
    for tensor, entry in next(iter(found.values())).entries.items():
        try:
            VARIANTS[name].spec.start(tensor, entry.shape)
        except ValueError as error:
            reasons.append(str(error))
    return "; ".join(reasons[:3])

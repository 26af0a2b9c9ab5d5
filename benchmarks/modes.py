"""The mode to run each framework in, by device and by what a model takes: backed by the
records, in which no other mode is faster by more than counts as equal
(parity_tests/test_readme.py)."""

from collections.abc import Iterator, Sequence

from benchmarks.records import Comparison
from shared import catalog
from shared.errors import UsageError
from shared.specs.base import Spec

KINDS = ("vectors", "images", "series", "tokens")
RECOMMENDED: dict[str, dict[str, dict[str, str]]] = {
    "cpu": {
        "pytorch": dict.fromkeys(KINDS, "eager"),
        "keras": dict.fromkeys(KINDS, "compiled"),
        "jax": dict.fromkeys(KINDS, "compiled"),
    }
}


def recommended(framework: str, device: str, kind: str) -> str:
    if device not in RECOMMENDED:
        known = ", ".join(RECOMMENDED)
        raise UsageError(f"modes are not measured on {device}; measured: {known}")
    return RECOMMENDED[device][framework][kind]


def kind_of(spec: Spec) -> str:
    """By its first input."""
    tensor = spec.inputs()[0]
    if tensor.below is not None:
        return "tokens"
    if tensor.channels_first:
        return "images"
    return "series" if len(tensor.shape) > 1 else "vectors"


def others(found: Sequence[Comparison]) -> Iterator[tuple[str, str, str, float, str]]:
    """Kind, task, framework, and the speed of every other mode over the recommended
    one's, with the model; of quiet comparisons."""
    for comparison in found:
        if comparison.end is None or comparison.end.noisy:
            continue
        setting = comparison.setting
        kind = kind_of(catalog.variant(setting.model).spec)
        ratios = {
            (contender.framework, contender.mode): result.ratio
            for result in comparison.end.results
            if not (contender := comparison.contender(result.contender)).peer
        }
        for (framework, mode), ratio in ratios.items():
            chosen = recommended(framework, setting.device, kind)
            if mode != chosen and (framework, chosen) in ratios:
                speed = ratio / ratios[framework, chosen]
                yield kind, setting.task, framework, speed, setting.model


def table(found: Sequence[Comparison], device: str = "cpu") -> str:
    """A row a kind; in brackets the speed of the best other mode over the recommended
    one's, over all models of the kind: inference, training."""
    seen = list(others([c for c in found if c.setting.device == device]))
    frameworks = RECOMMENDED[device]
    lines = [
        f"| takes | {' | '.join(frameworks)} |",
        f"|---|{'---|' * len(frameworks)}",
    ]
    for kind in KINDS:
        cells = []
        for framework, modes in frameworks.items():
            best = [
                max((s for k, t, f, s, _ in seen if (k, t, f) == wanted), default=None)
                for task in ("inference", "training")
                if (wanted := (kind, task, framework))
            ]
            said = ", ".join("-" if b is None else f"{b:.2f}" for b in best)
            cells.append(f"{modes[kind]} ({said})")
        lines.append(f"| {kind} | {' | '.join(cells)} |")
    return "\n".join(lines)

"""The mode to run each framework in, by device, task and what a model takes.

docs/speed.md has the records that say so, and the models for which it is another.
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchmarks.records import Comparison
from shared import catalog
from shared.errors import UsageError, unknown
from shared.specs.base import Spec

KINDS = ("vectors", "images", "series", "tokens")
TASKS = ("inference", "training")


def _all(mode: str) -> dict[str, str]:
    return dict.fromkeys(KINDS, mode)


# By device, framework, task and kind.
RECOMMENDED: dict[str, dict[str, dict[str, dict[str, str]]]] = {
    "cpu": {
        "pytorch": {
            "inference": _all("eager") | {"images": "compiled-nhwc"},
            "training": _all("eager"),
        },
        "keras": {
            # XLA is ahead for most images too, but not for those of depthwise networks.
            "inference": _all("compiled") | {"series": "xla", "tokens": "xla"},
            "training": _all("compiled") | {"series": "xla"},
        },
        "jax": dict.fromkeys(TASKS, _all("compiled")),
    }
}


def recommended(framework: str, device: str, task: str, kind: str) -> str:
    if device not in RECOMMENDED:
        known = ", ".join(RECOMMENDED)
        raise UsageError(f"modes are not measured on {device}; measured: {known}")
    if framework not in RECOMMENDED[device]:
        raise unknown(
            "framework with a recommended mode", framework, RECOMMENDED[device]
        )
    if task not in TASKS:
        raise unknown("task with a recommended mode", task, TASKS)
    return RECOMMENDED[device][framework][task][kind]


def kind_of(spec: Spec) -> str:
    """By its first input."""
    tensor = spec.inputs()[0]
    if tensor.below is not None:
        return "tokens"
    if tensor.channels_first:
        return "images"
    return "series" if len(tensor.shape) > 1 else "vectors"


@dataclass(frozen=True)
class Other:
    """speed: of the mode over the recommended one's of the same framework."""

    model: str
    kind: str
    task: str
    framework: str
    mode: str
    speed: float


def others(found: Sequence[Comparison], device: str = "cpu") -> Iterator[Other]:
    """Every mode that is not recommended, where the machine was not disturbed."""
    for comparison in found:
        setting, end = comparison.setting, comparison.end
        measured = setting.device == device and setting.task in TASKS
        if end is None or end.noisy or not measured:
            continue
        kind = kind_of(catalog.variant(setting.model).spec)
        ratios = {
            (contender.framework, contender.mode): result.ratio
            for result in end.results
            if not (contender := comparison.contender(result.contender)).peer
        }
        for (framework, mode), ratio in ratios.items():
            chosen = recommended(framework, device, setting.task, kind)
            if mode != chosen and (framework, chosen) in ratios:
                speed = ratio / ratios[framework, chosen]
                yield Other(setting.model, kind, setting.task, framework, mode, speed)


def table(found: Sequence[Comparison], device: str = "cpu") -> str:
    """In brackets the best speed of any other mode, over all models of the kind."""
    seen, frameworks = list(others(found, device)), RECOMMENDED[device]
    lines = [
        f"| takes | task | {' | '.join(frameworks)} |",
        f"|---|---|{'---|' * len(frameworks)}",
    ]
    for kind, task in itertools.product(KINDS, TASKS):
        cells = []
        for framework, modes in frameworks.items():
            wanted = (kind, task, framework)
            best = [o.speed for o in seen if (o.kind, o.task, o.framework) == wanted]
            said = f" ({max(best):.2f})" if best else ""
            cells.append(f"{modes[task][kind]}{said}")
        lines.append(f"| {kind} | {task} | {' | '.join(cells)} |")
    return "\n".join(lines)

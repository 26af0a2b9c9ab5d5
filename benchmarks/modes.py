"""The mode to run each framework in, by device, task and what a model takes.

docs/speed.md has the records that say so, and the models for which it is another. A
device without records has what the frameworks' own guides advise, compiled steps and
channels last for images (docs/speed.md, "Which mode").
"""

import itertools
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchmarks.records import Comparison
from shared import catalog
from shared.errors import UsageError, unknown
from shared.specs.base import Spec

KINDS = ("vectors", "images", "series", "tokens")
TASKS = ("inference", "training")
DEVICES = {"cpu": "a CPU", "cuda": "a GPU", "tpu": "a TPU"}


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
# By framework and kind, where no records say better.
DEFAULTS: dict[str, dict[str, str]] = {
    "pytorch": _all("compiled") | {"images": "compiled-nhwc"},
    "keras": _all("xla"),
    "keras[jax]": _all("compiled"),
    "keras[torch]": _all("compiled"),
    "jax": _all("compiled"),
}


# Modes that are a process of their own: what it adds to its variables, by framework.
# XLA's CPU fuses what stands around a product into it (YNN), unless it is told not to.
ADDED: dict[tuple[str, str], dict[str, str]] = {
    ("jax", "compiled-ynn-off"): {
        "XLA_FLAGS": "--xla_cpu_experimental_ynn_fusion_type="
    },
}


def variables(framework: str, mode: str) -> dict[str, str]:
    """Give the variables of the process that runs this mode, beside what its caller
    has in them."""
    added = ADDED.get((framework, mode), {})
    return {
        name: f"{os.environ.get(name, '')} {value}".strip()
        for name, value in added.items()
    }


def check_device(mode: str, device: str) -> None:
    """Refuse a mode that is another program on a CPU alone."""
    if device != "cpu" and any(mode == own for _, own in ADDED):
        raise UsageError(f"mode {mode}: there is none on {device}, only on cpu")


def recommended(framework: str, device: str, task: str, kind: str) -> str:
    """Name the mode to take, by the records of the device, or by default where it
    has none."""
    if framework not in RECOMMENDED.get(device, DEFAULTS):
        known = RECOMMENDED.get(device, DEFAULTS)
        raise unknown("framework with a recommended mode", framework, known)
    if task not in TASKS:
        raise unknown("task with a recommended mode", task, TASKS)
    if device not in RECOMMENDED:
        return DEFAULTS[framework][kind]
    return RECOMMENDED[device][framework][task][kind]


def unmeasured(device: str) -> str:
    """What to say where modes are recommended by default, in one line."""
    if device in RECOMMENDED:
        return ""
    return f"no records of modes on {DEVICES[device]}: recommended is the default there"


def kind_of(spec: Spec) -> str:
    """Say by its first input of which kind a model is."""
    tensor = spec.inputs()[0]
    if tensor.below is not None:
        return "tokens"
    if tensor.channels_first:
        return "images"
    return "series" if len(tensor.shape) > 1 else "vectors"


@dataclass(frozen=True)
class Other:
    """A mode that is not the recommended one has its speed beside it.

    speed: of the mode over the recommended one's of the same framework.
    """

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
    """Lay out the modes, in brackets the best speed of any other mode, over all
    models of the kind."""
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

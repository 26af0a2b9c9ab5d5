"""The table of what to choose, and the rows behind each of its rows, as texts."""

from collections.abc import Sequence
from typing import Any

from benchmarks.report import groups, prose
from benchmarks.report.advice import LEAST_MODELS, Advice, Ratio, Run, place
from benchmarks.report.figures import Figure, many, seconds, spanned, times
from benchmarks.report.groups import DEVICES, framework_name
from benchmarks.report.ratios import Ratio as Mark
from benchmarks.report.ratios import overview
from shared.frameworks import NATIVE

COLD = ("import_s", "build_s", "first_s")


def row(advice: Advice) -> dict[str, Any]:
    """What is said of one kind of model, task and device."""
    setting, number = advice.setting, len(advice.models)
    return {
        "key": key(advice),
        "kind": advice.runs[0].kind,
        "task": setting.task,
        "conditions": f"{DEVICES[setting.device]}, {setting.dtype}",
        "where": f"{place(advice.runs[0].recorded)}, {_threads(advice.runs)}",
        "models": f"{number} model{'s' * (number != 1)}",
        "foremost": advice.foremost if len(advice.foremost) < len(NATIVE) else (),
        "value": advice.lead[2].middle if advice.ahead else 0.0,
        "said": _said(advice),
        "sure": _sure(advice),
        "cells": [_cell(advice, framework) for framework in NATIVE],
        "changes": _changes(advice),
    }


def _said(advice: Advice) -> str:
    """By how much the first is ahead, or why that is not decided."""
    if not advice.enough:
        return f"fewer than {LEAST_MODELS} models"
    first, second, ratio = advice.lead
    names = f"{framework_name(first)} over {framework_name(second)}"
    return f"{names} {_spanned(ratio)}"


def key(advice: Advice) -> str:
    setting = advice.setting
    parts = (advice.runs[0].kind, setting.task, setting.dtype)
    return prose.slug("-".join((*parts, place(advice.runs[0].recorded))))


def title(advice: Advice) -> str:
    setting, kind = advice.setting, advice.runs[0].kind.capitalize()
    return f"{kind}, {setting.task}, {DEVICES[setting.device]}, {setting.dtype}"


def _spanned(ratio: Ratio) -> str:
    return spanned(ratio.middle, ratio.low, ratio.high)


def _interval(ratio: Ratio) -> str:
    """Its ends, if there is anything between them."""
    if ratio.low == ratio.high:
        return ""
    return f"[{times(ratio.low)}, {times(ratio.high)}]"


def _threads(runs: Sequence[Run]) -> str:
    counts = sorted({run.setting.threads for run in runs})
    return f"{', '.join(map(str, counts))} thread{'s' * (counts != [1])}"


def _sure(advice: Advice) -> str:
    """In how many models it is decided, and for whom."""
    won = advice.tally.most_common()
    names = [f"{framework_name(f)} in {count}" for f, count in won]
    left = len(advice.models) - sum(advice.tally.values())
    names += [f"not decided in {left}"] if left else []
    return f"by model: {', '.join(names)}"


def _cell(advice: Advice, framework: str) -> dict[str, Any]:
    ratio = advice.beside[framework]
    mine = [run.ratio(framework, NATIVE[0]).middle for run in advice.runs]
    span = _interval(ratio)
    if framework == NATIVE[0]:
        span = "the reference"
    elif not advice.enough:
        span = f"{times(min(mine))} to {times(max(mine))}" if len(mine) > 1 else ""
    return {
        "framework": framework,
        "ratio": ratio.middle,
        "said": times(ratio.middle),
        "span": span,
        "modes": _modes(advice.modes(framework)),
        "cost": _cost(
            advice.typical(framework, "first_s"),
            advice.typical(framework, *COLD),
            advice.typical(framework, "memory_mib"),
        ),
        "ahead": framework == advice.ahead,
    }


def _modes(counted: Sequence[tuple[str, int]]) -> str:
    """The mode that was the fastest most often, and how often."""
    (mode, number), *others = counted
    runs = number + sum(count for _, count in others)
    return f"{mode} ({number} of {runs})" if others else mode


def _cost(
    first: float | None, cold: float | None, memory: float | None
) -> tuple[str, ...]:
    parts = []
    if first is not None:
        parts.append(f"first call {seconds(first)}")
    if cold is not None:
        parts.append(f"cold start {seconds(cold)}")
    if memory is not None:
        parts.append(f"{many(memory)} MiB")
    return tuple(parts)


def _changes(advice: Advice) -> list[str]:
    """Where another is ahead of the same model, as far as that is decided."""
    found = [
        f"{name}: {framework_name(one.ahead)} at {_apart(one, other)}, "
        f"{framework_name(other.ahead)} at {_apart(other, one)}"
        for name, one, other in advice.turns()
    ]
    if found:
        return found
    if not advice.several:
        return ["each model at one batch and number of threads"]
    return [f"not decided ({advice.several} at several batches or sizes)"]


def _apart(one: Run, other: Run) -> str:
    """Name that in which a run's setting is not the other's."""
    a, b = one.setting, other.setting
    parts = [f"batch {a.batch}"] if a.batch != b.batch else []
    parts += [_threads([one])] if a.threads != b.threads else []
    parts += [f"{k} {v}" for k, v in a.changes.items() if b.changes.get(k) != v]
    return ", ".join(parts) or "its usual size"


# The rows behind


def behind(advice: Advice, pages: dict[str, str]) -> list[dict[str, Any]]:
    """Give each model once for each setting. pages: by run."""
    return [_behind(run, pages) for run in advice.runs]


def _behind(run: Run, pages: dict[str, str]) -> dict[str, Any]:
    setting, eager = run.setting, run.eager
    end = run.recorded.comparison.end
    return {
        "model": groups.model_name(setting),
        "page": pages[run.recorded.comparison.start.run],
        "batch": setting.batch,
        "threads": setting.threads,
        "eager": "not in this run" if eager is None else times(eager),
        "ahead": run.ahead,
        "noisy": bool(end and end.noisy),
        "rounds": run.rounds,
        "cells": [_one(run, framework) for framework in NATIVE],
    }


def _one(run: Run, framework: str) -> dict[str, Any]:
    contender, _ = run.best[framework]
    ratio = run.ratio(framework, NATIVE[0])
    return {
        "ratio": ratio.middle,
        "said": times(ratio.middle),
        "span": _interval(ratio),
        "mode": run.mode(framework),
        "cost": _cost(contender.first_s, None, contender.memory_mib),
        "ahead": framework == run.ahead,
    }


def figure(advice: Advice) -> Figure:
    """Draw a row for each model and setting, and on it each framework beside PyTorch's
    fastest."""
    return overview(title(advice), [(_short(run), _marks(run)) for run in advice.runs])


def _short(run: Run) -> str:
    return f"{groups.model_name(run.setting)}, batch {run.setting.batch}"


def _marks(run: Run) -> list[Mark]:
    ratios = {framework: run.ratio(framework, NATIVE[0]) for framework in NATIVE}
    return [
        Mark(run.mode(f), f, r.middle, r.low, r.high, not run.ahead)
        for f, r in ratios.items()
    ]

"""Rows of tables: certificates, comparisons, machines, settings."""

import inspect
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from types import ModuleType
from typing import Any, NamedTuple

from benchmarks.records import Comparison, Contender, Result
from benchmarks.report import code, groups, optimizers, prose
from benchmarks.report.evidence import Evidence, Recorded
from benchmarks.report.figures import (
    interval,
    many,
    seconds,
    share,
    spanned,
    times,
)
from benchmarks.report.groups import DEVICES, framework_name, labels, model_name
from benchmarks.report.ratios import VERDICTS
from parity_tests import oracles
from parity_tests.engine import Check
from shared.catalog import FAMILIES, VARIANTS, family_of
from shared.definitions.optimizers import OPTIMIZERS
from shared.frameworks import NATIVE

TIERS = (
    ("names", "canonical names, shapes, dtypes, trainable or not", "exact"),
    ("counts", "parameters, against the published count", "exact"),
    (
        "exchange",
        "saved in one, loaded in each, saved again: nine directions",
        "bit for bit",
    ),
    (
        "forward",
        "outputs in evaluation and training mode, and every named layer",
        "1e-12",
    ),
    ("gradients", "every parameter and every real input", "1e-10"),
    ("buffers", "running statistics after a training step", "1e-12"),
    (
        "training",
        "ten updates with momentum and with AdamW, clipped, warm-up and cosine: loss, "
        "every gradient, parameter and buffer after each",
        "1e-9",
    ),
    (
        "float32",
        "each framework's float32 run against its own float64 run",
        "4 times the best, and 1e-4",
    ),
    (
        "bfloat16",
        "each framework's bfloat16 run against its own float64 run, and what it "
        "computes in float32",
        "4 times the best, and `tolerances.py`",
    ),
)


# Certificates


def tiers(checks: Iterable[Check]) -> list[str]:
    """List the tiers in the order in which they were asked."""
    return list(dict.fromkeys(check.tier for check in checks))


def certificate(checks: Sequence[Check]) -> list[dict[str, Any]]:
    """Write one row a model and set of frameworks."""
    columns = tiers(checks)
    found: dict[tuple[str, str], dict[str, Check]] = {}
    for check in checks:
        key = (check.model, ", ".join(map(framework_name, check.frameworks)))
        found.setdefault(key, {})[check.tier] = check
    return [
        {
            "model": model,
            "frameworks": frameworks,
            "page": _page(model),
            "cells": [_cell(by_tier.get(tier)) for tier in columns],
            "oracle": _oracle(model),
        }
        for (model, frameworks), by_tier in found.items()
    ]


def _page(model: str) -> str:
    if model not in VARIANTS:
        return ""
    return f"models/{family_of(VARIANTS[model].spec)}.html"


def _oracle(model: str) -> dict[str, Any]:
    """What others than the three say of the family."""
    family = family_of(VARIANTS[model].spec) if model in VARIANTS else ""
    held = oracles.recorded().get(family, [])
    if not held:
        return {"said": "none", "kind": "soft", "value": "", "title": "no oracle"}
    largest = max(one.error for one in held)
    kind = "good" if all(one.passed for one in held) else "bad"
    title = "; ".join(f"{one.oracle}: {one.error:.1e}" for one in held)
    said = f"{largest:.1e}" if largest else "exact"
    return {"said": said, "kind": kind, "value": largest, "title": title}


def _cell(check: Check | None) -> dict[str, Any]:
    if check is None:
        return {"said": "-", "kind": "soft", "value": "", "title": "not asked"}
    kind = "bad" if not check.passed else "soft" if check.said == "none" else "good"
    value = 9e9 if not check.passed else check.error or 0.0
    title = check.reason or check.worst or ""
    return {"said": check.said, "kind": kind, "value": value, "title": title}


def worst(checks: Sequence[Check]) -> str:
    """The largest error, or that something fails."""
    if not checks:
        return ""
    if not all(check.passed for check in checks):
        return "falls short"
    largest = max(check.error or 0.0 for check in checks)
    return f"within {largest:.1e}" if largest else "exact"


def span(low: int, high: int) -> str:
    return _count(low) if low == high else f"{_count(low)} to {_count(high)}"


def _count(value: int) -> str:
    for limit, word in ((1e9, "billion"), (1e6, "million")):
        if value >= limit:
            return f"{value / limit:.1f}".removesuffix(".0") + f" {word}"
    return f"{value:,}"


def tolerances(module: ModuleType) -> str:
    return code.coloured(inspect.getsource(module), "")


# The front page


def facts(evidence: Evidence) -> list[dict[str, str]]:
    ended = len(groups.finished(evidence.comparisons))
    left = len(evidence.comparisons) - ended
    more = f", {left} not ended" if left else ""
    kinds, explained = len(optimizers.kinds()), prose.explained()
    mutants = prose.mutants()[0].removesuffix(" mutants caught")
    presets = f"optimizers, {len(OPTIMIZERS)} presets"
    variants = f"families, {len(VARIANTS)} variants"
    return [
        _parity(evidence.checks),
        _fact(mutants, "planted mistakes caught", "certificates.html#mutants"),
        _fact(str(len(FAMILIES)), variants, "models.html"),
        _fact(str(kinds), presets, "optimizers.html"),
        _fact(str(explained), "differences explained", "differences.html"),
        _fact(str(ended), f"comparisons{more}", "benchmarks.html"),
    ]


def _parity(checks: Sequence[Check]) -> dict[str, str]:
    if not checks:
        return _fact("none", "no certificate was given", "certificates.html", "warn")
    held = sum(check.passed for check in checks)
    models = len({check.model for check in checks})
    said = f"checks of parity hold, over {models} model{'s' * (models != 1)}"
    kind = "good" if held == len(checks) else "bad"
    return _fact(f"{held} of {len(checks)}", said, "certificates.html", kind)


def _fact(value: str, said: str, to: str, kind: str = "") -> dict[str, str]:
    return {"value": value, "said": said, "to": to, "kind": kind}


def machines(found: Sequence[Recorded]) -> list[tuple[str, ...]]:
    """Give each machine of the records once."""
    used: dict[tuple[str, ...], list[Recorded]] = {}
    for one in groups.by_date(found):
        machine = one.comparison.start.machine
        key = (
            f"{machine.cpu}, {machine.cores} cores",
            f"{machine.memory_gib:g} GiB",
            machine.accelerator or "none",
            machine.system,
            machine.python,
        )
        used.setdefault(key, []).append(one)
    return [
        (
            *key,
            str(len(mine)),
            mine[0].comparison.start.date[:10],
            mine[-1].comparison.start.date[:10],
            ", ".join(
                dict.fromkeys(one.comparison.start.revision[:10] for one in mine)
            ),
        )
        for key, mine in used.items()
    ]


# Comparisons


def overview_row(one: Recorded, page: str) -> dict[str, Any]:
    comparison, setting = one.comparison, one.comparison.setting
    end = comparison.end
    named = labels(comparison)
    failed = sum(bool(c.failed) for c in comparison.start.contenders)
    pills = [("warn", "noisy")] if end and end.noisy else []
    pills += [("bad", f"{failed} did not run")] if failed else []
    reference = end.results[0].reference if end and end.results else ""
    threads = f"{setting.threads} thread{'s' * (setting.threads != 1)}"
    return {
        "model": model_name(setting),
        "page": page,
        "task": setting.task,
        "batch": setting.batch,
        "dtype": setting.dtype,
        "device": f"{DEVICES[setting.device]}, {threads}",
        "reference": named.get(reference, reference),
        "cells": [_best(comparison, framework) for framework in NATIVE],
        "pills": pills,
    }


def _best(comparison: Comparison, framework: str) -> dict[str, Any] | None:
    found = groups.best_of(comparison, framework)
    if found is None:
        return None
    contender, result = found
    kinds = {"faster": "good", "slower": "bad"}
    undecided = ", not decided" if result.verdict == "inconclusive" else ""
    return {
        "ratio": result.ratio,
        "said": times(result.ratio),
        "span": spanned(result.ratio, result.low, result.high).partition(" ")[2],
        "mode": groups.mode_of(contender) + undecided,
        "kind": kinds.get(result.verdict, ""),
    }


HEAD = (
    "contender",
    "speed [95 %]",
    "samples a second",
    "median",
    "of the ceiling",
    "first call",
    "second call",
    "memory, MiB",
    "layout",
    "verdict",
)


# Of them what a model's page, and a page of all, have room for.
BRIEF = (0, 1, 2, 4, 5, 7, 9)


class Cell(NamedTuple):
    """What is read, and what it is sorted by."""

    said: str
    value: float


Row = tuple[str | Cell, ...]


def contenders(comparison: Comparison) -> tuple[tuple[str, ...], list[Row]]:
    named = labels(comparison)
    return HEAD, [
        (named[c.name], *_measured(c, groups.result_of(comparison, c.name)))
        for c in comparison.start.contenders
    ]


def brief(comparison: Comparison) -> tuple[tuple[str, ...], list[Row]]:
    head, rows = contenders(comparison)
    return tuple(head[i] for i in BRIEF), [tuple(r[i] for i in BRIEF) for r in rows]


def everyone(found: Sequence[Recorded]) -> tuple[tuple[str, ...], list[Row]]:
    """Each contender of each comparison, in one table to sort and filter."""
    rows: list[Row] = []
    for one in found:
        setting = one.comparison.setting
        where = (model_name(setting), groups.condition(setting))
        rows += [(*where, *row) for row in brief(one.comparison)[1]]
    return ("model", "setting", *(HEAD[i] for i in BRIEF)), rows


def _measured(c: Contender, r: Result | None) -> Row:
    started = (
        _number(c.first_s, seconds(c.first_s)),
        _number(c.second_s, seconds(c.second_s)),
        _number(c.memory_mib, f"{c.memory_mib or 0.0:,.1f}"),
        c.layout or "-",
    )
    if r is None:
        why = f"did not run: {c.failed}" if c.failed else "no result"
        return ("-", "-", "-", "-", *started, why)
    return (
        Cell(interval(r), r.ratio),
        Cell(many(r.per_second), r.per_second),
        Cell(seconds(r.median_s), r.median_s),
        _number(r.fraction, share(r.fraction)),
        *started,
        VERDICTS[r.verdict],
    )


def _number(value: float | None, said: str) -> str | Cell:
    return "not recorded" if value is None else Cell(said, value)


def setting(comparison: Comparison) -> list[tuple[str, str]]:
    start, end = comparison.start, comparison.end
    rows = [(key, _plain(value)) for key, value in asdict(start.setting).items()]
    rows += [(key, _plain(value)) for key, value in asdict(start.machine).items()]
    rows += [("date", start.date), ("revision", start.revision)]
    if end is not None:
        rows.append(("rounds", f"{end.rounds}, dropped: {_plain(end.dropped)}"))
    versions = {k: v for c in start.contenders for k, v in c.versions.items()}
    variables = {k: v for c in start.contenders for k, v in c.environment.items()}
    rows += [("versions", _plain(versions)), ("environment", _plain(variables))]
    return rows


def _plain(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{k} {v}" for k, v in value.items()) or "none"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return "not known" if value is None else str(value) or "none"

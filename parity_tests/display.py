"""Certificates, traces and differences as a person reads them."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from parity_tests.builtins import Row
from parity_tests.engine import TIERS, Check
from parity_tests.ports.blame import Guilty
from parity_tests.trace import Trace
from shared.catalog import VARIANTS


def certificate(checks: Sequence[Check]) -> Table:
    """Show the worst error: one row a model and set of frameworks, a column a tier."""
    tiers = [t for t in TIERS if any(_tier(c) == t for c in checks)]
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("model")
    table.add_column("parameters", justify="right")
    table.add_column("frameworks")
    for tier in tiers:
        table.add_column(tier, justify="right")
    table.add_column("held by")
    rows = dict.fromkeys((c.model, tuple(c.frameworks)) for c in checks)
    for model, frameworks in rows:
        mine = [
            c for c in checks if (c.model, tuple(c.frameworks)) == (model, frameworks)
        ]
        cells = [_cell([c for c in mine if _tier(c) == tier]) for tier in tiers]
        count = f"{VARIANTS[model].parameters:,}" if model in VARIANTS else ""
        notes = Text("; ".join(c.note for c in mine if c.note), style="dim")
        table.add_row(model, count, " ".join(frameworks), *cells, notes)
    return table


def _tier(check: Check) -> str:
    return check.tier.partition("/")[0]


def _cell(checks: Sequence[Check]) -> Text:
    if not checks:
        return Text("-", style="dim")
    worst = max(checks, key=lambda check: (not check.passed, check.error or 0.0))
    styles = {"FAIL": "bold red", "none": "dim"}
    return Text(worst.said, style=styles.get(worst.said, "green"))


def presets(found: Sequence[Mapping[str, Any]]) -> Table:
    table = _plain("optimizer", "paper, and what it is set to")
    for preset in found:
        settings = " ".join(f"{k}={v}" for k, v in preset["settings"].items())
        made = Text(f"{preset['optimizer']}: {settings}", style="dim")
        table.add_row(preset["preset"], Text(f"{preset['paper']}\n") + made)
    return table


def builtins(rows: Sequence[Row]) -> Table:
    table = _plain("ours", "built-in", "off after 1, 10, 100", "verdict")
    last = ""
    for row in rows:
        errors = ", ".join(f"{error:.0e}" if error else "0" for error in row.errors)
        verdict = ": ".join(part for part in (row.verdict, row.why) if part)
        module, _, name = row.builtin.partition(".")
        name = f"{module} {name.rpartition('.')[2]}"
        table.add_row("" if row.preset == last else row.preset, name, errors, verdict)
        last = row.preset
    return table


def _plain(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column)
    return table


def failures(console: Console, checks: Sequence[Check]) -> None:
    """Print one line a reason; a model that cannot be built fails all tiers by it."""
    tiers: dict[tuple[str, str, str], list[str]] = {}
    for check in checks:
        if not check.passed:
            key = check.model, " ".join(check.frameworks), check.reason
            tiers.setdefault(key, []).append(check.tier)
    for (model, names, reason), failed in tiers.items():
        where = f"{model} {', '.join(failed)} ({names})"
        console.print(Text("FAIL ", style="bold red") + Text(f"{where}: {reason}"))


def summary(checks: Sequence[Check]) -> str:
    failed = sum(not check.passed for check in checks)
    models = len({check.model for check in checks})
    seconds = sum(check.seconds for check in checks)
    return (
        f"{len(checks) - failed} of {len(checks)} checks hold "
        f"over {models} models ({seconds:.0f} s)"
    )


def verdicts(console: Console, checks: Sequence[Check]) -> None:
    for check in checks:
        if check.passed:
            said = f"{check.error:.1e}" if check.error is not None else ""
            console.print(Text("ok   ", style="green") + Text(f"{check.tier} {said}"))
        else:
            line = Text(f"{check.tier}: {check.reason}")
            console.print(Text("FAIL ", style="bold red") + line)


def guilty(console: Console, places: Sequence[Guilty], most: int = 12) -> None:
    """Print the wrong places but the first, which the last line names, with causes."""
    for i, place in enumerate(places[:most]):
        if i:
            console.print(place.said)
        for cause in place.causes[:1]:
            console.print(Text(f"  {place.layer}: {cause.said}"))
    if len(places) > most:
        console.print(f"and {len(places) - most} more places")


def renames(console: Console, tables: Mapping[str, Mapping[str, str]]) -> None:
    """The names that are not the reference's own, and what they were taken for."""
    for target, table in tables.items():
        changed = {name: to for name, to in table.items() if name != to}
        if changed:
            console.print(f"{target}: names matched by order and shape, or as given")
        for name, to in changed.items():
            console.print(f"  {name} = {to}")


def trace_table(trace: Trace, tolerance: float) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("layer")
    table.add_column("shape")
    others = list(trace.rows[0].errors) if trace.rows else []
    for framework in others:
        table.add_column(framework, justify="right")
    table.add_column("")
    for row in trace.rows:
        cells = [_error(row.errors[f], tolerance) for f in others]
        mark = Text("<- first to diverge", style="bold red") if row.first else Text()
        table.add_row(row.path, "x".join(map(str, row.shape)), *cells, mark)
    return table


def _error(error: float | None, tolerance: float) -> Text:
    if error is None:
        return Text("-", style="dim")
    if math.isinf(error):
        return Text("not comparable", style="red")
    return Text(f"{error:.1e}", style="green" if error <= tolerance else "red")

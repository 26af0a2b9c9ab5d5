"""Pictures of amounts: throughput, compute, memory, and the seconds of a cold start."""

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.records import Contender, Result
from benchmarks.report import groups, svg
from benchmarks.report.evidence import Recorded
from benchmarks.report.figures import ROW, Figure, many, seconds, share, told
from benchmarks.report.groups import labels, timed

PHASES = (("import", "import_s"), ("build", "build_s"), ("first call", "first_s"))


@dataclass(frozen=True)
class Bar:
    """A bar is drawn of its parts.

    parts: lengths one behind the other, each with its class; faint for a peer.
    """

    name: str
    framework: str
    said: str
    parts: tuple[tuple[float, str], ...]

    @property
    def length(self) -> float:
        return sum(length for length, _ in self.parts)


def _bar(name: str, c: Contender, value: float, said: str) -> Bar:
    kind = f"bar {svg.colour(c.framework)}{' faint' if c.peer else ''}"
    return Bar(name, c.framework, said, ((value, kind),))


def _drawn(
    title: str,
    label: str,
    bars: Sequence[Bar],
    rows: tuple[tuple[str, ...], ...],
    limit: float = 0.0,
    above: str = "",
) -> str:
    """Draw a row for each bar: mark, name and value, and the bar under them. limit:
    where a line stands."""
    top = 24.0 if above else 4.0
    scale = svg.across(0, max(limit, *(b.length for b in bars)) * 1.02 or 1.0)
    base = len(bars) * ROW + top + 2
    parts = [above, svg.bottom(scale, base, top, label, svg.short)]
    for i, one in enumerate(bars):
        y = top + i * ROW
        parts += [
            svg.mark(one.framework, 14, y + 7, "", 4),
            svg.text(25, y + 12, one.name, "name"),
            svg.text(svg.WIDTH - 8, y + 12, one.said, "value", "end"),
            _lengths(scale, y + 17, one),
        ]
        if limit:
            parts.append(svg.line(scale(limit), y + 15, scale(limit), y + 33, "limit"))
    return svg.picture(title, "".join(parts), base + 40, told(rows))


def _lengths(scale: svg.Scale, y: float, one: Bar) -> str:
    parts, done = [], 0.0
    for length, kind in one.parts:
        if length:
            wide = scale(done + length) - scale(done)
            parts.append(svg.bar(scale(done), y, wide, 14, kind))
        done += length
    return "".join(parts)


def throughput(one: Recorded) -> Figure:
    title, named = "Throughput", labels(one.comparison)
    ran = timed(one.comparison)
    if not ran:
        return Figure("throughput", title, note=groups.why_none(one.comparison))
    bars = [_bar(named[c.name], c, r.per_second, _per_second(r)) for c, r in ran]
    rows = tuple(_rates(named[c.name], r) for c, r in ran)
    head = ("contender", "samples a second", "median", "fastest", "90 % below")
    known = any(r.fraction is not None for _, r in ran)
    return Figure(
        "throughput",
        title,
        _drawn(title, "samples a second", bars, rows),
        (*head, "quartiles apart", "of the ceiling"),
        rows,
        "In brackets: of what the probe, a matrix product of the same precision on "
        "the same cores in the same rounds, reached."
        if known
        else "",
    )


def _rates(name: str, r: Result) -> tuple[str, ...]:
    steps = (seconds(r.median_s), seconds(r.fastest_s), seconds(r.p90_s))
    return (name, many(r.per_second), *steps, f"{r.spread:.1%}", share(r.fraction))


def _per_second(result: Result) -> str:
    said = many(result.per_second)
    return said if result.fraction is None else f"{said} ({result.fraction:.0%})"


def compute(one: Recorded) -> Figure:
    """What a roofline's height shows; its other axis would need bytes moved."""
    title, named, end = "Compute reached", labels(one.comparison), one.comparison.end
    if end is None:
        return Figure("compute", title, note=groups.why_none(one.comparison))
    ran = [(c, r, r.gflops) for c, r in timed(one.comparison) if r.gflops is not None]
    ceiling = end.ceiling_gflops
    if not ran or ceiling is None:
        said = "The record has no count of operations, or the probe did not run."
        return Figure("compute", title, note=said)
    bars = [_bar(named[c.name], c, g, many(g)) for c, _, g in ran]
    rows = tuple((named[c.name], many(g), share(r.fraction)) for c, r, g in ran)
    label = f"GFLOP/s; the line is the probe's {many(ceiling)}"
    return Figure(
        "compute",
        title,
        _drawn(title, label, bars, rows, ceiling),
        ("contender", "GFLOP/s", "of the ceiling"),
        rows,
        "A roofline without its slope: no record holds the bytes that were moved, and "
        "parameters and batch alone do not give them, so there is no axis of "
        "operations a byte.",
    )


def memory(one: Recorded) -> Figure:
    title, named = "Memory", labels(one.comparison)
    every = one.comparison.start.contenders
    held = [(c, c.memory_mib) for c in every if c.memory_mib is not None]
    if not held:
        return Figure("memory", title, note="The record says nothing of memory.")
    bars = [_bar(named[c.name], c, m, f"{m:,.0f} MiB") for c, m in held]
    rows = tuple((named[c.name], f"{m:,.1f}") for c, m in held)
    label = "MiB at the peak, above the process without a model"
    picture = _drawn(title, label, bars, rows)
    return Figure("memory", title, picture, ("contender", "MiB"), rows)


def cold_start(one: Recorded) -> Figure:
    """Import, build and first call, one behind the other."""
    title, named = "Cold start", labels(one.comparison)
    started = [
        (c, tuple(getattr(c, field) for _, field in PHASES))
        for c in one.comparison.start.contenders
    ]
    started = [(c, phases) for c, phases in started if any(phases)]
    if not started:
        return Figure("cold", title, note="The record says nothing of the start.")
    rows = tuple(
        (named[c.name], *map(seconds, phases), seconds(c.second_s))
        for c, phases in started
    )
    bars = [_phases(named[c.name], c, phases) for c, phases in started]
    return Figure(
        "cold",
        title,
        _drawn(title, "seconds", bars, rows, above=_legend()),
        ("contender", *(name for name, _ in PHASES), "second call"),
        rows,
        "The first call compiles, where there is something to compile.",
    )


def _phases(name: str, c: Contender, phases: Sequence[float | None]) -> Bar:
    parts = tuple((phase or 0.0, f"phase-{i}") for i, phase in enumerate(phases))
    return Bar(name, c.framework, seconds(sum(p for p, _ in parts)), parts)


def _legend() -> str:
    parts = []
    for i, (name, _) in enumerate(PHASES):
        x = 8 + i * 100
        parts.append(svg.bar(x, 4, 12, 12, f"phase-{i}"))
        parts.append(svg.text(x + 18, 14, name, "tick"))
    return "".join(parts)

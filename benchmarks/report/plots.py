"""The pictures of benchmarks. Each has its numbers as a table, and the record they are
from; nothing is computed here that a record already says."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.records import Comparison, Contender, Result
from benchmarks.report import groups, svg
from benchmarks.report.evidence import Recorded
from benchmarks.report.groups import BreakEven, labels, timed

ROW = 38.0


@dataclass(frozen=True)
class Figure:
    """A picture and its numbers; without a picture the note says why."""

    key: str
    title: str
    svg: str = ""
    head: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    note: str = ""
    record: str = ""


# Numbers as people read them


def seconds(value: float | None) -> str:
    if value is None:
        return "not recorded"
    for limit, factor, unit in ((1.0, 1.0, "s"), (1e-3, 1e3, "ms"), (0, 1e6, "µs")):
        if abs(value) >= limit:
            return f"{value * factor:.3g} {unit}"
    return f"{value:g} s"


def many(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def times(value: float) -> str:
    return f"{value:.2f}" if value >= 0.1 else f"{value:.2g}"


def interval(result: Result) -> str:
    return f"{times(result.ratio)} [{times(result.low)}, {times(result.high)}]"


def share(fraction: float | None) -> str:
    return "not known" if fraction is None else f"{fraction:.0%}"


VERDICTS = {
    "reference": "the reference",
    "faster": "faster",
    "slower": "slower",
    "equal": "equal",
    "inconclusive": "not decided",
}


def _hollow(contender: Contender, result: Result | None = None) -> str:
    undecided = result is not None and result.verdict in ("equal", "inconclusive")
    return "hollow" if undecided else ""


# Ratios


def forest(one: Recorded) -> Figure:
    """Speed over the reference's, with the interval and a line at 1."""
    end, named = one.comparison.end, labels(one.comparison)
    results = end.results if end else []
    title = "Speed beside the reference"
    if not results:
        return Figure("ratio", title, note=groups.why_none(one.comparison))
    low = min(0.9, *(r.low for r in results))
    high = max(1.1, *(r.high for r in results))
    scale = svg.across(low * 0.97, high * 1.03, log=True)
    base = len(results) * ROW + 10
    parts = [svg.bottom(scale, base, 4, "times the reference's speed", svg.short)]
    parts.append(svg.line(scale(1), 4, scale(1), base, "one"))
    for i, result in enumerate(results):
        contender = one.comparison.contender(result.contender)
        parts.append(_interval(scale, i * ROW + 6, contender, result, named))
    rows = tuple(_ratio_row(r, named) for r in results)
    return Figure(
        "ratio",
        title,
        svg.picture(title, "".join(parts), base + 40, _described(results, named)),
        ("contender", "beside", "speed [95 %]", "verdict"),
        rows,
        "To the right of 1 is faster. A bar spans the bootstrap's 95 % interval of the "
        "median ratio within a round; a hollow mark is not decided.",
    )


def _interval(
    scale: svg.Scale, y: float, c: Contender, r: Result, named: dict[str, str]
) -> str:
    middle, kind = y + 24, svg.colour(c.framework)
    return "".join(
        (
            svg.text(8, y + 12, named[c.name], "name"),
            svg.text(svg.WIDTH - 8, y + 12, interval(r), "value", "end"),
            svg.line(scale(r.low), middle, scale(r.high), middle, f"span {kind}"),
            svg.mark(c.framework, scale(r.ratio), middle, _hollow(c, r)),
        )
    )


def _ratio_row(result: Result, named: dict[str, str]) -> tuple[str, ...]:
    return (
        named[result.contender],
        named.get(result.reference, result.reference),
        interval(result),
        VERDICTS[result.verdict],
    )


def _described(results: Sequence[Result], named: dict[str, str]) -> str:
    return "; ".join(f"{named[r.contender]} {interval(r)}" for r in results)


# Bars: one a contender, its name above


@dataclass(frozen=True)
class Bar:
    name: str
    framework: str
    value: float
    said: str
    faint: bool = False
    limit: float | None = None


def _bars(title: str, label: str, bars: Sequence[Bar]) -> str:
    largest = max(max(b.value, b.limit or 0.0) for b in bars) or 1.0
    scale = svg.across(0, largest * 1.02)
    base = len(bars) * ROW + 6
    parts = [svg.bottom(scale, base, 4, label, svg.short)]
    for i, b in enumerate(bars):
        y = i * ROW + 4
        kind = f"bar {svg.colour(b.framework)}{' faint' if b.faint else ''}"
        parts.append(svg.bar(scale(0), y + 17, scale(b.value) - scale(0), 14, kind))
        if b.limit:
            parts.append(
                svg.line(scale(b.limit), y + 14, scale(b.limit), y + 34, "limit")
            )
        parts.append(svg.mark(b.framework, 14, y + 7, "", 4))
        parts.append(svg.text(25, y + 12, b.name, "name"))
        parts.append(svg.text(svg.WIDTH - 8, y + 12, b.said, "value", "end"))
    told = "; ".join(f"{b.name} {b.said}" for b in bars)
    return svg.picture(title, "".join(parts), base + 40, told)


def throughput(one: Recorded) -> Figure:
    title, named = "Throughput", labels(one.comparison)
    ran = timed(one.comparison)
    if not ran:
        return Figure("throughput", title, note=groups.why_none(one.comparison))
    bars = [
        Bar(named[c.name], c.framework, r.per_second, _per_second(r), bool(c.peer))
        for c, r in ran
    ]
    rows = tuple(
        (
            named[c.name],
            many(r.per_second),
            seconds(r.median_s),
            seconds(r.fastest_s),
            seconds(r.p90_s),
            f"{r.spread:.1%}",
            share(r.fraction),
        )
        for c, r in ran
    )
    head = ("contender", "samples a second", "median", "fastest", "90 % below")
    return Figure(
        "throughput",
        title,
        _bars(title, "samples a second", bars),
        (*head, "quartiles apart", "of the ceiling"),
        rows,
        "In brackets: of what the probe, a matrix product of the same precision on "
        "the same cores in the same rounds, reached."
        if any(r.fraction is not None for _, r in ran)
        else "",
    )


def _per_second(result: Result) -> str:
    said = many(result.per_second)
    if result.fraction is None:
        return said
    return f"{said} ({result.fraction:.0%})"


def compute(one: Recorded) -> Figure:
    """What a roofline's height shows; its other axis would need bytes moved."""
    title, named, end = "Compute reached", labels(one.comparison), one.comparison.end
    ran = [(c, r, r.gflops) for c, r in timed(one.comparison) if r.gflops is not None]
    if end is None:
        return Figure("compute", title, note=groups.why_none(one.comparison))
    if not ran or end.ceiling_gflops is None:
        said = "The record has no count of operations, or the probe did not run."
        return Figure("compute", title, note=said)
    ceiling = end.ceiling_gflops
    bars = [
        Bar(named[c.name], c.framework, g, f"{many(g)}", bool(c.peer), ceiling)
        for c, _, g in ran
    ]
    rows = tuple((named[c.name], many(g), share(r.fraction)) for c, r, g in ran)
    return Figure(
        "compute",
        title,
        _bars(title, f"GFLOP/s; the line is the probe's {many(ceiling)}", bars),
        ("contender", "GFLOP/s", "of the ceiling"),
        rows,
        "A roofline without its slope: no record holds the bytes that were moved, and "
        "parameters and batch alone do not give them, so there is no axis of "
        "operations a byte.",
    )


def memory(one: Recorded) -> Figure:
    title, named = "Memory", labels(one.comparison)
    held = [
        (c, c.memory_mib)
        for c in one.comparison.start.contenders
        if c.memory_mib is not None
    ]
    if not held:
        return Figure("memory", title, note="The record says nothing of memory.")
    bars = [
        Bar(named[c.name], c.framework, m, f"{m:,.0f} MiB", bool(c.peer))
        for c, m in held
    ]
    rows = tuple((named[c.name], f"{m:,.1f}") for c, m in held)
    return Figure(
        "memory",
        title,
        _bars(title, "MiB at the peak, above the process without a model", bars),
        ("contender", "MiB"),
        rows,
    )


# Cold start


PHASES = (("import", "import_s"), ("build", "build_s"), ("first call", "first_s"))


def cold_start(one: Recorded) -> Figure:
    """Import, build and first call, one behind the other."""
    title, named = "Cold start", labels(one.comparison)
    started = [
        (c, [getattr(c, field) or 0.0 for _, field in PHASES])
        for c in one.comparison.start.contenders
        if any(getattr(c, field) is not None for _, field in PHASES)
    ]
    if not started:
        return Figure("cold", title, note="The record says nothing of the start.")
    scale = svg.across(0, max(sum(phases) for _, phases in started) * 1.02 or 1)
    base = len(started) * ROW + 30
    parts = [_legend(), svg.bottom(scale, base, 24, "seconds", svg.short)]
    for i, (c, phases) in enumerate(started):
        parts.append(_phases(scale, i * ROW + 26, c, phases, named[c.name]))
    told = "; ".join(f"{named[c.name]} {seconds(sum(p))}" for c, p in started)
    rows = tuple(
        (
            named[c.name],
            *(seconds(getattr(c, f)) for _, f in PHASES),
            seconds(c.second_s),
        )
        for c, _ in started
    )
    return Figure(
        "cold",
        title,
        svg.picture(title, "".join(parts), base + 40, told),
        ("contender", *(name for name, _ in PHASES), "second call"),
        rows,
        "The first call compiles, where there is something to compile.",
    )


def _legend() -> str:
    parts = []
    for i, (name, _) in enumerate(PHASES):
        x = 8 + i * 100
        parts.append(svg.bar(x, 4, 12, 12, f"phase-{i}"))
        parts.append(svg.text(x + 18, 14, name, "tick"))
    return "".join(parts)


def _phases(
    scale: svg.Scale, y: float, c: Contender, phases: list[float], name: str
) -> str:
    parts = [
        svg.mark(c.framework, 14, y + 7, "", 4),
        svg.text(25, y + 12, name, "name"),
        svg.text(svg.WIDTH - 8, y + 12, seconds(sum(phases)), "value", "end"),
    ]
    done = 0.0
    for i, phase in enumerate(phases):
        wide = scale(done + phase) - scale(done)
        if phase:
            parts.append(svg.bar(scale(done), y + 17, wide, 14, f"phase-{i}"))
        done += phase
    return "".join(parts)


# Lines


@dataclass(frozen=True)
class Series:
    name: str
    framework: str
    points: tuple[tuple[float, float], ...]
    faint: bool = False


DASHES = ("", "5 3", "2 3", "8 3 2 3")


def _lines(
    title: str,
    series: Sequence[Series],
    below: str,
    beside: str,
    log: bool = True,
    marks: bool = True,
) -> str:
    xs = [x for s in series for x, _ in s.points]
    ys = [y for s in series for _, y in s.points]
    top, base = 40.0 + 18 * ((len(series) + 1) // 2), 0.0
    base = top + 190
    x_scale = svg.Scale(min(xs), max(xs), 62, svg.WIDTH - 14, log)
    y_scale = svg.Scale(min(ys) * 0.9, max(ys) * 1.1, base, top, log)
    parts = [
        svg.text(8, top - 12, beside, "label"),
        svg.left(y_scale, 54, svg.WIDTH - 8, svg.short),
        svg.bottom(x_scale, base + 8, top, below, svg.short),
    ]
    for i, one in enumerate(series):
        parts.append(_key(i, one, series))
        at = [(x_scale(x), y_scale(y)) for x, y in one.points]
        dash = DASHES[_place(i, series) % len(DASHES)]
        style = f"stroke-dasharray:{dash}" if dash else ""
        parts.append(svg.path(at, f"line {svg.colour(one.framework)}", style))
        if marks:
            hollow = "hollow" if one.faint else ""
            parts += [svg.mark(one.framework, x, y, hollow, 4.5) for x, y in at]
    told = "; ".join(f"{s.name} {_ends(s)}" for s in series)
    return svg.picture(title, "".join(parts), base + 48, told)


def _place(i: int, series: Sequence[Series]) -> int:
    """The how many-eth of its framework: told apart by the dashes."""
    return sum(s.framework == series[i].framework for s in series[:i])


def _key(i: int, one: Series, series: Sequence[Series]) -> str:
    x, y = 8 + (i % 2) * svg.WIDTH / 2, 14.0 + 18 * (i // 2)
    dash = DASHES[_place(i, series) % len(DASHES)]
    style = f"stroke-dasharray:{dash}" if dash else ""
    kind = f"line {svg.colour(one.framework)}"
    return (
        svg.path([(x, y - 4), (x + 24, y - 4)], kind, style)
        + svg.mark(one.framework, x + 12, y - 4, "hollow" if one.faint else "", 4)
        + svg.text(x + 30, y, one.name, "tick")
    )


def _ends(series: Series) -> str:
    (_, first), (_, last) = series.points[0], series.points[-1]
    return f"from {many(first)} to {many(last)}"


def sweep(group: Sequence[Recorded]) -> Figure:
    """Throughput over the batch."""
    found: dict[tuple[str, str], list[tuple[float, float]]] = {}
    peers = set()
    for one in group:
        named = labels(one.comparison)
        for c, r in timed(one.comparison):
            batch = one.comparison.setting.batch
            found.setdefault((named[c.name], c.framework), []).append(
                (batch, r.per_second)
            )
            peers |= {named[c.name]} if c.peer else set()
    title = (
        f"Throughput over the batch: {groups.model_name(group[0].comparison.setting)}"
    )
    series = [
        Series(name, framework, tuple(points), name in peers)
        for (name, framework), points in found.items()
    ]
    batches = [one.comparison.setting.batch for one in group]
    rows = tuple(
        (
            s.name,
            *(many(dict(s.points)[b]) if b in dict(s.points) else "-" for b in batches),
        )
        for s in series
    )
    return Figure(
        "batch",
        title,
        _lines(title, series, "batch", "samples a second"),
        ("contender", *(f"batch {b}" for b in batches)),
        rows,
    )


def break_even(one: Recorded) -> Figure:
    """The time until the n-th call has returned, compiled and not."""
    title, named = "When compiling pays", labels(one.comparison)
    pairs = groups.break_evens(one.comparison)
    if not pairs:
        said = "No framework ran both eagerly and compiled here."
        return Figure("break-even", title, note=said)
    ends = [pair.steps for pair in pairs if pair.steps is not None]
    last = max(10.0, *(n * 10 for n in ends)) if ends else 1000.0
    shown: dict[str, Series] = {}
    for pair in pairs:
        both = ((pair.eager, pair.eager_s), (pair.compiled, pair.compiled_s))
        for c, step in both:
            points = _until(c.first_s or 0.0, step, last)
            shown[c.name] = Series(named[c.name], c.framework, points)
    rows = tuple(_pays(pair, named) for pair in pairs)
    return Figure(
        "break-even",
        title,
        _lines(
            title,
            list(shown.values()),
            "calls",
            "seconds until it returned",
            marks=False,
        ),  # fmt: skip
        ("compiled", "its first call", "a call", "eager first", "a call", "pays after"),
        rows,
        "First call and then the median for each further one; the lines cross where "
        "compiling has paid for itself.",
    )


def _until(first: float, step: float, last: float) -> tuple[tuple[float, float], ...]:
    counts, n = [], 1.0
    while n < last:
        counts.append(n)
        n *= 1.6
    return tuple((n, first + (n - 1) * step) for n in (*counts, last))


def _pays(pair: BreakEven, named: dict[str, str]) -> tuple[str, ...]:
    steps = pair.steps
    return (
        named[pair.compiled.name],
        seconds(pair.compiled.first_s),
        seconds(pair.compiled_s),
        seconds(pair.eager.first_s),
        seconds(pair.eager_s),
        "never: it is not faster" if steps is None else f"{steps:,.0f} calls",
    )


def noise(one: Recorded) -> Figure:
    """Round by round: each contender beside its own median, and the probe."""
    title, comparison = "Round by round", one.comparison
    rounds = comparison.rounds
    if not rounds:
        return Figure("rounds", title, note="No round was recorded.")
    named = labels(comparison)
    tracks = _tracks(comparison)
    probes = [(r.number, r.probe) for r in rounds if r.probe is not None]
    tall, top = 44.0, 8.0
    first, last = rounds[0].number, rounds[-1].number
    scale = svg.Scale(first - 0.5, last + 0.5, 10, svg.WIDTH - 10)
    number = len(tracks) + bool(probes)
    base = top + number * tall
    dropped = comparison.end.dropped if comparison.end else []
    parts = [_shade(scale, d, top, base) for d in dropped]
    for i, (c, points) in enumerate(tracks):
        parts.append(_strip(scale, top + i * tall, c.framework, named[c.name], points))
    if probes:
        best = max(p for _, p in probes)
        relative = [(n, p / best) for n, p in probes]
        said = f"probe, best {many(best)} GFLOP/s"
        parts.append(_strip(scale, base - tall, "probe", said, relative))
    parts.append(svg.bottom(scale, base, top, "round", svg.short))
    head = ("round", *(named[c.name] for c, _ in tracks), "probe, GFLOP/s", "")
    rows = tuple(_round_row(r.number, comparison, tracks, dropped) for r in rounds)
    noisy = comparison.end is not None and comparison.end.noisy
    told = f"{len(rounds)} rounds, {len(dropped)} dropped"
    return Figure(
        "rounds",
        title,
        svg.picture(title, "".join(parts), base + 40, told),
        head,
        rows,
        _noise_note(len(dropped), noisy),
    )


def _noise_note(dropped: int, noisy: bool) -> str:
    said = "Each track is a contender's median of a round over its own best round's."
    if dropped:
        said += f" Shaded: {dropped} dropped, in which the probe fell below 90 %."
    if noisy:
        said += " So many that the whole run counts as noisy."
    return said


def _tracks(
    comparison: Comparison,
) -> list[tuple[Contender, list[tuple[int, float]]]]:
    tracks = []
    for c in comparison.start.contenders:
        medians = [
            (r.number, statistics.median(r.seconds[c.name]))
            for r in comparison.rounds
            if r.seconds.get(c.name)
        ]
        if medians:
            best = min(m for _, m in medians)
            tracks.append((c, [(n, best / m) for n, m in medians]))
    return tracks


def _strip(
    scale: svg.Scale,
    top: float,
    framework: str,
    name: str,
    points: Sequence[tuple[int, float]],
) -> str:
    """A track from half its best (bottom) to its best (top)."""
    y = svg.Scale(0.5, 1.0, top + 40, top + 18)
    at = [(scale(n), y(max(v, 0.5))) for n, v in points]
    kind = svg.colour(framework)
    worst = min(v for _, v in points)
    return "".join(
        (
            svg.text(12, top + 12, name, "tick"),
            svg.text(
                svg.WIDTH - 12, top + 12, f"worst {worst:.0%} of best", "tick", "end"
            ),
            svg.line(10, y(1.0), svg.WIDTH - 10, y(1.0), "grid"),
            svg.path(at, f"line {kind}"),
            *(svg.mark(framework, x, v, "", 2.6) for x, v in at),
        )
    )


def _shade(scale: svg.Scale, number: int, top: float, base: float) -> str:
    x = scale(number - 0.5)
    return svg.bar(x, top, scale(number + 0.5) - x, base - top, "dropped")


def _round_row(
    number: int,
    comparison: Comparison,
    tracks: Sequence[tuple[Contender, object]],
    dropped: Sequence[int],
) -> tuple[str, ...]:
    one = next(r for r in comparison.rounds if r.number == number)
    cells = [
        seconds(statistics.median(one.seconds[c.name]))
        if one.seconds.get(c.name)
        else "-"
        for c, _ in tracks
    ]
    probe = "-" if one.probe is None else many(one.probe)
    return (str(number), *cells, probe, "dropped" if number in dropped else "")


# History


def history(group: Sequence[Recorded]) -> Figure:
    """The ratio at each revision, in order of date."""
    setting = group[0].comparison.setting
    title = f"By revision: {groups.title(setting)}"
    tracks: dict[str, list[tuple[int, Result, Contender]]] = {}
    for i, one in enumerate(group):
        named = labels(one.comparison)
        for c, r in timed(one.comparison):
            if r.verdict != "reference":
                tracks.setdefault(named[c.name], []).append((i, r, c))
    if not tracks:
        return Figure("history", title, note="Only the reference ran.")
    spans = [r for track in tracks.values() for _, r, _ in track]
    keys = 18 * ((len(tracks) + 1) // 2)
    top, base = 44.0 + keys, 234.0 + keys
    x = svg.Scale(-0.4, len(group) - 0.6, 62, svg.WIDTH - 14)
    low, high = min(1.0, *(r.low for r in spans)), max(1.0, *(r.high for r in spans))
    y = svg.Scale(low * 0.97, high * 1.03, base, top, log=True)
    parts = [svg.text(8, top - 12, "times the reference's speed", "label")]
    parts += [svg.left(y, 54, svg.WIDTH - 8, svg.short)]
    parts += [svg.line(54, y(1), svg.WIDTH - 8, y(1), "one")]
    parts += [_revision(x(i), base, one) for i, one in enumerate(group)]
    every = [
        Series(name, track[0][2].framework, ((0, 0),)) for name, track in tracks.items()
    ]
    for i, track in enumerate(tracks.values()):
        parts.append(_key(i, every[i], every))
        parts.append(_course(x, y, track, (i - (len(tracks) - 1) / 2) * 9))
    rows = tuple(
        (name, *_by_revision(track, len(group))) for name, track in tracks.items()
    )
    heads = tuple(one.comparison.start.revision[:10] for one in group)
    told = "; ".join(f"{row[0]} {', '.join(row[1:])}" for row in rows)
    return Figure(
        "history",
        title,
        svg.picture(title, "".join(parts), base + 44, told),
        ("contender", *heads),
        rows,
    )


def _revision(x: float, base: float, one: Recorded) -> str:
    start = one.comparison.start
    return svg.text(x, base + 18, start.revision[:10], "tick", "middle") + svg.text(
        x, base + 34, start.date[:10], "tick", "middle"
    )


def _course(
    x: svg.Scale,
    y: svg.Scale,
    track: Sequence[tuple[int, Result, Contender]],
    aside: float,
) -> str:
    framework = track[0][2].framework
    kind = svg.colour(framework)
    at = [(x(i) + aside, r) for i, r, _ in track]
    parts = [svg.path([(px, y(r.ratio)) for px, r in at], f"line thin {kind}")]
    for px, r in at:
        parts.append(svg.line(px, y(r.low), px, y(r.high), f"span {kind}"))
        parts.append(svg.mark(framework, px, y(r.ratio), "", 4.5))
    return "".join(parts)


def _by_revision(
    track: Sequence[tuple[int, Result, Contender]], number: int
) -> tuple[str, ...]:
    found = {i: interval(r) for i, r, _ in track}
    return tuple(found.get(i, "-") for i in range(number))


# All comparisons at once


def overviews(found: Sequence[Recorded]) -> list[Figure]:
    """One picture a task, precision and device: a row a comparison, the fastest of
    this suite's own in each framework on it."""
    alike: dict[tuple[str, str, str], list[Recorded]] = {}
    for one in found:
        s = one.comparison.setting
        alike.setdefault((s.task, s.dtype, s.device), []).append(one)
    return [_overview(key, mine) for key, mine in alike.items()]


def _overview(key: tuple[str, str, str], found: Sequence[Recorded]) -> Figure:
    task, dtype, device = key
    title = f"{task.capitalize()}, {dtype}, {groups.DEVICES[device]}"
    best = [
        [pair for f in groups.NAMES if (pair := groups.best_of(one.comparison, f))]
        for one in found
    ]
    every = [r for row in best for _, r in row]
    if not every:
        return Figure("", title, note="None of this suite's own ran.")
    low, high = min(0.9, *(r.low for r in every)), max(1.1, *(r.high for r in every))
    scale = svg.across(low * 0.97, high * 1.03, log=True)
    base = len(found) * ROW + 30
    parts = [
        _frameworks(),
        svg.bottom(scale, base, 24, "times the reference", svg.short),
    ]
    parts.append(svg.line(scale(1), 24, scale(1), base, "one"))
    for i, (one, row) in enumerate(zip(found, best, strict=True)):
        parts.append(_dots(scale, i * ROW + 24, one, row))
    rows = tuple(
        (_short(one), *_dot_cells(row)) for one, row in zip(found, best, strict=True)
    )
    told = "; ".join(", ".join(row) for row in rows)
    return Figure(
        "",
        title,
        svg.picture(title, "".join(parts), base + 40, told),
        ("comparison", *groups.NAMES.values()),
        rows,
    )


def _short(one: Recorded) -> str:
    setting = one.comparison.setting
    return f"{groups.model_name(setting)}, batch {setting.batch}"


def _frameworks() -> str:
    parts = []
    for i, (framework, name) in enumerate(groups.NAMES.items()):
        x = 14 + i * 90
        parts.append(svg.mark(framework, x, 10, "", 4.5))
        parts.append(svg.text(x + 11, 14, name, "tick"))
    return "".join(parts)


def _dots(
    scale: svg.Scale, y: float, one: Recorded, row: Sequence[tuple[Contender, Result]]
) -> str:
    parts = [svg.text(8, y + 14, _short(one), "name")]
    for c, r in row:
        kind = svg.colour(c.framework)
        parts.append(
            svg.line(scale(r.low), y + 26, scale(r.high), y + 26, f"span {kind}")
        )
    parts += [
        svg.mark(c.framework, scale(r.ratio), y + 26, _hollow(c, r)) for c, r in row
    ]
    return "".join(parts)


def _dot_cells(row: Sequence[tuple[Contender, Result]]) -> tuple[str, ...]:
    found = {c.framework.partition("[")[0]: f"{interval(r)} {c.mode}" for c, r in row}
    return tuple(found.get(framework, "-") for framework in groups.NAMES)


OF_ONE = (forest, throughput, compute, noise, cold_start, break_even, memory)

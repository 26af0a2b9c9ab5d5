"""Pictures of a course: over the batch, over calls, over revisions, over rounds."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field

from benchmarks.records import Comparison, Contender, Result
from benchmarks.report import groups, svg
from benchmarks.report.evidence import Recorded
from benchmarks.report.figures import Figure, interval, many, seconds, told
from benchmarks.report.groups import BreakEven, labels, timed

Points = tuple[tuple[float, float], ...]
# Contenders of one framework are told apart by these.
DASHES = ("", "5 3", "2 3", "8 3 2 3")
LEFT, TALL = 62.0, 190.0


@dataclass(frozen=True)
class Series:
    """ends: the interval at each point, if there is one. faint: a peer."""

    name: str
    framework: str
    points: Points
    faint: bool = False
    ends: Points = field(default=())


def _keys(series: Sequence[Series]) -> str:
    """Above the picture, two a line where they fit."""
    parts, columns = [], _columns(series)
    for i, one in enumerate(series):
        x, y = 8 + (i % columns) * svg.WIDTH / 2, 14.0 + 18 * (i // columns)
        kind, dash = f"line {svg.colour(one.framework)}", _dash(i, series)
        hollow = "hollow" if one.faint else ""
        parts.append(svg.path([(x, y - 4), (x + 24, y - 4)], kind, dash))
        parts.append(svg.mark(one.framework, x + 12, y - 4, hollow, 4))
        parts.append(svg.text(x + 30, y, one.name, "tick"))
    return "".join(parts)


def _columns(series: Sequence[Series]) -> int:
    room = svg.WIDTH / 2 - 40
    return 2 if all(len(s.name) * svg.CHARACTER < room for s in series) else 1


def _dash(i: int, series: Sequence[Series]) -> str:
    place = sum(one.framework == series[i].framework for one in series[:i])
    dash = DASHES[place % len(DASHES)]
    return f"stroke-dasharray:{dash}" if dash else ""


def _frame(series: Sequence[Series]) -> tuple[float, float]:
    """Give the top and the base of the axes, below the keys."""
    top = 40.0 + 18 * -(-len(series) // _columns(series))
    return top, top + TALL


def _drawn(
    x: svg.Scale, y: svg.Scale, series: Sequence[Series], marks: bool = True
) -> str:
    parts = [_keys(series)]
    for i, one in enumerate(series):
        kind, hollow = svg.colour(one.framework), "hollow" if one.faint else ""
        at = [(x(px), y(py)) for px, py in one.points]
        parts.append(svg.path(at, f"line {kind}", _dash(i, series)))
        for (px, _), (low, high) in zip(at, one.ends, strict=False):
            parts.append(svg.line(px, y(low), px, y(high), f"span {kind}"))
        if marks:
            parts += [svg.mark(one.framework, px, py, hollow, 4.5) for px, py in at]
    return "".join(parts)


def _axes(
    x: svg.Scale,
    y: svg.Scale,
    top: float,
    base: float,
    said: tuple[str, str],
    ticks: Sequence[float] = (),
) -> str:
    below, beside = said
    return "".join(
        (
            svg.text(8, top - 12, beside, "label"),
            svg.left(y, LEFT - 8, svg.WIDTH - 8, svg.short),
            svg.bottom(x, base + 8, top, below, svg.short, ticks),
        )
    )


def _scales(
    series: Sequence[Series], top: float, base: float
) -> tuple[svg.Scale, svg.Scale]:
    xs = [x for s in series for x, _ in s.points]
    ys = [y for s in series for _, y in s.points]
    return (
        svg.Scale(min(xs), max(xs), LEFT, svg.WIDTH - 14, True),
        svg.Scale(min(ys) * 0.9, max(ys) * 1.1, base, top, True),
    )


# Over the batch


def sweep(group: Sequence[Recorded]) -> Figure:
    """Draw throughput over the batch."""
    model = groups.model_name(group[0].comparison.setting)
    title, series = f"Throughput over the batch: {model}", _rates(group)
    top, base = _frame(series)
    x, y = _scales(series, top, base)
    batches = [one.comparison.setting.batch for one in group]
    inside = _axes(x, y, top, base, ("batch", "samples a second"), batches)
    inside += _drawn(x, y, series)
    rows = tuple((s.name, *_at(s, batches)) for s in series)
    return Figure(
        "batch",
        title,
        svg.picture(title, inside, base + 48, told(rows)),
        ("contender", *(f"batch {b}" for b in batches)),
        rows,
    )


def _rates(group: Sequence[Recorded]) -> list[Series]:
    found: dict[str, tuple[Contender, list[tuple[float, float]]]] = {}
    for one in group:
        named, batch = labels(one.comparison), one.comparison.setting.batch
        for c, r in timed(one.comparison):
            found.setdefault(named[c.name], (c, []))[1].append((batch, r.per_second))
    return [
        Series(name, c.framework, tuple(points), bool(c.peer))
        for name, (c, points) in found.items()
    ]


def _at(series: Series, batches: Sequence[int]) -> tuple[str, ...]:
    rates = dict(series.points)
    return tuple(many(rates[b]) if b in rates else "-" for b in batches)


# Over calls


def break_even(one: Recorded) -> Figure:
    """The time until the n-th call has returned, compiled and not."""
    title, named = "When compiling pays", labels(one.comparison)
    pairs = groups.break_evens(one.comparison)
    if not pairs:
        said = "No framework ran both eagerly and compiled here."
        ended = one.comparison.end is not None
        why = said if ended else groups.why_none(one.comparison)
        return Figure("break-even", title, note=why)
    series, rows = _courses(pairs, named), tuple(_pays(pair, named) for pair in pairs)
    top, base = _frame(series)
    x, y = _scales(series, top, base)
    inside = _axes(x, y, top, base, ("calls", "seconds until it returned"))
    inside += _drawn(x, y, series, marks=False)
    inside += "".join(_crossing(x, y, pair) for pair in pairs)
    return Figure(
        "break-even",
        title,
        svg.picture(title, inside, base + 48, told(rows)),
        ("compiled", "its first call", "a call", "eager first", "a call", "pays after"),
        rows,
        "The first call, then the median for each further one; a ring where compiling "
        "has paid for itself.",
    )


def _courses(pairs: Sequence[BreakEven], named: dict[str, str]) -> list[Series]:
    ends = [pair.steps for pair in pairs if pair.steps is not None]
    last = max(10.0, *(n * 10 for n in ends)) if ends else 1000.0
    shown: dict[str, Series] = {}
    for pair in pairs:
        both = ((pair.eager, pair.eager_s), (pair.compiled, pair.compiled_s))
        for c, step in both:
            points = _until(c.first_s or 0.0, step, last)
            shown[c.name] = Series(named[c.name], c.framework, points)
    return list(shown.values())


def _until(first: float, step: float, last: float) -> Points:
    counts, n = [], 1.0
    while n < last:
        counts.append(n)
        n *= 1.6
    return tuple((n, first + (n - 1) * step) for n in (*counts, last))


def _crossing(x: svg.Scale, y: svg.Scale, pair: BreakEven) -> str:
    steps = pair.steps
    if steps is None:
        return ""
    at = y((pair.eager.first_s or 0.0) + (steps - 1) * pair.eager_s)
    ring = svg.tag("circle", cx=x(steps), cy=at, r=6.5, class_="cross")
    return ring + svg.text(x(steps) + 10, at + 14, f"{steps:,.0f}", "tick")


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


# Over revisions


def history(group: Sequence[Recorded]) -> Figure:
    """Draw the ratio at each revision, in order of date."""
    title = f"By revision: {groups.title(group[0].comparison.setting)}"
    tracks = _tracks_by_revision(group)
    if not tracks:
        return Figure("history", title, note="Only the reference ran.")
    series = [_course(name, i, tracks) for i, name in enumerate(tracks)]
    top, base = _frame(series)
    x = svg.Scale(-0.4, len(group) - 0.6, LEFT, svg.WIDTH - 14)
    lows, highs = zip(*(end for s in series for end in s.ends), strict=True)
    y = svg.Scale(min(1.0, *lows) * 0.97, max(1.0, *highs) * 1.03, base, top, log=True)
    parts = [svg.text(8, top - 12, "times the reference's speed", "label")]
    parts.append(svg.left(y, LEFT - 8, svg.WIDTH - 8, svg.short))
    parts.append(svg.line(LEFT - 8, y(1), svg.WIDTH - 8, y(1), "one"))
    parts += [_revision(x(i), base, one) for i, one in enumerate(group)]
    parts.append(_drawn(x, y, series))
    rows = tuple(
        (name, *_by_revision(track, len(group))) for name, track in tracks.items()
    )
    revisions = (one.comparison.start.revision[:10] for one in group)
    picture = svg.picture(title, "".join(parts), base + 44, told(rows))
    return Figure("history", title, picture, ("contender", *revisions), rows)


Track = list[tuple[int, Result, Contender]]


def _tracks_by_revision(group: Sequence[Recorded]) -> dict[str, Track]:
    tracks: dict[str, Track] = {}
    for i, one in enumerate(group):
        named = labels(one.comparison)
        for c, r in timed(one.comparison):
            if r.verdict != "reference":
                tracks.setdefault(named[c.name], []).append((i, r, c))
    return tracks


def _course(name: str, i: int, tracks: dict[str, Track]) -> Series:
    """Draw one course a little aside, so that none hides another."""
    track, aside = tracks[name], (i - (len(tracks) - 1) / 2) * 0.05
    return Series(
        name,
        track[0][2].framework,
        tuple((place + aside, r.ratio) for place, r, _ in track),
        bool(track[0][2].peer),
        tuple((r.low, r.high) for _, r, _ in track),
    )


def _revision(x: float, base: float, one: Recorded) -> str:
    start = one.comparison.start
    below = ((18, start.revision[:10]), (34, start.date[:10]))
    return "".join(svg.text(x, base + y, said, "tick", "middle") for y, said in below)


def _by_revision(track: Track, number: int) -> tuple[str, ...]:
    found = {i: interval(r) for i, r, _ in track}
    return tuple(found.get(i, "-") for i in range(number))


# Over rounds


STRIP = 44.0


@dataclass(frozen=True)
class Strip:
    """What a contender, or the probe, reached in each round of its own best."""

    name: str
    framework: str
    points: tuple[tuple[int, float], ...]


def noise(one: Recorded) -> Figure:
    """Round by round: each contender beside its own best, and the probe below."""
    title, comparison = "Round by round", one.comparison
    rounds, end = comparison.rounds, comparison.end
    strips = _strips(comparison)
    if not strips:
        return Figure("rounds", title, note="No round was recorded.")
    dropped = end.dropped if end else []
    numbers = [r.number for r in rounds]
    scale = svg.Scale(min(numbers) - 0.5, max(numbers) + 0.5, 10, svg.WIDTH - 10)
    base = 8 + len(strips) * STRIP
    parts = [_shade(scale, number, 8, base) for number in dropped]
    parts.append(svg.bottom(scale, base, 8, "round", svg.short))
    parts += [_strip(scale, 8 + i * STRIP, strip) for i, strip in enumerate(strips)]
    named = labels(comparison)
    names = [c.name for c in comparison.start.contenders if not c.failed]
    return Figure(
        "rounds",
        title,
        svg.picture(
            title,
            "".join(parts),
            base + 40,
            f"{len(rounds)} rounds, {len(dropped)} dropped",
        ),
        ("round", *(named[name] for name in names), "probe, GFLOP/s", ""),
        tuple(_row(comparison, i, names, dropped) for i in range(len(rounds))),
        _noise_note(len(dropped), end is not None and end.noisy),
    )


def _noise_note(dropped: int, noisy: bool) -> str:
    said = "Each track is a contender's median of a round over its own best round's."
    if dropped:
        said += f" Shaded: {dropped} dropped, in which the probe fell below 90 %."
    if noisy:
        said += " The run counts as noisy."
    return said


def _strips(comparison: Comparison) -> list[Strip]:
    named, rounds = labels(comparison), comparison.rounds
    found = []
    for c in comparison.start.contenders:
        medians = {
            r.number: statistics.median(r.seconds[c.name])
            for r in rounds
            if r.seconds.get(c.name)
        }
        speeds = {number: 1 / m for number, m in medians.items() if m > 0}
        if speeds:
            found.append(_of_best(named[c.name], c.framework, speeds))
    probes = {r.number: r.probe for r in rounds if r.probe is not None}
    if probes:
        said = f"probe, best {many(max(probes.values()))} GFLOP/s"
        found.append(_of_best(said, "probe", probes))
    return found


def _of_best(name: str, framework: str, speeds: dict[int, float]) -> Strip:
    best = max(speeds.values())
    return Strip(name, framework, tuple((n, s / best) for n, s in speeds.items()))


def _strip(scale: svg.Scale, top: float, strip: Strip) -> str:
    """Draw a strip from half its best (bottom) to its best (top)."""
    y = svg.Scale(0.5, 1.0, top + 40, top + 19)
    at = [(scale(n), y(max(v, 0.5))) for n, v in strip.points]
    worst = min(v for _, v in strip.points)
    said = f"worst {worst:.0%} of best"
    return "".join(
        (
            svg.line(10, y(1.0), svg.WIDTH - 10, y(1.0), "grid"),
            svg.path(at, f"line {svg.colour(strip.framework)}"),
            *(svg.mark(strip.framework, x, v, "", 2.6) for x, v in at),
            svg.text(12, top + 12, strip.name, "tick"),
            svg.text(svg.WIDTH - 12, top + 12, said, "tick", "end"),
        )
    )


def _shade(scale: svg.Scale, number: int, top: float, base: float) -> str:
    x = scale(number - 0.5)
    return svg.bar(x, top, scale(number + 0.5) - x, base - top, "dropped")


def _row(
    comparison: Comparison, i: int, names: Sequence[str], dropped: Sequence[int]
) -> tuple[str, ...]:
    one = comparison.rounds[i]
    cells = [
        seconds(statistics.median(one.seconds[name])) if one.seconds.get(name) else "-"
        for name in names
    ]
    probe = "-" if one.probe is None else many(one.probe)
    return (str(one.number), *cells, probe, "dropped" if one.number in dropped else "")

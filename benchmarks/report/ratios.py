"""Pictures of ratios: a mark with its 95 % interval, and a line at 1."""

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.records import Contender, Result
from benchmarks.report import groups, svg
from benchmarks.report.evidence import Recorded
from benchmarks.report.figures import ROW, Figure, interval, spanned, told
from benchmarks.report.groups import labels

VERDICTS = {
    "reference": "the reference",
    "faster": "faster",
    "slower": "slower",
    "equal": "equal",
    "inconclusive": "not decided",
}
UNDECIDED = ("equal", "inconclusive")


@dataclass(frozen=True)
class Ratio:
    name: str
    framework: str
    middle: float
    low: float
    high: float
    hollow: bool = False


def scale_of(ratios: Sequence[Ratio], at_least: float = 1.1) -> svg.Scale:
    """Give a logarithmic scale with 1 on it."""
    low = min(1 / at_least, *(r.low for r in ratios))
    high = max(at_least, *(r.high for r in ratios))
    return svg.across(low * 0.97, high * 1.03, log=True)


def marked(scale: svg.Scale, y: float, ratio: Ratio) -> str:
    kind, hollow = svg.colour(ratio.framework), "hollow" if ratio.hollow else ""
    span = svg.line(scale(ratio.low), y, scale(ratio.high), y, f"span {kind}")
    return span + svg.mark(ratio.framework, scale(ratio.middle), y, hollow)


def rows_of(title: str, ratios: Sequence[Ratio], below: str, described: str) -> str:
    """Draw a row for each ratio: the name and the numbers, and the mark under them."""
    scale, base = scale_of(ratios), len(ratios) * ROW + 10
    parts = [svg.bottom(scale, base, 4, below, svg.short)]
    parts.append(svg.line(scale(1), 4, scale(1), base, "one"))
    for i, ratio in enumerate(ratios):
        y = i * ROW + 6
        said = spanned(ratio.middle, ratio.low, ratio.high)
        wide = len(said) * svg.CHARACTER + 6
        parts.append(svg.bar(svg.WIDTH - 5 - wide, y, wide, 15, "ground"))
        parts.append(svg.text(8, y + 12, ratio.name, "name"))
        parts.append(svg.text(svg.WIDTH - 8, y + 12, said, "value", "end"))
        parts.append(marked(scale, y + 24, ratio))
    return svg.picture(title, "".join(parts), base + 40, described)


def _ratio(name: str, c: Contender, r: Result) -> Ratio:
    undecided = r.verdict in UNDECIDED
    return Ratio(name, c.framework, r.ratio, r.low, r.high, undecided)


def forest(one: Recorded) -> Figure:
    """Draw speed over the reference's, contender by contender."""
    comparison, end = one.comparison, one.comparison.end
    named, title = labels(comparison), "Speed beside the reference"
    results = end.results if end else []
    if not results:
        return Figure("ratio", title, note=groups.why_none(comparison))
    ratios = [
        _ratio(named[r.contender], comparison.contender(r.contender), r)
        for r in results
    ]
    rows = tuple(
        (
            named[r.contender],
            named.get(r.reference, r.reference),
            interval(r),
            VERDICTS[r.verdict],
        )
        for r in results
    )
    return Figure(
        "ratio",
        title,
        rows_of(title, ratios, "times the reference's speed", told(rows)),
        ("contender", "beside", "speed [95 %]", "verdict"),
        rows,
        "To the right of 1 is faster. A bar spans the bootstrap's 95 % interval of the "
        "median ratio within a round; a hollow mark is not decided.",
    )


# Several comparisons at once


def overview(title: str, found: Sequence[tuple[str, Sequence[Ratio]]]) -> Figure:
    """Draw a named row for each, and on it a mark for each framework."""
    every = [ratio for _, row in found for ratio in row]
    scale, base = scale_of(every), len(found) * ROW + 30
    parts = [_key(every), svg.bottom(scale, base, 24, "times the reference", svg.short)]
    parts.append(svg.line(scale(1), 24, scale(1), base, "one"))
    for i, (name, row) in enumerate(found):
        parts.append(svg.text(8, i * ROW + 38, name, "name"))
        parts += [marked(scale, i * ROW + 50, ratio) for ratio in row]
    rows = tuple((name, *_cells(row)) for name, row in found)
    return Figure(
        "",
        title,
        svg.picture(title, "".join(parts), base + 40, told(rows)),
        ("model", *groups.NAMES.values()),
        rows,
    )


def _key(shown: Sequence[Ratio]) -> str:
    frameworks = {ratio.framework.partition("[")[0] for ratio in shown}
    named = [(f, name) for f, name in groups.NAMES.items() if f in frameworks]
    parts = []
    for i, (framework, name) in enumerate(named):
        x = 14 + i * 90
        parts.append(svg.mark(framework, x, 10, "", 4.5))
        parts.append(svg.text(x + 11, 14, name, "tick"))
    return "".join(parts)


def _cells(row: Sequence[Ratio]) -> tuple[str, ...]:
    found = {
        r.framework.partition("[")[0]: f"{spanned(r.middle, r.low, r.high)} {r.name}"
        for r in row
    }
    return tuple(found.get(framework, "-") for framework in groups.NAMES)

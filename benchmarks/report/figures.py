"""A picture with its numbers as a table, and numbers as people read them."""

from dataclasses import dataclass

from benchmarks.records import Result

ROW = 38.0  # of a picture with a row a contender


@dataclass(frozen=True)
class Figure:
    """A figure stands on a page with its note and its records.

    key: its anchor. Without a picture the note says why there is none.
    records: what each is called, and its address in the site.
    """

    key: str
    title: str
    svg: str = ""
    head: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    note: str = ""
    records: tuple[tuple[str, str], ...] = ()


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


def spanned(middle: float, low: float, high: float) -> str:
    """A ratio and its interval, if there is anything between its ends."""
    if low == high:
        return times(middle)
    return f"{times(middle)} [{times(low)}, {times(high)}]"


def interval(result: Result) -> str:
    return spanned(result.ratio, result.low, result.high)


def share(fraction: float | None) -> str:
    return "not known" if fraction is None else f"{fraction:.0%}"


def told(rows: tuple[tuple[str, ...], ...]) -> str:
    """A table in a sentence, for who does not see the picture."""
    return "; ".join(" ".join(row) for row in rows)

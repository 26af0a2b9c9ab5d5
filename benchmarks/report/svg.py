"""Pictures as text: elements, scales, axes, and one mark a framework.

Colours are classes that the style sheet fills in, so that a picture follows the page
into the dark; a framework is told by its mark as well.
"""

import html
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

WIDTH = 480.0
CHARACTER = 7.6  # of the text of a picture, about


def number(value: float) -> str:
    """A coordinate, as short as a tenth of a pixel allows."""
    text = f"{value:.1f}".removesuffix(".0")
    return "0" if text == "-0" else text


def tag(name: str, *inside: str, **attributes: object) -> str:
    """Write an element; `class_` stands for class and `stroke_width` for
    stroke-width."""
    shown = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{_value(value)}"'
        for key, value in attributes.items()
        if value is not None and value != ""
    )
    return f"<{name}{shown}>{''.join(inside)}</{name}>"


def _value(value: object) -> str:
    if isinstance(value, float):
        return number(value)
    return html.escape(str(value))


def text(x: float, y: float, said: str, kind: str = "", anchor: str = "") -> str:
    return tag("text", html.escape(said), x=x, y=y, class_=kind, text_anchor=anchor)


def line(x1: float, y1: float, x2: float, y2: float, kind: str = "axis") -> str:
    return tag("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=kind)


def path(points: Sequence[tuple[float, float]], kind: str = "", style: str = "") -> str:
    steps = " ".join(f"{number(x)},{number(y)}" for x, y in points)
    return tag("polyline", points=steps, class_=kind, style=style)


def bar(x: float, y: float, width: float, height: float, kind: str) -> str:
    wide = max(width, 0.5)
    return tag("rect", x=x, y=y, width=wide, height=height, rx=1.5, class_=kind)


def picture(title: str, inside: str, height: float, described: str = "") -> str:
    """Write a picture that a screen reader takes for an image with its title; the
    numbers are in a table below."""
    told = tag("title", html.escape(title))
    told += tag("desc", html.escape(described)) if described else ""
    label = f"{title}. {described}" if described else title
    box = f"0 0 {number(WIDTH)} {number(height)}"
    return tag(
        "svg", told, inside, viewBox=box, role="img", aria_label=label, class_="plot"
    )


# Marks: a circle, a square, a diamond; a triangle for what is none of the three


def colour(framework: str) -> str:
    """Give the class of a framework's colour; `keras[jax]` has that of Keras."""
    base = framework.partition("[")[0]
    return f"f-{base}" if base in SHAPES else "f-other"


def mark(framework: str, x: float, y: float, kind: str = "", size: float = 5.5) -> str:
    """Draw a mark. kind: `hollow` for what is not decided, or not ours."""
    shape = SHAPES.get(framework.partition("[")[0], _triangle)
    return shape(x, y, size, f"mark {colour(framework)} {kind}".strip())


def _circle(x: float, y: float, size: float, kind: str) -> str:
    return tag("circle", cx=x, cy=y, r=size, class_=kind)


def _square(x: float, y: float, size: float, kind: str) -> str:
    side = 2 * size * 0.9
    return tag(
        "rect", x=x - side / 2, y=y - side / 2, width=side, height=side, class_=kind
    )


def _diamond(x: float, y: float, size: float, kind: str) -> str:
    s = size * 1.3
    return _polygon([(x, y - s), (x + s, y), (x, y + s), (x - s, y)], kind)


def _triangle(x: float, y: float, size: float, kind: str) -> str:
    s = size * 1.15
    return _polygon([(x, y - s), (x + s, y + s), (x - s, y + s)], kind)


def _polygon(points: Sequence[tuple[float, float]], kind: str) -> str:
    corners = " ".join(f"{number(x)},{number(y)}" for x, y in points)
    return tag("polygon", points=corners, class_=kind)


SHAPES: dict[str, Callable[[float, float, float, str], str]] = {
    "pytorch": _circle,
    "keras": _square,
    "jax": _diamond,
}


# Scales


@dataclass(frozen=True)
class Scale:
    """Takes values to coordinates, linearly or by logarithms."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        low, high, at = self._on_axis(self.low, self.high, value)
        share = (at - low) / (high - low) if high > low else 0.5
        return self.start + share * (self.end - self.start)

    def _on_axis(self, *values: float) -> tuple[float, ...]:
        return tuple(math.log10(v) for v in values) if self.log else values

    def ticks(self, about: int = 5) -> list[float]:
        found = self._decades(about) if self.log else self._steps(about)
        return [t for t in found if self.low * (1 - 1e-9) <= t <= self.high * 1.000001]

    def _steps(self, about: int) -> list[float]:
        step = _nice((self.high - self.low) / about)
        first = math.ceil(self.low / step - 1e-9)
        last = math.floor(self.high / step + 1e-9)
        return [round(i * step, 10) for i in range(first, last + 1)]

    def _decades(self, about: int) -> list[float]:
        first = math.floor(math.log10(self.low))
        last = math.ceil(math.log10(self.high))
        digits = [1.0, 2.0, 5.0]
        if last - first > 3:
            digits = [1.0]
        elif math.log10(self.high / self.low) < 0.75:
            digits = [1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0]
        every = max(1, math.ceil((last - first) / (about + 1)))
        powers = range(first, last + 1, every if len(digits) == 1 else 1)
        return [float(f"{d}e{power}") for power in powers for d in digits]


def _nice(step: float) -> float:
    if step <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(step))
    return float(next(n * power for n in (1, 2, 5, 10) if n * power >= step * 0.999))


def across(low: float, high: float, log: bool = False, margin: float = 0.0) -> Scale:
    """Give a scale over the width of a picture."""
    return Scale(low, high, 8 + margin, WIDTH - 8, log)


def bottom(
    scale: Scale,
    y: float,
    top: float,
    label: str,
    say: Callable[[float], str],
    ticks: Sequence[float] = (),
) -> str:
    """Ticks with grid lines up to `top`, their values, and what the axis is."""
    parts, free = [], -math.inf
    for tick in ticks or scale.ticks():
        x, said = scale(tick), say(tick)
        parts.append(line(x, top, x, y, "grid"))
        half = len(said) * CHARACTER / 2
        at = min(max(x, half), WIDTH - half)
        if at - half > free + 5:
            parts.append(text(at, y + 15, said, "tick", "middle"))
            free = at + half
    parts.append(text(WIDTH / 2, y + 33, label, "label", "middle"))
    return "".join(parts)


def left(scale: Scale, x: float, end: float, say: Callable[[float], str]) -> str:
    """Draw the ticks of an upright axis at x, with grid lines as far as `end`."""
    parts = []
    for tick in scale.ticks():
        y = scale(tick)
        parts.append(line(x, y, end, y, "grid"))
        parts.append(text(x - 6, y + 4, say(tick), "tick", "end"))
    return "".join(parts)


def short(value: float) -> str:
    """Write a number short, for ticks: 12k, 3.4M, 0.05."""
    for limit, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= limit:
            return f"{value / limit:g}{letter}"
    return f"{value:g}"

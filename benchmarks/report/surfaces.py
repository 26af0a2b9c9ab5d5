"""The path of an optimizer over two small landscapes, by its NumPy definition."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np

from benchmarks.report import svg
from benchmarks.report.figures import Figure
from shared.definitions.optimizers import OPTIMIZERS, Optimizer, SophiaG

Point = tuple[float, float]
UPDATES = 200
RATES = (1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0, 3.0, 10.0)
# Of a tensor of one axis these take AdamW's step or a diagonal one.
MATRICES = ("Muon", "Shampoo")


@dataclass(frozen=True)
class Surface:
    name: str
    said: str
    value: Callable[[Any, Any], Any]
    slope: Callable[[float, float], Point]
    start: Point
    best: tuple[Point, ...]
    x: Point
    y: Point
    levels: tuple[float, ...]


def _rosenbrock(x: Any, y: Any) -> Any:
    return (1 - x) ** 2 + 100 * (y - x**2) ** 2


def _rosenbrock_slope(x: float, y: float) -> Point:
    return 2 * (x - 1) - 400 * x * (y - x**2), 200 * (y - x**2)


def _saddle(x: Any, y: Any) -> Any:
    return (x**2 - 1) ** 2 / 4 + 10 * y**2


def _saddle_slope(x: float, y: float) -> Point:
    return x * (x**2 - 1), 20 * y


SURFACES = (
    Surface(
        "Rosenbrock's valley",
        "(1 - x)² + 100 (y - x²)²: curved, steep across and flat along; from "
        "(-1.2, 1) to (1, 1)",
        _rosenbrock,
        _rosenbrock_slope,
        (-1.2, 1.0),
        ((1.0, 1.0),),
        (-1.7, 1.7),
        (-0.7, 1.7),
        (0.1, 0.4, 1.5, 6, 25, 100, 250, 500),
    ),
    Surface(
        "Two wells and a saddle",
        "(x² - 1)² / 4 + 10 y²: steep to the saddle at (0, 0), flat beside it; from "
        "(-0.05, 0.6) to (-1, 0) or (1, 0)",
        _saddle,
        _saddle_slope,
        (-0.05, 0.6),
        ((-1.0, 0.0), (1.0, 0.0)),
        (-1.7, 1.7),
        (-0.85, 0.85),
        (0.02, 0.08, 0.2, 0.27, 0.5, 1.2, 2.5, 5),
    ),
)


@dataclass(frozen=True)
class Path:
    preset: str
    lr: float
    points: tuple[Point, ...]
    value: float


def follow(optimizer: Optimizer, surface: Surface, updates: int) -> list[Point]:
    """Give the place of the parameters to evaluate with after each update, as long
    as they stay within the picture."""
    shape = (1, 2) if type(optimizer).__name__ in MATRICES else (2,)
    xs = {"x": np.array(surface.start).reshape(shape)}
    state: Any = {}
    points = [surface.start]
    for t in range(updates):
        here = xs["x"].ravel()
        gs = {"x": np.array(surface.slope(*map(float, here))).reshape(shape)}
        if isinstance(optimizer, SophiaG) and t % optimizer.every == 0:
            state = optimizer.estimate(gs, state)
        xs, state = optimizer.update(xs, gs, state, float(optimizer.lr))
        x, y = map(float, optimizer.evaluated(xs, state)["x"].ravel())
        if not _within((x, y), surface):
            break
        points.append((x, y))
    return points


@cache
def best(preset: str, surface: Surface) -> Path:
    """Take the rate of a grid that gets lowest and stays within the picture."""
    found = []
    for rate in RATES:
        optimizer = replace(OPTIMIZERS[preset], lr=rate, weight_decay=0.0)
        with np.errstate(all="ignore"):
            points = follow(optimizer, surface, UPDATES)
        value = float(surface.value(*points[-1]))
        if len(points) <= UPDATES:
            value = math.inf
        found.append(Path(preset, rate, tuple(points), value))
    return min(found, key=lambda path: path.value)


def _within(point: Point, surface: Surface) -> bool:
    (x0, x1), (y0, y1) = surface.x, surface.y
    return x0 <= point[0] <= x1 and y0 <= point[1] <= y1


@cache
def _contours(number: int) -> str:
    """Draw lines of equal value, at levels about equal factors apart."""
    from contourpy import contour_generator

    surface = SURFACES[number]
    xs, ys = np.linspace(*surface.x, 121), np.linspace(*surface.y, 91)
    generator = contour_generator(xs, ys, surface.value(*np.meshgrid(xs, ys)))
    x, y = _scales(surface)
    parts = []
    for i, level in enumerate(surface.levels):
        found: Any = generator.lines(level)
        for line in found:
            at = [(x(float(px)), y(float(py))) for px, py in line]
            share = 0.75 - 0.55 * i / len(surface.levels)
            parts.append(svg.path(at, "contour", f"opacity:{share:.2f}"))
    return "".join(parts)


def _scales(surface: Surface) -> tuple[svg.Scale, svg.Scale]:
    return svg.Scale(*surface.x, 6, svg.WIDTH - 6), svg.Scale(*surface.y, 330, 26)


def figure(presets: Sequence[str], number: int) -> Figure:
    surface = SURFACES[number]
    paths = [best(preset, surface) for preset in presets]
    x, y = _scales(surface)
    parts = [_contours(number)]
    parts += [svg.text(x(a), y(b) + 5, "+", "goal", "middle") for a, b in surface.best]
    for i, path in enumerate(paths):
        if math.isfinite(path.value):
            parts.append(_drawn(path, i, x, y))
        parts.append(_key(path.preset, i))
    rows = tuple(
        (p.preset, f"{p.lr:g}", f"{p.value:.2g}" if math.isfinite(p.value) else "left")
        for p in paths
    )
    told = "; ".join(f"{preset} reaches {value}" for preset, _, value in rows)
    return Figure(
        f"path-{number}",
        surface.name,
        svg.picture(surface.name, "".join(parts), 336, told),
        ("preset", "learning rate", f"value after {UPDATES} updates"),
        rows,
        _note(surface, type(OPTIMIZERS[presets[0]])),
    )


def _note(surface: Surface, kind: type[Optimizer]) -> str:
    said = (
        f"{surface.said}. {UPDATES} updates without decay, with the rate of "
        f"{RATES[0]:g} to {RATES[-1]:g} that ends lowest; it says how an algorithm "
        "moves, not which is better."
    )
    if kind.__name__ in MATRICES:
        said += " The point is a matrix of one row, which is what this one is for."
    if kind is SophiaG:
        said += " The curvature is of the same gradients: there are no labels to draw."
    return said


def _drawn(path: Path, i: int, x: svg.Scale, y: svg.Scale) -> str:
    at = [(x(a), y(b)) for a, b in path.points]
    kind = f"series-{i}"
    dots = [svg.tag("circle", cx=a, cy=b, r=1.7, class_=f"dot {kind}") for a, b in at]
    first, last = at[0], at[-1]
    return "".join(
        (
            svg.path(at, f"line {'thin' if i else 'first'} {kind}"),
            *dots,
            svg.tag("circle", cx=first[0], cy=first[1], r=5, class_=f"ring {kind}"),
            svg.tag("circle", cx=last[0], cy=last[1], r=4.5, class_=f"dot {kind}"),
        )
    )


def _key(preset: str, i: int) -> str:
    x = 8 + i * 152
    return svg.tag(
        "circle", cx=x + 5, cy=12, r=4.5, class_=f"dot series-{i}"
    ) + svg.text(x + 15, 16, preset, "tick")

"""How far a framework's native forms of decoding, boxes, diffusion and returns are from
the definitions in NumPy, float64; what the tests ask, and the mutants."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from parity_tests import tolerances
from parity_tests.callbacks import CALLBACKS
from shared.arrays import Array
from shared.contract import flat
from shared.definitions import boxes, decoding, diffusion
from shared.definitions.decoding import Beams, BeamSearch, Sample
from shared.definitions.diffusion import DDIM, DDPM, CosineNoise, LinearNoise, Times
from shared.definitions.returns import GAE, Discounted, TemporalDifference
from shared.frameworks import PACKAGES
from shared.randomness import generator
from shared.running.client import Worker

TIE = 1e-9  # a decision made by less may fall otherwise elsewhere


@dataclass(frozen=True)
class Case:
    """A definition, which is a function or a method of settings, and what it is given.

    margin: of the same arguments, by how much each row was decided; None where nothing
        is, or where numbers are such that no rounding excuses another decision.
    callback: of what `arguments` has first, the name in parity_tests/natives.py of what
        makes a callback of it.
    """

    name: str
    definition: Callable[..., Any]
    arguments: tuple[Any, ...]
    margin: Callable[..., Array] | None = None
    callback: str = ""

    @property
    def kind(self) -> str:
        """What a mutant's owner is called, in small and in one word."""
        held = getattr(self.definition, "__self__", None)
        name = self.definition.__name__ if held is None else type(held).__name__
        return name.replace("_", "")


@dataclass(frozen=True)
class Found:
    """What a framework said of a case: what is wrong with it, "" if nothing, and how
    many rows are otherwise by a tie."""

    wrong: str
    ties: int = 0


def of_case(worker: Worker, case: Case) -> Found:
    package = PACKAGES[worker.framework]
    if case.callback:
        target = f"parity_tests.natives:{case.callback}"
        found = worker.ask(target, package, case.definition, case.arguments)
    else:
        target = f"{package}.definitions:define"
        found = worker.ask(target, case.definition, case.arguments)
    return compare(case, wanted(case), found)


def wanted(case: Case) -> tuple[Array, ...]:
    """Compute the definition's own answer."""
    arguments = case.arguments
    if case.callback:
        given, *rest = arguments
        arguments = (CALLBACKS[case.callback](given), *rest)
    return tuple(np.asarray(value) for value in flat(case.definition(*arguments)))


def compare(case: Case, wanted: tuple[Array, ...], found: tuple[Array, ...]) -> Found:
    if len(wanted) != len(found):
        return Found(f"{len(found)} outputs, not {len(wanted)}")
    tied = np.array(False)
    if case.margin is not None:
        tied = case.margin(*case.arguments) < TIE
    differ = np.zeros_like(tied)
    for number, (a, b) in enumerate(zip(wanted, found, strict=True)):
        if a.shape != b.shape or a.dtype.kind != b.dtype.kind:
            said = f"{b.dtype} {b.shape}, not {a.dtype} {a.shape}"
            return Found(f"output {number}: {said}")
        other = _differs(a, b)
        rows = other.reshape(*tied.shape, -1).any(-1)
        if (rows & ~tied).any():
            other &= ~tied.reshape(*tied.shape, *[1] * (other.ndim - tied.ndim))
            at = tuple(map(int, np.unravel_index(other.argmax(), other.shape)))
            return Found(f"output {number}: {b[at]} at {at}, not {a[at]}")
        differ |= rows
    return Found("", int(differ.sum()))


def _differs(a: Array, b: Array) -> Array:
    """Where b is not a: at all, of numbers that decide nothing by more than the bound
    times the largest."""
    if a.dtype.kind != "f":
        return np.asarray(a != b)
    real = np.isfinite(a)
    bound = tolerances.OPTIMIZER * np.abs(np.where(real, a, 0)).max(initial=0.0)
    with np.errstate(invalid="ignore"):
        near = np.abs(a - b) <= bound
    return ~np.where(real, near, a == b)


# Decoding

SAMPLES = {
    "all": Sample(),
    "cold": Sample(temperature=0.3),
    "hot": Sample(temperature=3.0),
    "top 1": Sample(top_k=1),
    "top 3": Sample(top_k=3),
    "top of more than there are": Sample(top_k=50),
    "nucleus": Sample(top_p=0.6),
    "least nucleus": Sample(top_p=1e-300),
    "whole nucleus": Sample(top_p=1.0),
    "each filter": Sample(temperature=1.5, top_k=4, top_p=0.7),
}
SEARCHES = {
    "one": BeamSearch(width=1, end=2, length=5),
    "several": BeamSearch(width=3, end=0, length=6),
    "penalty": BeamSearch(width=3, end=1, length=6, length_penalty=0.6),
    "long": BeamSearch(width=4, end=4, length=6, length_penalty=3.0),
    "more than tokens": BeamSearch(width=12, end=3, length=3, length_penalty=1.0),
}
TOKENS = 7


def rows_of_logits() -> Array:
    """Draw rows of each kind: any, equal, in pairs, forbidden, far apart, both
    zeros."""
    draw = generator("defined", "logits")
    z = draw.standard_normal((12, TOKENS))
    z[4] = 0.25
    z[5] = [1, 0, 1, 0, 1, 0, 1]
    z[6, [0, 2, 5]] = -np.inf
    z[7] = [-np.inf] * 5 + [0.5, -np.inf]
    z[8] *= 1e3
    z[9] = [0.0, -0.0, 0.0, -0.0, -1.0, 0.0, -0.0]
    return z


def _decoding() -> Iterator[Case]:
    z = rows_of_logits()
    for name, some in (("rows", z), ("one", z[:3, :1]), ("none", z[:0])):
        yield Case(f"greedy, {name}", decoding.greedy, (some,))
    u = generator("defined", "uniform").random(len(z))
    u[[1, 2, 7, 10, 11]] = 0.0, 1 - 2**-53, 1.0, 1.0, 0.999
    three = np.stack([z, z[::-1]]), np.stack([u, u[::-1]])
    for name, one in SAMPLES.items():
        yield Case(f"probabilities, {name}", one.probabilities, (z,))
        yield Case(f"next, {name}", one.next_token, (z, u), one.margin)
    whole = SAMPLES["each filter"]
    for name, one in (("all", SAMPLES["cold"]), ("each filter", whole)):
        yield Case(f"next, three axes, {name}", one.next_token, three, one.margin)
    # Short rows some frameworks sort otherwise than long ones.
    equal = np.zeros((2, 40)), np.array([0.12, 0.72])
    yield Case("many equal ones", Sample(top_k=20).next_token, equal)
    yield Case("next of one", whole.next_token, (z[:3, :1], u[:3]))
    yield Case("next of none", whole.next_token, (z[:0], u[:0]))
    even = np.zeros((4, 4)), np.array([0.0, 0.25, 0.5, 0.75])
    yield Case("borders, all", Sample().next_token, even)
    yield Case("borders, nucleus", Sample(top_p=0.5).next_token, even)
    yield Case("borders, of that", Sample(top_p=0.75).probabilities, even[:1])
    for name, search in SEARCHES.items():
        yield from _searches(name, search)


def _searches(name: str, search: BeamSearch) -> Iterator[Case]:
    draw = generator("defined", "beams", name)
    tables = {
        "any": np.log(draw.dirichlet(np.ones(TOKENS), (2, search.width, TOKENS))),
        "equal": np.full((2, search.width, TOKENS, TOKENS), -2.0),
        "forbidden": np.log(draw.dirichlet(np.full(TOKENS, 0.5), (2, 1, TOKENS))),
    }
    tables["forbidden"][..., 5:] = -np.inf
    yield Case(f"start, {name}", search.start, (2,))
    yield Case(f"penalty, {name}", search.penalty, (np.arange(9.0),))
    for kind, table in tables.items():
        beams = search.start(2)
        margin = None if kind == "equal" else search.margin
        for position in range(3):
            log_p = np.broadcast_to(
                table[:, :, position], (2, search.width, TOKENS)
            ).copy()
            given: tuple[Any, ...] = beams, log_p, np.array(position)
            yield Case(f"step {position}, {name}, {kind}", search.step, given, margin)
            yield Case(f"margin {position}, {name}, {kind}", search.margin, given)
            beams = search.step(*given)
    done = Beams(*beams[:3], np.full_like(beams.finished, True), beams.parents)
    yield Case(f"all finished, {name}", search.step, (done, log_p, np.array(2)))
    table = tables["any"][0, 0]
    for kind in ("any", "ends"):
        if kind == "ends":  # all do, soon
            table = np.where(np.arange(TOKENS) == search.end, -0.01, table - 9)
        case = Case(f"search, {name}, {kind}", search.search, (table, 2))
        yield replace(case, callback="following_table")
        given = table, np.zeros((2 * search.width, 1), np.int64), 2
        case = Case(f"search, cached, {name}, {kind}", search.search_cached, given)
        yield replace(case, callback="adding_tokens")


# Boxes


def rows_of_boxes() -> Array:
    """Draw [2, 12, 4]: any, equal, inside one another, touching, empty, turned."""
    draw = generator("defined", "boxes")
    found = draw.random((2, 12, 4)) * 4
    found[..., 2:] += found[..., :2]
    found[:, 4] = found[:, 3]
    found[:, 5] = [0, 0, 2, 2]
    found[:, 6] = [0, 0, 2, 1]
    found[:, 7] = [2, 0, 4, 2]
    found[:, 8] = [1, 1, 1, 3]  # no width
    found[:, 9] = [1, 1, 1, 1]
    found[:, 10] = [3, 3, 1, 1]  # turned
    found[1, 11] = found[1, 9]
    return found


CONVERSIONS = (
    boxes.xywh_to_xyxy,
    boxes.xyxy_to_xywh,
    boxes.cxcywh_to_xyxy,
    boxes.xyxy_to_cxcywh,
    boxes.area,
)
CODERS = {
    "plain": boxes.BoxCoder(),
    "weights": boxes.BoxCoder(weights=(10.0, 9.0, 5.0, 4.0), largest=1.5),
    "bounds": boxes.BoxCoder(largest=0.5, smallest=0.8),
}
SUPPRESSIONS = {
    "half": boxes.NMS(),
    "some": boxes.NMS(threshold=0.2, limit=4),
    "any overlap": boxes.NMS(threshold=0.0, limit=20),
    "none": boxes.NMS(threshold=1.0, limit=12),
    "best": boxes.NMS(threshold=0.3, limit=1),
}
MATCHINGS = {
    "anchors": boxes.Matching(),
    "unforced": boxes.Matching(high=0.4, low=0.1, force=False),
    "priors": boxes.Matching(high=0.5, low=0.5),
    "all": boxes.Matching(high=0.0, low=0.0),
}


def _boxes() -> Iterator[Case]:
    given = rows_of_boxes()
    sizes = np.array([[3.0, 4.0], [5.0, 2.5]])
    for convert in CONVERSIONS:
        for name, some in (("rows", given), ("one", given[0, :1]), ("none", given[:0])):
            yield Case(f"{convert.__name__}, {name}", convert, (some,))
    for by_size in (boxes.to_unit, boxes.to_pixels, boxes.clipped):
        yield Case(by_size.__name__, by_size, (given - 1, sizes))
        yield Case(f"{by_size.__name__} of one", by_size, (given[1], sizes[1]))
    for overlap in (boxes.iou, boxes.giou):
        name = overlap.__name__
        yield Case(f"{name}, rows", overlap, (given, given[:, ::-1]))
        yield Case(f"{name}, anchors", overlap, (given[0], given[:, :5]))
        yield Case(f"{name}, far", overlap, (given - 100, given[:, 3:]))
        yield Case(f"{name}, small", overlap, (given / 8, given[:, ::-1] / 8))
        yield Case(f"{name}, none", overlap, (given, given[:, :0]))
    anchors = given[:, [3, 0, 1, 2, 5, 6, 7, 8, 9, 4, 10, 11]]
    for name, coder in CODERS.items():
        codes = coder.encode(given, anchors)
        yield Case(f"encode, {name}", coder.encode, (given, anchors))
        yield Case(f"encode to all, {name}", coder.encode, (given, anchors[0]))
        yield Case(f"decode, {name}", coder.decode, (codes, anchors))
        yield Case(f"decode far, {name}", coder.decode, (4 * codes + 1, anchors[0]))
    yield from _suppressed(given)
    yield from _matched(given)


def _suppressed(given: Array) -> Iterator[Case]:
    draw = generator("defined", "nms")
    scores = draw.random((2, 12))
    classes = draw.integers(0, 3, (2, 12))
    few = draw.random((2, 12)) < 0.7
    every = np.full((2, 12), True)
    crowd = np.tile(np.array([0.0, 0, 10, 10]), (2, 30, 1))
    crowd += draw.normal(size=(2, 30, 4))
    many = draw.random((2, 30)), np.full((2, 30), True)
    # Each suppresses the next; the first is the best.
    row = np.arange(9.0)[None, :, None] + np.array([0, 0, 2.5, 1])
    chain = row * np.array([1, 0, 1, 0]) + np.array([0, 0, 0, 1])
    falling = -np.arange(9.0)[None], np.full((1, 9), True)
    for name, nms in SUPPRESSIONS.items():
        plain, by_class = nms.select, nms.select_by_class
        margin, of_class = nms.margin, nms.margin_by_class
        yield Case(f"nms, {name}", plain, (given, scores, few), margin)
        yield Case(
            f"nms by class, {name}", by_class, (given, scores, every, classes), of_class
        )
        yield Case(f"nms of a crowd, {name}", plain, (crowd, *many), margin)
        yield Case(f"nms of a chain, {name}", plain, (chain, *falling))
        equal = np.round(given), 0 * scores, few
        yield Case(f"nms of equal scores, {name}", plain, equal)
        yield Case(f"nms of nothing valid, {name}", plain, (given, scores, few & False))
        yield Case(
            f"nms of one, {name}", plain, (given[:, :1], *_cut(1, scores, every))
        )
    apart = np.arange(40.0)[None, :, None] + np.array([0, 0, 0.5, 1])
    alike = np.ones((1, 40)), np.arange(40)[None] % 3 > 0
    yield Case("nms of many equal scores", boxes.NMS().select, (apart, *alike))
    # One overlaps the other by exactly the threshold, which is not above it.
    halves = np.array([[[0.0, 0, 4, 4], [0, 0, 4, 2]]]), *_cut(2, *falling)
    nms, zeros = SUPPRESSIONS["half"], np.zeros((1, 2), int)
    yield Case("nms at the threshold", nms.select, halves)
    yield Case("nms by class at the threshold", nms.select_by_class, (*halves, zeros))
    none = given[:, :0], *_cut(0, scores, every)
    yield Case("nms of none", nms.select, none)
    yield Case("nms of none by class", nms.select_by_class, (*none, classes[:, :0]))


def _cut(number: int, *arrays: Array) -> tuple[Array, ...]:
    return tuple(array[:, :number] for array in arrays)


def _matched(given: Array) -> Iterator[Case]:
    draw = generator("defined", "matching")
    anchors = np.concatenate([given[0], given[0] + 0.3, given[1] - 0.2])
    truths, valid = given[:, :6] + 0.1, draw.random((2, 6)) < 0.7
    # Two true boxes whose best anchor is the same, one box that none overlaps, and
    # overlaps of exactly a half, a quarter and 0.
    exact = np.array([[0.0, 0, 4, 4], [0, 0, 4, 2], [8, 8, 9, 9], [0, 0, 2, 4]])
    contested = np.array(
        [[[0.0, 0, 4, 4], [0, 0, 4, 4], [50, 50, 51, 51], [0, 0, 2, 2], [0, 2, 4, 4]]]
    )
    all_valid = np.full((1, 5), True)
    # The first anchor is nobody's: not of the box that none overlaps either.
    alone = exact[[2, 0]], contested[:, [2, 0]], all_valid[:, :2]
    for name, matching in MATCHINGS.items():
        assign, margin = matching.assign, matching.margin
        yield Case(f"matching, {name}", assign, (anchors, truths, valid), margin)
        own = np.stack([anchors, anchors[::-1] + 0.1])
        yield Case(f"matching of own, {name}", assign, (own, truths, valid), margin)
        yield Case(f"matching exactly, {name}", assign, (exact, contested, all_valid))
        yield Case(f"matching nobody's, {name}", assign, alone)
        yield Case(
            f"matching exactly one, {name}",
            assign,
            (exact, contested[:, 3:], all_valid[:, 3:]),
        )
        yield Case(
            f"matching of none, {name}", assign, (anchors, truths, valid & False)
        )
        empty = anchors, truths[:, :0], valid[:, :0]
        yield Case(f"matching of nothing, {name}", assign, empty)


# Diffusion

NOISINGS = {
    "linear": LinearNoise(),
    "linear, ten": LinearNoise(steps=10, first=0.05, last=0.6),
    "linear, one": LinearNoise(steps=1),
    "cosine": CosineNoise(),
    "cosine, twenty": CosineNoise(steps=20, offset=0.1, largest=0.5),
}
SAMPLERS = {
    "ddpm": DDPM(),
    "ddpm, larger": DDPM(variance="beta"),
    "ddpm, clipped": DDPM(limit=0.7),
    "ddim": DDIM(),
    "ddim, half": DDIM(eta=0.5),
    "ddim, whole": DDIM(eta=1.0),
    "ddim, clipped": DDIM(eta=0.3, limit=0.7),
}
STOPS = {
    "linear": (Times(number=7), 30),
    "linear, all": (Times(number=10), 10),
    "quadratic": (Times(number=8, spacing="quadratic"), 200),
    "quadratic, dense": (Times(number=9, spacing="quadratic"), 11),
    "one": (Times(number=1, spacing="quadratic"), 5),
}
BETWEEN = (
    diffusion.noised,
    diffusion.x0_of_noise,
    diffusion.noise_of_x0,
    diffusion.velocity,
    diffusion.x0_of_velocity,
    diffusion.noise_of_velocity,
)


def _diffusion() -> Iterator[Case]:
    for name, noising in NOISINGS.items():
        t = np.arange(-1, noising.steps)
        yield Case(f"betas, {name}", noising.betas, ())
        yield Case(f"alpha_bars, {name}", noising.alpha_bars, ())
        yield Case(f"alpha_bar, {name}", noising.alpha_bar, (t,))
    draw = generator("defined", "diffusion")
    a, before = np.array([0.02, 0.3, 0.75, 0.9]), np.array([0.05, 0.9, 0.8, 1.0])
    for shape in ((4,), (4, 3), (4, 3, 2, 2)):
        x, y, normal = draw.standard_normal((3, *shape))
        for of_two in BETWEEN:
            name = f"{of_two.__name__}, {len(shape)} axes"
            yield Case(name, of_two, (x, y, a))
        if len(shape) != 2:
            for name, sampler in SAMPLERS.items():
                given = x, y, normal, a, before
                yield Case(f"step, {name}, {len(shape)} axes", sampler.step, given)
    for name, (times, steps) in STOPS.items():
        yield Case(f"times, {name}", times.of, (steps,))
    x, normals = draw.standard_normal((2, 3)), draw.standard_normal((4, 2, 3))
    noising = NOISINGS["linear, ten"]
    for name, sampler in SAMPLERS.items():
        scales = draw.random(noising.steps)
        all_of = scales, x, normals, noising, np.array([0, 3, 4, 9])
        yield Case(f"sample, {name}", sampler.sample, all_of, callback="scaling")
    once = scales, x, normals[:1], noising, np.array([5])
    yield Case("sample at once", DDPM().sample, once, callback="scaling")


# Returns

RETURNS = {
    "plain": Discounted(),
    "none": Discounted(gamma=0.0),
    "whole": Discounted(gamma=1.0),
}
ADVANTAGES = {
    "plain": GAE(),
    "short": GAE(gamma=0.9, lam=0.0),
    "whole": GAE(gamma=1.0, lam=1.0),
    "now": GAE(gamma=0.0),
}


def _returns() -> Iterator[Case]:
    draw = generator("defined", "returns")
    r, v = draw.standard_normal((2, 9, 4))
    last = draw.standard_normal(4)
    done = draw.random((9, 4)) < 0.3
    done[:, 2:] = True, False
    done[8, 0] = False
    cases = {
        "rows": (r, v, done, last),
        "one row": (r[:, 0], v[:, 0], done[:, 0], last[0]),
        "one step": (r[:1], v[:1], done[:1], last),
        "no step": (r[:0], v[:0], done[:0], last),
    }
    for kind, (r, v, done, last) in cases.items():
        last = np.asarray(last)
        for name, one in RETURNS.items():
            yield Case(f"returns, {name}, {kind}", one.returns, (r, done, last))
        for gamma in (0.99, 0.5):
            target = TemporalDifference(gamma=gamma).target
            yield Case(f"target, {gamma}, {kind}", target, (r, done, v))
        for name, gae in ADVANTAGES.items():
            yield Case(f"gae, {name}, {kind}", gae.advantages, (r, v, done, last))


MADE = {
    "decoding": _decoding,
    "boxes": _boxes,
    "diffusion": _diffusion,
    "returns": _returns,
}
CASES = {part: {case.name: case for case in made()} for part, made in MADE.items()}
SETTINGS: dict[str, dict[str, Any]] = {
    "decoding": {
        **SAMPLES,
        "search": SEARCHES["penalty"],
    },
    "boxes": {**CODERS, "nms": boxes.NMS(), "matching": boxes.Matching()},
    "diffusion": {
        **NOISINGS,
        **{name: SAMPLERS[name] for name in ("ddpm, clipped", "ddim, clipped")},
        "times": Times(number=3),
    },
    "returns": {
        "returns": Discounted(),
        "target": TemporalDifference(),
        "gae": GAE(),
    },
}

"""Where a port goes wrong: every layer that does, in one run.

The port is run with the reference's own inputs and outputs in the place of its layers'.
A layer whose output differs though its input was right is wrong; one whose input
differs though all before it was put right shows a mistake between the two.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from parity_tests.compare import Array, error
from parity_tests.ports import causes, forcing, formulas, gaps
from parity_tests.ports.causes import Cause
from parity_tests.ports.compare import Sides, between, fitted
from parity_tests.ports.dumps import Call, Dump
from parity_tests.ports.pairing import Met, meet
from parity_tests.ports.recording import Live
from parity_tests.ports.scenes import equal
from shared.errors import UsageError

LAYER, BETWEEN, OUTPUT = "layer", "between", "output"
BUFFER, GRADIENT, SETTING = "buffer", "gradient", "setting"
NOISE = "noise"  # a model that draws numbers


@dataclass(frozen=True)
class Guilty:
    """A place that is wrong: a layer, or what lies between two."""

    what: str
    layer: str  # the reference's name
    other: str  # the port's
    error: float
    said: str
    mode: str = "evaluation"
    causes: tuple[Cause, ...] = ()
    file: str = ""  # of the port
    line: int = 0
    reference_file: str = ""
    reference_line: int = 0


def fused(one: Array, two: Array, tolerance: float) -> str:
    """The activation that one side has inside its layer and the other behind it."""
    a = fitted(one, two)
    if a is None or a.dtype.kind != "f" or a.size > 1 << 22:
        return ""
    with np.errstate(all="ignore"):
        for name, act in formulas.ACTIVATIONS.items():
            if min(_off(act(a), two), _off(a, act(two))) <= tolerance:
                return name
    return ""


def _off(a: Array, b: Array) -> float:
    return error(a, b)


class Blame:
    """The search for one port, in one mode."""

    def __init__(
        self,
        sides: Sides,
        modules: Mapping[str, str],
        mode: str,
        tolerance: float,
        live: Live | None = None,
    ):
        self.sides, self.modules, self.mode = sides, modules, mode
        self.tolerance, self.live = tolerance, live
        self.calls = sides.reference.runs[mode].calls
        self.met = meet(modules, self.calls, sides.other.runs[mode].calls)
        self.ended = {id(call): i for i, call in enumerate(self.calls)}
        self.who = sides.other.label
        self.forcing = forcing.Forcing(sides, self.met, mode, tolerance, sides.other)

    def find(self) -> list[Guilty]:
        """Every wrong place, in the order in which the reference runs."""
        if self.live is None:
            return self._plainly()
        seen = self._forced(set())
        self.forcing.healed = self._healing(self._gaps(seen, carried=True), seen)
        if self.forcing.healed:
            seen = self._forced(set())
        bad = {id(m): m for m in self.met if self._is_wrong(m, seen)}
        seen = self._reshaped(bad, seen)
        bad = {id(m): m for m in self.met if self._is_wrong(m, seen)}
        acts = {i: act for i, m in bad.items() if (act := self._fused(m, seen))}
        if acts:
            seen = self._forced(set(acts))
        open_ = self._gaps(seen)
        moved = self._moved(open_, bad, set(acts))
        if moved:
            bad = {i: m for i, m in bad.items() if i not in moved}
            seen = self._forced(moved | {*acts})
            open_ = self._gaps(seen)
        found: list[tuple[int, Guilty]] = []
        parted: set[int] = set()
        for gap in open_:
            before = self._before(gap)
            suspect = before and id(before) in acts and self._odd(before, acts)
            if before and suspect:
                acts.pop(id(before))
            elif not self._echo(gap, bad, acts):
                one = self._between(before, gap, seen)
                holder = self._holder(gap) if gap else None
                # What is wrong there may go on in a variable of the same module.
                if id(holder) in parted and not any(c.explains for c in one.causes):
                    continue
                parted.add(id(holder))
                found.append((self._start(gap), one))
        for i, met in bad.items():
            if i in acts or not self._is_wrong(met, seen):
                continue
            if not self._holds(met, open_, bad, acts):
                off = self._left(met, seen)
                found.append((met.reference.start, self._layer(met, off, seen)))
        found.sort(key=lambda item: item[0])
        return [guilty for _, guilty in found] or self._plainly()

    # What a run shows

    def _forced(self, free: set[int]) -> Dump:
        """The port with the reference's tensors in its calls; `free` keep what left."""
        assert self.live is not None
        return self.live.forced(self.mode, self.forcing.values(free))

    def _reshaped(self, bad: Mapping[int, Met], seen: Dump) -> Dump:
        """What is seen behind layers whose own output has another shape, too."""
        wrong = {i for i, m in bad.items() if self._left(m, seen) == math.inf}
        if not wrong:
            return seen
        self.forcing.shaped = wrong
        try:
            self.forcing.like = self._forced(set())
            return self._forced(set())
        except UsageError:  # the port cannot go on with the reference's shape
            self.forcing.shaped, self.forcing.like = set(), self.sides.other
            return seen

    def _healing(self, gaps: Sequence[Met | None], seen: Dump) -> set[int]:
        """Calls, and those in them, that have another layout without harm.

        They are left to themselves; harmless is what the next call does not see.
        """
        outer = [gap for gap in gaps if gap is not None]
        inside = {i for gap in outer for i in self._within(gap)}
        # What comes behind one of them may be off for that one's sake.
        outer = [gap for gap in outer if id(self._before(gap)) not in inside]
        modules = self.sides.reference.modules
        outer += [
            met
            for met in self.met
            if id(met) not in inside
            and modules[met.reference.path].children
            and self._is_wrong(met, seen)
        ]
        within = {id(gap): self._within(gap) for gap in outer}
        self.forcing.healed = {i for inside in within.values() for i in inside}
        if not self.forcing.healed:
            return set()
        seen = self._forced(set())
        found: set[int] = set()
        for gap in outer:
            off = self._seen_of(gap, seen)
            if off is not None and off <= self.tolerance:
                found |= within[id(gap)]
        return found

    def _seen_of(self, gap: Met, seen: Dump) -> float | None:
        """How far off the first is that sees what a call gave: the next call's input,
        or what leaves the one that holds it, if that ends before.

        What goes again itself, and is off, may have another layout, too.
        """
        at: Met | None = gap
        off: float | None = None
        while at is not None:
            behind, holder = self._next(at), self._holder(at)
            if holder is not None and not (behind and _is_in(behind, holder)):
                at, off = holder, self._left(holder, seen)
            elif behind is not None:
                at, off = behind, self._entered(behind, seen)
            else:
                return None
            if id(at) not in self.forcing.healed or not self._is_bad(off):
                return off
        return off

    def _holder(self, met: Met) -> Met | None:
        """The innermost call around another."""
        around = [m for m in self.met if _is_in(met, m)]
        around = [m for m in around if m.reference.start < met.reference.start]
        around = [m for m in around if self._ended(m) > self._ended(met)]
        return max(around, key=lambda m: m.reference.start, default=None)

    def _moved(
        self, gaps: Sequence[Met | None], bad: Mapping[int, Met], free: set[int]
    ) -> set[int]:
        """Layers whose own output, wrong as it is, makes what comes behind them right.

        One model scales within a layer, for example, and the other behind it.
        """
        pairs = [(self._before(gap), gap) for gap in gaps]
        likely = {id(m) for m, _ in pairs if id(m) in bad} - free
        if not likely:
            return set()
        seen = self._forced(free | likely)
        left = {id(gap) for gap in self._gaps(seen, carried=True)}
        return {id(m) for m, gap in pairs if id(m) in likely and id(gap) not in left}

    def _within(self, gap: Met) -> set[int]:
        start = f"{gap.reference.path}."
        inside = (m for m in self.met if m.reference.path.startswith(start))
        return {id(gap), *map(id, inside)}

    def _next(self, gap: Met) -> Met | None:
        """The first call behind one, and not in it, that may see what it gave: that is
        given something else than what was there before, or was made of that alone."""
        start, own = gap.reference.start, self.ended[id(gap.reference)]
        before = [m.reference for m in self.met if m.reference.start <= start]
        known = {key for call in before for key in call.inputs.values()}
        ended = [call for call in before if self.ended[id(call)] < own]
        known |= {key for call in ended for key in call.outputs.values()}
        known -= {*gap.reference.outputs.values()}
        apart: list[Met] = []
        for met in sorted(self.met, key=lambda m: m.reference.start):
            call = met.reference
            if call.start <= start or self.ended[id(call)] < own:
                continue
            if any(_is_in(met, other) for other in apart):
                continue
            if not call.inputs or not {*call.inputs.values()} <= known:
                return met
            apart.append(met)
            known |= {*call.outputs.values()}
        return None

    def _is_wrong(self, met: Met, seen: Dump) -> bool:
        """Whether what left is bad; of shapes that cannot be held against one another
        only where what entered agrees."""
        off = self._left(met, seen)
        if id(met) in self.forcing.healed or not self._is_bad(off):
            return False
        told = off is not None and math.isfinite(off)
        return told or not self._is_bad(self._known(met, seen))

    def _known(self, met: Met, seen: Dump) -> float:
        entered = self._entered(met, seen)
        return math.inf if entered is None else entered

    def _seen(self, met: Met, seen: Dump) -> Call | None:
        return met.again(seen.runs[self.mode].calls)

    def _left(self, met: Met, seen: Dump) -> float | None:
        call = self._seen(met, seen)
        if call is None:
            return None
        ours = met.reference.outputs
        off = between(self.sides.reference, ours, seen, call.outputs)
        return math.inf if off is None and ours and call.outputs else off

    def _entered(self, met: Met, seen: Dump) -> float | None:
        call = self._seen(met, seen)
        if call is None:
            return None
        return between(self.sides.reference, met.reference.inputs, seen, call.inputs)

    def _is_bad(self, off: float | None) -> bool:
        return off is not None and not off <= self.tolerance

    def _fused(self, met: Met, seen: Dump) -> str:
        call = self._seen(met, seen)
        if call is None or len(call.outputs) != 1 or len(met.reference.outputs) != 1:
            return ""
        (one,), (two,) = met.reference.outputs.values(), call.outputs.values()
        return fused(self.sides.reference.array(one), seen.array(two), self.tolerance)

    def entered_bad(self, path: str) -> bool:
        """Whether what entered a layer of the reference's differed in the plain run."""
        calls = [m for m in self.met if m.reference.path == path]
        seen = self.sides.other
        return any(self._is_bad(self._known(m, seen)) for m in calls)

    # What it says

    def _gaps(self, seen: Dump, carried: bool = False) -> list[Met | None]:
        """Calls whose input differs, the outermost alone; None: the model's output.

        carried: those as well whose difference comes from another by a residual branch.
        """
        bad = [
            m
            for m in self.met
            if id(m) not in self.forcing.healed and self._is_bad(self._entered(m, seen))
        ]
        bad.sort(key=lambda m: m.reference.start)
        known: list[Array] = []
        if not carried:
            bad = [m for m in bad if not self._is_carried(self._off_by(m, seen), known)]
        inner = {
            id(m)
            for m in bad
            for outer in bad
            if m.reference.path.startswith(f"{outer.reference.path}.")
        }
        found: list[Met | None] = [m for m in bad if id(m) not in inner]
        one, two = self.sides.reference.runs[self.mode].outputs, seen.runs[self.mode]
        off = between(self.sides.reference, one, seen, two.outputs)
        off = math.inf if off is None else off
        ends = forcing.difference(self.sides.reference, one, seen, two.outputs)
        again = not carried and self._is_carried(ends, known)
        return [*found, None] if self._is_bad(off) and not again else found

    def _off_by(self, met: Met, seen: Dump) -> Array | None:
        """What is too much in what entered a call."""
        call = self._seen(met, seen)
        inputs = call.inputs if call is not None else {}
        one = self.sides.reference
        return forcing.difference(one, met.reference.inputs, seen, inputs)

    def _is_carried(self, off: Array | None, known: list[Array]) -> bool:
        """Whether a difference is one that a residual branch has brought from before;
        one that is not is then known."""
        if off is None or any(equal(off, other) for other in known):
            return off is not None
        known.append(off)
        return False

    def _start(self, gap: Met | None) -> int:
        return 1 << 40 if gap is None else gap.reference.start

    def _before(self, gap: Met | None) -> Met | None:
        """The last call that had ended when this one began."""
        ended = [m for m in self.met if gap is None or self._precedes(m, gap)]
        return max(ended, key=lambda m: self.ended[id(m.reference)], default=None)

    def _precedes(self, one: Met, two: Met) -> bool:
        first, second = one.reference, two.reference
        holds = second.path.startswith(f"{first.path}.")
        return first.start < second.start and not holds

    def _behind(self, met: Met) -> str:
        """The activation that the reference has behind a layer."""
        (left,) = list(met.reference.outputs.values())[:1]
        own = self.sides.reference
        for call in self.calls:
            if left in call.inputs.values() and len(call.outputs) == 1:
                after = own.array(next(iter(call.outputs.values())))
                if act := fused(own.array(left), after, self.tolerance):
                    return act
        return ""

    def _odd(self, met: Met, acts: Mapping[int, str]) -> bool:
        """Whether an activation inside a layer is another than the reference's."""
        if act := self._behind(met):
            return act != acts[id(met)]
        common = Counter(acts.values()).most_common(1)[0][0]
        return len(acts) == 1 or acts[id(met)] != common

    def _echo(
        self, gap: Met | None, bad: Mapping[int, Met], acts: Mapping[int, str]
    ) -> bool:
        """Whether a difference behind a layer is that layer's own, of another form."""
        before = self._before(gap)
        return (
            before is not None
            and id(before) in acts
            and gap is not None
            and (id(gap) in bad and id(gap) in acts)
        )

    def _holds(
        self,
        met: Met,
        gaps: Sequence[Met | None],
        bad: Mapping[int, Met],
        acts: Mapping[int, str],
    ) -> bool:
        """Whether what is wrong lies inside, and is named there."""
        start = f"{met.reference.path}."
        inside = [g for g in gaps if g is not None]
        inside += [m for i, m in bad.items() if i not in acts]
        return any(m.reference.path.startswith(start) for m in inside)

    def _layer(self, met: Met, off: float | None, seen: Dump) -> Guilty:
        entered = self._entered(met, seen)
        known = "its input agrees" if entered is not None else "its input is padded"
        said = f"{self.who} diverges first in {met.name} ({known}), by {_size(off)}"
        why = causes.of_layer(self.sides, met, seen, self.mode)
        last = self._last_in(met)
        if last is not None and not any(cause.explains for cause in why):
            why = gaps.of_end(self.sides, last, met, seen, self.mode) or why
        if why and why[0].name == "activation" and why[0].reference == "none":
            own = self._behind(met) or "none"
            why = [replace(why[0], reference=own), *why[1:]]
        places = met.reference.path, met.other.path
        return Guilty(LAYER, *places, off or 0.0, said, self.mode, tuple(why[:3]))

    def _last_in(self, met: Met) -> Met | None:
        """The call within another that ends last."""
        start = f"{met.reference.path}."
        inner = [m for m in self.met if m.reference.path.startswith(start)]
        inner = [m for m in inner if m.reference.start > met.reference.start]
        inner = [m for m in inner if self._ended(m) < self._ended(met)]
        return max(inner, key=self._ended, default=None)

    def _ended(self, met: Met) -> int:
        return self.ended[id(met.reference)]

    def _between(self, before: Met | None, gap: Met | None, seen: Dump) -> Guilty:
        last = before.name if before else "the input"
        if gap is None:
            last = self._last_output() or last
            said = f"{self.who} diverges after {last}, the last layer that agrees"
            other = before.other.path if before else ""
            why = gaps.of_output(self.sides, before, seen, self.mode)
            return Guilty(OUTPUT, last, other, 0.0, said, self.mode, tuple(why[:3]))
        said = (
            f"{self.who} diverges {inside(last, gap.name)}between {last}, which "
            f"agrees, and {gap.name}, whose input differs already"
        )
        why = gaps.of_gap(self.sides, before, gap, seen, self.mode)
        holder = self._holder(gap)
        if not why and holder is not None:
            why = causes.told(self.sides, holder)
        places = gap.reference.path, gap.other.path
        return Guilty(BETWEEN, *places, 0.0, said, self.mode, tuple(why[:3]))

    def _last_output(self) -> str:
        """Of several outputs the last before the first that differs."""
        one, two = self.sides.reference, self.sides.other
        ours = one.runs[self.mode].outputs.items()
        theirs = two.runs[self.mode].outputs.items()
        for i, ((p, a), (q, b)) in enumerate(zip(ours, theirs, strict=True)):
            if self._is_bad(between(one, {p: a}, two, {q: b})):
                return f"(output {i - 1})" if i else ""
        return ""

    # Without a model that can be asked again

    def _plainly(self) -> list[Guilty]:
        """The first place at which two records part."""
        seen = self.sides.other
        for met in self.met:
            entered, left = self._entered(met, seen), self._left(met, seen)
            if self._is_bad(entered):
                return [self._between(self._before(met), met, seen)]
            if self._is_bad(left) and not self._fused(met, seen):
                return [self._layer(met, left, seen)]
        return [self._between(self.met[-1] if self.met else None, None, seen)]


def _is_in(one: Met, two: Met) -> bool:
    return one.reference.path.startswith(f"{two.reference.path}.")


def _size(off: float | None) -> str:
    if off is None or math.isinf(off):
        return "a value that is not finite or a shape"
    return f"{off:.2g}"


def inside(one: str, two: str) -> str:
    """Says which module holds both layers, unless it is the whole model."""
    common = []
    for a, b in zip(one.split(".")[:-1], two.split(".")[:-1], strict=False):
        if a != b:
            break
        common.append(a)
    return f"in {'.'.join(common)}, " if common else ""

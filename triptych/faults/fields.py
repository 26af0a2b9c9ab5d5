"""Numbers that no model has, in every field of every spec, plan and definition: refused
where they are given, or all that follows from them can be had."""

import dataclasses
from collections.abc import Iterator
from functools import cached_property
from typing import Any

from hypothesis import strategies as st

from shared.catalog import VARIANTS
from shared.definitions.losses import LOSSES
from shared.definitions.optimizers import OPTIMIZERS
from shared.errors import UsageError
from shared.objectives.plan import Plan
from shared.objectives.supervised import Supervised
from shared.plain import from_plain, to_plain
from shared.specs.base import Spec
from triptych.faults.oracle import Target

EXTREMES: tuple[Any, ...] = (
    *(0, 1, -1, 2, 3, 1000, 1001, 2**24, 2**31 - 1, 2**31, 2**53, 2**63, 10**400),
    *(-(10**400), 10**5000, 0.0, -0.0, 5e-324, 1e-9, 1e-3, 0.5, 1.0, 100.0, 1e37),
    *(1e308, -1e308, float("inf"), -float("inf"), float("nan")),
    *(True, None, "", "1", "<b>", (), [], {}, (0,), [[1]], {"kind": "Spec"}),
)
VALUES = st.one_of(
    st.sampled_from(EXTREMES),
    st.integers(-(2**70), 2**70),
    st.integers(0, 300),
    st.floats(),
    st.floats(1e-3, 100.0),
)
Place = tuple[str | int, ...]


def smallest() -> dict[str, Spec]:
    """The first tiny variant of every kind of spec."""
    found: dict[str, Spec] = {}
    for variant in VARIANTS.values():
        if variant.tiny:
            found.setdefault(type(variant.spec).__name__, variant.spec)
    return found


def plan() -> Plan:
    return Plan(
        objective=Supervised(loss=LOSSES["cross_entropy"]),
        optimizer=OPTIMIZERS["adamw"],
        epochs=2,
        batch_size=4,
    )


def things() -> dict[str, Any]:
    """What has fields, by name."""
    definitions = {**LOSSES, **{f"{k} (optimizer)": v for k, v in OPTIMIZERS.items()}}
    return {**smallest(), **definitions, "Plan": plan()}


def places(value: Any, before: Place = ()) -> Iterator[Place]:
    """Where the numbers of a plain value stand, and what holds them."""
    inside: Any = ()
    if isinstance(value, dict):
        inside = [(k, v) for k, v in value.items() if k != "kind"]
    elif isinstance(value, list):
        inside = enumerate(value)
    for key, item in inside:
        yield (*before, key)
        yield from places(item, (*before, key))


def changed(plain: Any, place: Place, value: Any) -> Any:
    """A plain value with another at this place."""
    first, *rest = place
    copy: Any = dict(plain) if isinstance(plain, dict) else list(plain)
    copy[first] = changed(copy[first], tuple(rest), value) if rest else value
    return copy


def follow(spec: Spec) -> None:
    """Have all that follows from a spec's fields, as the models do when they build."""
    for training in (False, True):
        spec.outputs(training)
    spec.inputs()
    spec.objective()
    spec.programs()
    spec.starts()
    spec.unnamed_products()
    for name in dir(type(spec)):
        if isinstance(getattr(type(spec), name), property | cached_property):
            getattr(spec, name)


Case = tuple[str, tuple[tuple[Place, Any], ...]]


@dataclasses.dataclass(frozen=True)
class Fields:
    """Tries fields of what is known by name."""

    known: dict[str, Any]

    def attempt(self, case: Case) -> None:
        name, changes = case
        thing = self.known[name]
        plain = to_plain(thing)
        for place, value in changes:
            plain = changed(plain, place, value)
        made = from_plain(type(thing), plain)
        if isinstance(made, Spec):
            follow(made)

    def cases(self) -> st.SearchStrategy[Case]:
        at = {name: list(places(to_plain(thing))) for name, thing in self.known.items()}
        names = st.sampled_from([name for name, found in at.items() if found])
        return names.flatmap(
            lambda name: st.tuples(
                st.just(name),
                st.lists(
                    st.tuples(st.sampled_from(at[name]), VALUES), min_size=1, max_size=1
                ).map(tuple),
            )
        )

    def every(self) -> tuple[Case, ...]:
        """Every extreme in every field."""
        return tuple(
            (name, ((place, value),))
            for name, thing in self.known.items()
            for place in places(to_plain(thing))
            for value in EXTREMES
        )


def targets() -> list[Target]:
    specs = {k: v for k, v in things().items() if isinstance(v, Spec)}
    others = {k: v for k, v in things().items() if not isinstance(v, Spec)}
    as_they_are = tuple((name, ()) for name in specs)
    return [
        Target(
            "specs", Fields(specs).cases(), Fields(specs).attempt, (), as_they_are, 3.0
        ),
        Target("definitions", Fields(others).cases(), Fields(others).attempt),
    ]


__all__ = ["Fields", "UsageError", "targets"]

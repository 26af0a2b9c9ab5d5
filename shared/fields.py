"""Frozen dataclasses whose fields say what they allow, and refuse the rest by name."""

import dataclasses
import math
import sys
import types
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from shared.errors import UsageError, brief


@dataclass(frozen=True)
class Range:
    """Bounds of a number; `text` is how a person reads them."""

    low: float
    high: float
    text: str

    def holds(self, value: float) -> bool:
        """Exactly, for whole numbers too that no float can be."""
        return self.low <= value < self.high


# Beyond these a tensor of one field's size would be larger than any machine.
MOST_SIZE, MOST_COUNT, MOST_DEPTH = 1 << 24, 2**31 - 1, 256
LARGEST = sys.float_info.max
# Values of a tuple that may be of any length.
MOST_VALUES = 1000

Size = Annotated[
    int, Range(1, MOST_SIZE + 1, f"a whole number of at least 1, up to {MOST_SIZE}")
]
Count = Annotated[
    int, Range(1, MOST_COUNT + 1, f"a whole number of at least 1, up to {MOST_COUNT}")
]
Index = Annotated[
    int, Range(0, MOST_COUNT + 1, f"a whole number of at least 0, up to {MOST_COUNT}")
]
# The side of a picture, or what is put around one.
Side = Annotated[int, Range(1, 65_537, "a whole number of at least 1, up to 65536")]
Border = Annotated[int, Range(0, 65_537, "a whole number of at least 0, up to 65536")]
# How often a layer or a block is repeated.
Depth = Annotated[
    int, Range(1, MOST_DEPTH + 1, f"a whole number of at least 1, up to {MOST_DEPTH}")
]
Rate = Annotated[float, Range(0.0, 1.0, "a number from 0 up to, not including, 1")]
# Of a width, or a number of blocks, to another.
Ratio = Annotated[float, Range(1e-3, 100.1, "a number above 0, from 0.001 to 100")]
Positive = Annotated[float, Range(5e-324, LARGEST, "a number above 0")]
NonNegative = Annotated[float, Range(0.0, LARGEST, "a number of at least 0")]
Real = Annotated[float, Range(-LARGEST, LARGEST, "a finite number")]


@dataclass(frozen=True, kw_only=True)
class Checked:
    """Base of frozen, keyword-only dataclasses whose annotations are checked."""

    def __post_init__(self) -> None:
        hints = get_type_hints(type(self), include_extras=True)
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            reason = _refusal(value, hints[field.name])
            if reason:
                self.refuse(field.name, value, reason)

    def refuse(self, field: str, value: object, allowed: str) -> None:
        kind = type(self).__name__
        raise UsageError(f"{kind}.{field} is {told(value)}; allowed: {allowed}")


def require(place: str, name: str, value: object, hint: Any) -> None:
    """Check one argument of a function as fields are checked."""
    reason = _refusal(value, hint)
    if reason:
        raise UsageError(f"{place}.{name} is {told(value)}; allowed: {reason}")


def told(value: object) -> str:
    """Write a value for people: a number of hundreds of digits by how many they are."""
    if isinstance(value, int) and not -(10**40) < value < 10**40:
        return f"a number of about {int(value.bit_length() * math.log10(2))} digits"
    try:
        return brief(repr(value))
    except ValueError:  # Python writes no number of thousands of digits
        return f"a {type(value).__name__}"


def _refusal(value: Any, hint: Any) -> str | None:
    """What is allowed instead of `value`, or None where it is fine."""
    origin, args = get_origin(hint), get_args(hint)
    if origin is Annotated:
        base, bounds = args[0], args[1]
        number = (int,) if base is int else (int, float)
        fine = isinstance(value, number) and not isinstance(value, bool)
        return None if fine and bounds.holds(value) else bounds.text
    if origin is Literal:
        choices = ", ".join(repr(a) for a in args)
        return None if value in args else f"one of {choices}"
    if origin is tuple and isinstance(value, tuple):
        if args[-1] is Ellipsis and len(value) > MOST_VALUES:
            return f"up to {MOST_VALUES} values"
        hints = args[:1] * len(value) if args[-1] is Ellipsis else args
        if len(hints) != len(value):
            return f"{len(hints)} values"
        reasons = [_refusal(v, h) for v, h in zip(value, hints, strict=True)]
        return next((f"each {reason}" for reason in reasons if reason), None)
    if origin in (Union, types.UnionType):
        reasons = [_refusal(value, a) for a in args]
        return None if None in reasons else " or ".join(r for r in reasons if r)
    kind = origin or hint
    return None if isinstance(value, kind) else f"a {kind.__name__}"

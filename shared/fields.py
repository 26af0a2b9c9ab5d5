"""Frozen dataclasses whose fields say what they allow, and refuse the rest by name."""

import dataclasses
import math
import types
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from shared.errors import UsageError


@dataclass(frozen=True)
class Range:
    """Bounds of a number; `text` is how a person reads them."""

    low: float
    high: float
    text: str

    def holds(self, value: float) -> bool:
        return math.isfinite(value) and self.low <= value < self.high


Size = Annotated[int, Range(1, math.inf, "a whole number of at least 1")]
Index = Annotated[int, Range(0, math.inf, "a whole number of at least 0")]
Rate = Annotated[float, Range(0.0, 1.0, "a number from 0 up to, not including, 1")]
Positive = Annotated[float, Range(5e-324, math.inf, "a number above 0")]
NonNegative = Annotated[float, Range(0.0, math.inf, "a number of at least 0")]
Real = Annotated[float, Range(-math.inf, math.inf, "a finite number")]


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
        raise UsageError(f"{kind}.{field} is {value!r}; allowed: {allowed}")


def require(place: str, name: str, value: object, hint: Any) -> None:
    """Check one argument of a function as fields are checked."""
    reason = _refusal(value, hint)
    if reason:
        raise UsageError(f"{place}.{name} is {value!r}; allowed: {reason}")


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

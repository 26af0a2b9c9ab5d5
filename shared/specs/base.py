"""What every spec is made of: checked fields, inputs and outputs, variants."""

import dataclasses
import math
import types
from dataclasses import dataclass
from typing import (
    Annotated,
    Any,
    Literal,
    Self,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

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


@dataclass(frozen=True)
class Tensor:
    """One input or output, without its batch axis, in the canonical layout.

    channels_first: axis 1 (the batch is axis 0) holds channels and spatial axes
        follow; frameworks that keep channels last move it there and back.
    below: the values are whole numbers in [0, below); None for real numbers.
    """

    name: str
    shape: tuple[int, ...]
    channels_first: bool = False
    below: int | None = None


def image(channels: int, height: int, width: int, name: str = "image") -> Tensor:
    return Tensor(name, (channels, height, width), channels_first=True)


@dataclass(frozen=True)
class ConvSpec:
    """A convolution with a square kernel; `padding` on each side."""

    c_in: int
    c_out: int
    k: int
    stride: int = 1
    padding: int = 0
    groups: int = 1

    @classmethod
    def padded(
        cls, c_in: int, c_out: int, k: int, stride: int = 1, groups: int = 1
    ) -> Self:
        """With an odd kernel and stride 1 the map keeps its size."""
        return cls(c_in, c_out, k, stride, k // 2, groups)


@dataclass(frozen=True)
class Pool:
    """A pooling window; `padding` on each side."""

    size: int
    stride: int
    padding: int = 0


@dataclass(frozen=True, kw_only=True)
class Spec:
    """Base of every spec; subclasses are dataclasses(frozen=True, kw_only=True).

    The model of `ResNetSpec` is the class `ResNet` in `*_impl/models/`.
    """

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

    def inputs(self) -> tuple[Tensor, ...]:
        raise NotImplementedError

    def outputs(self, training: bool) -> tuple[Tensor, ...]:
        raise NotImplementedError


@dataclass(frozen=True)
class Variant:
    """A spec with a name in the catalog.

    parameters: the trainable ones, as `source` states them.
    tiny: takes every branch of its family's code in milliseconds; it runs at every
        tier, while the others give names and counts (the rest with --full).
    """

    spec: Spec
    parameters: int
    source: str
    tiny: bool = False


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


def to_plain(spec: Spec) -> dict[str, Any]:
    """The spec as JSON can hold it."""
    return dataclasses.asdict(spec)


def from_plain(kind: type[Spec], plain: dict[str, Any]) -> Spec:
    """The inverse of to_plain; refuses unknown and missing fields by name."""
    known = {f.name for f in dataclasses.fields(kind)}
    extra = set(plain) - known
    if extra:
        raise UsageError(f"{kind.__name__} has no field {', '.join(sorted(extra))}")
    try:
        return kind(**{name: _tuples(value) for name, value in plain.items()})
    except TypeError as error:
        raise UsageError(f"{kind.__name__}: {error}") from None


def _tuples(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return tuple(_tuples(v) for v in value)
    return value

"""What every spec is made of: checked fields, inputs and outputs, variants."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Self

from shared.errors import UsageError
from shared.fields import Checked
from shared.initializers import Initializer, Ones, Zeros


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
class Spec(Checked):
    """Base of every spec; subclasses are dataclasses(frozen=True, kw_only=True).

    The model of `ResNetSpec` is the class `ResNet` in `*_impl/models/`.
    """

    def inputs(self) -> tuple[Tensor, ...]:
        raise NotImplementedError

    def outputs(self, training: bool) -> tuple[Tensor, ...]:
        raise NotImplementedError

    def unnamed_products(self) -> int:
        """Multiplications of one sample that belong to no layer's own weight, as
        attention's (shared/flops.py)."""
        return 0

    def starts(self) -> Mapping[str, Initializer]:
        """What tensors hold before training, by shell patterns of their canonical
        names; the first that fits holds. What all families share need not be said."""
        return {}

    def start(self, name: str, shape: tuple[int, ...]) -> Initializer:
        """That of one tensor."""
        for pattern, initializer in self.starts().items():
            if fnmatchcase(name, pattern):
                return initializer
        leaf = name.rsplit(".", 1)[-1]
        if leaf == "running_var" or (leaf == "weight" and len(shape) == 1):
            return Ones()
        if leaf in ("bias", "running_mean"):
            return Zeros()
        raise ValueError(f"{type(self).__name__} does not say what {name} starts from")


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

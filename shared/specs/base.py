"""What every spec is made of: checked fields, inputs and outputs, variants."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Any, ClassVar, Protocol, Self

from shared.arrays import Arrays
from shared.definitions.initializers import Initializer, Ones, Zeros
from shared.definitions.losses import CrossEntropy
from shared.fields import Checked
from shared.objectives.base import Objective
from shared.objectives.supervised import Supervised
from shared.tensors import Program as Program
from shared.tensors import Tensor as Tensor
from shared.tensors import sample


def image(channels: int, height: int, width: int, name: str = "image") -> Tensor:
    return Tensor(name, (channels, height, width), channels_first=True)


Pair = tuple[int, int]
Sides = tuple[Pair, Pair]  # (top, bottom), (left, right)


def pair(value: int | Pair) -> Pair:
    """Give rows and columns, where one number stands for both."""
    return (value, value) if isinstance(value, int) else value


def _sides(padding: int | Pair | Sides) -> Sides:
    rows, columns = (padding,) * 2 if isinstance(padding, int) else padding
    return pair(rows), pair(columns)


def same(size: int, k: int, stride: int) -> Pair:
    """Pad as TensorFlow's "same" does: what is odd goes to the end."""
    total = max((-(-size // stride) - 1) * stride + k - size, 0)
    return total // 2, total - total // 2


def _places(map_size: Pair, pads: Sides, window: Pair, stride: int) -> Pair:
    """Count the places where a window can stand, by rows and by columns."""
    rows, columns = (
        (n + first + last - k) // stride + 1
        for n, (first, last), k in zip(map_size, pads, window, strict=True)
    )
    return rows, columns


@dataclass(frozen=True)
class ConvSpec:
    """A convolution.

    k: the kernel, square or (rows, columns).
    padding: on each side, or (of rows, of columns), or ((top, bottom), (left, right)).
    dilation: how far the kernel's places are apart; then the stride is 1.
    """

    c_in: int
    c_out: int
    k: int | Pair
    stride: int = 1
    padding: int | Pair | Sides = 0
    groups: int = 1
    bias: bool = True
    dilation: int = 1

    @classmethod
    def padded(
        cls,
        c_in: int,
        c_out: int,
        k: int | Pair,
        stride: int = 1,
        groups: int = 1,
        bias: bool = True,
    ) -> Self:
        """Pad half a kernel on each side: with an odd kernel and stride 1 the map keeps
        its size."""
        rows, columns = pair(k)
        return cls(c_in, c_out, k, stride, (rows // 2, columns // 2), groups, bias)

    @classmethod
    def depthwise(
        cls, channels: int, k: int, stride: int = 1, bias: bool = True
    ) -> Self:
        """Convolve each map by itself, padded."""
        return cls.padded(channels, channels, k, stride, channels, bias)

    def dilated(self, rate: int) -> "ConvSpec":
        """Put the places of an odd kernel `rate` apart, at stride 1; the map keeps its
        size."""
        rows, columns = (rate * (k // 2) for k in self.kernel)
        return replace(self, stride=1, padding=(rows, columns), dilation=rate)

    @property
    def kernel(self) -> Pair:
        return pair(self.k)

    @property
    def reach(self) -> Pair:
        """Rows and columns from the kernel's first place to its last."""
        rows, columns = (self.dilation * (k - 1) + 1 for k in self.kernel)
        return rows, columns

    @property
    def pads(self) -> Sides:
        return _sides(self.padding)

    @property
    def keeps_size(self) -> bool:
        """Whether the map keeps its size as by TensorFlow's "same", with as much on
        each side."""
        around = zip(self.pads, self.reach, strict=True)
        return self.stride == 1 and all(
            2 * first == 2 * last == k - 1 for (first, last), k in around
        )

    def map_size(self, rows: int, columns: int) -> Pair:
        """Give the rows and columns that it puts out."""
        return _places((rows, columns), self.pads, self.reach, self.stride)

    @property
    def inputs(self) -> int:
        """What one output is a sum over."""
        rows, columns = self.kernel
        return self.c_in // self.groups * rows * columns


@dataclass(frozen=True)
class Conv1dSpec:
    """A convolution along time. pads: before the first and after the last."""

    c_in: int
    c_out: int
    k: int
    stride: int = 1
    pads: Pair = (0, 0)
    bias: bool = False

    @classmethod
    def same(cls, c_in: int, c_out: int, k: int, stride: int, length: int) -> Self:
        """So many steps become a `stride`-th of them, rounded up."""
        return cls(c_in, c_out, k, stride, same(length, k, stride))


@dataclass(frozen=True)
class ConvTransposeSpec:
    """A transposed convolution: each value of the map adds its multiple of the kernel,
    `stride` places apart.

    padding: what is cut off on each side, or (of rows, of columns).
    output_padding: places at the end, below and on the right, that are not cut off.
    """

    c_in: int
    c_out: int
    k: int | Pair
    stride: int = 1
    padding: int | Pair = 0
    output_padding: int | Pair = 0
    bias: bool = True

    @property
    def kernel(self) -> Pair:
        return pair(self.k)

    @property
    def cuts(self) -> Sides:
        """What is cut off; below nought it is zeros that are added."""
        sides = zip(pair(self.padding), pair(self.output_padding), strict=True)
        rows, columns = ((cut, cut - more) for cut, more in sides)
        return rows, columns

    @property
    def pads(self) -> Sides:
        """Give the padding of a plain convolution over the map with stride - 1 zeros
        between."""
        sides = zip(self.kernel, self.cuts, strict=True)
        rows, columns = ((k - 1 - first, k - 1 - last) for k, (first, last) in sides)
        return rows, columns

    @property
    def scales_size(self) -> bool:
        """The map becomes `stride` times as large, as TensorFlow's "same" makes it."""
        sides = zip(self.kernel, self.cuts, strict=True)
        return all(cut == same(self.stride, k, self.stride) for k, cut in sides)

    def map_size(self, rows: int, columns: int) -> Pair:
        """Give the rows and columns that it puts out."""
        grown = ((rows - 1) * self.stride + 1, (columns - 1) * self.stride + 1)
        return _places(grown, self.pads, self.kernel, 1)


@dataclass(frozen=True)
class Pool:
    """A pooling window; padding as in ConvSpec. It counts as -inf in a maximum.

    ceil: a last window that begins inside and ends outside counts, in a maximum.
    count_pads: in a mean the padding counts as zeros; else as nothing.
    """

    size: int
    stride: int
    padding: int | Pair | Sides = 0
    ceil: bool = False
    count_pads: bool = True

    @property
    def pads(self) -> Sides:
        return _sides(self.padding)

    def map_size(self, rows: int, columns: int) -> Pair:
        """Give the rows and columns that it puts out."""
        pads = self.reach(rows, columns)
        return _places((rows, columns), pads, (self.size, self.size), self.stride)

    def reach(self, rows: int, columns: int) -> Sides:
        """The padding of a map of this size, with what `ceil` adds at its end."""
        if not self.ceil:
            return self.pads
        (top, bottom), (left, right) = self.pads
        return (
            (top, bottom + self._missing(rows, top, bottom)),
            (left, right + self._missing(columns, left, right)),
        )

    def _missing(self, n: int, first: int, last: int) -> int:
        windows = -(-(n + first + last - self.size) // self.stride) + 1
        if (windows - 1) * self.stride >= n + first:  # it would begin outside
            windows -= 1
        return max((windows - 1) * self.stride + self.size - n - first - last, 0)

    def inside(self, rows: int, columns: int) -> tuple[tuple[int, ...], ...]:
        """How many places of each window lie inside, by rows and by columns."""
        return tuple(
            tuple(
                min(start + self.size, n) - max(start, 0)
                for start in range(-first, n + last - self.size + 1, self.stride)
            )
            for n, (first, last) in zip((rows, columns), self.pads, strict=True)
        )


@dataclass(frozen=True)
class SqueezeSpec:
    """Squeeze and excitation (Hu et al. 2017, arXiv:1709.01507)."""

    channels: int
    squeezed: int
    activation: str
    gate: str

    @property
    def convs(self) -> tuple[ConvSpec, ConvSpec]:
        return (
            ConvSpec(self.channels, self.squeezed, 1),
            ConvSpec(self.squeezed, self.channels, 1),
        )


class BatchNormed(Protocol):
    """A spec with batch norm; bn_decay: the share of the OLD running value."""

    @property
    def bn_eps(self) -> float: ...

    @property
    def bn_decay(self) -> float: ...


class GroupNormed(Protocol):
    """A spec with group norm (Wu, He 2018, arXiv:1803.08494)."""

    @property
    def groups(self) -> int: ...

    @property
    def gn_eps(self) -> float: ...


@dataclass(frozen=True, kw_only=True)
class Spec(Checked):
    """Base of every spec; subclasses are dataclasses(frozen=True, kw_only=True).

    The model of `ResNetSpec` is the class `ResNet` in `*_impl/models/`.
    """

    # The awkward inputs that are defined, and equal in all frameworks.
    cases: ClassVar[tuple[str, ...]] = ()

    def inputs(self) -> tuple[Tensor, ...]:
        raise NotImplementedError

    def outputs(self, training: bool) -> tuple[Tensor, ...]:
        raise NotImplementedError

    def programs(self) -> Mapping[str, Program]:
        """What the model can be asked beside `forward`, by name."""
        return {}

    def objective(self) -> Objective:
        """How the family is trained where nothing else is said: here as a classifier,
        whose first output are logits."""
        return Supervised(loss=CrossEntropy())

    def examples(self, batch: int, seed: int, case: str = "") -> Arrays:
        """Draw all inputs of `forward` together; case is one of `cases`."""
        if case:
            raise ValueError(f"{type(self).__name__} does not draw the case {case!r}")
        return tuple(sample(tensor, batch, seed) for tensor in self.inputs())

    def asked(self, program: str, batch: int, seed: int) -> Arrays:
        """Draw all inputs of a program together: those that `forward` has too are
        `forward`'s."""
        known = dict(zip(self.inputs(), self.examples(batch, seed), strict=True))
        return tuple(
            known[tensor] if tensor in known else sample(tensor, batch, seed)
            for tensor in self.programs()[program].inputs
        )

    def wanted(self, inputs: Arrays, seed: int) -> Arrays:
        """What the outputs for such inputs are held against in training."""
        return self.objective().wanted(self, inputs, seed)

    def unnamed_products(self) -> int:
        """Multiplications of one sample that belong to no layer's own weight, as
        attention's (benchmarks/flops.py)."""
        return 0

    def starts(self) -> Mapping[str, Initializer]:
        """What tensors hold before training, by shell patterns of their canonical
        names; the first that fits holds. What all families share need not be said."""
        return {}

    def start(self, name: str, shape: tuple[int, ...]) -> Initializer:
        """Give what one tensor starts from."""
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


@dataclass(frozen=True)
class Original:
    """A network that others wrote: with the same weights it gives what ours gives, so
    it tells what all three get wrong.

    source: a public form of the family's checkpoints (shared/files/checkpoints/).
    name: what parity_tests/originals makes; the first word of `said` is the package.
    spec: ours that is the same network; at a small size where sizes are free, and
        nothing dropped, since what theirs drops are draws of its own.
    without: what is another there by a known difference: "gradients", or a buffer's
        last name.
    """

    source: str
    name: str
    said: str
    spec: Spec
    without: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        source: str,
        name: str,
        said: str,
        variant: Variant,
        without: tuple[str, ...] = (),
        **changes: Any,
    ) -> Self:
        """Take a variant's original, with these fields of its spec changed."""
        return cls(source, name, said, replace(variant.spec, **changes), without)

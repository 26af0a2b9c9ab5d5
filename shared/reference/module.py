"""What every network here is made of: operations with their derivatives by hand, and
modules, which are operations with a name and tensors of their own."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from shared.arrays import Array
from shared.randomness import Draws


class Parameter:
    """A tensor that belongs to a module. Until it is given a value it takes no memory.

    gradient: the sum of what backward passes added since it was last forgotten.
    """

    def __init__(self, shape: tuple[int, ...], trainable: bool = True):
        self.shape, self.trainable = shape, trainable
        self.value: Array = np.broadcast_to(0.0, shape)
        self.gradient: Array | None = None

    def add(self, gradient: Array) -> None:
        """Add to the gradient: a tensor that is used twice has both terms."""
        if self.gradient is not None:
            gradient = self.gradient + gradient
        self.gradient = gradient


class Operation:
    """A function and its derivative.

    `forward` keeps what `backward` will need. `backward` takes the gradient g of a
    number with respect to what `forward` put out, and returns that number's gradient
    with respect to what `forward` took.
    """

    def __call__(self, *inputs: Any) -> Any:
        return self.forward(*inputs)

    def forward(self, *inputs: Any) -> Any:
        raise NotImplementedError

    def backward(self, *gradients: Any) -> Any:
        raise NotImplementedError


class Chain(Operation):
    """Operations one after another; by the chain rule their derivatives in reverse."""

    def __init__(self, *operations: Operation):
        self.operations = operations

    def forward(self, x: Array) -> Array:
        for operation in self.operations:
            x = operation(x)
        return x

    def backward(self, g: Array) -> Array:
        for operation in reversed(self.operations):
            g = operation.backward(g)
        return g


class Module(Operation):
    """An operation that has a name in its model.

    training: whether dropout drops and batch norm uses the batch's statistics.
    watch: is told what went in and what came out of each call.
    """

    training = False
    watch: Callable[[Any, Any], None] | None = None

    def __call__(self, *inputs: Any) -> Any:
        outputs = self.forward(*inputs)
        if self.watch is not None:
            self.watch(inputs, outputs)
        return outputs

    def parameters(self) -> dict[str, Parameter]:
        """Give the tensors of its own, by their names in it, in order of definition."""
        return {k: v for k, v in vars(self).items() if isinstance(v, Parameter)}


class Steps(Module):
    """A module that is operations one after another; what they are, who builds on it
    says."""

    steps: Operation

    def forward(self, x: Array) -> Array:
        return self.steps(x)

    def backward(self, g: Array) -> Array:
        return self.steps.backward(g)


class Each(Operation):
    """An operation called for each of its inputs in turn. Backward it goes from the
    last call to the first, each with what was kept at that call; what a tensor has of
    them all adds up."""

    def __init__(self, operation: Operation):
        self.operation = operation

    def forward(self, *inputs: Any) -> tuple[Any, ...]:
        self.kept: list[list[tuple[Operation, dict[str, Any]]]] = []
        outputs = []
        for x in inputs:
            outputs.append(self.operation(x))
            self.kept.append([(o, dict(vars(o))) for o in operations(self.operation)])
        return tuple(outputs)

    def backward(self, *gradients: Any) -> tuple[Any, ...]:
        found = []
        for g, kept in zip(reversed(gradients), reversed(self.kept), strict=True):
            for operation, values in kept:
                vars(operation).update(values)
            found.append(self.operation.backward(g))
        return tuple(reversed(found))


class Once(Each):
    """One call of an operation that the same run calls elsewhere too."""

    def forward(self, x: Any) -> Any:
        return super().forward(x)[0]

    def backward(self, g: Any) -> Any:
        return super().backward(g)[0]


def operations(root: Any) -> Iterator[Operation]:
    """An operation and all that it is made of."""
    if isinstance(root, Operation):
        yield root
        for value in vars(root).values():
            yield from operations(value)
    elif isinstance(root, list | tuple):
        for value in root:
            yield from operations(value)


class Random(Module):
    """A module that draws; from where, it is told before each run in training."""

    draws = Draws(0, "")


def named_modules(module: Module, path: str = "") -> Iterator[tuple[str, Module]]:
    """Yield every module with its path, in order of definition; the root's is empty."""
    yield path, module
    for name, value in vars(module).items():
        yield from _inside(value, f"{path}.{name}" if path else name)


def _inside(value: Any, path: str) -> Iterator[tuple[str, Module]]:
    """Yield the modules of a module's own, or of lists of them."""
    if isinstance(value, Module):
        yield from named_modules(value, path)
    elif isinstance(value, list):
        for i, one in enumerate(value):
            yield from _inside(one, f"{path}.{i}")


def named_parameters(model: Module) -> dict[str, Parameter]:
    """Give every tensor of a model by its canonical name, in order of definition."""
    return {
        f"{path}.{leaf}" if path else leaf: parameter
        for path, module in named_modules(model)
        for leaf, parameter in module.parameters().items()
    }

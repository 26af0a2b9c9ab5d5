"""Automatic differentiation over arrays, small enough to read: a graph of nodes, each
with its value, what it was made of, and how its gradient is shared among that.

    w = Node(weights)
    loss = ((relu(x @ w) - target) ** 2).mean()
    loss.backward()
    w.gradient

The layers in shared/reference/layers have derivatives by hand; here they follow from
the graph, so each can be held against the other. An operation with a derivative of its
own, as those layers are, joins a graph by `apply`.
"""

from collections.abc import Callable, Iterator
from typing import Any, Union

import numpy as np

from shared.arrays import Array
from shared.reference.module import Operation

Value = Union["Node", Array, float]
# A node's gradient -> that of each of its sources; None where there is none.
Share = Callable[[Array], tuple[Array | None, ...]]


class Node:
    """A value in a graph. `gradient` is None until a backward run reaches it."""

    __array_ufunc__ = None  # array + node is ours, not NumPy's element by element

    def __init__(
        self, value: Any, sources: tuple["Node", ...] = (), share: Share | None = None
    ):
        self.value: Array = np.asarray(value)
        self.sources, self.share = sources, share
        self.gradient: Array | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        return self.value.shape

    def backward(self, gradient: Array | None = None) -> None:
        """Add to the gradient of everything this was made of; without a gradient of
        this itself it is 1."""
        whole = np.ones_like(self.value) if gradient is None else gradient
        waiting = {self: whole}
        for node in _in_order(self):
            if (g := waiting.pop(node, None)) is None:
                continue
            node.gradient = g if node.gradient is None else node.gradient + g
            parts = node.share(g) if node.share is not None else ()
            for source, part in zip(node.sources, parts, strict=True):
                if part is not None:
                    part = _summed(part, source.shape)
                    waiting[source] = waiting.get(source, 0.0) + part

    # Arithmetic, with NumPy's broadcasting

    def __add__(self, other: Value) -> "Node":
        a, b = self, _node(other)
        return Node(a.value + b.value, (a, b), lambda g: (g, g))

    def __mul__(self, other: Value) -> "Node":
        a, b = self, _node(other)
        return Node(a.value * b.value, (a, b), lambda g: (g * b.value, g * a.value))

    def __pow__(self, power: float) -> "Node":
        x = self.value
        return Node(x**power, (self,), lambda g: (g * power * x ** (power - 1),))

    def __matmul__(self, other: Value) -> "Node":
        """Multiply matrices, or stacks of them."""
        a, b = self, _node(other)
        return Node(
            a.value @ b.value, (a, b), lambda g: (g @ b.value.mT, a.value.mT @ g)
        )

    def __neg__(self) -> "Node":
        return self * -1.0

    def __sub__(self, other: Value) -> "Node":
        return self + -_node(other)

    def __truediv__(self, other: Value) -> "Node":
        return self * _node(other) ** -1.0

    def __radd__(self, other: Value) -> "Node":
        return _node(other) + self

    def __rmul__(self, other: Value) -> "Node":
        return _node(other) * self

    def __rsub__(self, other: Value) -> "Node":
        return _node(other) - self

    def __rtruediv__(self, other: Value) -> "Node":
        return _node(other) / self

    def __rmatmul__(self, other: Value) -> "Node":
        return _node(other) @ self

    # Arrangement and sums

    def __getitem__(self, place: Any) -> "Node":
        """What is read more than once has the sum of its gradients."""

        def share(g: Array) -> tuple[Array]:
            total = np.zeros_like(self.value)
            np.add.at(total, place, g)
            return (total,)

        return Node(self.value[place], (self,), share)

    def reshape(self, *shape: int) -> "Node":
        before = self.shape
        value = self.value.reshape(*shape)
        return Node(value, (self,), lambda g: (g.reshape(before),))

    def transpose(self, *axes: int) -> "Node":
        back = np.argsort(axes)
        value = self.value.transpose(axes)
        return Node(value, (self,), lambda g: (g.transpose(back),))

    def sum(self, axis: int | tuple[int, ...] | None = None) -> "Node":
        """Add over all, or over some axes, which stay with a length of 1."""
        value = self.value.sum(axis, keepdims=axis is not None)
        return Node(value, (self,), lambda g: (np.broadcast_to(g, self.shape),))

    def mean(self, axis: int | tuple[int, ...] | None = None) -> "Node":
        total = self.sum(axis)
        return total * (total.value.size / self.value.size)


def _node(value: Value) -> Node:
    return value if isinstance(value, Node) else Node(value)


def _summed(g: Array, shape: tuple[int, ...]) -> Array:
    """The gradient of what was broadcast from this shape: a sum over its copies."""
    g = g.sum(tuple(range(g.ndim - len(shape))))
    copied = tuple(i for i, n in enumerate(shape) if n == 1)
    return g.sum(copied, keepdims=True)


def _in_order(last: Node) -> Iterator[Node]:
    """Every node before those that it was made of, so that its gradient is whole when
    it is shared. Without recursion: a graph may be deeper than Python's stack."""
    done: list[Node] = []
    seen, stack = {last}, [(last, iter(last.sources))]
    while stack:
        node, sources = stack[-1]
        source = next((one for one in sources if one not in seen), None)
        if source is None:
            done.append(node)
            stack.pop()
        else:
            seen.add(source)
            stack.append((source, iter(source.sources)))
    return reversed(done)


# Functions


def exp(x: Node) -> Node:
    y = np.exp(x.value)
    return Node(y, (x,), lambda g: (g * y,))


def log(x: Node) -> Node:
    return Node(np.log(x.value), (x,), lambda g: (g / x.value,))


def tanh(x: Node) -> Node:
    y = np.tanh(x.value)
    return Node(y, (x,), lambda g: (g * (1 - y**2),))


def sigmoid(x: Node) -> Node:
    """1 / (1 + exp(-x)) = (1 + tanh(x / 2)) / 2, which does not overflow."""
    return (1 + tanh(x / 2)) / 2


def relu(x: Node) -> Node:
    """Give the part above 0; the derivative at 0 is 0."""
    return maximum(x, 0.0)


def maximum(one: Value, other: Value) -> Node:
    """Take the larger of two; where they are equal, the other has the gradient."""
    a, b = _node(one), _node(other)
    first = a.value > b.value
    return Node(
        np.maximum(a.value, b.value),
        (a, b),
        lambda g: (np.where(first, g, 0), np.where(first, 0, g)),
    )


def log_softmax(x: Node) -> Node:
    """Take the logarithm of the softmax over the last axis; what is subtracted first
    keeps exp from overflowing."""
    x = x - x.value.max(-1, keepdims=True)
    return x - log(exp(x).sum(-1))


def apply(operation: Operation, *inputs: Value) -> Node:
    """What an operation with its own backward makes of these. Its parameters keep their
    gradients themselves; until it was run backward it must not be called again."""
    nodes = tuple(_node(value) for value in inputs)

    def share(g: Array) -> tuple[Array | None, ...]:
        found = operation.backward(g)
        return found if isinstance(found, tuple) else (found,)

    return Node(operation(*(node.value for node in nodes)), nodes, share)

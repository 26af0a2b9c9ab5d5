"""Weights of any framework laid out as PyTorch lays them, layer by layer.

A layer's parts are views of the arrays that a framework stores: what is read through
one is in PyTorch's layout, and what is written to one lands in the framework's own.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from parity_tests.compare import Array
from parity_tests.ports.dumps import CHANNELS_FIRST, Dump, Module

Values = Mapping[str, Array]
View = Callable[[Values], Array]

ROLES = {
    "kernel": "weight",
    "scale": "weight",
    "gamma": "weight",
    "w": "weight",
    "beta": "bias",
    "b": "bias",
    "offset": "bias",
    "mean": "running_mean",
    "moving_mean": "running_mean",
    "var": "running_var",
    "variance": "running_var",
    "moving_variance": "running_var",
    "embedding": "weight",
    "embeddings": "weight",
}
KINDS = {
    "weight": "weight",
    "bias": "bias",
    "running_mean": "mean",
    "running_var": "variance",
}
GENERAL = ("EinsumDense", "LinearGeneral", "DenseGeneral")
CELLS = ("OptimizedLSTMCell", "GRUCell", "SimpleCell")


@dataclass(frozen=True)
class Part:
    """One tensor of a layer in PyTorch's layout.

    twin: a second bias that is added; rows: the order of the rows, where it differs.
    """

    role: str
    kind: str
    shape: tuple[int, ...]
    view: View
    trainable: bool = True
    stored: tuple[str, ...] = ()
    twin: View | None = None
    rows: Array | None = None
    rule: str = ""

    def read(self, values: Values) -> Array:
        own = self.gradient(values)
        return own if self.twin is None else own + self.twin(values)

    def gradient(self, values: Values) -> Array:
        """Of two biases that are added each has the gradient of the sum."""
        own = self.view(values)
        return own if self.rows is None else own[self.rows]

    def write(self, values: Values, value: Array) -> None:
        own, stored = self.view(values), values[self.stored[0]]
        rows: Any = ... if self.rows is None else self.rows
        if np.may_share_memory(own, stored):
            own[rows] = value.reshape(self.shape)
        else:  # heads that stand in front of what they are summed over
            numbers = np.arange(stored.size).reshape(stored.shape)
            places = self.view({self.stored[0]: numbers})
            stored.reshape(-1)[places[rows]] = value.reshape(self.shape)
        if self.twin is not None:
            self.twin(values)[...] = 0


@dataclass
class Layer:
    """What a module holds; path has the part of a fused one behind it.

    whole: not one tensor of several that a module holds by itself.
    """

    path: str
    module: str
    kind: str
    parts: dict[str, Part] = field(default_factory=dict)
    rank: tuple[int, int] = (0, 0)
    whole: bool = True

    @property
    def names(self) -> dict[str, Part]:
        start = f"{self.path}." if self.path else ""
        return {f"{start}{role}": part for role, part in self.parts.items()}


def layers_of(dump: Dump) -> dict[str, Layer]:
    """The layers of a model that hold something, in the order in which they run."""
    held: dict[str, dict[str, tuple[str, bool]]] = {}
    nnx = dump.framework == "nnx"  # Linen has a layer for each gate
    cells = [p for p, m in dump.modules.items() if nnx and m.kind in CELLS]
    for weight in dump.weights:
        own, leaf = weight.module, weight.leaf
        cell = next((c for c in cells if own.startswith(f"{c}.")), None)
        if cell is not None:
            own, leaf = cell, f"{own[len(cell) + 1 :]}.{leaf}"
        held.setdefault(own, {})[leaf] = (weight.name, weight.trainable)
    held = {_runner(dump, path): leaves for path, leaves in held.items()}
    stored = {weight.name: dump.array(weight.tensor) for weight in dump.weights}
    found: dict[str, Layer] = {}
    for number, (path, leaves) in enumerate(held.items()):
        module = _cell(dump, path, leaves)
        for layer in _layers(dump.framework, module, leaves, stored):
            layer.rank = (_position(dump, path), number)
            found[layer.path] = layer
    found = dict(_with_biases(found))
    return dict(sorted(found.items(), key=lambda item: item[1].rank))


def _runner(dump: Dump, path: str) -> str:
    """The layer that runs a cell step by step, which is what the others have."""
    kind = dump.modules[path].kind if path in dump.modules else ""
    parent = path.rpartition(".")[0]
    runs = dump.modules[parent].kind if parent in dump.modules else ""
    known = runs == "RNN" or (bool(runs) and runs == kind.removesuffix("Cell"))
    return parent if kind in RUN and known else path


RUN = ("LSTMCell", "GRUCell", "SimpleRNNCell", "OptimizedLSTMCell", "SimpleCell")


def _cell(dump: Dump, path: str, leaves: Mapping[str, tuple[str, bool]]) -> Module:
    """The module that holds these leaves; of one that runs a cell the cell's kind."""
    module = dump.modules.get(path, Module(path, ""))
    module = replace(module, kind=module.base or module.kind)
    if module.kind not in ("RNN", "LSTM", "GRU", "SimpleRNN"):
        return module
    below = (dump.modules.get(child) for child in module.children)
    cells = [child.kind for child in below if child and child.kind in RUN]
    return replace(module, kind=cells[0]) if cells and leaves else module


def _with_biases(layers: Mapping[str, Layer]) -> Iterator[tuple[str, Layer]]:
    """A fused projection whose biases its attention holds, as three layers."""
    own = {p for p, layer in layers.items() if {"q_bias", "v_bias"} <= {*layer.parts}}
    for path, layer in layers.items():
        parent, _, leaf = path.rpartition(".")
        if path in own:
            rest = {r: p for r, p in layer.parts.items() if r not in BIASES}
            yield path, replace(layer, parts=rest)
        elif leaf == "qkv" and parent in own and "bias" not in layer.parts:
            for i, sub in enumerate("qkv"):
                parts = {"weight": sliced(layer.parts["weight"], i, 3)}
                if bias := layers[parent].parts.get(f"{sub}_bias"):
                    parts["bias"] = replace(bias, role="bias", kind="bias")
                yield f"{path}.{sub}", replace(layer, path=f"{path}.{sub}", parts=parts)
        else:
            yield path, layer


BIASES = ("q_bias", "k_bias", "v_bias")


def sliced(part: Part, number: int, count: int) -> Part:
    """One of the equal parts of a fused projection."""
    size = part.shape[0] // count
    view = part.view
    return replace(
        part,
        view=lambda values: view(values)[number * size : (number + 1) * size],
        shape=(size, *part.shape[1:]),
        rule="a fused projection split",
    )


def _position(dump: Dump, path: str) -> int:
    """When a module first runs; of one that is not called, when its parent does."""
    while path and path not in dump.order:
        path = path.rpartition(".")[0]
    return dump.order.index(path) if path in dump.order else len(dump.order)


def _layers(
    framework: str,
    module: Module,
    leaves: Mapping[str, tuple[str, bool]],
    stored: Values,
) -> list[Layer]:
    make = {
        "MultiheadAttention": _attention,
        "SeparableConv1D": _separable,
        "SeparableConv2D": _separable,
        "LSTM": _recurrent,
        "GRU": _recurrent,
        "RNN": _recurrent,
        "LSTMCell": _recurrent,
        "GRUCell": _recurrent,
        "RNNCell": _recurrent,
        "OptimizedLSTMCell": _recurrent,
        "SimpleCell": _recurrent,
        "SimpleRNNCell": _recurrent,
        "ReversibleEmbedding": _reversible,
    }.get(module.kind)
    own = _Own(framework, module, leaves, stored)
    return make(own) if make and framework not in FLAT else [_plain(own)]


FLAT = ("linen", "haiku", "onnx")  # they have a layer for each part of a recurrence


class _Own:
    """A module's leaves, and the parts that can be seen through them."""

    def __init__(
        self,
        framework: str,
        module: Module,
        leaves: Mapping[str, tuple[str, bool]],
        stored: Values,
    ):
        self.framework, self.module = framework, module
        self.leaves, self.stored = dict(leaves), stored

    def part(
        self, leaf: str, role: str, kind: str, turn: Callable[[Array], Array], rule: str
    ) -> Part:
        name, trainable = self.leaves[leaf]

        def view(values: Values) -> Array:
            return turn(values[name])

        shape = view(self.stored).shape
        return Part(role, kind, shape, view, trainable, (name,), rule=rule)

    def layer(self, sub: str, parts: list[Part]) -> Layer:
        path = f"{self.module.path}.{sub}" if sub and self.module.path else sub
        own = {part.role: part for part in parts}
        return Layer(path or self.module.path, self.module.path, self.module.kind, own)


def _plain(own: _Own) -> Layer:
    parts = []
    for leaf, (name, _) in own.leaves.items():
        role = ROLES.get(leaf, leaf)
        kind = KINDS.get(role, "other")
        if role == "weight" and "Embed" in own.module.kind:
            kind = "embedding"
        turn, rule = _turn(own.framework, own.module, leaf, own.stored[name])
        parts.append(own.part(leaf, role, kind, turn, rule))
    return own.layer("", parts)


def _same(a: Array) -> Array:
    return a


def _transposed(a: Array) -> Array:
    return a.T


def _turn(
    framework: str, module: Module, leaf: str, value: Array
) -> tuple[Callable[[Array], Array], str]:
    """How a stored array is seen as PyTorch would hold it, and what that is called."""
    kind = module.kind
    if framework in CHANNELS_FIRST:
        if kind == "Conv1D" and value.ndim == 2:
            return _transposed, "Conv1D is a transposed linear layer"
        return (_transposed if leaf == "kernel" else _same), ""
    if leaf == "bias" and value.ndim > 1 and kind in GENERAL:
        return lambda a: a.reshape(-1), "heads joined"
    if leaf == "embeddings" or not (leaf == "w" or "kernel" in leaf):
        return _same, ""
    if kind in GENERAL:
        axes = _contracted(module, value.ndim)
        size = int(np.prod([value.shape[a] for a in axes]))
        front = [*axes, *(a for a in range(value.ndim) if a not in axes)]
        return lambda a: a.transpose(front).reshape(size, -1).T, "heads joined"
    if leaf == "depthwise_kernel" or kind.startswith("DepthwiseConv"):
        return _depthwise, ""
    if kind.endswith("Conv1D") and value.ndim == 2:
        return _same, "a linear layer held as PyTorch holds it"
    if "Transpose" in kind and value.ndim > 2:
        return _conv_transpose(framework, module), ""
    if value.ndim >= 2:
        return lambda a: np.moveaxis(a, (-1, -2), (0, 1)), ""
    return _same, ""


def _contracted(module: Module, number: int) -> list[int]:
    """The axes of the kernel that the input's are summed over."""
    equation = module.settings.get("equation")
    if isinstance(equation, str):
        given, _, out = equation.partition("->")
        kernel = given.partition(",")[2].strip()
        if len(kernel) == number:
            return [i for i, letter in enumerate(kernel) if letter not in out]
    axes = module.settings.get("axis")
    return list(range(len(axes) if isinstance(axes, list) else 1))


def _depthwise(a: Array) -> Array:
    joined = a.reshape(*a.shape[:-2], -1)
    return np.moveaxis(joined, -1, 0)[:, None]


def _conv_transpose(framework: str, module: Module) -> Callable[[Array], Array]:
    if framework in ("keras", "haiku") or module.settings.get("transpose_kernel"):
        return lambda a: np.moveaxis(a, (-1, -2), (0, 1))

    def flipped(a: Array) -> Array:
        turned = np.moveaxis(a, (-2, -1), (0, 1))
        return np.flip(turned, axis=tuple(range(2, a.ndim)))

    return flipped


# Fused layers


def _attention(own: _Own) -> list[Layer]:
    """PyTorch's own attention, its three projections each a layer."""
    found: dict[str, list[Part]] = {"q": [], "k": [], "v": []}
    rest: list[Part] = []
    for leaf, (name, _) in own.leaves.items():
        if leaf in ("in_proj_weight", "in_proj_bias"):
            size = own.stored[name].shape[0] // 3
            role = leaf.removeprefix("in_proj_")
            for i, sub in enumerate("qkv"):
                turn = _cut(i * size, (i + 1) * size)
                rule = "a fused projection split in q, k, v"
                found[sub].append(own.part(leaf, role, role, turn, rule))
        elif leaf in ("q_proj_weight", "k_proj_weight", "v_proj_weight"):
            found[leaf[0]].append(own.part(leaf, "weight", "weight", _same, ""))
        else:
            rest.append(own.part(leaf, leaf, "other", _same, ""))
    layers = [own.layer(sub, parts) for sub, parts in found.items() if parts]
    return [*layers, own.layer("", rest)] if rest else layers


def _separable(own: _Own) -> list[Layer]:
    """Keras's separable convolution as the two that it runs."""
    rule = "a separable convolution split in depthwise and pointwise"
    found: dict[str, list[Part]] = {"depthwise": [], "pointwise": []}
    for leaf, (name, _) in own.leaves.items():
        sub = "depthwise" if leaf.startswith("depthwise") else "pointwise"
        role = "bias" if leaf == "bias" else "weight"
        turn, _ = _turn(own.framework, own.module, leaf, own.stored[name])
        found[sub].append(own.part(leaf, role, role, turn, rule))
    return [own.layer(sub, parts) for sub, parts in found.items()]


def _reversible(own: _Own) -> list[Layer]:
    """Keras's table of words, and the matrix that it may have for the way back."""
    leaf = "reverse_embeddings"
    if leaf not in own.leaves:
        return [_plain(own)]
    rule = "a table's own way back"
    back = own.layer("reverse", [own.part(leaf, "weight", "weight", _transposed, rule)])
    own.leaves.pop(leaf)
    return [_plain(own), back]


def _cut(start: int, end: int) -> Callable[[Array], Array]:
    return lambda a: a[start:end]


def _recurrent(own: _Own) -> list[Layer]:
    """Each direction of each level a layer: weight_ih, weight_hh and the biases."""
    if own.framework == "pytorch":
        subs = {leaf.partition("_l")[2] for leaf in own.leaves if "_l" in leaf}
        ends = [f"_l{sub}" for sub in sorted(subs)] or [""]
        return [_torch_recurrent(own, end) for end in ends]
    if own.framework == "keras":
        return [_keras_recurrent(own)]
    if own.framework == "equinox":
        return [_equinox_recurrent(own)]
    return [_nnx_recurrent(own)]


def _torch_recurrent(own: _Own, end: str) -> Layer:
    parts = [
        own.part(f"{role}{end}", role, "weight", _same, "")
        for role in ("weight_ih", "weight_hh")
    ]
    if f"bias_ih{end}" in own.leaves:
        one = own.part(f"bias_ih{end}", "bias", "bias", _same, "")
        two = own.part(f"bias_hh{end}", "bias", "bias", _same, "")
        if own.module.kind.startswith("GRU"):
            parts += [replace(one, role="bias_ih"), replace(two, role="bias_hh")]
        else:
            rule = "two biases added to one"
            both = one.stored + two.stored
            parts.append(replace(one, stored=both, twin=two.view, rule=rule))
    alone = sum(leaf.startswith("weight_ih") for leaf in own.leaves) == 1
    return own.layer("" if alone else end.removeprefix("_"), parts)


def _keras_recurrent(own: _Own) -> Layer:
    parts = [
        own.part("kernel", "weight_ih", "weight", _transposed, ""),
        own.part("recurrent_kernel", "weight_hh", "weight", _transposed, ""),
    ]
    gated = own.module.kind.startswith("GRU")
    if "bias" in own.leaves and own.stored[own.leaves["bias"][0]].ndim == 2:
        parts.append(own.part("bias", "bias_ih", "bias", _row(0), ""))
        parts.append(own.part("bias", "bias_hh", "bias", _row(1), ""))
    elif "bias" in own.leaves:
        role = "bias_ih" if gated else "bias"
        parts.append(own.part("bias", role, "bias", _same, ""))
    return own.layer("", [_reset_first(p) for p in parts] if gated else parts)


def _row(number: int) -> Callable[[Array], Array]:
    return lambda a: a[number]


def _reset_first(part: Part) -> Part:
    """Keras has a GRU's gates as z, r, n; PyTorch as r, z, n."""
    size = part.shape[0] // 3
    rows = np.r_[size : 2 * size, 0:size, 2 * size : 3 * size]
    return replace(part, rows=rows, rule="gates z, r, n reordered to r, z, n")


def _equinox_recurrent(own: _Own) -> Layer:
    """A GRU's hidden bias is there of one gate alone, which no other can say."""
    roles = {"weight_ih": "weight", "weight_hh": "weight", "bias": "bias"}
    if "bias_n" in own.leaves:
        return _plain(own)
    found = [own.part(k, k, v, _same, "") for k, v in roles.items() if k in own.leaves]
    return own.layer("", found)


def _nnx_recurrent(own: _Own) -> Layer:
    gated = own.module.kind.startswith("GRU")
    parts = []
    for leaf in own.leaves:
        side = "ih" if leaf.startswith("dense_i.") else "hh"
        if leaf.endswith(".kernel"):
            role = f"weight_{side}"
            parts.append(own.part(leaf, role, "weight", _transposed, ""))
        elif leaf.endswith(".bias"):
            role = f"bias_{side}" if gated else "bias"
            parts.append(own.part(leaf, role, "bias", _same, ""))
    return own.layer("", parts)

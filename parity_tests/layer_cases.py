"""The layers that specs describe, each by itself, for a worker to adopt:
`parity_tests.layer_cases:keras_lopsided`. Imported in a worker for that, by the tests
for the table alone."""

import functools
import importlib
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared.specs.base import Conv1dSpec, ConvSpec, ConvTransposeSpec, Pool, SqueezeSpec
from shared.specs.sequence.recurrent import StackSpec

CASES: dict[str, Any] = {
    "square": ConvSpec(3, 5, 3, 2, 1),
    "wide": ConvSpec.padded(3, 5, (1, 7)),
    "tall": ConvSpec(3, 5, (5, 2), 1, (2, 0), bias=False),
    "wider_than_the_map": ConvSpec.padded(4, 40, (13, 3)),
    "patches": ConvSpec(3, 5, 4, 4),
    "patches_to_many_maps": ConvSpec(3, 40, 4, 4),
    "lopsided": ConvSpec(3, 5, 3, 2, ((0, 1), (0, 1))),
    "lopsided_the_other_way": ConvSpec(3, 5, 5, 2, ((2, 1), (0, 3))),
    "grouped": ConvSpec.padded(6, 9, 3, 2, 3),
    "grouped_wide": ConvSpec.padded(6, 4, (1, 3), 1, 2),
    "depthwise": ConvSpec.depthwise(6, 5, 2),
    "depthwise_large": ConvSpec.depthwise(6, 7, bias=False),
    "depthwise_lopsided": ConvSpec(6, 6, 3, 2, ((0, 1), (0, 1)), 6),
    "depthwise_tall": ConvSpec(6, 6, (3, 2), 3, ((4, 3), (1, 0)), 6),
    "grouped_in_three": ConvSpec.padded(76, 38, 3, 2, 38),
    "two_maps_a_group": ConvSpec.padded(4, 8, 3, groups=4),
    "dilated": ConvSpec.padded(3, 5, 3).dilated(2),
    "dilated_tall": ConvSpec(3, 5, (3, 2), 1, ((4, 1), (0, 2)), dilation=3),
    "dilated_farther_than_the_map": ConvSpec.padded(3, 40, 3, bias=False).dilated(12),
    "dilated_depthwise": ConvSpec.depthwise(6, 5).dilated(2),
    "dilated_grouped": ConvSpec.padded(6, 9, 3, 1, 3).dilated(2),
    "transposed": ConvTransposeSpec(3, 5, 4, 2, 1),
    "transposed_alone": ConvTransposeSpec(3, 5, 3, bias=False),
    "transposed_uneven": ConvTransposeSpec(3, 5, (5, 2), 3, (1, 0), (2, 1)),
    "transposed_odd": ConvTransposeSpec(4, 5, 3, 2, 1, 1),
    "transposed_apart": ConvTransposeSpec(3, 40, 2, 3, 0, 2),
    "transposed_beside": ConvTransposeSpec(6, 5, 2, 2),
    "transposed_cut_off": ConvTransposeSpec(3, 5, 2, 1, 2),
    "transposed_far": ConvTransposeSpec(3, 5, (7, 5), 4, (5, 4), (3, 3)),
    "transposed_wide": ConvTransposeSpec(40, 3, (1, 5), 1, (0, 2)),
    "max": Pool(3, 2, 1),
    "max_ceil": Pool(3, 2, ceil=True),
    "max_ceil_padded": Pool(3, 3, 1, ceil=True),
    "max_ceil_begins_outside": Pool(2, 2, 1, ceil=True),
    "max_lopsided": Pool(3, 2, ((0, 1), (0, 1))),
    "mean": Pool(2, 2),
    "mean_overlapping": Pool(3, 1),
    "mean_padded": Pool(3, 1, 1),
    "mean_of_what_is_inside": Pool(3, 1, 1, count_pads=False),
    "mean_of_what_is_inside_apart": Pool(3, 2, 1, count_pads=False),
    "squeeze": SqueezeSpec(6, 4, "relu", "hard_sigmoid"),
    "squeeze_silu": SqueezeSpec(6, 4, "silu", "sigmoid"),
}
# Along time.
SERIES: dict[str, Any] = {
    "series": Conv1dSpec(3, 5, 5, 2, (2, 2), bias=True),
    "series_lopsided": Conv1dSpec(3, 40, 4, 1, (1, 2)),
    "series_alone": Conv1dSpec(4, 6, 3, 3),
}
# Rows and columns of maps that are resized.
SIZES = {"larger": (14, 9), "smaller": (4, 5), "one_place": (1, 1)}
# Windows of a maximum along time, beside one another.
SERIES_POOLS = {"series_max": 5, "series_max_of_all": 11}
# Causal or not; without a bias, with one that is an input, or with one that is not; by
# the root of the width, or not.
ATTENTIONS: dict[str, tuple[bool, str]] = {
    "attention": (False, ""),
    "attention_causal": (True, ""),
    "attention_biased": (False, "input"),
    "attention_biased_by_a_constant": (False, "constant"),
    "attention_causal_biased": (True, "input"),
    "attention_causal_biased_by_a_constant": (True, "constant"),
    "attention_unscaled": (False, ""),
    "attention_causal_biased_unscaled": (True, "input"),
}
# The same by the frameworks' own calls, in whatever precision these take the softmax.
FUSED = {f"fused_{name}": what for name, what in ATTENTIONS.items()}
# With or without a state to start from, as many inputs as there are.
STACKS: dict[str, Any] = {
    "stack": StackSpec(3, 4, 1, False, 0.0),
    "stack_of_two": StackSpec(3, 5, 2, False, 0.0),
    "stack_both_ways": StackSpec(3, 4, 2, True, 0.0),
}
ACTIVATIONS = (
    "identity",
    "relu",
    "relu6",
    "silu",
    "hard_swish",
    "hard_sigmoid",
    "sigmoid",
    "tanh",
    "gelu",
    "gelu_tanh",
)


# Of vectors, along the last axis.
VECTORS = ("unit",)


def constant_bias() -> NDArray[np.float64]:
    """Give a bias for the scores of two heads, of five queries and five keys."""
    return np.random.default_rng(1).standard_normal((2, 5, 5))


def _torch(case: str) -> Any:
    own, torch = _modules("pytorch_impl.layers", "torch")
    base: Any = torch.nn.Module

    class Call(base):
        def __init__(self) -> None:
            super().__init__()
            self.layer = _layer(own, case)
            self.call = _call(own, case, torch.tensor)

        def forward(self, x: Any, *others: Any) -> Any:
            # Some write over what they read.
            return self.call(self.layer, x + 0, *others)

    return _bare(Call(), case)


def _keras(case: str) -> Any:
    own, keras = _modules("keras_impl.layers", "keras")
    base: Any = keras.Layer

    class Call(base):
        def __init__(self) -> None:
            super().__init__()
            self.layer = _layer(own, case)
            self.function = _call(own, case, keras.ops.convert_to_tensor)

        def call(self, *inputs: Any) -> Any:
            return self.function(self.layer, *inputs)

    return _bare(Call(), case)


def _jax(case: str) -> Any:
    own, nnx, jnp = _modules("jax_impl.layers", "flax.nnx", "jax.numpy")
    base: Any = nnx.Module

    class Call(base):
        def __init__(self) -> None:
            self.layer = _layer(own, case, rngs=nnx.Rngs(0))
            self.call = _call(own, case, jnp.array)

        def __call__(self, *inputs: Any) -> Any:
            return self.call(self.layer, *inputs)

    return _bare(Call(), case)


def _bare(call: Any, case: str) -> Any:
    """The layer itself where it takes the one input."""
    several = ATTENTIONS | FUSED | STACKS
    return call if call.layer is None or case in several else call.layer


def _call(own: Any, case: str, tensor: Callable[[Any], Any]) -> Callable[..., Any]:
    """Call the layer with the inputs."""
    if case in ATTENTIONS | FUSED:
        return _attention(case, tensor)
    if case in STACKS:
        return lambda layer, x, *state: layer(x, state or None)
    return lambda layer, *inputs: (layer or _function(own, case))(*inputs)


def _attention(case: str, tensor: Callable[[Any], Any]) -> Callable[..., Any]:
    def call(layer: Any, *qkv: Any) -> Any:
        if (ATTENTIONS | FUSED)[case][1] == "constant":
            qkv = *qkv, tensor(constant_bias())
        return (layer._fused if case in FUSED else layer)(*qkv)

    return call


def _function(own: Any, case: str) -> Callable[[Any], Any]:
    if case in ACTIVATIONS:
        found: Callable[[Any], Any] = own.ACTIVATIONS[case]
        return found
    if case in VECTORS:
        of_vectors: Callable[[Any], Any] = getattr(own, case)
        return of_vectors
    if case in SIZES:
        return lambda x: own.resize(x, SIZES[case])
    if case in SERIES_POOLS:
        return lambda x: own.max_pool1d(x, SERIES_POOLS[case])
    pool = own.max_pool if case.startswith("max") else own.avg_pool
    return lambda x: pool(x, CASES[case])


def _modules(*names: str) -> list[Any]:
    return [importlib.import_module(name) for name in names]


def _layer(own: Any, case: str, **rngs: Any) -> Any:
    if case in ATTENTIONS | FUSED:
        causal, scaled = (ATTENTIONS | FUSED)[case][0], not case.endswith("unscaled")
        return own.Attention(0.0, causal, scaled, **rngs)
    spec = (CASES | SERIES | STACKS).get(case)
    if isinstance(spec, StackSpec):
        return own.Recurrent(spec, **rngs)
    if isinstance(spec, Conv1dSpec):
        return own.conv1d(spec, **rngs)
    if isinstance(spec, ConvSpec):
        return own.conv(spec, **rngs)
    if isinstance(spec, ConvTransposeSpec):
        return own.conv_transpose(spec, **rngs)
    if isinstance(spec, SqueezeSpec):
        return own.SqueezeExcitation(spec, **rngs)
    return None


EVERY = (
    CASES,
    SERIES,
    SERIES_POOLS,
    SIZES,
    ATTENTIONS,
    FUSED,
    STACKS,
    ACTIVATIONS,
    VECTORS,
)


def __getattr__(name: str) -> Any:
    framework, _, case = name.partition("_")
    if not any(case in cases for cases in EVERY):
        raise AttributeError(name)
    build = {"pytorch": _torch, "keras": _keras, "jax": _jax}[framework]
    return functools.partial(build, case)

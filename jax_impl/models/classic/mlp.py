"""Multilayer perceptron in JAX (Flax NNX), [B, features].

Spec: shared/specs/classic/mlp.py.
"""

from collections.abc import Callable
from functools import partial

from flax import nnx
from jax import Array

from jax_impl.layers import BatchNorm, Dropout, Linear, leaky_relu
from shared.specs.classic.mlp import MLPSpec


def norm(channels: int, spec: MLPSpec, *, rngs: nnx.Rngs) -> BatchNorm:
    return BatchNorm(channels, epsilon=spec.bn_eps, momentum=spec.bn_decay, rngs=rngs)


def activation(spec: MLPSpec) -> Callable[[Array], Array]:
    choices: dict[str, Callable[[Array], Array]] = {
        "sigmoid": nnx.sigmoid,
        "tanh": nnx.tanh,
        "relu": nnx.relu,
        "leaky_relu": partial(leaky_relu, slope=spec.leaky_slope),
        "gelu": partial(nnx.gelu, approximate=False),
    }
    return choices[spec.activation]


class Hidden(nnx.Module):
    def __init__(self, c_in: int, c_out: int, spec: MLPSpec, *, rngs: nnx.Rngs):
        self.spec = spec
        self.linear = Linear(c_in, c_out, use_bias=spec.hidden_bias, rngs=rngs)
        self.norm = norm(c_out, spec, rngs=rngs) if spec.batch_norm else None
        self.dropout = Dropout(spec.dropout, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        x = self.linear(x)  # [B, c_out]
        if self.norm is not None:
            x = self.norm(x)
        return self.dropout(activation(self.spec)(x))


class MLP(nnx.Module):
    def __init__(self, spec: MLPSpec, *, rngs: nnx.Rngs):
        self.spec = spec
        self.hidden = nnx.List(Hidden(*sizes, spec, rngs=rngs) for sizes in spec.sizes)
        self.fc = Linear(spec.c_out, spec.targets, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        for hidden in self.hidden:
            x = hidden(x)
        return self.fc(x)  # [B, targets]

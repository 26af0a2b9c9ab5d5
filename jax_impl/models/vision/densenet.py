"""DenseNet in JAX (Flax NNX), BHWC.

Spec, names, paper: shared/specs/vision/densenet.py.
"""

import jax.numpy as jnp
from flax import nnx
from jax import Array

from jax_impl.layers import (
    Linear,
    MapDropout,
    avg_pool,
    conv,
    max_pool,
    norm,
)
from shared.specs.vision.densenet import (
    BlockSpec,
    DenseNetSpec,
    LayerSpec,
    TransitionSpec,
)


class DenseLayer(nnx.Module):
    """Makes `growth` maps of all maps before it (section 3)."""

    def __init__(self, s: LayerSpec, spec: DenseNetSpec, *, rngs: nnx.Rngs):
        c1, c2 = s.convs
        self.norm1 = norm(c1.c_in, spec, rngs=rngs)
        self.conv1 = conv(c1, rngs=rngs)
        self.norm2 = norm(c2.c_in, spec, rngs=rngs)
        self.conv2 = conv(c2, rngs=rngs)
        self.drop = MapDropout(spec.dropout, rngs=rngs)

    def __call__(self, found: list[Array]) -> Array:
        x = jnp.concatenate(found, -1)
        y = self.conv1(nnx.relu(self.norm1(x)))  # [B, H, W, 4 * growth]
        y = self.conv2(nnx.relu(self.norm2(y)))  # [B, H, W, growth]
        return self.drop(y)


class DenseBlock(nnx.Module):
    """Figure 1."""

    def __init__(self, s: BlockSpec, spec: DenseNetSpec, *, rngs: nnx.Rngs):
        self.names = tuple(layer.name for layer in s.layers)
        for layer in s.layers:
            setattr(self, layer.name, DenseLayer(layer, spec, rngs=rngs))

    def __call__(self, x: Array) -> Array:
        found = [x]
        for name in self.names:
            found.append(getattr(self, name)(found))
        return jnp.concatenate(found, -1)  # [B, H, W, C + depth * growth]


class Transition(nnx.Module):
    def __init__(self, s: TransitionSpec, spec: DenseNetSpec, *, rngs: nnx.Rngs):
        self.s = s
        self.norm = norm(s.conv.c_in, spec, rngs=rngs)
        self.conv = conv(s.conv, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        x = self.conv(nnx.relu(self.norm(x)))  # [B, H, W, C/2]
        return avg_pool(x, self.s.pool)  # [B, H/2, W/2, C/2]


class Features(nnx.Module):
    def __init__(self, spec: DenseNetSpec, *, rngs: nnx.Rngs):
        parts = spec.parts
        self.spec = spec
        self.names = tuple(part.name for part in parts)
        self.conv0 = conv(spec.stem, rngs=rngs)
        self.norm0 = norm(spec.stem.c_out, spec, rngs=rngs)
        for part in parts:
            if isinstance(part, BlockSpec):
                setattr(self, part.name, DenseBlock(part, spec, rngs=rngs))
            else:
                setattr(self, part.name, Transition(part, spec, rngs=rngs))
        self.norm5 = norm(spec.c_out, spec, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        x = nnx.relu(self.norm0(self.conv0(x)))  # [B, H/2, W/2, 64]
        x = max_pool(x, self.spec.stem_pool)  # [B, H/4, W/4, 64]
        for name in self.names:
            x = getattr(self, name)(x)
        return nnx.relu(self.norm5(x))


class DenseNet(nnx.Module):
    def __init__(self, spec: DenseNetSpec, *, rngs: nnx.Rngs):
        self.spec = spec
        self.features = Features(spec, rngs=rngs)
        self.classifier = Linear(spec.c_out, spec.num_classes, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        x = self.features(x)  # [B, H/32, W/32, C]
        return self.classifier(x.mean((1, 2)))  # [B, num_classes]

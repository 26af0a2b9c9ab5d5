"""ShuffleNet V2 in JAX (NNX), BHWC.

Spec, names, paper: shared/specs/vision/shufflenet.py.
"""

import jax.numpy as jnp
from flax import nnx
from jax import Array

from jax_impl.layers import (
    Activation,
    Linear,
    conv,
    max_pool,
    norm,
)
from shared.specs.vision.shufflenet import ShuffleNetSpec, Step, UnitSpec


def branch(
    steps: tuple[Step, ...], spec: ShuffleNetSpec, *, rngs: nnx.Rngs
) -> nnx.Sequential:
    found: list[nnx.Module] = []
    for c, activation in steps:
        found += [conv(c, rngs=rngs), norm(c.c_out, spec, rngs=rngs)]
        if activation:
            found.append(Activation(activation))
    return nnx.Sequential(*found)


class Unit(nnx.Module):
    """Splits the maps (figure 3c), or reads all of them twice, with a stride (figure
    3d)."""

    def __init__(self, s: UnitSpec, spec: ShuffleNetSpec, *, rngs: nnx.Rngs):
        self.s = s
        if s.branch1:
            self.branch1 = branch(s.branch1, spec, rngs=rngs)
        self.branch2 = branch(s.branch2, spec, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        if self.s.branch1:
            a, b = self.branch1(x), x  # [B, H/2, W/2, C'/2]
        else:
            a, b = jnp.split(x, 2, -1)  # [B, H, W, C/2]
        y = jnp.stack([a, self.branch2(b)], -1)
        return y.reshape(*y.shape[:3], -1)  # [B, H/s, W/s, C']


def stage(
    units: tuple[UnitSpec, ...], spec: ShuffleNetSpec, *, rngs: nnx.Rngs
) -> nnx.Sequential:
    return nnx.Sequential(*(Unit(unit, spec, rngs=rngs) for unit in units))


class ShuffleNet(nnx.Module):
    def __init__(self, spec: ShuffleNetSpec, *, rngs: nnx.Rngs):
        self.spec = spec
        stage2, stage3, stage4 = spec.stages
        self.conv1 = branch(spec.stem, spec, rngs=rngs)
        self.stage2 = stage(stage2, spec, rngs=rngs)
        self.stage3 = stage(stage3, spec, rngs=rngs)
        self.stage4 = stage(stage4, spec, rngs=rngs)
        self.conv5 = branch(spec.last, spec, rngs=rngs)
        self.fc = Linear(spec.widths[-1], spec.num_classes, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        x = self.conv1(x)  # [B, H/2, W/2, 24]
        x = max_pool(x, self.spec.stem_pool)  # [B, H/4, W/4, 24]
        x = self.stage2(x)  # [B, H/8, W/8, C]
        x = self.stage3(x)  # [B, H/16, W/16, 2C]
        x = self.stage4(x)  # [B, H/32, W/32, 4C]
        x = self.conv5(x)  # [B, H/32, W/32, 1024]
        return self.fc(x.mean((1, 2)))  # [B, num_classes]

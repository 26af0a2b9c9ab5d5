"""MnasNet in JAX (Flax NNX), BHWC.

Spec, names, paper: shared/specs/vision/mnasnet.py.
"""

from flax import nnx
from jax import Array

from jax_impl.layers import (
    Activation,
    Dropout,
    Linear,
    conv,
    norm,
)
from shared.specs.vision.mnasnet import BlockSpec, MNASNetSpec, Step


def steps_of(
    steps: tuple[Step, ...], spec: MNASNetSpec, *, rngs: nnx.Rngs
) -> list[nnx.Module]:
    found: list[nnx.Module] = []
    for c, activation in steps:
        found += [conv(c, rngs=rngs), norm(c.c_out, spec, rngs=rngs)]
        if activation:
            found.append(Activation(activation))
    return found


class Block(nnx.Module):
    """An inverted residual (figure 7, MBConv)."""

    def __init__(self, b: BlockSpec, spec: MNASNetSpec, *, rngs: nnx.Rngs):
        self.residual = b.residual
        self.block = nnx.Sequential(*steps_of(b.steps, spec, rngs=rngs))

    def __call__(self, x: Array) -> Array:
        y = self.block(x)  # [B, H/s, W/s, C']
        return x + y if self.residual else y


def features(spec: MNASNetSpec, *, rngs: nnx.Rngs) -> list[nnx.Module]:
    found = steps_of(spec.stem, spec, rngs=rngs)
    for blocks in spec.blocks:
        found.append(nnx.Sequential(*(Block(b, spec, rngs=rngs) for b in blocks)))
    return found + steps_of(spec.last, spec, rngs=rngs)


class MNASNet(nnx.Module):
    def __init__(self, spec: MNASNetSpec, *, rngs: nnx.Rngs):
        self.spec = spec
        self.features = nnx.Sequential(*features(spec, rngs=rngs))
        self.classifier = nnx.Sequential(
            Dropout(spec.dropout, rngs=rngs),
            Linear(spec.last_width, spec.num_classes, rngs=rngs),
        )

    def __call__(self, x: Array) -> Array:
        x = self.features(x)  # [B, H/32, W/32, 1280]
        return self.classifier(x.mean((1, 2)))  # [B, num_classes]

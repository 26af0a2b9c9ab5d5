"""Capsule networks in JAX (Flax NNX): capsules [B, number, width], pictures BHWC.

Spec, names, paper: shared/specs/vision/capsule.py.
"""

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array

from jax_impl.layers import Linear, conv, unflatten, unit
from jax_impl.losses import root
from jax_impl.precision import full
from shared.specs.vision.capsule import CapsuleSpec


def squash(s: Array) -> Array:
    """Keep a vector's direction, and let its length be from 0 to 1 (equation 1)."""
    squares = jnp.square(s).sum(-1, keepdims=True)
    return squares / (1 + squares) * unit(s)


class Decoder(nnx.Module):
    """Figure 2."""

    def __init__(self, spec: CapsuleSpec, *, rngs: nnx.Rngs):
        self.spec = spec
        self.hidden = nnx.List(Linear(*s, rngs=rngs) for s in spec.decoder_sizes)
        self.fc = Linear(spec.decoder[-1], spec.features, rngs=rngs)

    def __call__(self, capsules: Array, label: Array) -> Array:
        own = jax.nn.one_hot(label, self.spec.num_classes, dtype=capsules.dtype)
        x = (capsules * own[:, :, None]).reshape(len(capsules), -1)
        for layer in self.hidden:
            x = nnx.relu(layer(x))
        return unflatten(nnx.sigmoid(self.fc(x)), self.spec.maps)


class Capsule(nnx.Module):
    """Figure 1."""

    def __init__(self, spec: CapsuleSpec, *, rngs: nnx.Rngs):
        self.spec = spec
        self.conv = conv(spec.conv, rngs=rngs)
        self.primary = conv(spec.primary, rngs=rngs)
        self.votes = nnx.Param(jnp.zeros(spec.votes))
        self.decoder = Decoder(spec, rngs=rngs)

    def __call__(self, image: Array, label: Array) -> tuple[Array, Array]:
        capsules = self.capsules(image)
        return self.lengths(capsules), self.decoder(capsules, label)

    def capsules(self, image: Array) -> Array:
        s = self.spec
        x = full(self.primary(nnx.relu(self.conv(image))))  # [B, H, W, kinds * width]
        x = x.reshape(len(x), -1, s.kinds, s.primary_width).swapaxes(1, 2)
        lower = squash(x.reshape(len(x), -1, s.primary_width))  # [B, capsules, width]
        votes = jnp.einsum("bip,ijpq->bijq", lower, full(self.votes[...]))
        return self.routed(full(votes))

    def routed(self, votes: Array) -> Array:
        """Route by agreement (procedure 1). [B, capsules, classes, width of votes]"""
        logits = jnp.zeros_like(votes[..., 0])
        for _ in range(self.spec.agreements):
            capsules = self.joined(votes, logits)
            logits = logits + (votes * capsules[:, None]).sum(-1)
        return self.joined(votes, logits)

    def joined(self, votes: Array, logits: Array) -> Array:
        """Give the classes' capsules, [B, classes, width], as votes share them."""
        shares = nnx.softmax(logits, 2)
        return squash((shares[..., None] * votes).sum(1))

    def lengths(self, capsules: Array) -> Array:
        return root(jnp.square(capsules).sum(-1))  # [B, classes]

    def classify(self, image: Array) -> Array:
        return self.lengths(self.capsules(image))

    def reconstruct(self, image: Array) -> Array:
        capsules = self.capsules(image)
        return self.decoder(capsules, self.lengths(capsules).argmax(1))

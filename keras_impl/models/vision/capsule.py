"""Capsule networks in Keras 3: capsules [B, number, width], pictures BHWC.

Spec, names, paper: shared/specs/vision/capsule.py.
"""

import keras
from keras import KerasTensor, ops

from keras_impl.layers import Dense, SpecModel, conv, unflatten, unit
from keras_impl.losses import root
from keras_impl.precision import full
from shared.specs.vision.capsule import CapsuleSpec


def squash(s: KerasTensor) -> KerasTensor:
    """Keep a vector's direction, and let its length be from 0 to 1 (equation 1)."""
    squares = ops.sum(ops.square(s), -1, keepdims=True)
    return squares / (1 + squares) * unit(s)


class Decoder(keras.Layer):
    """Figure 2."""

    def __init__(self, spec: CapsuleSpec):
        super().__init__()
        self.spec = spec
        self.hidden = [Dense(*sizes) for sizes in spec.decoder_sizes]
        self.fc = Dense(spec.decoder[-1], spec.features)

    def call(self, capsules: KerasTensor, label: KerasTensor) -> KerasTensor:
        label = ops.cast(label, "int32")
        own = ops.one_hot(label, self.spec.num_classes, dtype=capsules.dtype)
        kept = capsules * own[:, :, None]
        x = ops.reshape(kept, (-1, kept.shape[1] * kept.shape[2]))
        for layer in self.hidden:
            x = ops.relu(layer(x))
        return unflatten(ops.sigmoid(self.fc(x)), self.spec.maps)


class Capsule(SpecModel):
    """Figure 1."""

    def __init__(self, spec: CapsuleSpec):
        super().__init__(spec)
        self.conv = conv(spec.conv)
        self.primary = conv(spec.primary)
        self.votes = self.add_weight(spec.votes, "zeros", name="votes")
        self.decoder = Decoder(spec)

    def call(
        self, image: KerasTensor, label: KerasTensor
    ) -> tuple[KerasTensor, KerasTensor]:
        capsules = self.capsules(image)
        return self.lengths(capsules), self.decoder(capsules, label)

    def capsules(self, image: KerasTensor) -> KerasTensor:
        s = self.spec
        x = full(self.primary(ops.relu(self.conv(image))))  # [B, H, W, kinds * width]
        x = ops.reshape(x, (-1, x.shape[1] * x.shape[2], s.kinds, s.primary_width))
        x = ops.reshape(ops.swapaxes(x, 1, 2), (-1, s.capsules, s.primary_width))
        lower = squash(x)  # [B, capsules, primary_width]
        votes = ops.einsum("bip,ijpq->bijq", lower, full(self.votes))
        return self.routed(full(votes))

    def routed(self, votes: KerasTensor) -> KerasTensor:
        """Route by agreement (procedure 1). [B, capsules, classes, width of votes]"""
        logits = ops.zeros_like(votes[..., 0])
        for _ in range(self.spec.agreements):
            capsules = self.joined(votes, logits)
            logits = logits + ops.sum(votes * capsules[:, None], -1)
        return self.joined(votes, logits)

    def joined(self, votes: KerasTensor, logits: KerasTensor) -> KerasTensor:
        """Give the classes' capsules, [B, classes, width], as votes share them."""
        shares = ops.softmax(logits, 2)
        return squash(ops.sum(shares[..., None] * votes, 1))

    def lengths(self, capsules: KerasTensor) -> KerasTensor:
        return root(ops.sum(ops.square(capsules), -1))  # [B, classes]

    def classify(self, image: KerasTensor) -> KerasTensor:
        return self.lengths(self.capsules(image))

    def reconstruct(self, image: KerasTensor) -> KerasTensor:
        capsules = self.capsules(image)
        return self.decoder(capsules, ops.argmax(self.lengths(capsules), 1))

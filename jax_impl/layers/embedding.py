"""Embeddings: a vector for each token."""

from flax import nnx
from jax import Array


class Embed(nnx.Embed):
    """DIFF(embed-dtype): keeps to the dtype of its weights, not of its construction."""

    def __init__(self, vocab_size: int, width: int, *, rngs: nnx.Rngs):
        super().__init__(vocab_size, width, rngs=rngs)
        self.dtype = None

    def attend(self, x: Array) -> Array:
        # DIFF(matmul-2d)
        y = super().attend(x.reshape(-1, x.shape[-1]))
        return y.reshape(*x.shape[:-1], -1)

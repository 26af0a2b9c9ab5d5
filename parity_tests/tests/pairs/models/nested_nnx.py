"""Outputs in a nest, with a tied table."""

from flax import nnx


class Net(nnx.Module):
    def __init__(self):
        self.tokens = nnx.Embed(9, 4, rngs=nnx.Rngs(0))

    def __call__(self, ids):
        x = self.tokens(ids)
        return self.tokens.attend(x), x, None


make = Net

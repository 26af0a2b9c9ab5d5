"""A block of a transformer."""

from flax import nnx


class Net(nnx.Module):
    def __init__(self):
        r = nnx.Rngs(0)
        self.norm = nnx.LayerNorm(8, epsilon=1e-6, rngs=r)
        self.mha = nnx.MultiHeadAttention(2, 8, decode=False, rngs=r)
        self.up = nnx.Linear(8, 16, rngs=r)
        self.down = nnx.Linear(16, 8, rngs=r)

    def __call__(self, x):
        x = x + self.mha(self.norm(x))
        return x + self.down(nnx.gelu(self.up(x), approximate=False))


make = Net

"""An encoder of two layers."""

from flax import nnx


class Layer(nnx.Module):
    def __init__(self, r):
        self.n1 = nnx.LayerNorm(8, epsilon=1e-5, rngs=r)
        self.mha = nnx.MultiHeadAttention(2, 8, decode=False, rngs=r)
        self.drop = nnx.Dropout(0.1, rngs=r)
        self.n2 = nnx.LayerNorm(8, epsilon=1e-5, rngs=r)
        self.up, self.down = nnx.Linear(8, 16, rngs=r), nnx.Linear(16, 8, rngs=r)

    def __call__(self, x):
        x = x + self.drop(self.mha(self.n1(x)))
        y = nnx.gelu(self.up(self.n2(x)), approximate=False)
        return x + self.down(y)


class Net(nnx.Module):
    def __init__(self):
        r = nnx.Rngs(0)
        self.stack = nnx.List([Layer(r), Layer(r)])
        self.norm = nnx.LayerNorm(8, epsilon=1e-5, rngs=r)

    def __call__(self, x):
        for layer in self.stack:
            x = layer(x)
        return self.norm(x)


def make():
    return Net()

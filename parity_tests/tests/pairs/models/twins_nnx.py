"""Convolutions and norms in NNX."""

from flax import nnx


class Net(nnx.Module):
    def __init__(self):
        r = nnx.Rngs(0)
        self.conv = nnx.Conv(3, 4, (3, 3), (2, 2), padding="SAME", rngs=r)
        self.bn = nnx.BatchNorm(4, momentum=0.9, epsilon=1e-5, rngs=r)
        self.up = nnx.ConvTranspose(4, 3, (2, 2), (2, 2), rngs=r)
        self.ln = nnx.LayerNorm(3, epsilon=1e-6, rngs=r)

    def __call__(self, x):
        x = nnx.silu(self.bn(self.conv(x)))
        return self.ln(self.up(nnx.avg_pool(x, (2, 2), (2, 2))))


def make():
    return Net()

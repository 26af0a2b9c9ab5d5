"""Convolutions and norms in Linen."""

from flax import linen as nn


class Net(nn.Module):
    @nn.compact
    def __call__(self, x, train=False):
        x = nn.Conv(4, (3, 3), (2, 2), padding="SAME")(x)
        x = nn.BatchNorm(not train, momentum=0.9, epsilon=1e-5)(x)
        x = nn.avg_pool(nn.silu(x), (2, 2), (2, 2))
        x = nn.ConvTranspose(3, (2, 2), (2, 2))(x)
        return nn.LayerNorm(epsilon=1e-6)(x)


def make():
    return Net()
